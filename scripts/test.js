/**
 * `npm test`: installs what the tests need, then runs type check, linter and all tests. Debian packages are installed where this runs as root on Debian
 * or Ubuntu; elsewhere the command is printed, and the tests that need them are skipped and say so. The labs of captures/ run as root only.
 */
import process from 'node:process';
import { hindrance, labs } from './labs.js';
import { installCommand, installPrograms, TEST_PROGRAMS } from './programs.js';
import { build, checkNode, installPackages, must } from './setup.js';

checkNode();
installPackages();
const lab = hindrance() === undefined ? labs().flatMap(({ programs }) => programs) : [];
const missing = installPrograms([...TEST_PROGRAMS, ...lab]);
if (missing.length > 0) {
  console.error(`fluxcap: tests that need ${missing.join(', ')} will be skipped. To have them run:\n  sudo ${installCommand(missing)}`);
}
build();
must('npm', ['run', '--silent', 'check']);
must('npx', ['--no-install', 'vitest', 'run', ...process.argv.slice(2)]);
