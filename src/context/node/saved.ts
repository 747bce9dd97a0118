import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { assemble } from '../assemble.ts';
import type { HostDocument } from '../document.ts';
import type { Note, Part } from '../part.ts';
import { ContextError } from '../read.ts';
import { textOf } from '../text/clean.ts';
import { readOutputs } from '../text/outputs.ts';

/** Largest file that is read. */
const MOST = 64 * 2 ** 20;
const MOST_FILES = 2000;

/**
 * The host whose saved outputs lie in a folder, or in one file. What they are is recognised by what they say; what is not recognised is named in
 * `unread`.
 * @throws ContextError where there is nothing to read
 */
export async function savedContext(path: string): Promise<HostDocument> {
  const stats = await look(path);
  if (!stats) throw new ContextError(`${path}: no such folder`);
  if (!stats.isDirectory() && !stats.isFile()) throw new ContextError(`${path}: is neither a folder nor a file`);
  const names = stats.isDirectory() ? (await list(path)).sort() : [basename(path)];
  if (names.length === 0)
    throw new ContextError(`${path}: is empty; expected the outputs of commands as "ip address", "ip route", "ip rule"`);
  if (names.length > MOST_FILES) throw new ContextError(`${path}: has ${names.length} files: is it the right folder?`);

  const parts: Part[] = [];
  const unread: Note[] = [];
  const empty: string[] = [];
  let prompt: string | undefined;
  for (const name of names) {
    const file = stats.isDirectory() ? join(path, name) : path;
    const text = await readText(file);
    if (text === '') {
      empty.push(name);
      continue;
    }
    if (typeof text !== 'string') {
      unread.push({ what: name, why: text.why });
      continue;
    }
    const outputs = readOutputs(text, name);
    parts.push(...outputs.parts);
    unread.push(...outputs.unread);
    prompt ??= outputs.hostname;
  }
  // Of a program that is not there, that is all that is left: not worth a line each.
  if (empty.length > 0) unread.push({ what: empty.join(', '), why: empty.length === 1 ? 'is empty' : 'are empty' });
  const host = assemble([...(prompt === undefined ? [] : [{ hostname: prompt }]), ...parts], unread);
  if (isNothing(host)) {
    const [first] = host.unread ?? [];
    const example = first ? ` (${first.what}: ${first.why})` : '';
    throw new ContextError(
      `${path}: nothing in it is the output of a command that is known${example}; expected "ip address", "ip route", "ip rule" and such`,
    );
  }
  return host;
}

/** Whether not one thing is known of it that a diagnosis could use. */
export const isNothing = ({
  links,
  addresses,
  routes,
  rules,
  rules6,
  neighbours,
  sysctls,
  wireguard,
  bgp,
  tinc,
  nftables,
  iptables,
}: HostDocument): boolean =>
  [links, addresses, routes, rules, rules6, neighbours, sysctls, wireguard, bgp, tinc, nftables, iptables].every(
    (each) => each === undefined,
  );

async function look(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') throw new ContextError(`${path}: no rights to read it`);
    return undefined;
  }
}

async function list(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch {
    throw new ContextError(`${path}: no rights to read it`);
  }
}

async function readText(file: string): Promise<string | { why: string }> {
  try {
    const stats = await stat(file);
    if (stats.isDirectory()) return { why: 'is a folder: not looked into; one folder is one host' };
    // A pipe would be waited for.
    if (!stats.isFile()) return { why: 'is no file' };
    if (stats.size > MOST) return { why: `is larger than ${MOST / 2 ** 20} MiB` };
    return textOf(await readFile(file)) ?? { why: 'is no text' };
  } catch (error) {
    return { why: (error as NodeJS.ErrnoException).code === 'EACCES' ? 'no rights to read it' : 'cannot be read' };
  }
}
