import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const known = new Map<string, boolean>();
const require = createRequire(import.meta.url);

export function isInstalled(program: string): boolean {
  const before = known.get(program);
  if (before !== undefined) return before;
  const found = spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
  known.set(program, found);
  return found;
}

/** The version of an npm package; undefined where it is not installed. */
export function versionOfPackage(name: string): string | undefined {
  try {
    return (require(`${name}/package.json`) as { version: string }).version;
  } catch {
    return undefined;
  }
}

/** Undefined where it went well, else what is missing. */
export function compile(source: string, program: string): string | undefined {
  if (!isInstalled('cc')) return 'needs a C compiler (cc)';
  const { status, stderr } = spawnSync('cc', ['-O2', '-o', program, source, '-lpcap'], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return /pcap\.h|-lpcap|library/.test(stderr) ? 'needs libpcap and its headers (libpcap-dev)' : 'does not compile here';
}
