import { execFileSync, spawnSync } from 'node:child_process';
import { get, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/cli/io.ts';
import { type MetricsAddress, MetricsServer, type MetricsSources, parseMetricsAddress } from '../../src/cli/live/metrics.ts';
import { findingKinds } from '../../src/diagnose/kinds.ts';
import type { News } from '../../src/live/news.ts';
import type { LiveInputStatus, LiveStatus } from '../../src/live/status.ts';
import { VERSION } from '../../src/version.ts';
import { findingOf } from './evidence-tools.ts';

const input = (path: string, more: Partial<LiveInputStatus> = {}): LiveInputStatus => ({
  path,
  backend: 'tcpdump',
  packets: 1000,
  bytes: 64_000,
  drops: { kernel: 3, interface: 0 },
  problems: [],
  done: false,
  ...more,
});

const flux = findingOf([]);
const drift = findingOf([], { id: 'wireguard-endpoint-drift:x', kind: 'wireguard-endpoint-drift', severity: 'error' });

const statusOf = (more: Partial<LiveStatus> = {}): LiveStatus => ({
  inputs: [input('eth0'), input('wg"0\\\n', { drops: { kernel: null, interface: null }, done: true })],
  packets: 2000,
  bytes: 128_000,
  elapsedSec: 61.5,
  at: 1_800_000_000.25,
  state: { arp: 12, udp: 345 },
  stateEvicted: 7,
  findings: [flux, { ...flux, id: 'arp-flux:192.0.2.2' }, drift],
  ended: new Set([drift.id]),
  ...more,
});

const LOOPBACK: MetricsAddress = { host: '127.0.0.1', port: 0 };
let server: MetricsServer | undefined;

async function started(sources: Partial<MetricsSources> = {}, address = LOOPBACK): Promise<MetricsServer> {
  server = await MetricsServer.start(address, { status: () => statusOf(), ...sources });
  return server;
}

afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Answer {
  status: number | undefined;
  type: string | undefined;
  text: string;
}

const ask = (url: string, method = 'GET'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asking = httpRequest(url, { method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode, type: response.headers['content-type'], text }));
    });
    asking.on('error', reject);
    asking.end();
  });

interface Family {
  type: string;
  help: string;
  samples: Map<string, number>;
}

/** The text format, strictly (Prometheus, "Exposition formats"): HELP, TYPE, then the samples of the family, each once. */
function parse(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let name = '';
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const help = /^# HELP ([a-z_][a-z0-9_]*) (\S.*)$/.exec(line);
    const type = /^# TYPE ([a-z_][a-z0-9_]*) (counter|gauge)$/.exec(line);
    const sample = /^([a-z_][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(line);
    if (help) {
      name = help[1] ?? '';
      expect(families.has(name), line).toBe(false);
      families.set(name, { help: help[2] ?? '', type: '', samples: new Map() });
    } else if (type) {
      expect(type[1]).toBe(name);
      const family = families.get(name);
      if (family) family.type = type[2] ?? '';
    } else {
      expect(sample, line).not.toBeNull();
      expect(sample?.[1], line).toBe(name);
      const samples = families.get(name)?.samples;
      const labels = sample?.[2] ?? '';
      expect(samples?.has(labels), line).toBe(false);
      samples?.set(labels, Number(sample?.[3]));
    }
  }
  return families;
}

const metricsOf = async (from: MetricsServer): Promise<Map<string, Family>> => parse((await ask(from.url)).text);

describe('--metrics', () => {
  it.each([
    ['9400', '127.0.0.1', 9400],
    [':9400', '127.0.0.1', 9400],
    ['0', '127.0.0.1', 0],
    ['0.0.0.0:9400', '0.0.0.0', 9400],
    ['gateway.example:80', 'gateway.example', 80],
    ['[::1]:9400', '::1', 9400],
    ['[::]:65535', '::', 65_535],
  ])('%s', (text, host, port) => expect(parseMetricsAddress(text)).toEqual({ host, port }));

  it.each([
    '',
    ':',
    'localhost',
    'localhost:',
    '::1:9400',
    '[::1]',
    '[::1]9400',
    '[gateway]:9400',
    '127.0.0.1:65536',
    '-1',
    ':94x',
    'http://x:1',
  ])('%s is refused', (text) => {
    expect(() => parseMetricsAddress(text)).toThrow(UsageError);
    expect(() => parseMetricsAddress(text)).toThrow(/^--metrics: expected PORT, HOST:PORT or \[IPV6\]:PORT, got "/);
  });
});

describe('metrics', () => {
  it('tell what the run tells', async () => {
    const families = await metricsOf(await started({ recorder: () => ({ capacity: 100, used: 50, frames: 7, spanSec: 2.5 }) }));
    const of = (name: string): Record<string, number> => Object.fromEntries(families.get(name)?.samples ?? []);
    expect(of('fluxcap_packets_total')).toEqual({ 'interface="eth0"': 1000, 'interface="wg\\"0\\\\\\n"': 1000 });
    expect(of('fluxcap_bytes_total')).toMatchObject({ 'interface="eth0"': 64_000 });
    expect(of('fluxcap_drops_total')).toEqual({ 'interface="eth0",by="kernel"': 3, 'interface="eth0",by="interface"': 0 });
    expect(of('fluxcap_capturing')).toMatchObject({
      'interface="eth0",backend="tcpdump"': 1,
      'interface="wg\\"0\\\\\\n",backend="tcpdump"': 0,
    });
    expect(of('fluxcap_findings')).toEqual({
      'kind="arp-flux",severity="warning",state="ongoing"': 2,
      'kind="wireguard-endpoint-drift",severity="error",state="ended"': 1,
    });
    expect(of('fluxcap_state_entries')).toEqual({ 'tracker="arp"': 12, 'tracker="udp"': 345 });
    expect(of('fluxcap_state_evicted_total')).toEqual({ '': 7 });
    expect(of('fluxcap_capture_time_seconds')).toEqual({ '': 1_800_000_000.25 });
    expect(of('fluxcap_uptime_seconds')).toEqual({ '': 61.5 });
    expect(of('fluxcap_ring_capacity_bytes')).toEqual({ '': 100 });
    expect(of('fluxcap_ring_used_bytes')).toEqual({ '': 50 });
    expect(of('fluxcap_ring_packets')).toEqual({ '': 7 });
    expect(of('fluxcap_ring_span_seconds')).toEqual({ '': 2.5 });
    expect(of('fluxcap_build_info')).toEqual({ [`version="${VERSION}",node="${process.version}"`]: 1 });
    expect(of('process_resident_memory_bytes')['']).toBeGreaterThan(1e6);
    for (const [name, { type }] of families) expect(type, name).toBe(name.endsWith('_total') ? 'counter' : 'gauge');
  });

  it('leave out what is not known', async () => {
    const families = await metricsOf(await started({ status: () => statusOf({ at: null, inputs: [], findings: [], state: {} }) }));
    for (const name of ['fluxcap_capture_time_seconds', 'fluxcap_ring_used_bytes', 'fluxcap_packets_total', 'fluxcap_findings']) {
      expect([name, [...(families.get(name)?.samples ?? [])]]).toEqual([name, []]);
    }
  });

  it('count new findings from the start, for every kind and severity', async () => {
    const { url, told } = { url: (await started()).url, told: (news: News) => server?.told(news) };
    const totals = async () => parse((await ask(url)).text).get('fluxcap_findings_total')?.samples ?? new Map<string, number>();
    const before = await totals();
    expect(before.size).toBe(findingKinds.length * 4);
    expect([...before.values()].every((value) => value === 0)).toBe(true);
    for (const kind of ['new', 'update', 'ended', 'withdrawn', 'new'] as const)
      told({ kind, finding: flux, at: 1, before: undefined, instead: [] });
    expect((await totals()).get('kind="arp-flux",severity="warning"')).toBe(2);
  });

  it('follow the run, and counters never fall', async () => {
    let packets = 100;
    let findings = [flux];
    const { url } = await started({ status: () => statusOf({ inputs: [input('eth0', { packets })], findings }) });
    const value = async (name: string) =>
      [
        ...(parse((await ask(url)).text)
          .get(name)
          ?.samples.values() ?? []),
      ][0];
    expect(await value('fluxcap_packets_total')).toBe(100);
    packets = 250;
    findings = [];
    expect(await value('fluxcap_packets_total')).toBe(250);
    expect(await value('fluxcap_findings')).toBeUndefined();
    packets = 10;
    expect(await value('fluxcap_packets_total')).toBe(250);
  });

  it('add up an interface that is captured from twice', async () => {
    const families = await metricsOf(await started({ status: () => statusOf({ inputs: [input('eth0'), input('eth0')] }) }));
    expect([...(families.get('fluxcap_packets_total')?.samples ?? [])]).toEqual([['interface="eth0"', 2000]]);
  });

  it('notice a busy event loop, once', async () => {
    const { url } = await started();
    const max = async () =>
      parse((await ask(url)).text)
        .get('fluxcap_event_loop_lag_seconds')
        ?.samples.get('stat="max"') ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await max();
    // The clock begins anew with its next tick.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const end = Date.now() + 400;
    while (Date.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await max()).toBeGreaterThan(0.3);
  });

  const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
  it.skipIf(!hasPromtool)(`please promtool${hasPromtool ? '' : ' (promtool missing)'}`, async () => {
    const { text } = await ask((await started({ recorder: () => ({ capacity: 100, used: 50, frames: 7, spanSec: 2.5 }) })).url);
    expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');
  });
});

describe('the server of metrics', () => {
  it('serves /metrics, a page that leads there, and nothing else', async () => {
    const { url } = await started();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect(await ask(url)).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' });
    expect((await ask(`${url}?collect=all`)).status).toBe(200);
    const index = await ask(new URL('/', url).href);
    expect(index).toMatchObject({ status: 200, type: 'text/html; charset=utf-8' });
    expect(index.text).toContain('href="/metrics"');
    for (const path of ['/metric', '/metrics/', '/../etc/passwd', '//metrics']) {
      expect([path, (await ask(new URL(url).origin + path)).status]).toEqual([path, 404]);
    }
    expect(await ask(url, 'HEAD')).toMatchObject({ status: 200, text: '' });
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) expect([method, (await ask(url, method)).status]).toEqual([method, 405]);
  });

  it('says so where the port is taken, or the address is none of this machine', async () => {
    const { url } = await started();
    const port = Number(new URL(url).port);
    const second = MetricsServer.start({ host: '127.0.0.1', port }, { status: () => statusOf() });
    await expect(second).rejects.toThrow(
      new UsageError(`--metrics: cannot listen on 127.0.0.1:${port}: port ${port} is in use by another program; choose another one`),
    );
    const foreign = MetricsServer.start({ host: '192.0.2.1', port: 0 }, { status: () => statusOf() });
    await expect(foreign).rejects.toThrow('--metrics: cannot listen on 192.0.2.1:0: 192.0.2.1 is no address of this machine');
  });

  it('answers with the mistake where the state cannot be had, and goes on', async () => {
    let isBroken = true;
    const { url } = await started({
      status: () => {
        if (isBroken) throw new Error('no status');
        return statusOf();
      },
    });
    expect(await ask(url)).toMatchObject({ status: 500, text: 'no status\n' });
    isBroken = false;
    expect((await ask(url)).status).toBe(200);
  });

  it('refuses what is no HTTP, and headers without end', async () => {
    const { url } = await started();
    const port = Number(new URL(url).port);
    const said = (text: string): Promise<string> =>
      new Promise((resolve) => {
        let answer = '';
        const socket = connect(port, '127.0.0.1', () => socket.write(text));
        socket.on('data', (piece) => {
          answer += piece.toString();
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve(answer));
      });
    expect(await said('\u0016\u0003\u0001 hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await said(`GET /metrics HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask(url)).status).toBe(200);
  });

  it('closes though somebody holds a connection and reads nothing', async () => {
    const running = await started();
    const socket = connect(Number(new URL(running.url).port), '127.0.0.1');
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => {});
    await new Promise<void>((resolve) => socket.on('connect', () => resolve()));
    // Asks again and again, and never reads.
    for (let i = 0; i < 50; i++) socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.pause();
    expect((await ask(running.url)).status).toBe(200);
    await running.close();
    socket.destroy();
    await closed;
    await expect(new Promise((resolve, reject) => get(running.url, resolve).on('error', reject))).rejects.toThrow(/ECONNREFUSED/);
  });
});
