/**
 * What a fresh checkout needs, for `npm start` and `npm test`. Plain JavaScript: it runs before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const OLDEST_NODE = [20, 19];

/** Runs a command in sight of the user; ends the program with its status where it fails. */
export function must(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  console.error(`fluxcap needs Node.js ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node}.`);
  process.exit(2);
}

/**
 * Installs the packages of the lockfile, unless that was done for this very lockfile. Not with `npm ci`: that refuses a lockfile which names the binaries
 * (linter, bundler) of the maintainers' platforms only, where `npm install` adds the one of this platform. `--no-save` leaves the lockfile as it is.
 */
export function installPackages() {
  const stamp = join('node_modules', '.fluxcap-installed');
  const wanted = createHash('sha256').update(readFileSync('package-lock.json')).update(process.versions.node).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.error('fluxcap: installing packages (npm install)');
  // `cap` is optional and builds an addon: where libpcap's headers are missing npm leaves it out.
  must('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel', 'error']);
  writeFileSync(stamp, wanted);
}

/** Compiles src to dist, if something in it is newer. */
export function build() {
  const built = join('dist', 'cli', 'main.js');
  const sources = ['package.json', 'tsconfig.json', 'tsconfig.build.json', ...filesUnder('src'), ...filesUnder('scripts')];
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  if (existsSync(built) && existsSync(SCHEMA) && statSync(built).mtimeMs > newest) return;
  console.error('fluxcap: compiling');
  must('npm', ['run', '--silent', 'build']);
}

const SCHEMA = join('dist', 'analysis.schema.json');

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}
