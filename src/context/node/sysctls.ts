import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INTERFACE_SYSCTLS, interfaceSysctl, SINGLE_SYSCTLS } from '../sysctls.ts';

const PROC = '/proc/sys';
/** Between so many interfaces others have their turn: each has some tens of files. */
const AT_ONCE = 64;

/** The settings of this machine, or of the namespace that this process is in, that a context has. What a kernel does not have is left out. */
export async function readSysctls(root = PROC): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const read = (name: string, ...path: string[]): void => {
    try {
      found[name] = readFileSync(join(root, ...path), 'utf8').trim();
    } catch {
      // This kernel does not have it, or the interface is gone.
    }
  };
  for (const name of SINGLE_SYSCTLS) read(name, ...name.split('.'));
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const [i, link] of linksIn(join(root, 'net', family, 'conf')).entries()) {
      if (i % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
      for (const name of INTERFACE_SYSCTLS[family]) read(interfaceSysctl(family, link, name), 'net', family, 'conf', link, name);
    }
  }
  return found;
}

function linksIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
