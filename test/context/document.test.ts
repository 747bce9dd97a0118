import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostOf } from '../../src/context/model.ts';
import { ContextError, readContext } from '../../src/context/read.ts';
import { contextSchema } from '../../src/context/schema.ts';
import { root } from '../tools/captures.ts';

/* The document of `--context`: what is taken, and what is refused, in one line. */

const contexts = readdirSync(join(root, 'captures'))
  .map((name) => ({ name, path: join(root, 'captures', name, 'context.json') }))
  .filter(({ path }) => existsSync(path))
  .map(({ name, path }) => ({ name, text: readFileSync(path, 'utf8') }));
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(contextSchema());

describe('the contexts of the labs', () => {
  it.each(contexts)('$name is read as it is, and fits the schema', ({ text }) => {
    const given: unknown = JSON.parse(text);
    expect(readContext(text, 'context.json')).toEqual(given);
    expect(validate(given), JSON.stringify(validate.errors)).toBe(true);
  });
});

const refusal = (text: string): string => {
  try {
    readContext(text, 'gw.json');
  } catch (error) {
    if (error instanceof ContextError) return error.message;
    throw error;
  }
  return 'taken';
};

const one = (host: object): string => JSON.stringify({ schema: 1, hosts: [host] });

describe('a file that is no context is refused', () => {
  it.each([
    { name: 'nothing', text: '', says: 'gw.json: is empty; expected what "fluxcap context" prints' },
    {
      name: 'text',
      text: '1: lo: <LOOPBACK>',
      says: /^gw.json: is not JSON; outputs of commands become a context by "fluxcap context --from DIR"/,
    },
    { name: 'half of it', text: '{"schema": 1, "hosts": [', says: /^gw.json: is not JSON, or not all of it: / },
    {
      name: 'ip -j addr',
      text: '[{},{"ifname":"lo","addr_info":[]}]',
      says: /looks like the output of "ip -j address": give the folder it is in to "fluxcap context --from DIR"/,
    },
    { name: 'ip -j link', text: '[{"ifname":"lo"}]', says: /"ip -j link"/ },
    { name: 'ip -j route', text: '[{"dst":"default"}]', says: /"ip -j route"/ },
    { name: 'ip -j rule', text: '[{"priority":0,"src":"all"}]', says: /"ip -j rule"/ },
    { name: 'ip -j neigh', text: '[{"dst":"192.0.2.1","dev":"e","lladdr":"02:00:00:00:00:01"}]', says: /"ip -j neighbour"/ },
    { name: 'nft', text: '{"nftables":[]}', says: /"nft -j list ruleset"/ },
    { name: 'FRR', text: '{"routerId":"192.0.2.1","routes":{}}', says: /vtysh/ },
    { name: 'an analysis', text: '{"schema":1,"inputs":[],"findings":[]}', says: 'gw.json: is the result of an analysis, not a context' },
    { name: 'something else', text: '{"a":1}', says: /it has no "hosts"/ },
    { name: 'a number', text: '5', says: /is JSON, but not what "fluxcap context" prints/ },
    {
      name: 'a newer schema',
      text: '{"schema":2,"hosts":[]}',
      says: 'gw.json: is a context of schema 2; this fluxcap knows 1: take a newer one',
    },
    { name: 'a wrong schema', text: '{"schema":"1","hosts":[]}', says: /schema: expected 1, got a string/ },
    { name: 'no host', text: '{"schema":1,"hosts":[]}', says: 'gw.json: has no host' },
    { name: 'hosts that are none', text: '{"schema":1,"hosts":["gw"]}', says: /hosts\[0\]: expected an object, got a string/ },
    {
      name: 'routes that are none',
      text: one({ routes: [{ dst: 'default' }, 5] }),
      says: /hosts\[0\]\.routes\[1\]: expected an object, got 5/,
    },
    { name: 'a route without destination', text: one({ routes: [{ dev: 'e' }] }), says: /hosts\[0\]\.routes\[0\]: has no "dst"/ },
    { name: 'a wrong destination', text: one({ routes: [{ dst: 5 }] }), says: /hosts\[0\]\.routes\[0\]\.dst: expected a string, got 5/ },
    { name: 'a wrong list', text: one({ links: {} }), says: /hosts\[0\]\.links: expected a list, got an object/ },
    {
      name: 'a wrong sysctl',
      text: one({ sysctls: { 'net.ipv4.ip_forward': 1 } }),
      says: /hosts\[0\]\.sysctls\["net.ipv4.ip_forward"\]: expected a string, got 1/,
    },
    {
      name: 'a negative prefix length',
      text: one({ addresses: [{ ifname: 'e', addr_info: [{ family: 'inet', local: '192.0.2.1', prefixlen: -1 }] }] }),
      says: /prefixlen: expected 0 or more, got -1/,
    },
    {
      name: 'a wrong prefix length',
      text: one({ addresses: [{ ifname: 'e', addr_info: [{ family: 'inet', local: '192.0.2.1', prefixlen: 200 }] }] }),
      says: /prefixlen: expected 128 or less, got 200/,
    },
  ])('$name', ({ text, says }) => {
    const message = refusal(text);
    expect(message).not.toContain('\n');
    if (typeof says === 'string') expect(message).toBe(says);
    else expect(message).toMatch(says);
  });

  it('without repeating what may be secret', () => {
    const key = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
    for (const text of [
      `PrivateKey = ${key}`,
      `{"key": ${key}}`,
      `{"schema":1,"hosts":[{"a":"${key}"`,
      one({ wireguard: [{ interface: 'wg0', publicKey: `-${key}`, listenPort: 1, fwmark: 'off', peers: [] }] }),
    ]) {
      expect(refusal(text)).toMatch(/^gw\.json: is not /);
      expect(refusal(text)).not.toContain(key.slice(0, 12));
    }
  });
});

describe('what is taken', () => {
  it('is a host alone, too', () => {
    expect(readContext('{"hostname":"gw","rules":[]}', 'gw.json')).toEqual({
      schema: 1,
      hosts: [{ hostname: 'gw', kernel: null, time: null, rules: [] }],
    });
  });

  it('is a document with a mark at the beginning, without its schema, without names, and with fields of others', () => {
    const document = readContext(
      `\uFEFF{"hosts":[{"routes":[{"dst":"default","dev":"e","offload":true}],"mine":[1]}],"made":"by hand"}`,
      'gw.json',
    );
    expect(document).toMatchObject({
      schema: 1,
      made: 'by hand',
      hosts: [{ hostname: null, routes: [{ dst: 'default', dev: 'e', offload: true }], mine: [1] }],
    });
  });
});

/** All places in a document. */
function* places(value: unknown, path: readonly (string | number)[] = []): Generator<readonly (string | number)[]> {
  yield path;
  if (value === null || typeof value !== 'object') return;
  for (const [key, each] of Object.entries(value)) yield* places(each, [...path, Array.isArray(value) ? Number(key) : key]);
}

describe('a document that somebody edited', () => {
  // Lists are shortened: one entry of a kind is like the other.
  const short = contexts.map(
    ({ text }) => JSON.parse(text, (_, each: unknown) => (Array.isArray(each) ? each.slice(0, 4) : each)) as object,
  );
  const edits = short.flatMap((document) => [...places(document)].filter((path) => path.length > 0).map((path) => ({ document, path })));

  it('is refused with its place, or the host can be made of it', () => {
    fc.assert(
      fc.property(fc.nat(edits.length - 1), fc.jsonValue({ maxDepth: 2 }), (i, value) => {
        const { document, path } = edits[i] ?? { document: {}, path: [] };
        const copy: unknown = structuredClone(document);
        let at = copy as Record<string | number, unknown>;
        for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
        at[path.at(-1) ?? ''] = value;
        let hosts: ReturnType<typeof readContext>['hosts'];
        try {
          ({ hosts } = readContext(JSON.stringify(copy), 'gw.json'));
        } catch (error) {
          expect(error).toBeInstanceOf(ContextError);
          expect(
            validate(copy) && Array.isArray((copy as { hosts?: unknown[] }).hosts) && (copy as { hosts: unknown[] }).hosts.length > 0,
          ).toBe(false);
          return;
        }
        for (const host of hosts) hostOf(host);
      }),
      { numRuns: 3000 },
    );
  });
});
