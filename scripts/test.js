/**
 * `npm test`: installs what the tests need, then runs type check, linter and all tests. Debian packages are installed where this runs as root on Debian
 * or Ubuntu; elsewhere the command is printed, and the tests that need them are skipped and say so.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';
import { build, checkNode, installPackages, must } from './setup.js';

/** Programs that tests compare with, and the packages that have them. */
const PROGRAMS = [
  ['tshark', 'tshark'],
  ['tcpdump', 'tcpdump'],
  ['zstd', 'zstd'],
  ['lz4', 'lz4'],
];

checkNode();
installPackages();
installPrograms();
build();
must('npm', ['run', '--silent', 'check']);
must('npx', ['--no-install', 'vitest', 'run', ...process.argv.slice(2)]);

function installPrograms() {
  const missing = PROGRAMS.filter(([program]) => !isInstalled(program)).map(([, name]) => name);
  if (missing.length === 0) return;
  const install = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  const canInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (canInstall) {
    console.error(`fluxcap: ${install}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const run = (command) => spawnSync('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
    if (run(install) || (run('apt-get update') && run(install))) return;
  }
  console.error(`fluxcap: tests that compare with ${missing.join(', ')} will be skipped. To have them run:\n  sudo ${install}`);
}

function isInstalled(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}
