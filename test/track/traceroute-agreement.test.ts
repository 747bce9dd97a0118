import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyzeSources } from '../../src/analysis.ts';
import { openPath } from '../../src/capture/node/file.ts';
import type { Hop, ProbeProtocol, Traceroute } from '../../src/track/traceroute/traceroute.ts';
import { bundledCaptures, hasPublicCaptures, publicCaptures, root } from '../tools/captures.ts';
import { dublinFlows, mtrReports, mtrTextReport, type Report, type ReportedHop, tracerouteReports } from '../tools/trace-reports.ts';

/*
 * Traceroutes out of captures against what traceroute, mtr and others said at the same time, on the same machine (the reports lie beside the captures of the labs): hops,
 * addresses, how many probes were sent and lost, and times. A tool measures in user space: from before its probe was captured until after the answer was.
 */

/** How much later than the kernel a tool sees things, at its best, and when the machine has other things to do. */
const OVERHEAD_MS = 5;
const BUSY_MS = 50;
/** dublin-traceroute takes its times from a sniffer of its own. */
const SNIFFER_MS = 15;

async function traceroutesIn(path: string): Promise<readonly Traceroute[]> {
  const analysis = await analyzeSources([{ path, open: () => openPath(path) }], { records: new Set(['traceroutes']) });
  return [...analysis.records.kept.traceroutes].sort((a, b) => a.first.frame - b.first.frame);
}

const inLab = (...path: string[]): string => join(root, 'captures', ...path);
const reportOf = (...path: string[]): string => readFileSync(inLab(...path), 'utf8');

/** Hands out the traceroutes of a capture in order, each once. */
class Found {
  private readonly left: Traceroute[];

  constructor(all: readonly Traceroute[]) {
    this.left = [...all];
  }

  next(destination: string, protocol: ProbeProtocol): Traceroute {
    const at = this.left.findIndex((each) => each.destination === destination && each.protocol === protocol);
    const [found] = at < 0 ? [] : this.left.splice(at, 1);
    if (!found) expect.fail(`no traceroute to ${destination} by ${protocol}`);
    return found;
  }

  get others(): string[] {
    return this.left.map(({ destination, protocol, first }) => `${destination} ${protocol} ${first.frame}`);
  }
}

/** @param digits of the tool's milliseconds behind the point */
function compare({ hops: reported, command }: Report, traceroute: Traceroute, digits = 3): void {
  const name = `${command || 'run'}, frame ${traceroute.first.frame}`;
  const { hops } = traceroute;
  expect(
    hops.map(({ ttl }) => ttl),
    name,
  ).toEqual(reported.map(({ ttl }) => ttl));
  for (const [i, hop] of hops.entries()) {
    const said = reported[i];
    if (said) compareHop(hop, said, `${name}, hop ${hop.ttl}`, digits);
  }
}

function compareHop(hop: Hop, said: ReportedHop, name: string, digits: number): void {
  const ips = hop.addresses.map(({ ip }) => ip);
  // mtr names one address only.
  if (Array.isArray(said.times)) expect([...ips].sort(), name).toEqual([...said.ips].sort());
  else expect(said.ips.length === 0 ? ips.length === 0 : ips.includes(said.ips[0] ?? ''), name).toBe(true);
  const replies = hop.addresses.reduce((sum, each) => sum + each.replies, 0);
  // Of the last ones the capture does not see the end of their time.
  expect({ sent: hop.sent, lost: hop.sent - replies }, name).toEqual({ sent: said.sent, lost: said.lost });
  expect(hop.lost, name).toBeLessThanOrEqual(said.lost);
  if (replies > 0) compareTimes(hop, said, name, digits);
}

function compareTimes({ addresses }: Hop, { times }: ReportedHop, name: string, digits: number): void {
  const rtts = addresses.flatMap(({ rttMs, replies }) => (rttMs ? [{ ...rttMs, replies }] : []));
  const all = rtts.reduce((sum, { replies }) => sum + replies, 0);
  const captured = {
    min: Math.min(...rtts.map(({ min }) => min)),
    avg: rtts.reduce((sum, { avg, replies }) => sum + avg * replies, 0) / all,
    max: Math.max(...rtts.map(({ max }) => max)),
  };
  const said = Array.isArray(times)
    ? { min: Math.min(...times), avg: times.reduce((sum, each) => sum + each, 0) / times.length, max: Math.max(...times) }
    : times;
  if (Array.isArray(times)) expect(times.length, name).toBe(all);
  // Half of the tool's last digit, and a microsecond of the capture's.
  const rounding = 0.5 * 10 ** -digits + 0.001;
  for (const which of ['min', 'avg', 'max'] as const) {
    expect(captured[which], `${name}: ${which}`).toBeLessThanOrEqual(said[which] + rounding);
    expect(said[which] - captured[which], `${name}: ${which}`).toBeLessThanOrEqual((which === 'min' ? OVERHEAD_MS : BUSY_MS) + rounding);
  }
}

/** By the options of the command. */
function protocolOf(command: string): ProbeProtocol {
  if (/^(tcptraceroute)|-P tcp| -T | --tcp /.test(command)) return 'tcp';
  if (/ -I |-P icmp/.test(command)) return 'icmp';
  return command.startsWith('mtr') && !command.includes('--udp') ? 'icmp' : 'udp';
}

describe('the labs of next hops', () => {
  it.each(['next-hop-ignored', 'next-hop-honoured', 'next-hop-weight'])('%s: mtr', async (lab) => {
    const captures = bundledCaptures().filter((path) => path.startsWith(join('captures', lab)) && /(tun|tap|home)\.pcap$/.test(path));
    expect(captures.length).toBeGreaterThan(1);
    for (const path of captures) {
      const traceroutes = await traceroutesIn(join(root, path));
      expect(traceroutes).toHaveLength(1);
      for (const traceroute of traceroutes) {
        compare(mtrTextReport(reportOf(lab, 'mtr.txt'), '203.0.113.10'), traceroute, 1);
        expect(traceroute).toMatchObject({
          protocol: 'icmp',
          source: '10.2.30.41',
          reached: true,
          isLayer3: lab !== 'next-hop-honoured',
          path: 0,
        });
      }
    }
  });

  it('traceroute and mtr, by ICMP, UDP and TCP', async () => {
    const found = new Found(await traceroutesIn(inLab('next-hop-ignored', 'probes.pcap')));
    const protocols: ProbeProtocol[] = ['icmp', 'udp', 'tcp', 'udp'];
    const reports = tracerouteReports(reportOf('next-hop-ignored', 'traceroute.txt'));
    expect(reports).toHaveLength(4);
    for (const [i, report] of reports.entries()) compare(report, found.next(report.destination, protocols[i] ?? 'icmp'));
    for (const protocol of ['udp', 'tcp'] as const) {
      const [report] = mtrReports(reportOf('next-hop-ignored', `mtr-${protocol}.json`));
      if (report) compare(report, found.next(report.destination, protocol), 3);
    }
    expect(found.others).toEqual([]);
  });

  it('mtr in GRE in IPsec, past silent hops: before, in and behind the tunnel', async () => {
    for (const [file, encapsulated, silent] of [
      ['us-gre.pcap', false, 2],
      ['host-us.pcap', false, 2],
    ] as const) {
      const [traceroute, ...others] = await traceroutesIn(inLab('site-to-site', file));
      expect({ file, others }).toEqual({ file, others: [] });
      expect({ file, inTunnel: traceroute?.path !== 0 }).toEqual({ file, inTunnel: encapsulated });
      expect(traceroute).toMatchObject({ source: '10.1.0.10', destination: '10.2.0.10', protocol: 'icmp', reached: true });
      expect(traceroute?.hops.filter(({ addresses, sent }) => addresses.length === 0 && sent === 3)).toHaveLength(silent);
      expect(traceroute?.hops.at(-1)?.addresses).toMatchObject([{ ip: '10.2.0.10', replies: 3 }]);
    }
  });
});

describe('all modes of all tools (traceroute-modes)', () => {
  const lab = 'traceroute-modes';
  const text = (file: string): string => reportOf(lab, file);
  const reports = ['traceroute.txt', 'mtr.txt', 'tcptraceroute.txt', 'scamper.txt'].flatMap((file) =>
    file === 'mtr.txt' ? mtrReports(text(file)) : tracerouteReports(text(file)),
  );

  it.each([
    { file: 'source.pcap', isFamily: (ip: string) => !ip.includes(':'), runs: 17, dublin: true },
    { file: 'source6.pcap', isFamily: (ip: string) => ip.includes(':'), runs: 14, dublin: false },
  ])('$file: each is found, and agrees', async ({ file, isFamily, runs, dublin }) => {
    const found = new Found(await traceroutesIn(inLab(lab, file)));
    const told = reports.filter(({ destination }) => isFamily(destination));
    expect(told).toHaveLength(runs);
    for (const report of told) compare(report, found.next(report.destination, protocolOf(report.command)));
    if (dublin) compareDublin(found.next('203.0.113.16', 'udp'));
    expect(found.others).toEqual([]);
  });

  function compareDublin({ hops }: Traceroute): void {
    const flows = dublinFlows(text('dublin.txt'));
    expect(flows).toHaveLength(4);
    for (const [ttl, hop] of hops.slice(0, 2).entries()) {
      const said = flows.flatMap((flow) => flow.hops.filter((each) => each.ttl === ttl + 1));
      expect(hop).toMatchObject({ sent: flows.length, lost: 0 });
      // It misses answers itself at times.
      for (const { ips } of said) for (const ip of ips) expect(hop.addresses.map((each) => each.ip)).toContain(ip);
      expect(said.length).toBeGreaterThan(0);
      const times = said.flatMap((each) => (Array.isArray(each.times) ? each.times : []));
      for (const { rttMs } of hop.addresses) {
        expect(rttMs?.min).toBeLessThanOrEqual(Math.min(...times));
        expect(Math.min(...times) - (rttMs?.max ?? 0)).toBeLessThan(SNIFFER_MS);
      }
    }
    expect(hops.map(({ ttl }) => ttl)).toEqual([1, 2, 3, 4]);
  }

  it('equal-cost paths are told from changes: no flow meets two addresses', async () => {
    const files = ['source.pcap', 'source6.pcap', 'r1.pcap'];
    const traceroutes = (await Promise.all(files.map((file) => traceroutesIn(inLab(lab, file))))).flat();
    expect(traceroutes.reduce((sum, { changeCount }) => sum + changeCount, 0)).toBe(0);
    const balanced = traceroutes.filter(({ hops }) => hops.some(({ addresses }) => addresses.length > 1));
    expect(balanced.length).toBeGreaterThan(2);
    for (const { hops } of balanced) expect(hops.filter(({ isEcmp }) => isEcmp).map(({ ttl }) => ttl)).toEqual([2]);
  });

  it('a router that sees each packet come and go tells the same as the source', async () => {
    const [atSource, atRouter] = await Promise.all([traceroutesIn(inLab(lab, 'source.pcap')), traceroutesIn(inLab(lab, 'r1.pcap'))]);
    const essence = ({ destination, protocol, probes, reached, hops }: Traceroute) => ({
      destination,
      protocol,
      probes,
      reached,
      hops: hops.map(({ ttl, sent, addresses }) => ({ ttl, sent, addresses: addresses.map(({ ip, replies }) => ({ ip, replies })) })),
    });
    const watched = atSource.filter(({ destination }) => /^203\.0\.113\.1[01]$/.test(destination));
    expect(atRouter.map(essence)).toEqual(watched.map(essence));
    expect(atRouter.length).toBe(9);
  });

  it('a larger packet than the last link takes is told from a hop that answers (traceroute --mtu)', async () => {
    const traceroute = (await traceroutesIn(inLab(lab, 'source.pcap'))).find(({ destination }) => destination === '203.0.113.13');
    expect(traceroute?.hops.at(-1)).toMatchObject({ ttl: 4, sent: 2, mtu: 1400, addresses: [{ ip: '203.0.113.13', replies: 2 }] });
  });
});

describe('captures in which nobody traces a route', () => {
  const tracing = /next-hop|site-to-site|traceroute-modes|asymmetric-routing|routing-loop|route-flap|bgp|gateway/;
  it.each(bundledCaptures().filter((path) => !tracing.test(path)))('%s: none', async (path) => {
    expect((await traceroutesIn(join(root, path))).map(({ destination }) => destination)).toEqual([]);
  });

  const single = ['IcmpPackets.pcap', 'icmp-timeexceeded.pcap', 'icmp6-timeexceeded.pcap'];
  const why = hasPublicCaptures && existsSync(join(publicCaptures, 'traceroute')) ? '' : ' (the public captures are not here)';
  it.skipIf(why !== '').each(single)(`%s: an error alone is no traceroute${why}`, async (name) => {
    expect(await traceroutesIn(join(publicCaptures, 'traceroute', name))).toEqual([]);
  });
});
