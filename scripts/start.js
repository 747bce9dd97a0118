/** `npm start`: installs and builds what is missing, then analyses the bundled captures, or what is named: `npm start -- CAPTURE …`. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { build, checkNode, installPackages, must } from './setup.js';

checkNode();
installPackages();
build();

const given = process.argv.slice(2);
if (given.length > 0) {
  must(process.execPath, ['bin/fluxcap.js', ...given]);
} else {
  for (const capture of bundled()) {
    console.log(`\n=== fluxcap ${capture}\n`);
    must(process.execPath, ['bin/fluxcap.js', '--severity', 'info', capture]);
  }
}

/** Every capture under captures/, in the order of their names. */
function bundled() {
  return readdirSync('captures', { recursive: true })
    .map(String)
    .filter((path) => /\.(pcap|pcapng)(\.gz|\.zst|\.lz4)?$/.test(path))
    .sort()
    .map((path) => join('captures', path));
}
