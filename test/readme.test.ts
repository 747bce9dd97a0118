import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Exit } from '../src/cli/io.ts';
import { run } from '../src/cli/main.ts';
import { findingKinds } from '../src/diagnose/kinds.ts';
import { analyze } from '../src/index.ts';
import { Linktype, linktypeName } from '../src/wire/linktype.ts';
import { root } from './tools/captures.ts';
import { collectingIo } from './tools/io.ts';
import {
  type Block,
  blocksOf,
  type Call,
  callsOf,
  codeIn,
  cutAlike,
  linesOf,
  readmePath,
  readReadme,
  tableOf,
  withBlocks,
} from './tools/readme.ts';

/*
 * README.md says what is so. `FLUXCAP_UPDATE=1 npx vitest run test/readme.test.ts` writes the real output into it, cut where it was cut (`[…]`).
 */

const update = process.env.FLUXCAP_UPDATE === '1';
const readme = readReadme();
const blocks = blocksOf(readme);
const inLanguage = (language: string): Block[] => blocks.filter((block) => block.language === language);
const examples = inLanguage('ts');
/** What the examples print stands in the `text` block after them. */
const printed = (example: Block): Block | undefined => blocks[blocks.indexOf(example) + 1];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fluxcap-readme-'));
  const main = pathToFileURL(join(root, 'src/cli/main.ts')).href;
  const program = `import { main } from "${main}"; await main(process.argv.slice(1));`;
  writeFileSync(
    join(folder, 'fluxcap'),
    `#!/bin/sh\nexec '${process.execPath}' --import tsx --input-type=module --eval '${program}' -- "$@"\n`,
  );
  chmodSync(join(folder, 'fluxcap'), 0o755);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  if (update) {
    const lines = blocks.map((block) => block.lines);
    writeFileSync(readmePath, withBlocks(readme, lines));
  }
});

/** What is written is what is wanted, or becomes it. */
function hold(written: readonly string[], wanted: string[], write: (lines: string[]) => void): void {
  if (update) write(wanted);
  else expect(written, 'FLUXCAP_UPDATE=1 npx vitest run test/readme.test.ts writes it anew').toEqual(wanted);
}

const outputLines = (output: string): string[] => (output === '' ? [] : output.replace(/\n$/, '').split('\n'));

/** Runs a command as a shell in the project’s folder does, after one that ended with `before`. */
function shell(command: string, before: number): { status: number; lines: string[] } {
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  const script = `{ (exit ${before}); ${command}\n} 2>&1`;
  const { status, stdout } = spawnSync('sh', ['-c', script], { cwd: root, env, encoding: 'utf8' });
  return { status: status ?? Exit.Bug, lines: outputLines(stdout) };
}

describe('console blocks', () => {
  it.each(inLanguage('console').map((block) => ({ block, name: block.lines[0] ?? '' })))('$name', ({ block }) => {
    const calls = callsOf(block);
    let status = 0;
    const real: Call[] = [];
    for (const [i, { command, output }] of calls.entries()) {
      const result = shell(command, status);
      status = result.status;
      if (status !== 0) expect(calls[i + 1]?.command, `status ${status} is not shown`).toBe('echo $?');
      real.push({ command, output: cutAlike(output, result.lines) });
    }
    hold(block.lines, linesOf(real), (lines) => {
      block.lines = lines;
    });
  });
});

describe('examples of the library', () => {
  const files = examples.map((_, i) => `example-${i + 1}.mts`);
  const capture = join(root, 'captures/arp-flux/client.pcap');

  beforeAll(() => {
    const paths = { fluxcap: [join(root, 'src/index.ts')], 'fluxcap/core': [join(root, 'src/core.ts')] };
    const compilerOptions = { paths, lib: ['es2023', 'dom', 'dom.asynciterable'], typeRoots: [join(root, 'node_modules/@types')] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: files }));
    for (const [i, { lines }] of examples.entries()) writeFileSync(join(folder, files[i] ?? ''), `${lines.join('\n')}\n`);
    writeFileSync(
      join(folder, 'worker.mjs'),
      `import { readFileSync } from 'node:fs';
       import { gzipSync } from 'node:zlib';
       const sent = [];
       Object.assign(globalThis, { self: globalThis, postMessage: (document) => sent.push(document) });
       await import('./example-2.mts');
       const octets = readFileSync(${JSON.stringify(capture)});
       await globalThis.onmessage({ data: new File([octets], 'x.pcap') });
       await globalThis.onmessage({ data: new File([gzipSync(octets)], 'x.pcap.gz') });
       console.log(JSON.stringify(sent));`,
    );
  });

  const node = (file: string): string => {
    const env = { ...process.env, TSX_TSCONFIG_PATH: join(folder, 'tsconfig.json') };
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', join(folder, file)], { cwd: root, env, encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout;
  };

  it('are two: one for Node.js, one for a browser’s worker', () => {
    expect(examples.map(({ lines }) => lines.some((line) => line.includes("'fluxcap/core'")))).toEqual([false, true]);
  });

  it('have types that fit', () => {
    const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { cwd: root, encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  it('print what stands below them', () => {
    const [example] = examples;
    const text = example && printed(example);
    if (text?.language !== 'text') throw new Error('the first example has no block of text after it');
    hold(text.lines, cutAlike(text.lines, outputLines(node('example-1.mts'))), (lines) => {
      text.lines = lines;
    });
  });

  it('give in a worker what the library gives, also of a gzipped file', async () => {
    const expected = await analyze(capture);
    const sent = JSON.parse(node('worker.mjs')) as unknown[];
    for (const [i, path] of ['x.pcap', 'x.pcap.gz'].entries()) {
      expect(sent[i]).toEqual({ ...expected, inputs: expected.inputs.map((input) => ({ ...input, path })) });
    }
  });
});

describe('tables', () => {
  const help = async (...command: string[]): Promise<string> => {
    const io = { ...collectingIo(), width: 120 };
    let text = '';
    await run([...command, '--help'], {
      ...io,
      out: async (part) => {
        text += part;
      },
    });
    return text;
  };

  interface Option {
    name: string;
    default: string;
    choices: string[];
  }

  const quoted = (text: string): string[] => [...text.matchAll(/"([^"]+)"/g)].map(([, word = '']) => word);
  const optionsIn = (text: string): Option[] =>
    text
      .slice(text.indexOf('Options:'))
      .split(/^ {2,6}(?:-\w, +)?--(?=[a-z])/m)
      .slice(1)
      .map((entry) => ({
        name: /^[a-z-]+/.exec(entry)?.[0] ?? '',
        default: /\[default: "?([^"\]]*)"?\]/.exec(entry)?.[1] ?? 'false',
        choices: quoted(/\[choices: ([^\]]*)\]/.exec(entry)?.[1] ?? ''),
      }));

  const rows = tableOf(readme, 'option').map(([option = '', of = '', given = '', meaning = '']) => ({
    name: codeIn(option)[0]?.match(/^--([a-z-]+)/)?.[1] ?? option,
    of: of.split(' '),
    default: given === '' ? 'false' : given === 'on' ? 'true' : (codeIn(given)[0] ?? given),
    words: codeIn(meaning),
  }));

  it('name the kinds of findings, with their usual severity', () => {
    const written = tableOf(readme, 'kind').map(([kind = '', severity = '']) => [codeIn(kind)[0], severity]);
    expect(written).toEqual(findingKinds.map(({ kind, severity }) => [kind, severity]));
  });

  it('name the commands', async () => {
    const [text = ''] = (await help()).split('Positionals:');
    const commands = [...text.matchAll(/^ {2}fluxcap (\w+)/gm)].map(([, name]) => name);
    const written = tableOf(readme, 'command').map(([command = '']) => /^fluxcap (\w+)/.exec(codeIn(command)[0] ?? '')?.[1]);
    expect(written).toEqual(commands);
  });

  it.each(['analyze', 'live', 'show', 'context', 'explain', 'interfaces'])(
    'name the options of %s, their defaults and choices',
    async (command) => {
      const options = optionsIn(await help(command));
      const written = rows.filter(({ of }) => of.includes(command));
      const inOrder = (list: readonly { name: string; default: string }[]) => list.map((each) => `--${each.name} ${each.default}`).sort();
      expect(inOrder(written)).toEqual(inOrder(options));
      for (const { name, choices } of options) {
        expect(written.find((row) => row.name === name)?.words, `--${name}`).toEqual(expect.arrayContaining(choices));
      }
    },
  );

  it('name the records that can be shown', async () => {
    const text = await help('show');
    const kinds = quoted(/\[choices: ([^\]]*)\]/.exec(text)?.[1] ?? '');
    const [, meaning = ''] = tableOf(readme, 'command').find(([command = '']) => command.includes('fluxcap show')) ?? [];
    expect(codeIn(meaning)).toEqual(kinds);
  });

  it('name the exit statuses', () => {
    expect(tableOf(readme, 'exit status').map(([status]) => Number(status))).toEqual(Object.values(Exit));
  });
});

describe('the rest', () => {
  it('names the link types that are decoded', () => {
    const line = readme.split('\n\n').find((part) => part.includes('- Link types ')) ?? '';
    for (const linktype of Object.values(Linktype)) expect(line).toMatch(new RegExp(`\\b${linktypeName(linktype)}\\b`));
  });

  it('links to what is there', () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, path = '']) => path).filter((path) => !/^[a-z]+:/.test(path));
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names scripts that are there', async () => {
    const { scripts } = (await import('../package.json', { with: { type: 'json' } })).default;
    for (const [, script = ''] of readme.matchAll(/npm (?:run )?(start|test|build|check|fix|bench|captures)\b/g))
      expect(scripts).toHaveProperty(script);
  });
});
