import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TincDocument } from '../document.ts';
import type { Note, Part } from '../part.ts';
import { readOutputs } from '../text/outputs.ts';
import { tincSubnet } from '../text/tinc.ts';
import { type Limits, run } from './run.ts';

/** What may be read of a configuration: everything else in it is nobody's business. */
const SETTING = /^\s*(Name|Mode|Interface|Subnet)\s*=?\s*(\S+)\s*$/gim;

/** Largest file of a configuration that is looked into. */
const MOST = 1 << 20;

/**
 * The tinc networks of this machine: from each configuration the name, mode and interface, and the subnets, which tinc 1.1 tells. tincd 1.0 would
 * only write them to its log: there the files of the hosts say them, as far as they are known here.
 */
export async function readTinc(limits: Limits, folder = '/etc/tinc'): Promise<Part> {
  const tinc: TincDocument[] = [];
  const notes: Note[] = [];
  for (const { net, path } of networksIn(folder)) {
    const config = settingsIn(join(path, 'tinc.conf'));
    if (!config) {
      notes.push({ what: `tinc ${net}`, why: 'no rights to read its configuration: run as root' });
      continue;
    }
    const one = (name: string): string | undefined => config.find(([each]) => each === name)?.[1];
    const ran = await run('tinc', net === '' ? ['dump', 'subnets'] : ['-n', net, 'dump', 'subnets'], limits);
    const told =
      ran.failure === undefined && ran.status === 0 ? readOutputs(ran.stdout, 'tinc').parts.flatMap((part) => part.tinc ?? []) : [];
    const subnets = told[0]?.subnets ?? subnetsOf(join(path, 'hosts'));
    if (!told[0])
      notes.push({
        what: `subnets of tinc ${net}`.trim(),
        why: 'tinc was not there to ask (it is of version 1.1): they are those of the files of its hosts',
      });
    tinc.push({
      interface: one('interface') ?? (net === '' ? null : net),
      name: one('name') ?? null,
      mode: (one('mode') ?? 'router').toLowerCase(),
      subnets,
    });
  }
  return tinc.length > 0 ? { tinc, notes } : { notes };
}

function networksIn(folder: string): { net: string; path: string }[] {
  const has = (path: string): boolean => {
    try {
      return statSync(join(path, 'tinc.conf')).isFile();
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EACCES';
    }
  };
  const found = namesIn(folder)
    .map((net) => ({ net, path: join(folder, net) }))
    .filter(({ path }) => has(path));
  return has(folder) ? [{ net: '', path: folder }, ...found] : found;
}

const subnetsOf = (hosts: string): TincDocument['subnets'] =>
  namesIn(hosts)
    .filter((owner) => /^\w+$/.test(owner))
    .flatMap((owner) =>
      (settingsIn(join(hosts, owner)) ?? []).filter(([name]) => name === 'subnet').map(([, value]) => ({ ...tincSubnet(value), owner })),
    );

/** Undefined where it may not be read. */
function settingsIn(path: string): [string, string][] | undefined {
  try {
    if (statSync(path).size > MOST) return [];
    return [...readFileSync(path, 'utf8').matchAll(SETTING)].map(([, name = '', value = '']) => [name.toLowerCase(), value]);
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
