/**
 * `npm run build`: src to dist. The modules are put together into few files, for Node.js takes longer to load four hundred than to analyse a small capture;
 * beside them stand the types, the JSON Schemas of the output, and what `--help` says.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import commonJs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { rollup } from 'rollup';
import { must } from './setup.js';

/** The modules one by one, as the compiler gives them; only the build needs them. */
const MODULES = resolve('dist', 'modules');
const moduleOf = (path) => resolve(MODULES, path);

rmSync('dist', { recursive: true, force: true });
const tsc = ['--no-install', 'tsc', '-p', 'tsconfig.build.json'];
must('npx', [...tsc, '--outDir', MODULES, '--removeComments', '--sourceMap']);
must('npx', [...tsc, '--declaration', '--emitDeclarationOnly']);

const { analysisSchema, lineSchema } = await import('../dist/modules/report/schema.js');
const { contextSchema } = await import('../dist/modules/context/schema.js');
for (const [name, schema] of Object.entries({ analysis: analysisSchema(), ndjson: lineSchema(), context: contextSchema() }))
  writeFileSync(`dist/${name}.schema.json`, `${JSON.stringify(schema, undefined, 2)}\n`);

const { allHelp } = await import('../dist/modules/cli/help-of.js');
writeFileSync('dist/cli/help.json', `${JSON.stringify(await allHelp())}\n`);

/**
 * Pieces that are loaded together, and the modules that are loaded with all they need in them. A module goes into the first piece that names it; what none
 * names is shared out by rollup. The library gets nothing of the command line: what both need stands apart.
 */
const PIECES = [
  { name: 'words', neededBy: ['cli/main.js', 'cli/commands/context.js', 'cli/commands/interfaces.js'], andBy: ['core.js'] },
  { name: 'main', neededBy: ['cli/main.js'] },
  // A thread that unpacks needs no analysis.
  { name: 'unpacking', neededBy: ['capture/unpack.js', 'capture/source.js'] },
  { name: 'analysis', neededBy: ['analysis.js', 'capture/glance.js', 'report/json.js'] },
  { name: 'files', neededBy: ['capture/node/file.js', 'capture/node/unpackers.js'] },
  { name: 'captures', neededBy: ['capture/node/sources.js'] },
  { name: 'reading', neededBy: ['cli/commands/analyze.js', 'cli/commands/show.js', 'cli/layout.js'] },
];

/** The name of the piece that a module goes into. */
function pieceOf(id, { getModuleInfo }) {
  const isNeeded = (by) => by === undefined || by.some((path) => withAllItNeeds(moduleOf(path), getModuleInfo).has(id));
  return PIECES.find(({ neededBy, andBy }) => isNeeded(neededBy) && isNeeded(andBy))?.name;
}

/** @type {Map<string, Set<string>>} */
const closures = new Map();

/** A module and what it imports, over any number of steps, but for what it imports while it runs. */
function withAllItNeeds(path, getModuleInfo) {
  let found = closures.get(path);
  if (!found) {
    found = new Set([path]);
    for (const each of found) for (const next of getModuleInfo(each)?.importedIds ?? []) found.add(next);
    closures.set(path, found);
  }
  return found;
}

/**
 * Packages that each run needs become part of the pieces: some twenty files less to be found and loaded, a fifteenth of the start. The others stay packages. What lays
 * out the help stays out, too: it has been written down.
 */
const TAKEN_IN = /^(@noble\/hashes|cli-table3|string-width|strip-ansi|ansi-regex|is-fullwidth-code-point|emoji-regex)(\/|$)/;
const isLeftOut = (id) => (/^[^./\0]/.test(id) && !TAKEN_IN.test(id)) || id.endsWith('/help-of.js');

/** Whoever measures wants to know of which source a line is (bench/harness/sources.ts). The maps are not part of the package. */
const withMaps = {
  name: 'with-maps',
  load: (id) =>
    id.startsWith(MODULES) ? { code: readFileSync(id, 'utf8'), map: JSON.parse(readFileSync(`${id}.map`, 'utf8')) } : undefined,
};

/** V8 keeps a text that is ASCII in half the memory, and reads it faster. */
const inAscii = {
  name: 'in-ascii',
  renderChunk: (code) => ({
    code: code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
    map: null,
  }),
};

/** The command line may export to its commands what they share with it; the library exports what it says and nothing else. */
const entries = {
  name: 'entries',
  buildStart() {
    for (const path of ['index.js', 'core.js'])
      this.emitFile({ type: 'chunk', id: moduleOf(path), fileName: path, preserveSignature: 'strict' });
    this.emitFile({ type: 'chunk', id: moduleOf('cli/main.js'), fileName: 'cli/main.js', preserveSignature: 'allow-extension' });
    // The program of a child process stands beside the piece that starts it (capture/node/live/cap.ts).
    this.emitFile({ type: 'chunk', id: moduleOf('capture/node/live/cap-child.js'), fileName: 'pieces/cap-child.js' });
    // Likewise the program of a thread (capture/node/unpack-threads.ts).
    this.emitFile({ type: 'chunk', id: moduleOf('capture/node/unpack-thread.js'), fileName: 'pieces/unpack-thread.js' });
  },
};

/** What the packages that were taken in want to be said with them. */
function licensesOf(files) {
  const folders = files.flatMap((file) => /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)(?=\/)/.exec(file)?.[0] ?? []);
  const texts = [...new Set(folders)].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const license = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
    return `${name} ${version}\n\n${readFileSync(join(folder, license), 'utf8').trim()}\n`;
  });
  return `Parts of these packages are in the files beside this one.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** cli-table3 asks for it where a table has colours, which ours have not. */
const NOT_INSTALLED = ['@colors/colors/safe'];

const bundle = await rollup({
  input: [],
  external: isLeftOut,
  plugins: [entries, withMaps, nodeResolve(), commonJs({ ignore: NOT_INSTALLED }), inAscii],
  onwarn: (warning) => {
    // Within a folder a type and the class that holds it may name each other (test/import-order.test.ts).
    if (warning.code !== 'CIRCULAR_DEPENDENCY') throw new Error(warning.message);
  },
});
// Names stay as they are: stack traces show them.
await bundle.write({
  dir: 'dist',
  chunkFileNames: 'pieces/[name].js',
  manualChunks: pieceOf,
  minifyInternalExports: false,
  hoistTransitiveImports: false,
  sourcemap: 'hidden',
  sourcemapExcludeSources: true,
});
await bundle.close();
writeFileSync('dist/licenses.txt', licensesOf(bundle.watchFiles));
rmSync(MODULES, { recursive: true });
