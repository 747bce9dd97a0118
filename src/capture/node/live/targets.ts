import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { LiveError } from './error.ts';

/** Where Linux lists its interfaces. */
export const SYS_NET = '/sys/class/net';
/** Packets of all interfaces. */
export const ANY = 'any';

/** An interface as it was found on this machine. */
export interface Target {
  /** The kernel's name. */
  name: string;
  /** ifindex; null for `any`, and where the system does not say it. */
  index: number | null;
}

/** Finds an interface by its name or by another name it has (`ip link property add altname`). Throws a `LiveError` that lists what there is. */
export async function findTarget(name: string): Promise<Target> {
  if (name === ANY || !existsSync(SYS_NET)) return { name, index: null };
  const index = indexOf(name);
  if (index !== null) return { name, index };
  const real = await realName(name);
  const realIndex = indexOf(real);
  if (realIndex !== null) return { name: real, index: realIndex };
  throw unknownInterface(name, readdirSync(SYS_NET), null);
}

/** ifindex of an interface of this machine; null where there is none of the name. */
export function indexOf(name: string): number | null {
  try {
    // A folder that the name would lead out of is no interface.
    return name === '' || name.includes('/') || name.startsWith('.') ? null : Number(readFileSync(`${SYS_NET}/${name}/ifindex`, 'utf8'));
  } catch {
    return null;
  }
}

/** Whether the interface with this index is still there, with this name or, meanwhile, another. */
export const hasIndex = (name: string, index: number): boolean =>
  indexOf(name) === index || readdirSync(SYS_NET).some((each) => indexOf(each) === index);

/** What the kernel calls an interface with another name; empty where it has none. */
async function realName(name: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('ip', ['-j', 'link', 'show', 'dev', name], { timeout: 5000 });
    const [link] = JSON.parse(stdout) as { ifname?: string }[];
    return link?.ifname ?? '';
  } catch {
    return '';
  }
}

/** Says which interfaces there are, those with a similar name first. */
export function unknownInterface(name: string, there: readonly string[], ssh: string | null): LiveError {
  const list = [...there].sort((a, b) => sharedStart(name, b) - sharedStart(name, a) || (a < b ? -1 : 1));
  const where = ssh === null ? 'here' : `on ${ssh}`;
  return new LiveError('interface', `no interface "${name}" ${where}; there are ${[...list, ANY].join(', ')}`);
}

function sharedStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
