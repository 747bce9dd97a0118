import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { harmless } from '../../src/report/harmless.ts';
import { newsLine } from '../../src/report/live-lines.ts';
import { RateMeter } from '../../src/report/rates.ts';
import { AT, finding, findingsOf, news } from './status.ts';

const TITLE = finding().title;
describe('a line for news', () => {
  it.each([
    ['new', news('new'), 'new       warning certain  arp-flux:192.0.2.1', ' (10 times)'],
    ['new, once', news('new', { count: 1 }), 'new       warning certain  arp-flux:192.0.2.1', ''],
    ['more often', news('update', { count: 25 }, { count: 10 }), 'update    warning certain  arp-flux:192.0.2.1', ' (count 10 → 25)'],
    [
      'worse and surer',
      news('update', { count: 25, severity: 'error' }, { confidence: 'likely' }),
      'update    error   certain  arp-flux:192.0.2.1',
      ' (count 10 → 25; severity warning → error; confidence likely → certain)',
    ],
    [
      'of one story with another',
      news('update', { related: ['a:1', 'b:2'] }, { related: ['a:1'] }),
      'update    warning certain  arp-flux:192.0.2.1',
      ' (same story: b:2)',
    ],
    [
      'better proven',
      news('update', { evidenceTotal: 40 }, {}),
      'update    warning certain  arp-flux:192.0.2.1',
      ' (evidence frames 31 → 40)',
    ],
    ['told in other words', news('update', {}, {}), 'update    warning certain  arp-flux:192.0.2.1', ''],
    [
      'over',
      news('ended'),
      'ended     warning certain  arp-flux:192.0.2.1',
      ' (over after 7.8 min: 10 times, the last at 2026-11-21T21:37:45.000000Z)',
    ],
    [
      'over, once',
      news('ended', { count: 1 }),
      'ended     warning certain  arp-flux:192.0.2.1',
      ' (over: 1 time, at 2026-11-21T21:37:45.000000Z)',
    ],
    [
      'over, without times',
      news('ended', { first: null, last: null }),
      'ended     warning certain  arp-flux:192.0.2.1',
      ' (over: 10 times)',
    ],
    [
      'none after all',
      news('withdrawn', { confidence: 'possible' }),
      'withdrawn warning possible arp-flux:192.0.2.1',
      ' (what was seen since speaks against it)',
    ],
    [
      'something else after all',
      news('withdrawn', {}, {}, ['arp-duplicate-address:192.0.2.1']),
      'withdrawn warning certain  arp-flux:192.0.2.1',
      ' (told instead: arp-duplicate-address:192.0.2.1)',
    ],
  ])('%s', (_, given, columns, note) => {
    expect(newsLine(given)).toBe(`2026-11-21T21:37:55.123456Z ${columns} ${TITLE}${note}`);
  });

  it('has five words, then the title, whatever the names are', () => {
    const wild = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc.constant('a\u001b[2J\r\n\u2028\u0085\u202e b'),
    );
    fc.assert(
      fc.property(wild, wild, (peer, title) => {
        const line = newsLine(news('new', { id: `wireguard-shared-key:x${peer}`, title: `x${title}`, count: 1 }));
        expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e]/u);
        const [, id = ''] = /^\S+ new {7}warning certain {2}(\S+) x/.exec(line) ?? [];
        expect(id).toBe(`wireguard-shared-key:x${harmless(peer).replace(/\s/g, '_')}`);
      }),
    );
  });

  it('tells real findings', async () => {
    const [first] = await findingsOf('arp-flux/client.pcap');
    expect(first).toBeDefined();
    if (!first) return;
    const line = newsLine({ kind: 'new', finding: first, at: AT, before: undefined, instead: [] });
    expect(line.split(/ +/).slice(1, 5)).toEqual(['new', first.severity, first.confidence, first.id]);
    expect(line).toContain(` ${first.title} `);
  });

  it('has a dash where the time has no text', () => {
    expect(newsLine({ ...news('new'), at: 1e15 })).toMatch(/^- new /);
  });
});

describe('harmless text', () => {
  it.each([
    ['plain, äöü 漢字 🐟', 'plain, äöü 漢字 🐟'],
    ['a\u001b[31mred', 'a\\x1b[31mred'],
    ['two\r\nlines', 'two\\x0d\\x0alines'],
    ['\u009b2J', '\\x9b2J'],
    ['x\u202ecod.exe', 'x\\u202ecod.exe'],
    ['\u007f\u2028', '\\x7f\\u2028'],
  ])('%j', (given, expected) => expect(harmless(given)).toBe(expected));
});

describe('rates', () => {
  const totals = (elapsedSec: number, packets: number) => ({ elapsedSec, packets, bytes: packets * 100 });

  it('begin with the first status, and follow a change within seconds', () => {
    const meter = new RateMeter();
    expect(meter.observe(totals(0, 0))).toEqual({ packets: 0, bytes: 0 });
    expect(meter.observe(totals(0.5, 500))).toEqual({ packets: 1000, bytes: 100_000 });
    expect(meter.observe(totals(0.5, 500))).toEqual({ packets: 1000, bytes: 100_000 });
    const soon = meter.observe(totals(0.75, 1000)).packets;
    expect(soon).toBeGreaterThan(1000);
    expect(soon).toBeLessThan(1500);
    let latest = 0;
    for (let i = 1; i <= 40; i++) latest = meter.observe(totals(0.75 + i / 4, 1000 + i * 500)).packets;
    expect(latest).toBeGreaterThan(1990);
    expect(latest).toBeLessThanOrEqual(2000);
    for (let i = 1; i <= 80; i++) latest = meter.observe(totals(10.75 + i / 4, 21_000)).packets;
    expect(Math.round(latest)).toBe(0);
  });

  it('do not depend on how often they are asked for, while nothing changes', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.01, max: 5, noNaN: true }), { minLength: 1, maxLength: 50 }), (steps) => {
        const meter = new RateMeter();
        let elapsed = 0;
        for (const step of steps) {
          elapsed += step;
          const { packets, bytes } = meter.observe({ elapsedSec: elapsed, packets: elapsed * 7, bytes: elapsed * 700 });
          expect(packets).toBeCloseTo(7, 6);
          expect(bytes).toBeCloseTo(700, 4);
        }
      }),
    );
  });
});
