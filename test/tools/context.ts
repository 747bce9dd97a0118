import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/** What every host of a context.json says of itself, beside its name; `links` to `neighbours` are what `ip -j` prints. */
const LISTS = ['captures', 'links', 'addresses', 'routes', 'rules', 'neighbours'];

/** A WireGuard key. */
const KEY = /[A-Za-z0-9+/]{43}=/g;

/** The context.json beside captures is whole: each capture has its host, each host its state, and no key but public ones is in it. */
export function checkContext(directory: string): void {
  const text = readFileSync(join(directory, 'context.json'), 'utf8');
  const { schema, hosts } = JSON.parse(text) as { schema: number; hosts: Record<string, unknown>[] };
  expect(schema).toBe(1);
  for (const host of hosts) {
    expect(host).toMatchObject({ hostname: expect.any(String), kernel: expect.any(String), time: expect.any(String) });
    for (const list of LISTS) expect(host[list], `${list} of ${host.hostname}`).toBeInstanceOf(Array);
    for (const list of ['addresses', 'links']) expect(host[list], `${list} of ${host.hostname}`).not.toEqual([]);
    expect(host.sysctls).toMatchObject({ 'net.ipv4.conf.all.arp_ignore': expect.any(String) });
  }
  const taken = hosts.flatMap(({ captures }) => captures as string[]);
  expect([...taken].sort()).toEqual(
    readdirSync(directory)
      .filter((name) => /\.pcap(ng)?$/.test(name))
      .sort(),
  );
  // Public keys stand in fields of that name, and nowhere else is a key.
  expect(text.replaceAll(/"publicKey": "[^"]*"/g, '').match(KEY)).toBe(null);
}
