/**
 * `npm start`: installs and builds what is missing, then analyses the bundled captures: prints the report of one capture of each folder in which something
 * is found, and a line for each folder. Or `npm start -- CAPTURE …`: what is named.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { build, checkNode, installPackages, must } from './setup.js';

checkNode();
installPackages();
build();

const given = process.argv.slice(2);
if (given.length > 0) must(process.execPath, ['bin/fluxcap.js', ...given]);
else await analyzeBundled();

async function analyzeBundled() {
  const { analyze, findingKinds } = await import('../dist/index.js');
  const lines = [];
  for (const folder of readdirSync('captures').sort()) {
    const captures = capturesIn(join('captures', folder));
    if (captures.length === 0) continue;
    const kinds = new Set();
    for (const capture of captures) {
      const { findings } = await analyze(capture);
      // The same story, seen from elsewhere, is not told again.
      if (findings.some(({ kind }) => !kinds.has(kind))) report(capture);
      for (const { kind } of findings) kinds.add(kind);
    }
    const later = [...statedKinds(folder)].filter((stated) => !findingKinds.some(({ kind }) => kind === stated));
    const found = [...kinds, ...later.map((kind) => `${kind} (not diagnosed yet)`)].join(', ') || 'nothing wrong';
    lines.push(`  ${folder.padEnd(30)}${String(captures.length).padStart(2)} captures  ${found}`);
  }
  console.log(`\nAll captures (captures/README.md says what happens in each):\n\n${lines.join('\n')}`);
}

function report(capture) {
  console.log(`\n=== fluxcap ${capture}\n`);
  must(process.execPath, ['bin/fluxcap.js', capture]);
}

/** The kinds of findings that the README of a folder states, in its table. */
function statedKinds(folder) {
  const rows = readFileSync(join('captures', folder, 'README.md'), 'utf8').matchAll(/^\| `.* `([a-z-]+):[^`]*` \|$/gm);
  return new Set([...rows].map(([, kind]) => kind));
}

/** The captures of a folder, by name; none of a file. */
function capturesIn(folder) {
  if (!existsSync(join(folder, 'make.sh'))) return [];
  return readdirSync(folder)
    .filter((file) => /\.(pcap|pcapng)(\.gz|\.zst|\.lz4)?$/.test(file))
    .sort()
    .map((file) => join(folder, file));
}
