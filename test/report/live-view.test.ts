import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LiveStatus } from '../../src/live/status.ts';
import { DEFAULT_SHOWN } from '../../src/report/json.ts';
import { liveView, type ViewLayout } from '../../src/report/live-view.ts';
import { colourful, plain } from '../../src/report/paint.ts';
import { finding, findingsOf, input, status } from './status.ts';

const RATES = { packets: 1234.4, bytes: 1_234_567 };
const view = (given: LiveStatus, layout: Partial<ViewLayout> = {}): string =>
  liveView(given, RATES, { width: 100, height: 30, paint: plain, shown: DEFAULT_SHOWN, ...layout });

const HINT = 'Ctrl-C ends and prints the summary.';
const many = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    finding({ id: `arp-flux:192.0.2.${i}`, title: `192.0.2.${i} is answered by 2 MACs of one host` }),
  );

const ESC = '\u001b';
const PAINT = new RegExp(`${ESC}\\[\\d+m`, 'g');
/** Text as it is read: without what paints it. */
const unpainted = (text: string): string => text.replaceAll(PAINT, '');

describe('the view of a live run', () => {
  it('says calmly that nothing is wrong, and what was seen', () => {
    expect(view(status()).split('\n')).toEqual([
      'any, by tcpdump                                                                             00:12:34',
      '    1,234 packets/s   1.2 MB/s captured           12,345 packets            0 dropped',
      '      357 in memory          0 pushed out',
      '',
      'Watching. Nothing wrong so far. In memory: 12 arp, 345 udp.',
      '',
      HINT,
    ]);
  });

  it('waits for the first packet, and after a while says what may be wrong', () => {
    const nothing = { packets: 0, bytes: 0, at: null, state: {} };
    expect(view(status({ ...nothing, elapsedSec: 3 }))).toContain('\nWatching. No packet has come yet.\n');
    expect(view(status({ ...nothing, elapsedSec: 30 }), { width: 200 })).toContain(
      'yet. Does anything pass here, and does --filter let it through?',
    );
  });

  it('lists findings: how they stand, how bad they are, how often, when last', () => {
    const findings = [
      finding({ id: 'a', severity: 'error', count: 12_345, last: '2026-11-21T21:37:54.900000Z', title: 'First' }),
      finding({ id: 'b', count: 3, first: '2026-11-21T21:37:10.000000Z', last: '2026-11-21T21:37:43.000000Z', title: 'Second' }),
      finding({ id: 'c', severity: 'notice', count: 1, last: '2026-11-21T20:36:00.000000Z', title: 'Third' }),
    ];
    const lines = view(status({ findings, ended: new Set(['a']) })).split('\n');
    expect(lines.slice(4, 8)).toEqual([
      'state    severity    count   last seen  finding',
      'new      warning         3    12 s ago  Second',
      'ongoing  notice          1     1 h ago  Third',
      'ended    error      12,345         now  First',
    ]);
  });

  it('shows what --severity and --min-confidence let through, and counts the rest', () => {
    const findings = [
      finding({ id: 'a', severity: 'info', title: 'Info' }),
      finding({ id: 'b', confidence: 'possible', title: 'Perhaps' }),
    ];
    const text = view(status({ findings }));
    expect(text).toContain('Nothing wrong so far.');
    expect(text).toContain('\n2 more are hidden (--severity info --min-confidence possible shows all).\n');
    const all = view(status({ findings }), { shown: { severity: 'info', minConfidence: 'possible' } });
    expect(all).toMatch(/Info\n.*Perhaps\n/);
    expect(all).not.toContain('hidden');
  });

  it('does not show what was not told yet', () => {
    const findings = [finding({ id: 'told', title: 'Told' }), finding({ id: 'held', title: 'Held back' })];
    const text = view(status({ findings }), { isTold: (id) => id === 'told' });
    expect(text).toContain('Told');
    expect(text).not.toMatch(/Held back|hidden/);
  });

  it('paints drops, severities and what is over', () => {
    const calm = view(status(), { paint: colourful });
    const losing = view(status({ inputs: [input({ drops: { kernel: 5, interface: null } })] }), { paint: colourful });
    expect(calm).toContain('          0 dropped');
    expect(losing).toContain('\u001b[31m          5 dropped\u001b[0m');
    const findings = [finding({ id: 'a', severity: 'error', title: 'Now' }), finding({ id: 'b', severity: 'error', title: 'Once' })];
    const text = view(status({ findings, ended: new Set(['b']) }), { paint: colourful });
    expect(text).toContain('ongoing  \u001b[31merror\u001b[0m ');
    expect(text).toContain(`${ESC}[2mended    error `);
    expect(text).toContain(`Once${ESC}[0m`);
    expect(unpainted(text)).toBe(view(status({ findings, ended: new Set(['b']) })));
  });

  it('names the interfaces, how each is captured where they differ, and which is gone', () => {
    const head = (...inputs: LiveStatus['inputs']): string => view(status({ inputs })).split('\n')[0] ?? '';
    expect(head(input({ path: 'eth0' }), input({ path: 'wg0' }))).toMatch(/^eth0 and wg0, by tcpdump {2,}00:12:34$/);
    expect(head(input({ path: 'eth0' }), input({ path: 'wg0', backend: 'libpcap' }))).toMatch(/^eth0 \(tcpdump\) and wg0 \(libpcap\) /);
    expect(head(input({ path: 'eth0' }), input({ path: 'wg0', done: true }))).toMatch(/^eth0 \(tcpdump\) and wg0 \(nothing more comes\) /);
    expect(view(status({ elapsedSec: 86_400 * 3 + 3723 })).split('\n')[0]).toMatch(/ 3 d 01:02:03$/);
  });

  it('keeps numbers in their places while they grow', () => {
    const labels = ['packets/s', 'captured', 'packets ', 'dropped', 'in memory', 'pushed out'];
    const places = (packets: number, rate: number): number[] => {
      const text = liveView(
        status({ packets, stateEvicted: Math.floor(packets / 1000), state: { udp: rate } }),
        { packets: rate, bytes: rate * 900 },
        { width: 100, height: 30, paint: plain, shown: DEFAULT_SHOWN },
      );
      return labels.map((label) => text.indexOf(label));
    };
    const first = places(1000, 1);
    expect(first.every((place) => place > 0)).toBe(true);
    expect(places(9_999_999_999, 999_999)).toEqual(first);
  });
});

describe('a finding’s title', () => {
  it('is folded where there is room, cut where there is not, and below its line where the terminal is narrow', async () => {
    const findings = await findingsOf('arp-flux/client.pcap');
    const [first] = findings;
    const given = status({ findings });
    const folded = view(given, { width: 80 });
    expect(folded.replace(/\s+/g, ' ')).toContain(first?.title);
    expect(folded).toMatch(/\n {40}\S/);
    const short = view(given, { width: 80, height: 11 });
    expect(short).toMatch(/192\.0\.2\.1 is answered.*…\n.*192\.0\.2\.2 is answered.*…/);
    const narrow = view(given, { width: 50 });
    expect(narrow).toMatch(/ ago\n {2}192\.0\.2\.1 is answered/);
    expect(narrow.replace(/\s+/g, ' ')).toContain(first?.title);
  });

  it('does no harm', () => {
    const text = view(status({ findings: [finding({ title: 'peer \u001b[2J\u0007 of\nnobody' })] }));
    expect(text).toContain('peer \\x1b[2J\\x07 of\\x0anobody');
  });
});

describe('any terminal', () => {
  it('gets lines that fit', () => {
    const given = fc.record({
      count: fc.nat(60),
      ended: fc.nat(60),
      title: fc.string({ unit: 'grapheme-ascii', maxLength: 200 }),
      width: fc.integer({ min: 1, max: 200 }),
      height: fc.integer({ min: 1, max: 60 }),
      drops: fc.constantFrom(null, 0, 123_456),
    });
    fc.assert(
      fc.property(given, ({ count, ended, title, width, height, drops }) => {
        const findings = many(count).map((each) => ({ ...each, title: each.title + title }));
        const over = new Set(findings.slice(0, ended).map(({ id }) => id));
        const inputs = [input({ path: 'eth0', drops: { kernel: drops, interface: null } }), input({ path: 'wg0', done: true })];
        for (const paint of [plain, colourful]) {
          const lines = unpainted(view(status({ findings, ended: over, inputs }), { width, height, paint })).split('\n');
          expect(lines.length).toBeLessThanOrEqual(Math.max(1, height - 1));
          for (const line of lines) expect([...line].length).toBeLessThanOrEqual(width);
        }
      }),
    );
  });

  it('is told how many findings do not fit, and those that go on come first', () => {
    const findings = many(40);
    const ended = new Set(findings.slice(0, 30).map(({ id }) => id));
    const text = view(status({ findings, ended }), { height: 24 });
    const rows = text.split('\n').filter((line) => /^(ongoing|ended)/.test(line));
    expect(text.split('\n')).toHaveLength(23);
    expect(rows.filter((row) => row.startsWith('ongoing'))).toHaveLength(10);
    expect(text).toContain(`\n${40 - rows.length} more do not fit; the summary has them all.\n`);
    expect(text.endsWith(HINT)).toBe(true);
    expect(view(status({ findings }), { height: 80 })).not.toContain('do not fit');
  });

  it('shows all that just fit', () => {
    for (const count of [14, 15, 16, 17]) {
      const text = view(status({ findings: many(count) }), { height: 24 });
      const rows = text.split('\n').filter((line) => line.startsWith('ongoing')).length;
      const [, left = '0'] = /(\d+) more do/.exec(text) ?? [];
      expect(rows + Number(left)).toBe(count);
      if (left === '0') expect(rows).toBe(count);
      else expect(rows).toBeLessThan(count);
      expect(text.split('\n').length).toBeLessThanOrEqual(23);
    }
    expect(view(status({ findings: many(16) }), { height: 24 })).not.toContain('fit;');
    expect(view(status({ findings: many(17) }), { height: 24 })).toContain('2 more do not fit;');
  });
});
