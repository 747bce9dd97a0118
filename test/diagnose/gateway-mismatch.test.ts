import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Context } from '../../src/context/context.ts';
import type { HostDocument } from '../../src/context/document.ts';
import { hostOf } from '../../src/context/model.ts';
import { analyzeSources, type Finding, MemorySource } from '../../src/core.ts';
import { hindranceForNamespaces, Namespace, namespacesLeft, until } from '../tools/netns.ts';

/*
 * Where a real kernel sends what its routes name a gateway for: a host with two gateways in its network, a hub between them, so that everybody sees everything.
 *
 *     host 192.0.2.10 ──┐      one 192.0.2.1, the host's default route; it has a route to 198.51.100.10 by way of two
 *                       hub
 *     one ── two ───────┘      two 192.0.2.2, and 198.51.100.10 on lo
 */
const FAR = '198.51.100.10';
const MACS = { host: '02:00:00:00:00:10', one: '02:00:00:00:00:01', two: '02:00:00:00:00:02' } as const;
const ADDRESSES = { host: '192.0.2.10', one: '192.0.2.1', two: '192.0.2.2' } as const;

type Node = keyof typeof MACS;

class Lab {
  readonly nodes: Record<Node, Namespace> = { host: new Namespace(), one: new Namespace(), two: new Namespace() };
  private readonly hub = new Namespace();
  private count = 0;

  constructor() {
    const { hub } = this;
    hub.ip('link', 'add', 'br0', 'type', 'bridge', 'ageing_time', '0', 'stp_state', '0');
    hub.ip('link', 'set', 'br0', 'up');
    for (const [i, node] of (Object.keys(MACS) as Node[]).entries()) {
      const namespace = this.nodes[node];
      hub.ip('link', 'add', `p${i}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace.name);
      hub.ip('link', 'set', `p${i}`, 'master', 'br0', 'up');
      namespace.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
      namespace.ip('link', 'set', 'eth0', 'address', MACS[node], 'up');
      namespace.ip('address', 'add', `${ADDRESSES[node]}/24`, 'dev', 'eth0');
    }
    const { host, one, two } = this.nodes;
    host.ip('route', 'add', 'default', 'via', ADDRESSES.one);
    two.ip('address', 'add', `${FAR}/32`, 'dev', 'lo');
    one.ip('route', 'add', FAR, 'via', ADDRESSES.two);
    one.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    // Answers from the address on lo are asked for with that of the card.
    two.run('sysctl', '-qw', 'net.ipv4.conf.all.arp_announce=2');
    this.redirects('one', 'send', 0);
  }

  delete(): void {
    for (const namespace of [...Object.values(this.nodes), this.hub]) namespace.delete();
  }

  /** Whether a node sends redirects, or heeds them. */
  redirects(node: Node, what: 'send' | 'accept', value: 0 | 1): void {
    this.nodes[node].run('sysctl', '-qw', ...['all', 'eth0'].map((scope) => `net.ipv4.conf.${scope}.${what}_redirects=${value}`));
  }

  /** What the host says of itself, as `ip -j` does. */
  describe(): HostDocument {
    const said = (...args: string[]) => JSON.parse(this.nodes.host.ip('-j', ...args) || '[]');
    return {
      hostname: 'host',
      kernel: null,
      time: new Date().toISOString().replace('Z', '000Z'),
      captures: ['capture'],
      links: said('-d', 'link'),
      addresses: said('address'),
      routes: said('-4', 'route', 'show', 'table', 'all'),
      rules: said('rule'),
      neighbours: said('neighbour'),
    };
  }

  /** All is forgotten but fixed entries; one and two talk to each other, so that their answers are to be seen; the host pings the far address. */
  async findings(): Promise<Finding[]> {
    const { host, one, two } = this.nodes;
    for (const namespace of [host, one, two]) namespace.ip('neighbour', 'flush', 'all');
    const file = join(host.folder, `${this.count++}.pcap`);
    const tcpdump = host.spawn('tcpdump', ['--immediate-mode', '-U', '-i', 'eth0', '-w', file]);
    const ended = once(tcpdump, 'close');
    let said = '';
    tcpdump.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until('tcpdump listens', () => said.includes('listening'));
    two.run('ping', '-c', '1', '-W', '2', ADDRESSES.one);
    one.ip('neighbour', 'flush', 'all');
    one.run('ping', '-c', '1', '-W', '2', ADDRESSES.two);
    host.run('ping', '-c', '4', '-i', '0.3', '-W', '2', FAR);
    const document = this.describe();
    await sleep(200);
    tcpdump.kill('SIGINT');
    await ended;
    const context = new Context([hostOf(document)], { captures: ['capture'] });
    const source = { path: 'capture', open: () => new MemorySource(readFileSync(file)) };
    return (await analyzeSources([source], { context })).findings.filter(({ severity }) => severity !== 'info');
  }
}

const hindrance = hindranceForNamespaces(['tcpdump', 'ping', 'sysctl']);

describe.skipIf(hindrance !== undefined)(
  `frames of a real host and its gateways${hindrance ? ` (${hindrance})` : ''}`,
  { timeout: 60_000 },
  () => {
    let lab: Lab;
    beforeAll(() => {
      lab = new Lab();
    });
    afterAll(() => {
      lab.delete();
      expect(namespacesLeft()).toEqual([]);
    });

    const told = (findings: readonly Finding[]) =>
      findings.map(({ id, severity, confidence, details }) => ({ id, severity, confidence, details }));
    const wrong = {
      expected: { ip: ADDRESSES.one, mac: MACS.one },
      observed: { ip: ADDRESSES.two, mac: MACS.two },
      expectedFrom: 'context',
      host: 'host',
      interface: 'eth0',
    };

    it('go to the gateway of the route', async () => {
      expect(told(await lab.findings())).toEqual([]);
    });

    it('go where a fixed neighbour entry says, and what is advised mends it', async () => {
      lab.nodes.host.ip('neighbour', 'replace', ADDRESSES.one, 'lladdr', MACS.two, 'dev', 'eth0', 'nud', 'permanent');
      const findings = await lab.findings();
      expect(told(findings)).toEqual([
        {
          id: `gateway-mismatch:${FAR}`,
          severity: 'warning',
          confidence: 'certain',
          details: { ...wrong, cause: 'neighbour', packets: 4 },
        },
      ]);
      const commands = findings.flatMap(({ remedies }) => remedies.flatMap((remedy) => remedy.commands));
      for (const command of commands) lab.nodes.host.run('sh', '-c', command);
      expect(told(await lab.findings())).toEqual([]);
    });

    it('go where a redirect says, unless it is not heeded', async () => {
      lab.redirects('one', 'send', 1);
      lab.redirects('host', 'accept', 1);
      const findings = await lab.findings();
      expect(told(findings)).toEqual([
        {
          id: `gateway-mismatch:${FAR}`,
          severity: 'notice',
          confidence: 'certain',
          details: { ...wrong, cause: 'redirect', packets: expect.any(Number) },
        },
      ]);
      expect(findings.flatMap(({ evidence }) => evidence.map(({ role }) => role))).toContain('redirect');
      lab.redirects('host', 'accept', 0);
      lab.nodes.host.ip('route', 'flush', 'cache');
      expect(told(await lab.findings())).toEqual([]);
    });
  },
);
