import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AnalysisOptions, analyzeSources } from '../../src/analysis.ts';
import { openPath } from '../../src/capture/node/file.ts';
import { Context } from '../../src/context/context.ts';
import type { ContextDocument } from '../../src/context/document.ts';
import { hostOf } from '../../src/context/model.ts';
import { ChunkSource, MemorySource } from '../../src/core.ts';
import { hostRecord } from '../../src/report/records.ts';
import { arpReply, multicastMac, vrrp, vrrpMac } from '../craft/index.ts';
import { scenarios } from '../scenarios/index.ts';
import { analysisOptionsOf } from '../scenarios/options.ts';
import { card, Lan, mac } from '../scenarios/stage.ts';
import { bundledCaptures, root } from '../tools/captures.ts';

/* Which MACs and addresses are one machine (`show hosts`). */

interface HostRecord {
  input: number;
  macs: string[];
  ips: string[];
  local: boolean;
  interfaces: { index: number; name: string | null }[];
  because: string[];
  encapsulation: string[];
}

async function hostsIn(octets: Uint8Array, options: AnalysisOptions = {}): Promise<HostRecord[]> {
  const analysis = await analyzeSources([{ path: 'capture', open: () => new MemorySource(octets) }], options);
  return analysis.machines().map(hostRecord) as unknown as HostRecord[];
}

/** Of a bundled capture, by its place in captures/. */
async function hostsOf(capture: string, withContext = false): Promise<HostRecord[]> {
  const path = join(root, 'captures', capture);
  const analysis = await analyzeSources([{ path, open: () => openPath(path) }], withContext ? contextBeside(path) : {});
  return analysis.machines().map(hostRecord) as unknown as HostRecord[];
}

function contextBeside(path: string): AnalysisOptions {
  const { hosts } = JSON.parse(readFileSync(join(dirname(path), 'context.json'), 'utf8')) as ContextDocument;
  return { context: new Context(hosts.map(hostOf), { captures: [basename(path)] }) };
}

async function* piecesOf(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += 1000) yield octets.subarray(at, at + 1000);
}

const brief = (hosts: readonly HostRecord[]) => hosts.map(({ macs, ips, local }) => [macs.join(' '), ips.join(' '), local ? 'here' : '']);
const becauseOf = (hosts: readonly HostRecord[], of: string): string =>
  hosts.find(({ macs }) => macs.includes(of))?.because.join(' ') ?? '';

/** What holds of any list of machines. */
function expectSound(hosts: readonly HostRecord[]): void {
  const owners = hosts.flatMap(({ macs, encapsulation }) => macs.map((each) => `${encapsulation.join('/')} ${each}`));
  expect(
    owners.filter((each, i) => owners.indexOf(each) !== i),
    'a MAC is of one machine',
  ).toEqual([]);
  for (const { macs, ips, because, interfaces } of hosts) {
    expect(macs.length + ips.length).toBeGreaterThan(0);
    expect([...macs].sort(), 'in order').toEqual(macs);
    expect(new Set(ips).size).toBe(ips.length);
    expect(because, `${macs} has a reason`).not.toEqual([]);
    expect(new Set(because).size).toBe(because.length);
    expect(interfaces.every(({ index }) => Number.isInteger(index))).toBe(true);
  }
  expect(hosts.filter(({ local }) => local).length).toBeLessThanOrEqual(1);
}

describe('bundled captures', () => {
  it.each(bundledCaptures())('%s: sound, and the same in pieces', async (name) => {
    const path = join(root, name);
    const octets = new Uint8Array(readFileSync(path));
    for (const options of [() => ({}), () => (existsSync(join(dirname(path), 'context.json')) ? contextBeside(path) : {})]) {
      const hosts = await hostsIn(octets, options());
      expectSound(hosts);
      const open = () => new ChunkSource(piecesOf(octets));
      const again = await analyzeSources([{ path: 'capture', open }], options());
      expect(again.machines().map(hostRecord)).toEqual(hosts);
    }
  });

  it('arp-flux, client: two MACs that answer alike are one machine', async () => {
    const hosts = await hostsOf('arp-flux/client.pcap');
    expect(brief(hosts)).toEqual([
      ['02:00:00:00:00:10', '192.0.2.10', ''],
      ['02:00:00:00:00:0a 02:00:00:00:00:0b', '192.0.2.1 192.0.2.2', ''],
      ['02:00:00:00:00:20', '192.0.2.20', ''],
      ['02:00:00:00:00:30', '192.0.2.30', ''],
    ]);
    expect(becauseOf(hosts, mac(0x0a))).toMatch(
      /same 2 addresses.*the same MAC comes first.*enter by one of the MACs and leave by another/,
    );
  });

  it('arp-flux-repaired, client: nothing but the context shows that they are one', async () => {
    const apart = await hostsOf('arp-flux-repaired/client.pcap');
    expect(apart.find(({ macs }) => macs.includes(mac(0x0a)))?.macs).toEqual([mac(0x0a)]);
    const hosts = await hostsOf('arp-flux-repaired/client.pcap', true);
    const gateway = hosts.find(({ macs }) => macs.includes(mac(0x0a)));
    expect(gateway).toMatchObject({ macs: [mac(0x0a), mac(0x0b)], ips: ['192.0.2.1', '192.0.2.2'], local: false });
    expect(gateway?.interfaces).toEqual([
      { index: 2, name: 'ethB' },
      { index: 3, name: 'ethA' },
    ]);
    expect(hosts.filter(({ local }) => local).map(({ ips }) => ips)).toEqual([['192.0.2.10']]);
  });

  it('arp-flux, gateway: the capturing host sends with both', async () => {
    const hosts = await hostsOf('arp-flux/gateway.pcap');
    expect(hosts.find(({ local }) => local)).toMatchObject({ macs: [mac(0x0a), mac(0x0b)], ips: ['192.0.2.1', '192.0.2.2'] });
  });

  it('arp-proxy: what a router answers for others is not its own, from either side', async () => {
    const seen = await hostsOf('arp-proxy/client.pcap');
    expect(seen.find(({ macs }) => macs.includes(mac(1)))?.ips).toEqual(['192.0.2.1']);
    expect(becauseOf(seen, mac(1))).toContain('192.0.2.130, 192.0.2.140 and 192.0.2.150 too, which are not its own (proxy ARP)');
    const itself = await hostsOf('arp-proxy/router.pcap');
    expect(itself.find(({ local }) => local)).toMatchObject({ macs: [mac(1), mac(2)], ips: ['192.0.2.1', '192.0.2.129'] });
    expect(itself.find(({ macs }) => macs.includes(mac(0x30)))?.ips).toEqual(['192.0.2.130']);
  });

  it('arp-duplicate-address: two machines with one address, each says so of the other', async () => {
    const hosts = await hostsOf('arp-duplicate-address/client.pcap');
    expect(hosts.filter(({ ips }) => ips.includes('192.0.2.5')).map(({ macs }) => macs)).toEqual([[mac(0x12)], [mac(0x11)]]);
    expect(becauseOf(hosts, mac(0x11))).toContain(`192.0.2.5 is answered by ${mac(0x12)}, too`);
  });

  it('vrrp-failover: the virtual MAC is no machine; the masters say which group they speak for', async () => {
    const hosts = await hostsOf('vrrp-failover/vmac-cable.pcap');
    expect(hosts.flatMap(({ macs }) => macs).filter((each) => each.startsWith('00:00:5e'))).toEqual([]);
    expect(becauseOf(hosts, mac(3))).toContain('It speaks as the master of VRRP group 51, which shares 192.0.2.1');
  });
});

describe('crafted', () => {
  it('holds of every scenario', async () => {
    for (const { capture, options } of scenarios) expectSound(await hostsIn(capture(), analysisOptionsOf(options)));
  }, 120_000);

  it('a virtual MAC whose master is not to be seen stands alone, with its group', async () => {
    const capture = new Lan();
    capture.resolve(card(0x10, '192.0.2.10'), { mac: vrrpMac(7), ip: '192.0.2.254' });
    capture.wait(2);
    const hosts = await hostsIn(capture.bytes);
    expect(hosts.find(({ macs }) => macs.includes(vrrpMac(7)))).toMatchObject({ ips: ['192.0.2.254'], local: false });
    expect(becauseOf(hosts, vrrpMac(7))).toContain('a virtual MAC of VRRP group 7, and no machine of its own');
  });

  it('an address that moved is where it is now', async () => {
    const capture = new Lan();
    const [before, after] = [card(0x31, '192.0.2.5'), card(0x32, '192.0.2.5')];
    capture.resolve(card(0x10, '192.0.2.10'), before);
    capture.wait(300);
    capture.resolve(card(0x10, '192.0.2.10'), after);
    capture.wait(2);
    const hosts = await hostsIn(capture.bytes);
    expect(hosts.filter(({ ips }) => ips.includes('192.0.2.5')).map(({ macs }) => macs)).toEqual([[mac(0x32)]]);
    expect(becauseOf(hosts, mac(0x31))).toContain(`had 192.0.2.5 up to frame 2; from frame 4 on it is at ${mac(0x32)}`);
  });

  it('claims that nobody asked for give nobody an address', async () => {
    const capture = new Lan();
    const client = card(0x10, '192.0.2.10');
    capture.resolve(client, card(0x01, '192.0.2.1'));
    for (let i = 0; i < 5; i++) {
      capture.wait(2);
      capture.unicast(arpReply({ mac: mac(0x66), ip: '192.0.2.1' }, client), mac(0x66), client.mac);
    }
    capture.wait(2);
    const hosts = await hostsIn(capture.bytes);
    expect(hosts.filter(({ ips }) => ips.includes('192.0.2.1')).map(({ macs }) => macs)).toEqual([[mac(0x01)]]);
  });

  it('two parts of a file whose clock stepped back are told together', async () => {
    const capture = new Lan();
    capture.resolve(card(0x10, '192.0.2.10'), card(0x01, '192.0.2.1'));
    capture.startAgain(Date.UTC(2020, 0, 1) / 1000);
    capture.resolve(card(0x10, '192.0.2.10'), card(0x02, '192.0.2.2'));
    expect(brief(await hostsIn(capture.bytes))).toEqual([
      [mac(0x10), '192.0.2.10', ''],
      [mac(0x01), '192.0.2.1', ''],
      [mac(0x02), '192.0.2.2', ''],
    ]);
  });

  it('a master that advertises with its own MAC has its own address, too', async () => {
    const capture = new Lan();
    capture.resolve(card(0x10, '192.0.2.10'), card(0x01, '192.0.2.254'));
    for (let i = 0; i < 3; i++) {
      const said = vrrp({ from: '192.0.2.1', virtualRouter: 7, priority: 200, addresses: ['192.0.2.254'] });
      capture.unicast(said, mac(0x01), multicastMac('224.0.0.18') ?? '');
      capture.wait(1);
    }
    const hosts = await hostsIn(capture.bytes);
    expect(hosts.find(({ macs }) => macs.includes(mac(0x01)))?.ips).toEqual(['192.0.2.1', '192.0.2.254']);
  });
});
