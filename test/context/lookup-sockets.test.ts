import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lookUp } from '../../src/context/lookup.ts';
import { hostOf } from '../../src/context/model.ts';
import { root } from '../tools/captures.ts';
import { hindranceForNamespaces } from '../tools/netns.ts';
import { Dice, type Family, ipv4, ipv6, randomNetwork, randomQuery } from '../tools/random-routing.ts';
import { RoutedHost } from '../tools/route-get.ts';

const SEED = Number(process.env.FLUXCAP_SEED ?? 1);
const SETS = 12;
const SOCKETS = 40;

const hindrance = hindranceForNamespaces(['sysctl']);

/** What sockets that are connected to these addresses are given. */
function connect(routed: RoutedHost, destinations: readonly string[]): ({ address: string; port: number } | null)[] {
  const { stdout, stderr } = spawnSync(
    'ip',
    ['netns', 'exec', routed.namespace.name, process.execPath, join(root, 'test', 'tools', 'connect-sockets.js')],
    { encoding: 'utf8', input: JSON.stringify(destinations) },
  );
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as ({ address: string; port: number } | null)[];
}

/** A socket must be told by which interface it reaches what has one meaning on each link. */
const isAskable = (destination: string): boolean =>
  destination !== '0.0.0.0' && !destination.startsWith('fe80') && !destination.startsWith('ff02');

/** The zone of a link-local address is not part of it. */
const withoutZone = (address: string): string => address.replace(/%.*/, '');

it.skipIf(hindrance !== undefined).each([ipv4, ipv6])(
  `sockets get the source that the model says, IPv$number, seed ${SEED}${hindrance === undefined ? '' : ` (${hindrance})`}`,
  { timeout: 300_000 },
  async (family: Family) => {
    const routed = new RoutedHost();
    const differences: string[] = [];
    let given = 0;
    try {
      if (family.number === 6) await routed.isReady();
      for (let set = 0; set < SETS; set++) {
        const dice = new Dice(SEED * 1000 + set);
        const network = randomNetwork(dice, family, set > 2, set > 1);
        routed.become(network, family.number, set > 2);
        const host = hostOf(routed.document());
        const destinations = Array.from({ length: SOCKETS }, () => randomQuery(dice, family, network.addresses).destination);
        const asked = destinations.filter(isAskable);
        connect(routed, asked).forEach((source, i) => {
          const destination = asked[i] ?? '';
          const query = { destination, protocol: 17, destinationPort: 9, ...(source ? { sourcePort: source.port } : {}) };
          const decision = lookUp(host, query);
          // And must be told that it may send to all.
          if (decision.outcome === 'broadcast') return;
          // IPv4 asks again with what it has chosen: a rule may match now, and what a local route alone makes local is no source.
          const isGiven = decision.sources.some((own) => own !== null && lookUp(host, { ...query, source: own }).nextHops.length > 0);
          const isRight = source === null ? !isGiven : decision.sources.includes(withoutZone(source.address));
          if (!isRight)
            differences.push(`set ${set}, ${destination}: the socket has ${source?.address}, the model says ${decision.sources}`);
          if (source !== null) given++;
        });
      }
    } finally {
      routed.delete();
    }
    expect(differences.slice(0, 10)).toEqual([]);
    expect(given).toBeGreaterThan((SETS * SOCKETS) / 4);
  },
);

it.skipIf(hindrance !== undefined)(
  `IPv6 sockets ask again with the source that suits, where there is no way without one${hindrance === undefined ? '' : ` (${hindrance})`}`,
  async () => {
    const routed = new RoutedHost();
    try {
      await routed.isReady();
      const lines = [
        'address add 2001:db8:1::1/64 dev e0 nodad',
        'address add fd00:2::1/64 dev e1 nodad',
        'rule add from 2001:db8:1::/64 lookup 100',
        'route add default via fe80::1 dev e0 table 100',
        'route add default from fd00:2::/64 via fe80::2 dev e1',
      ];
      routed.become({ lines, sysctls: ['net.ipv6.conf.all.forwarding=1'], addresses: [] }, 6, true);
      const host = hostOf(routed.document());
      const destinations = ['2a00::1', 'fd00:9::1'];
      expect(connect(routed, destinations).map((source) => source?.address)).toEqual(['2001:db8:1::1', 'fd00:2::1']);
      expect(destinations.map((destination) => lookUp(host, { destination })).map(({ sources, route }) => [sources, route?.text])).toEqual([
        [['2001:db8:1::1'], 'default via fe80::1 dev e0 metric 1024'],
        [['fd00:2::1'], 'default from fd00:2::/64 via fe80::2 dev e1 metric 1024'],
      ]);
      expect(destinations.map((destination) => lookUp(host, { destination, isFirstOnly: true }).outcome)).toEqual(['no-route', 'no-route']);
      expect(routed.routeGet(6, [{ destination: '2a00::1' }])[0]?.error).toContain('unreachable');
    } finally {
      routed.delete();
    }
  },
);
