import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/context/assemble.ts';
import { hostOf } from '../../src/context/model.ts';
import { contextSchema } from '../../src/context/schema.ts';
import { readOutputs } from '../../src/context/text/outputs.ts';

/* Whatever stands in a folder of saved outputs: a document comes of it that fits the schema, and in a short time. */

const folder = join(import.meta.dirname, 'saved');
const outputs = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
const lines = outputs.flatMap((text) => text.split('\n'));
const words = [...new Set(outputs.flatMap((text) => text.split(/\s+/)))];
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(contextSchema());

function isRead(text: string): void {
  const { parts, unread } = readOutputs(text, 'some.txt');
  const host = assemble(parts, unread);
  expect(validate({ schema: 1, hosts: [host] }), JSON.stringify(validate.errors)).toBe(true);
  hostOf(host);
}

const line = fc.oneof(
  fc.constantFrom(...lines),
  fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((some) => some.join(' ')),
  fc.string(),
  fc.tuple(fc.constantFrom(...lines), fc.nat(200)).map(([text, at]) => text.slice(0, at)),
  fc.tuple(fc.constantFrom(...lines), fc.nat(200)).map(([text, at]) => text.slice(at)),
  fc.constantFrom(
    '',
    '# ip route',
    '$ ip -6 rule',
    'root@gw:~# wg',
    '$ ip -j addr',
    '[{"dst":',
    '{}',
    '[[]]',
    '# cat /proc/sys/net/ipv4/ip_forward',
  ),
);

describe('text of all kinds', () => {
  it('mixed from real lines, words and pieces of them', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), fc.constantFrom('\n', '\r\n', '\n> ', '\n\t'), (some, glue) =>
        isRead(some.join(glue)),
      ),
      { numRuns: 1500 },
    );
  });

  it('real outputs with pieces cut out', () => {
    fc.assert(
      fc.property(fc.constantFrom(...outputs), fc.array(fc.tuple(fc.nat(), fc.nat(60)), { maxLength: 6 }), (text, cuts) => {
        let rest = text;
        for (const [from, length] of cuts) {
          const at = from % (rest.length + 1);
          rest = rest.slice(0, at) + rest.slice(at + length);
        }
        isRead(rest);
      }),
      { numRuns: 400 },
    );
  });

  it('JSON of all kinds', () => {
    const entry = fc.dictionary(
      fc.constantFrom(
        'dst',
        'dev',
        'priority',
        'src',
        'table',
        'ifname',
        'addr_info',
        'local',
        'flags',
        'state',
        'lladdr',
        'gateway',
        'nexthops',
        'type',
        'routes',
        'routerId',
        'nftables',
      ),
      fc.oneof(
        fc.jsonValue({ maxDepth: 2 }),
        fc.constantFrom('default', '192.0.2.1', '::/0', 'all', 'main', [{ local: '192.0.2.1' }], [{}], [null]),
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.array(entry), entry),
        fc.constantFrom('', '$ ip -j route\n', '$ ip -j -6 rule\n', '# ip -j addr\n'),
        (value, command) => isRead(command + JSON.stringify(value)),
      ),
      { numRuns: 1500 },
    );
  });

  it('long lines and deep nesting take no time', () => {
    const pieces = [
      'a',
      '1: ',
      '> ',
      '[{',
      '[{\n',
      'default ',
      'root@',
      '\u001b[',
      '[root@gw ',
      ' ',
      '-',
      'sudo ',
      '= ',
      'a (b ',
      '2001:',
      '\t',
      '10.0.0.0/8 ',
      'x@',
      '"',
      '\\ ',
      '0:\tfrom ',
    ];
    for (const piece of pieces) {
      for (const [count, end] of [
        [300_000, ''],
        [300_000, 'x'],
        [2000, '\n'],
      ] as const) {
        const text = count === 2000 ? `${`${piece.repeat(1000)}x${end}`.repeat(20)}` : piece.repeat(count) + end;
        const started = performance.now();
        isRead(text);
        expect(performance.now() - started, JSON.stringify(piece)).toBeLessThan(20_000);
      }
    }
  });
});
