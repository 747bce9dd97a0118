import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { innerMtu, outerSize, type TunnelShape, tunnelMtuAdvice } from '../../src/track/tunnels/mtu.ts';
import { hindranceForNamespaces, Namespace, until } from '../tools/netns.ts';
import { eachPacket } from '../tools/walk.ts';
import { startWireguard } from '../tools/wireguard-go.ts';

/*
 * What the kernel itself makes of tunnels over a path of 1500 octets: the MTU that it gives the device, the largest packet that it lets
 * through, and the sizes outside. What it cannot build on this machine is skipped by name.
 */

/** A tunnel between 10.0.0.1 and 10.0.0.2 (or 2001:db8::1 and ::2): `type …` of `ip link add`. */
interface Kind {
  name: string;
  type: (end: Ends) => string[];
  over: 4 | 6;
  shape: TunnelShape;
  /** The kernel leaves room for options that are not there. */
  isLarger?: true;
}

interface Ends {
  local: string;
  remote: string;
}

const between = ({ local, remote }: Ends): string[] => ['local', local, 'remote', remote, 'dev', 'under'];

const kinds: Kind[] = [
  { name: 'ipip', over: 4, type: (ends) => ['ipip', ...between(ends)], shape: { protocol: 'ipip', over: 4 } },
  { name: 'sit', over: 4, type: (ends) => ['sit', 'mode', 'any', ...between(ends)], shape: { protocol: 'sit', over: 4 } },
  {
    name: '4in6',
    over: 6,
    type: (ends) => ['ip6tnl', 'mode', 'ipip6', ...between(ends)],
    shape: { protocol: '4in6', over: 6, encapLimit: true },
  },
  {
    name: '4in6 without a limit',
    over: 6,
    type: (ends) => ['ip6tnl', 'mode', 'ipip6', 'encaplimit', 'none', ...between(ends)],
    shape: { protocol: '4in6', over: 6 },
  },
  { name: 'GRE', over: 4, type: (ends) => ['gre', ...between(ends)], shape: { protocol: 'gre', over: 4 } },
  {
    name: 'GRE with a key',
    over: 4,
    type: (ends) => ['gre', ...between(ends), 'key', '42'],
    shape: { protocol: 'gre', over: 4, key: true },
  },
  {
    name: 'GRE with key, sequence and checksum',
    over: 4,
    type: (ends) => ['gre', ...between(ends), 'key', '42', 'seq', 'csum'],
    shape: { protocol: 'gre', over: 4, key: true, sequence: true, checksum: true },
  },
  { name: 'gretap', over: 4, type: (ends) => ['gretap', ...between(ends)], shape: { protocol: 'gre', over: 4, ethernet: true } },
  { name: 'ip6gre', over: 6, type: (ends) => ['ip6gre', ...between(ends)], shape: { protocol: 'gre', over: 6, encapLimit: true } },
  {
    name: 'VXLAN',
    over: 4,
    type: (ends) => ['vxlan', 'id', '42', 'dstport', '4789', ...between(ends)],
    shape: { protocol: 'vxlan', over: 4 },
  },
  {
    name: 'VXLAN over IPv6',
    over: 6,
    type: (ends) => ['vxlan', 'id', '42', 'dstport', '4789', ...between(ends)],
    shape: { protocol: 'vxlan', over: 6 },
  },
  {
    name: 'GENEVE',
    over: 4,
    type: ({ remote }) => ['geneve', 'id', '42', 'remote', remote],
    shape: { protocol: 'geneve', over: 4 },
    isLarger: true,
  },
];

const UNDER: Record<4 | 6, [string, string]> = { 4: ['10.0.0.1', '10.0.0.2'], 6: ['2001:db8::1', '2001:db8::2'] };
const ICMP = 28;

/** Two namespaces, a cable between them. */
function cabled(): [Namespace, Namespace] {
  const a = new Namespace();
  const b = new Namespace();
  a.ip('link', 'add', 'under', 'type', 'veth', 'peer', 'name', 'under', 'netns', b.name);
  for (const [node, i] of [
    [a, 0],
    [b, 1],
  ] as const) {
    node.ip('address', 'add', `${UNDER[4][i]}/24`, 'dev', 'under');
    node.ip('address', 'add', `${UNDER[6][i]}/64`, 'dev', 'under', 'nodad');
    node.ip('link', 'set', 'under', 'up');
  }
  return [a, b];
}

const mtuOf = (node: Namespace, device: string): number => Number(/ mtu (\d+)/.exec(node.ip('link', 'show', device))?.[1]);

/** Pings with an IPv4 packet of `size` octets that must not be fragmented; whether it was answered, else what was said. */
function ping(node: Namespace, address: string, size: number): true | string {
  const args = ['netns', 'exec', node.name, 'ping', '-c', '1', '-W', '2', '-M', 'do', '-s', String(size - ICMP), address];
  const { status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  return status === 0 || (/message too long|Frag needed|mtu ?=/i.exec(stdout + stderr)?.[0] ?? 'no answer');
}

/**
 * Sizes of the outer IP packets of at least `least` octets (neighbour discovery has less) that leave while pings of these sizes are sent
 * through the tunnel.
 */
async function outsideOf(node: Namespace, filter: string, address: string, sizes: readonly number[], least: number): Promise<number[]> {
  const file = join(node.folder, 'under.pcap');
  const tcpdump = node.spawn('tcpdump', ['-i', 'under', '-U', '--immediate-mode', '-Z', 'root', '-Q', 'out', '-w', file, filter]);
  let said = '';
  tcpdump.stderr?.on('data', (text: Buffer) => {
    said += text.toString();
  });
  await until('tcpdump listens', () => said.includes('listening on'));
  for (const size of sizes) expect([size, ping(node, address, size)]).toEqual([size, true]);
  await sleep(300);
  tcpdump.kill('SIGINT');
  await until('tcpdump ends', () => tcpdump.exitCode !== null || tcpdump.signalCode !== null);
  const outside: number[] = [];
  await eachPacket(new Uint8Array(readFileSync(file)), ({ depth, view, version, ipAt }) => {
    if (depth > 0 || version === 0) return;
    const size = version === 4 ? view.getUint16(ipAt + 2) : 40 + view.getUint16(ipAt + 4);
    if (size >= least) outside.push(size);
  });
  return outside;
}

/** Why the kernel does not make it; undefined where it does. */
function hindranceFor({ type, over }: Kind): string | undefined {
  const common = hindranceForNamespaces(['ping', 'tcpdump']);
  if (common) return common;
  const node = new Namespace();
  try {
    node.ip('link', 'add', 'under', 'type', 'veth', 'peer', 'name', 'other');
    const [local, remote] = UNDER[over];
    node.ip('link', 'add', 'tunnel', 'type', ...type({ local, remote }));
    return undefined;
  } catch (error) {
    return `this kernel: ${
      error instanceof Error
        ? error.message
            .trim()
            .split('\n')
            .pop()
            ?.replace(/.*: Error: /, '')
        : ''
    }`;
  } finally {
    node.delete();
  }
}

describe.each(kinds.map((kind) => ({ ...kind, hindrance: hindranceFor(kind) })))('$name', ({ type, over, shape, isLarger, hindrance }) => {
  const because = hindrance ? ` (skipped, ${hindrance})` : '';

  it.skipIf(hindrance)(`has the MTU of the table, and lets no more through${because}`, async () => {
    const [a, b] = cabled();
    try {
      for (const [node, i] of [
        [a, 0],
        [b, 1],
      ] as const) {
        const [local, remote] = [UNDER[over][i] ?? '', UNDER[over][1 - i] ?? ''];
        node.ip('link', 'add', 'tunnel', 'type', ...type({ local, remote }));
        node.ip('address', 'add', `172.16.0.${i + 1}/24`, 'dev', 'tunnel');
        node.ip('link', 'set', 'tunnel', 'up');
      }
      const mtu = innerMtu(shape, 1500);
      if (!isLarger) expect(mtuOf(a, 'tunnel')).toBe(mtu);
      for (const node of [a, b]) node.ip('link', 'set', 'tunnel', 'mtu', String(mtu));
      expect(ping(a, '172.16.0.2', 100)).toBe(true);
      const sizes = [100, 101, 1000, mtu];
      const filter = over === 4 ? 'ip and not icmp' : 'ip6 and not icmp6';
      const outside = await outsideOf(a, filter, '172.16.0.2', sizes, outerSize(100, shape));
      expect(outside).toEqual(sizes.map((size) => outerSize(size, shape)));
      expect(ping(a, '172.16.0.2', mtu + 1)).not.toBe(true);
    } finally {
      a.delete();
      b.delete();
    }
  });
});

const noWireguard = hindranceForNamespaces(['wireguard-go', 'wg', 'ping', 'tcpdump']);

describe.each([
  { over: 4 as const, deviceMtu: 1440 },
  { over: 4 as const, deviceMtu: 1420 },
  { over: 6 as const, deviceMtu: 1420 },
])('WireGuard over IPv$over, a device of $deviceMtu', ({ over, deviceMtu }) => {
  it.skipIf(noWireguard)(
    `pads up to 16 octets, and never beyond the device's MTU${noWireguard ? ` (skipped: ${noWireguard})` : ''}`,
    async () => {
      const [a, b] = cabled();
      const shape: TunnelShape = { protocol: 'wireguard', over, deviceMtu };
      try {
        const keys = [a, b].map((node) => {
          const secret = node.run('wg', 'genkey');
          return { secret, public: spawnSync('wg', ['pubkey'], { input: secret, encoding: 'utf8' }).stdout.trim() };
        });
        for (const [node, i] of [
          [a, 0],
          [b, 1],
        ] as const) {
          const device = 'wg0';
          await startWireguard(node, device);
          const file = join(node.folder, 'key');
          spawnSync('sh', ['-c', 'umask 077; cat >"$0"', file], { input: keys[i]?.secret });
          const there = UNDER[over][1 - i] ?? '';
          const endpoint = over === 4 ? `${there}:51820` : `[${there}]:51820`;
          const peer = ['peer', keys[1 - i]?.public ?? '', 'allowed-ips', '172.16.0.0/24', 'endpoint', endpoint];
          node.run('wg', 'set', device, 'private-key', file, 'listen-port', '51820', ...peer);
          node.ip('link', 'set', device, 'mtu', String(deviceMtu));
          node.ip('address', 'add', `172.16.0.${i + 1}/24`, 'dev', device);
          node.ip('link', 'set', device, 'up');
        }
        await until('the tunnel works', () => ping(a, '172.16.0.2', 100) === true);
        const sizes = [100, 112, 113, 1000, deviceMtu - 1, deviceMtu];
        const outside = await outsideOf(a, 'udp', '172.16.0.2', sizes, outerSize(100, shape));
        expect(outside).toEqual(sizes.map((size) => outerSize(size, shape)));
        expect(ping(a, '172.16.0.2', deviceMtu + 1)).not.toBe(true);
        expect(innerMtu({ protocol: 'wireguard', over }, 1500)).toBeGreaterThanOrEqual(deviceMtu);
      } finally {
        a.delete();
        b.delete();
      }
    },
  );
});

const kindVxlan = kinds.find(({ name }) => name === 'VXLAN');
const noVxlan = kindVxlan ? hindranceFor(kindVxlan) : 'no VXLAN';

describe('a tunnel in a tunnel', () => {
  it.skipIf(noVxlan)(`VXLAN in VXLAN${noVxlan ? ` (skipped, ${noVxlan})` : ''}`, () => {
    const [a, b] = cabled();
    try {
      a.ip('link', 'add', 'outer', 'type', 'vxlan', 'id', '1', 'dstport', '4789', ...between({ local: '10.0.0.1', remote: '10.0.0.2' }));
      a.ip('address', 'add', '10.1.0.1/24', 'dev', 'outer');
      a.ip('link', 'set', 'outer', 'up');
      a.ip(
        'link',
        'add',
        'inner',
        'type',
        'vxlan',
        'id',
        '2',
        'dstport',
        '8472',
        'local',
        '10.1.0.1',
        'remote',
        '10.1.0.2',
        'dev',
        'outer',
      );
      const shape: TunnelShape = { protocol: 'vxlan', over: 4 };
      expect(mtuOf(a, 'inner')).toBe(tunnelMtuAdvice([shape, shape], 1500).mtu);
    } finally {
      a.delete();
      b.delete();
    }
  });
});
