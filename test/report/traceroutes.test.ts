import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { analysisSchema } from '../../src/report/schema.ts';
import { tracerouteRecord, traceroutesText } from '../../src/report/traceroutes.ts';
import { hostUnreachable, mplsTimeExceeded, RawCapture, tooBig } from '../craft/index.ts';
import { byEcho, byPorts, HOPS, SOURCE, type Trip, trace, traced, traceroutesOf } from '../track/tracing.ts';

/* `show traceroutes`: the text, and the JSON records. */

/** No sentence needs to be broken. */
const WIDE = 200;
const [first = '', second = '', third = ''] = HOPS;
const textOf = async (trip: Trip): Promise<string> => traceroutesText((await traced(trip)).map(tracerouteRecord), WIDE);
/** Lines, without what aligns them. */
const linesOf = (text: string): string[] => text.split('\n').map((line) => line.replace(/ +/g, ' ').trim());

describe('show traceroutes', () => {
  it('prints a traceroute as mtr does', async () => {
    expect(await textOf({ prober: byEcho(), hops: [first, null, third], interval: 1, isMtr: true, rounds: 10 })).toBe(
      [
        '192.0.2.10 -> 203.0.113.20 (icmp), 40 probes, frames 1-69: reached',
        '      Host            Loss%     Snt     Avg    Best    Wrst',
        '  1.  192.0.2.1        0.0%      10   1.000   1.000   1.000',
        '  2.  ???            100.0%      10',
        '  3.  198.51.100.9     0.0%      10   3.000   3.000   3.000',
        '  4.  203.0.113.20     0.0%      10   4.000   4.000   4.000',
        'Hop 2 answers nothing, hops behind do: packets are forwarded there in silence.',
        '',
      ].join('\n'),
    );
  });

  it('says that a hop limits its errors where those behind it answer more', async () => {
    const lines = linesOf(
      await textOf({
        prober: byEcho(),
        hops: (ttl, n) => (ttl === 2 && n % 8 < 4 ? null : [first, second, third][ttl - 1]),
        interval: 1,
        isMtr: true,
        rounds: 20,
      }),
    );
    expect(lines).toContain('Hop 2 did not answer 50 % of the probes, hops behind did: errors are limited there, nothing is lost.');
    // What is lost behind, too, is lost.
    const lost = await textOf({
      prober: byEcho(),
      hops: (ttl, n) => (ttl >= 2 && n % 8 < 4 ? null : [first, second, third][ttl - 1]),
      interval: 1,
      isMtr: true,
      rounds: 20,
    });
    expect(lost).not.toContain('nothing is lost');
  });

  it('shows several addresses, labels, refusals and sizes below their hop', async () => {
    const capture = new RawCapture();
    const send = (ttl: number, n: number) => {
      const probe = byPorts.probe(ttl, n);
      capture.wait(0.1);
      capture.send(probe);
      capture.wait(0.001);
      return probe;
    };
    const labels = [{ label: 24_001, trafficClass: 5, ttl: 1 }];
    capture.send(mplsTimeExceeded({ from: first, to: SOURCE, quoted: send(1, 1), labels }));
    capture.send(mplsTimeExceeded({ from: '192.0.2.2', to: SOURCE, quoted: send(1, 2), labels: [] }));
    capture.send(tooBig({ from: first, to: SOURCE, quoted: send(2, 3), mtu: 1400 }));
    capture.send(hostUnreachable({ from: second, to: SOURCE, quoted: send(2, 4) }));
    const text = traceroutesText((await traceroutesOf(capture)).map(tracerouteRecord), WIDE);
    expect(linesOf(text)).toEqual([
      '192.0.2.10 -> 203.0.113.20 (udp), 4 probes, frames 1-7: not reached',
      'Host Loss% Snt Avg Best Wrst',
      '1. 192.0.2.1 0.0% 2 1.000 1.000 1.000',
      '[MPLS: Lbl 24001 TC 5 TTL 1]',
      '192.0.2.2 1.000 1.000 1.000',
      '2. 198.51.100.2 0.0% 1 1.000 1.000 1.000',
      'refuses: host unreachable',
      'larger packets do not go on: MTU 1400',
      'Paths of equal cost: the addresses of hop 1 take turns by flow; the route does not change.',
      '',
    ]);
  });

  it('folds what is silent up to the end, and says from where on', async () => {
    const hops = (ttl: number) => (ttl === 1 ? first : null);
    const lines = linesOf(await textOf({ prober: byPorts, hops, last: 30, rounds: 1, interval: 1 }));
    expect(lines.slice(2)).toEqual(['1. 192.0.2.1 0.0% 1 1.000 1.000 1.000', '2-30. ??? 100.0% 29', 'Nobody answers behind hop 1.', '']);
  });

  it('knows no loss where the capture ends before anybody could have answered', async () => {
    const lines = linesOf(await textOf({ prober: byPorts, hops: [first, null, third], rounds: 1 }));
    expect(lines).toContain('2. ??? ? 1');
    expect(lines.join()).not.toContain('silence');
  });

  it('says that packets go round, and nothing of loss there', async () => {
    const hops = (ttl: number, n: number) => (n % 16 < 8 ? (ttl % 2 === 1 ? first : second) : null);
    const lines = linesOf(await textOf({ prober: byEcho(), hops, last: 8, rounds: 4, isMtr: true, interval: 1 }));
    expect(lines).toContain('The packets go round: 192.0.2.1 answers at hops 1, 3, 5, 7, 198.51.100.2 answers at hops 2, 4, 6, 8.');
    expect(lines.join()).not.toContain('limited');
  });

  it('says in which tunnels, and keeps the runs apart', async () => {
    const capture = new RawCapture();
    trace(capture, { prober: byEcho(1) });
    trace(capture, { prober: byPorts });
    const text = traceroutesText(
      (await traceroutesOf(capture)).map((each) => ({ ...tracerouteRecord(each), encapsulation: ['nat-t', 'gre'] })),
      80,
    );
    expect(text.split('\n\n')).toHaveLength(2);
    expect(text).toContain('frames 1-23, in nat-t/gre: reached');
  });

  it('breaks sentences where the terminal is narrow', async () => {
    const traceroutes = await traced({ prober: byEcho(), hops: [first, null, third], interval: 1, isMtr: true, rounds: 10 });
    const lines = traceroutesText(traceroutes.map(tracerouteRecord), 60).split('\n');
    expect(lines.filter(({ length }) => length > 60)).toEqual([]);
    expect(lines.slice(0, 2)).toEqual(['192.0.2.10 -> 203.0.113.20 (icmp), 40 probes, frames 1-69:', '  reached']);
  });

  it('gives records as the schema has them', async () => {
    const schema = analysisSchema() as { properties: { records: { properties: { traceroutes: { items: object } } } }; $defs?: object };
    const { items } = schema.properties.records.properties.traceroutes;
    const isRecord = new Ajv2020({ strict: false }).compile({ ...items, $defs: schema.$defs ?? {} });
    const records = (await traced({ prober: byPorts, hops: [first, null, third] })).map(tracerouteRecord);
    expect(records).toHaveLength(1);
    for (const record of records) expect(isRecord(record), JSON.stringify(isRecord.errors)).toBe(true);
    expect(records[0]).toMatchObject({
      input: 0,
      encapsulation: [],
      firstFrame: 1,
      lastFrame: 20,
      hops: [{ ttl: 1 }, { ttl: 2, sent: 3, addresses: [] }, {}, {}],
    });
  });
});
