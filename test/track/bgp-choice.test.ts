import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bgpKeepalive, bgpOpen, bgpUpdate } from '../craft/index.ts';
import { followBgp } from '../tools/bgp.ts';
import { root } from '../tools/captures.ts';
import { FRR_STEPS, type FrrTable } from '../tools/frr.ts';
import { hindranceForNamespaces, Namespace, until } from '../tools/netns.ts';

/*
 * The choice of a router with six neighbours, three of them in its own AS, who tell it routes at random, tell them otherwise and withdraw them: FRR says what it chose,
 * the capture at its card is followed. Attributes are such that every step of the choice comes to decide.
 */
const why = hindranceForNamespaces(['tcpdump', 'vtysh', '/usr/lib/frr/zebra', '/usr/lib/frr/bgpd']);
const ROUTER = '10.9.0.1';
const AS = 64_512;
const PREFIXES = 200;
const WAVES = 6;
const peers = [
  { ip: '10.9.0.11', as: 65_001, id: '10.9.0.11' },
  { ip: '10.9.0.12', as: 65_001, id: '10.9.0.5' },
  { ip: '10.9.0.13', as: 65_002, id: '10.9.0.13' },
  { ip: '10.9.0.14', as: AS, id: '10.9.0.14' },
  { ip: '10.9.0.15', as: AS, id: '10.9.0.3' },
  { ip: '10.9.0.16', as: AS, id: '10.9.0.16' },
];

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** Numbers that look random, the same each time (Numerical Recipes' generator). */
class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  below(limit: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }

  oneOf<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }
}

/** @param isPlain only what decides late differs */
function attributesOf(dice: Dice, peer: (typeof peers)[number], isPlain: boolean): Parameters<typeof bgpUpdate>[0] {
  const isInternal = peer.as === AS;
  const first = isInternal ? dice.oneOf([65_001, 65_002]) : peer.as;
  const asPath = isPlain || dice.below(4) > 0 ? [first] : [first, dice.oneOf([65_100, 65_101])];
  const isReflected = isInternal && dice.below(3) > 0;
  return {
    nextHop: peer.ip,
    asPath: !isPlain && dice.below(8) === 0 ? [...asPath, { type: 'set', as: [65_200, 65_201] }] : asPath,
    origin: isPlain ? 'igp' : dice.oneOf(['igp', 'igp', 'igp', 'egp', 'incomplete']),
    ...(dice.below(isPlain ? 8 : 2) === 0 ? { med: dice.below(3) } : {}),
    ...(isInternal ? { localPref: isPlain ? 100 : dice.oneOf([100, 100, 100, 90, 110]) } : {}),
    ...(isReflected
      ? { originatorId: dice.oneOf(['10.8.0.1', '10.8.0.2', ROUTER]), clusterList: ['10.7.0.1', '10.7.0.2'].slice(0, 1 + dice.below(2)) }
      : {}),
  };
}

/** What is told, wave by wave: of every prefix one neighbour says something new in each. */
function wavesOf(dice: Dice): { peer: number; message: string }[][] {
  return Array.from({ length: WAVES }, (_, wave) =>
    Array.from({ length: PREFIXES }, (__, i) => {
      // Every other prefix is told inside the AS alone: the last steps are for these.
      const peer = i % 4 === 0 ? 3 + dice.below(3) : dice.below(peers.length);
      const prefix = `10.${100 + (i >> 6)}.${i & 63}.0/24`;
      const by = peers[peer];
      if (!by || (wave > 3 && dice.below(4) === 0)) return { peer, message: hex(bgpUpdate({ withdrawn: [prefix] })) };
      return { peer, message: hex(bgpUpdate({ announced: [prefix], ...attributesOf(dice, by, i % 2 === 0) })) };
    }),
  );
}

const CONFIGURATION = [
  `router bgp ${AS}`,
  ` bgp router-id ${ROUTER}`,
  ' no bgp ebgp-requires-policy',
  ...peers.flatMap(({ ip, as }) => [` neighbor ${ip} remote-as ${as}`, ` neighbor ${ip} passive`]),
];

/** FRR with files of its own; after a line on its standard input it prints its table. */
const START = `
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/tmp && mkdir /run/frr && cp "$1/bgpd.conf" "$1/zebra.conf" /run/frr/ && chown -R frr:frr /run/frr
/usr/lib/frr/zebra -f /run/frr/zebra.conf -A 127.0.0.1 -P 0 --log stdout >"$1/zebra.log" 2>&1 &
for i in $(seq 100); do [ -S /run/frr/zserv.api ] && break; sleep 0.1; done
/usr/lib/frr/bgpd -f /run/frr/bgpd.conf -A 127.0.0.1 -P 0 --log stdout >"$1/bgpd.log" 2>&1 &
for i in $(seq 100); do [ -S /run/frr/bgpd.vty ] && break; sleep 0.1; done
sleep 1
touch "$1/ready"
read line
# What was sent last may wait in its queues still: its table is taken once it does not change any more.
for i in $(seq 20); do
  vtysh -c 'show bgp ipv4 unicast json' >"$1/bgp.json"
  cmp -s "$1/bgp.json" "$1/before.json" && break
  cp "$1/bgp.json" "$1/before.json"
  sleep 1
done
touch "$1/shown"
sleep 60
`;

/** Runs it all. @returns the capture, and FRR's table */
async function played(seed: number): Promise<{ capture: Uint8Array; table: FrrTable }> {
  const router = new Namespace();
  const others = new Namespace();
  try {
    router.ip('link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth1', 'netns', others.name);
    router.ip('addr', 'add', `${ROUTER}/24`, 'dev', 'veth0');
    router.ip('link', 'set', 'veth0', 'up');
    for (const { ip } of peers) others.ip('addr', 'add', `${ip}/24`, 'dev', 'veth1');
    others.ip('link', 'set', 'veth1', 'up');
    const at = (name: string): string => join(router.folder, name);
    writeFileSync(at('zebra.conf'), '');
    writeFileSync(at('bgpd.conf'), `${CONFIGURATION.join('\n')}\n`);
    const frr = router.spawn('sh', ['-c', START, 'sh', router.folder]);
    await until('FRR is there', () => existsSync(at('ready')));
    const tcpdump = router.spawn('tcpdump', ['-i', 'veth0', '-U', '-w', at('bgp.pcap'), '-Z', 'root', 'tcp port 179']);
    await until('the capture has begun', () => existsSync(at('bgp.pcap')) && statSync(at('bgp.pcap')).size > 0);
    const opens = peers.map(({ ip, as, id }) => ({ ip, open: hex(bgpOpen({ as, id, holdTime: 90 })), keepalive: hex(bgpKeepalive()) }));
    writeFileSync(at('plan.json'), JSON.stringify({ router: ROUTER, peers: opens, waves: wavesOf(new Dice(seed)), pauseMs: 700 }));
    const speakers = others.spawn(process.execPath, [join(root, 'test/tools/bgp-speakers.js'), at('plan.json')]);
    if (!speakers.stdout) throw new Error('no standard output');
    await once(speakers.stdout, 'data', { signal: AbortSignal.timeout(30_000) });
    frr.stdin?.write('\n');
    await until('FRR has shown its table', () => existsSync(at('shown')));
    tcpdump.kill('SIGINT');
    await once(tcpdump, 'exit');
    return { capture: new Uint8Array(readFileSync(at('bgp.pcap'))), table: JSON.parse(readFileSync(at('bgp.json'), 'utf8')) as FrrTable };
  } finally {
    router.delete();
    others.delete();
  }
}

describe.skipIf(why !== undefined)(`the choice of a router with six neighbours${why === undefined ? '' : `: ${why}`}`, () => {
  it("is FRR's, for every prefix, and for the same reason", async () => {
    const { capture, table } = await played(1);
    const { tracker } = await followBgp(capture, { isOver: false });
    const bests = new Map(tracker.bests.filter(({ router }) => router.includes(ROUTER)).map((best) => [best.prefix, best]));
    const ours: unknown[] = [];
    const theirs: unknown[] = [];
    const steps = new Set<string | null>();
    for (const [prefix, paths] of Object.entries(table.routes)) {
      const best = paths.find(({ bestpath }) => bestpath);
      const step = FRR_STEPS.get(best?.selectionReason ?? '');
      const chosen = bests.get(prefix);
      bests.delete(prefix);
      // Of more than two FRR names the step of its latest comparison, which need not be the hardest one.
      const isTold = paths.length <= 2;
      if (isTold) steps.add(step ?? null);
      theirs.push({ prefix, among: paths.map(({ peerId }) => peerId).sort(), from: best?.peerId, step: isTold ? step : '' });
      const among = chosen?.candidates.map(({ from }) => from).sort();
      ours.push({ prefix, among, from: chosen?.route.from, step: isTold ? chosen?.decidingStep : '' });
    }
    expect(ours).toEqual(theirs);
    expect([...bests.keys()]).toEqual([]);
    expect(theirs.length).toBeGreaterThan(PREFIXES / 2);
    for (const step of [
      'only-path',
      'local-pref',
      'as-path',
      'origin',
      'med',
      'ebgp',
      'oldest',
      'router-id',
      'cluster-list',
      'neighbour-address',
    ])
      expect([...steps], step).toContain(step);
  }, 90_000);
});
