import { describe, expect, it } from 'vitest';
import { Analyzer } from '../../src/analyzer.ts';
import { CaptureInput } from '../../src/capture/input.ts';
import { MemorySource } from '../../src/core.ts';
import { InterfaceRegistry } from '../../src/frame.ts';
import { RecordStore } from '../../src/track/records.ts';
import {
  AnyCapture,
  EthernetCapture,
  echoReply,
  echoRequest,
  ethernet,
  forwarded,
  gre,
  hostUnreachable,
  mplsTimeExceeded,
  type NetworkPacket,
  octets,
  RawCapture,
  syn,
  TcpFlags,
  tcp,
  timeExceeded,
  tooBig,
  udp,
  vxlan,
  zeros,
} from '../craft/index.ts';
import { mac } from '../scenarios/stage.ts';
import {
  analysisOf,
  byChecksum,
  byEcho,
  byIdent,
  byPorts,
  byService,
  bySyn,
  bySynIdent,
  ENDS6,
  HOPS,
  HOPS6,
  pathOf,
  SOURCE,
  TARGET,
  TARGET6,
  trace,
  traced,
  traceroutesOf,
} from './tracing.ts';

/* What is a traceroute, and what of it can be known: packets made for it. What real tools say is in traceroute-agreement.test.ts. */

const PATH = [...HOPS, TARGET].map((ip, i) => [i + 1, `${ip} 3`]);
const PATH6 = [...HOPS6, TARGET6].map((ip, i) => [i + 1, `${ip} 3`]);

const ways = [
  { name: 'echo requests', prober: byEcho(), protocol: 'icmp' },
  { name: 'UDP with ports that rise', prober: byPorts, protocol: 'udp' },
  { name: 'UDP that differs in its checksum (Paris)', prober: byChecksum, protocol: 'udp' },
  { name: 'UDP to a service that answers', prober: byService, protocol: 'udp' },
  { name: 'SYNs of ports of their own', prober: bySyn, protocol: 'tcp' },
];

describe('a traceroute', () => {
  it.each([...ways, { name: 'UDP that differs in its IP-ID (Dublin)', prober: byIdent, protocol: 'udp' }])(
    'by $name is found, hop by hop',
    async ({ prober, protocol }) => {
      for (const isMtr of [false, true]) {
        const [run, ...others] = await traced({ prober, isMtr });
        expect(others).toEqual([]);
        if (!run) expect.fail('none');
        expect(pathOf(run)).toEqual(PATH);
        expect(run).toMatchObject({
          source: SOURCE,
          destination: TARGET,
          protocol,
          probes: 12,
          reached: true,
          isLayer3: true,
          changeCount: 0,
        });
        for (const { ttl, sent, lost, isEcmp, addresses } of run.hops) {
          expect({ sent, lost, isEcmp }).toEqual({ sent: 3, lost: 0, isEcmp: false });
          expect(addresses[0]?.rttMs).toEqual({ min: ttl, avg: ttl, max: ttl });
        }
      }
    },
  );

  it.each(ways)('over IPv6 by $name', async ({ prober }) => {
    const [run, ...others] = await traced({ prober, ends: ENDS6 });
    expect(others).toEqual([]);
    expect(run && pathOf(run)).toEqual(PATH6);
  });

  it('by SYNs that differ in their IP-ID: the destination answers the latest one', async () => {
    const [run] = await traced({ prober: bySynIdent, hops: [HOPS[0] ?? '', null, HOPS[2] ?? ''] });
    expect(run && pathOf(run)).toEqual([[1, `${HOPS[0]} 3`], [2], [3, `${HOPS[2]} 3`], [4, `${TARGET} 3`]]);
    expect(run?.hops[3]?.addresses[0]?.rttMs).toEqual({ min: 4, avg: 4, max: 4 });
  });

  it('may have nobody who answers at all, or the destination alone', async () => {
    const [silent] = await traced({ prober: byEcho(), hops: () => null, last: 30, rounds: 1, interval: 1 });
    expect(silent?.hops).toHaveLength(30);
    expect(silent).toMatchObject({ reached: false, lastReply: undefined, probes: 30 });
    // What is younger than five seconds at the end may be answered yet.
    expect(silent?.hops.map(({ lost }) => lost)).toEqual([...Array(25).fill(1), ...Array(5).fill(0)]);
    const [near] = await traced({ prober: byPorts, hops: [], last: 6 });
    expect(near && pathOf(near)).toEqual([[1, `${TARGET} 3`]]);
    expect(near).toMatchObject({ reached: true, probes: 18 });
  });

  it('by mtr may have two TTLs, and one of them silent', async () => {
    const [run] = await traced({ prober: byEcho(), hops: [null], isMtr: true });
    expect(run && pathOf(run)).toEqual([[1], [2, `${TARGET} 3`]]);
  });

  it('ends at the destination, though larger TTLs were sent', async () => {
    const [run] = await traced({ prober: byPorts, last: 7 });
    expect(run && pathOf(run)).toEqual(PATH);
    expect(run?.probes).toBe(21);
  });

  it('keeps silent hops between others, and tells loss', async () => {
    const [run] = await traced({ prober: byEcho(), hops: [HOPS[0] ?? '', null, HOPS[2] ?? ''], interval: 1, isMtr: true, rounds: 10 });
    expect(run?.hops.map(({ sent, lost, addresses }) => [sent, lost, addresses.length])).toEqual([
      [10, 0, 1],
      [10, 9, 0],
      [10, 0, 1],
      [10, 0, 1],
    ]);
  });

  it('takes an answer that comes late, and none that comes too late; a repeated one counts once', async () => {
    const capture = new RawCapture();
    const probes = [1, 2, 3].map((ttl) => byEcho().probe(ttl, ttl));
    for (const probe of probes) capture.send(probe);
    const [first, second, third] = probes as [NetworkPacket, NetworkPacket, NetworkPacket];
    const answer = (quoted: NetworkPacket, from = HOPS[0] ?? '') => capture.send(timeExceeded({ from, to: SOURCE, quoted }));
    capture.at(0.1);
    answer(first);
    capture.at(0.2);
    answer(first);
    capture.at(7);
    answer(second, HOPS[1]);
    capture.at(12);
    answer(third, HOPS[2]);
    capture.at(13);
    capture.send(udp({ from: '192.0.2.99:9', to: '192.0.2.98:9', payload: octets(1) }));
    const [run] = await traceroutesOf(capture);
    expect(run && pathOf(run)).toEqual([[1, `${HOPS[0]} 1`], [2, `${HOPS[1]} 1`], [3]]);
    expect(run?.hops.map(({ lost }) => lost)).toEqual([0, 0, 1]);
    expect(run?.hops[0]?.addresses[0]?.rttMs).toEqual({ min: 100, avg: 100, max: 100 });
  });

  it('shows MPLS labels, who refuses, and what is too large', async () => {
    const capture = new RawCapture();
    const probe = (ttl: number) => {
      const packet = byPorts.probe(ttl, ttl);
      capture.wait(0.1);
      capture.send(packet);
      capture.wait(0.001);
      return packet;
    };
    const labels = [
      { label: 24_001, trafficClass: 5, ttl: 1 },
      { label: 299_776, ttl: 254 },
    ];
    capture.send(mplsTimeExceeded({ from: HOPS[0] ?? '', to: SOURCE, quoted: probe(1), labels }));
    capture.send(mplsTimeExceeded({ from: HOPS[1] ?? '', to: SOURCE, quoted: probe(2), labels, legacy: true }));
    capture.send(tooBig({ from: HOPS[2] ?? '', to: SOURCE, quoted: probe(3), mtu: 1400 }));
    capture.send(hostUnreachable({ from: HOPS[2] ?? '', to: SOURCE, quoted: probe(4) }));
    const [run] = await traceroutesOf(capture);
    const whole = labels.map((each) => ({ trafficClass: 0, ...each }));
    expect(run?.hops[0]?.addresses[0]?.mpls).toEqual(whole);
    expect(run?.hops[1]?.addresses[0]?.mpls).toEqual(whole);
    expect(run?.hops[2]).toMatchObject({ sent: 0, lost: 0, addresses: [], mtu: 1400 });
    expect(run?.hops[3]?.addresses).toMatchObject([{ ip: HOPS[2], refusal: 'host unreachable', refused: 1, mpls: [] }]);
    expect(run?.reached).toBe(false);
  });

  it('counts a SYN that is sent again as the same probe', async () => {
    const capture = new RawCapture();
    for (const after of [0, 1, 3]) {
      for (const ttl of [1, 2, 3]) {
        capture.at(ttl * 0.01 + after);
        // The system counts its IP-ID up.
        capture.send(
          tcp({
            from: `${SOURCE}:${50_000 + ttl}`,
            to: `${TARGET}:80`,
            flags: TcpFlags.Syn,
            seq: ttl,
            mss: 1460,
            ttl,
            ident: 10 * ttl + after,
          }),
        );
      }
    }
    expect((await traceroutesOf(capture)).map(({ probes }) => probes)).toEqual([3]);
  });
});

describe('one packet, several sightings', () => {
  const lan = { source: mac(1), destination: mac(2) };

  it('on a router, in and out, and on a mirror', async () => {
    const router = new AnyCapture();
    trace(router, { prober: byPorts }, (packet) => {
      router.incoming(packet, 2, mac(1));
      router.wait(0.00002);
      router.outgoing(forwarded(packet), 3, mac(2));
    });
    const mirror = new EthernetCapture();
    trace(mirror, { prober: byPorts }, (packet) => {
      mirror.send(packet, lan);
      mirror.send(packet, lan);
    });
    for (const capture of [router, mirror]) {
      const [run, ...others] = await traceroutesOf(capture);
      expect(others).toEqual([]);
      expect(run && pathOf(run)).toEqual(PATH);
      expect(run).toMatchObject({ probes: 12, isLayer3: false });
    }
  });

  it('before and after NAT, which changes source and port', async () => {
    const router = new AnyCapture();
    const outside = { from: '198.51.100.99', to: TARGET };
    let n = 0;
    let latest: NetworkPacket | undefined;
    const send = (packet: NetworkPacket, isProbe: boolean): void => {
      if (!isProbe) {
        // The error comes for the outer address, and quotes it.
        if (latest) router.incoming(timeExceeded({ from: '198.51.100.2', to: outside.from, quoted: latest }), 3, mac(2));
        router.wait(0.00002);
        router.outgoing(packet, 2, mac(1));
        return;
      }
      n++;
      router.incoming(packet, 2, mac(1));
      const ttl = packet.octets[8] ?? 0;
      const translated = byEcho(4242, { ident: 100 + n }).probe(ttl - 1, n, outside);
      latest = translated;
      router.wait(0.00002);
      router.outgoing(translated, 3, mac(3));
    };
    const numbered = byEcho(77);
    trace(router, { prober: { ...numbered, probe: (ttl, i, ends) => byEcho(77, { ident: 100 + i }).probe(ttl, i, ends) } }, send);
    const runs = await traceroutesOf(router);
    expect(runs.map(({ source, probes }) => [source, probes])).toEqual([[SOURCE, 12]]);
    expect(runs[0] && pathOf(runs[0])).toEqual(PATH);
  });

  it('inside and outside of a tunnel; inside alone, the path says in which', async () => {
    const both = new AnyCapture();
    trace(both, { prober: byChecksum }, (packet) => {
      both.outgoing(packet, 9);
      both.outgoing(gre('192.0.2.1', '198.51.100.1', packet), 3, mac(2));
    });
    const [run, ...others] = await traceroutesOf(both);
    expect(others).toEqual([]);
    expect(run).toMatchObject({ probes: 12, path: 0, isLayer3: true });
    const inside = new EthernetCapture();
    trace(inside, { prober: byChecksum }, (packet) => inside.send(gre('192.0.2.1', '198.51.100.1', packet), lan));
    const [inner] = await traceroutesOf(inside);
    expect(inner && pathOf(inner)).toEqual(PATH);
    expect(inner).toMatchObject({ isLayer3: true });
    expect(inner?.path).not.toBe(0);
    const overlay = new EthernetCapture();
    trace(overlay, { prober: byChecksum }, (packet) => overlay.send(vxlan('192.0.2.1', '198.51.100.1', 7, ethernet(lan, packet)), lan));
    expect((await traceroutesOf(overlay)).map((each) => [each.isLayer3, each.probes])).toEqual([[false, 12]]);
  });

  it('an answer is sighted several times, too: of probes that look alike it answers one', async () => {
    const router = new AnyCapture();
    trace(router, { prober: bySynIdent }, (packet, isProbe) => {
      router.incoming(packet, isProbe ? 2 : 3, mac(1));
      router.wait(0.00002);
      router.outgoing(forwarded(packet), isProbe ? 3 : 2, mac(2));
    });
    const [run] = await traceroutesOf(router);
    expect(run && pathOf(run)).toEqual(PATH);
  });
});

describe('on the way', () => {
  it('a hop is counted from the place of capture', async () => {
    const capture = new RawCapture();
    // Two hops before it: what ends there is not seen here.
    trace(capture, { prober: byPorts, hops: [null, null, HOPS[2] ?? ''] }, (packet, isProbe) => {
      const ttl = packet.octets[8] ?? 0;
      if (!isProbe) capture.send(packet);
      else if (ttl > 2) capture.send(forwarded(forwarded(packet)));
    });
    const [run] = await traceroutesOf(capture);
    expect(run && pathOf(run)).toEqual([
      [1, `${HOPS[2]} 3`],
      [2, `${TARGET} 3`],
    ]);
  });

  it('NAT that does not turn back what errors quote: by IP-ID and checksum', async () => {
    for (const rewritten of [
      { from: '198.51.100.99:40001', to: `${TARGET}:33434` },
      { from: '198.51.100.99:61000', to: `${TARGET}:33434` },
    ]) {
      const capture = new RawCapture();
      for (const ttl of [1, 2, 3]) {
        const payload = octets(ttl, zeros(11));
        const options = { payload, ident: 700 + ttl, df: false };
        capture.wait(0.1);
        capture.send(udp({ from: `${SOURCE}:40001`, to: `${TARGET}:33434`, ttl, ...options }));
        capture.wait(0.01);
        capture.send(timeExceeded({ from: HOPS[ttl - 1] ?? '', to: SOURCE, quoted: udp({ ...rewritten, ttl: 1, ...options }) }));
      }
      const [run] = await traceroutesOf(capture);
      expect(run && pathOf(run)).toEqual(HOPS.map((ip, i) => [i + 1, `${ip} 1`]));
    }
  });
});

describe('runs', () => {
  it('of two programs are two, and of one that goes on for long one', async () => {
    const capture = new RawCapture();
    const [one, two] = [byEcho(1), byEcho(2)];
    for (const ttl of [1, 2, 3]) {
      for (const prober of [one, two]) {
        const probe = prober.probe(ttl, ttl);
        capture.wait(0.01);
        capture.send(probe);
        capture.send(timeExceeded({ from: HOPS[ttl - 1] ?? '', to: SOURCE, quoted: probe }));
      }
    }
    expect((await traceroutesOf(capture)).map(({ probes }) => probes)).toEqual([3, 3]);
    const long = await traced({ prober: byEcho(), isMtr: true, rounds: 500, interval: 0.25 });
    expect(long.map(({ probes }) => probes)).toEqual([2000]);
  });

  it.each([
    { name: 'after minutes', gap: 200, prober: byChecksum },
    { name: 'after a pause', gap: 15, prober: byChecksum },
    { name: 'by ports that begin anew', gap: 0.2, prober: byPorts },
  ])('$name are two', async ({ gap, prober }) => {
    const capture = new RawCapture();
    const hops = [HOPS[0] ?? '', null, HOPS[2] ?? ''];
    trace(capture, { prober, hops });
    capture.wait(gap);
    trace(capture, { prober, hops });
    capture.wait(20);
    capture.send(udp({ from: '192.0.2.99:9', to: '192.0.2.98:9', payload: octets(1) }));
    const runs = await traceroutesOf(capture);
    expect(runs.map(({ probes }) => probes)).toEqual([12, 12]);
    // The second one began before it was known what became of the first one's probes.
    expect(runs.map(({ hops: all }) => all[1])).toMatchObject([
      { sent: 3, lost: 3 },
      { sent: 3, lost: 3 },
    ]);
  });

  it('mtr that wraps its ports, and comes by its first one at the first hop again, stays one', async () => {
    const portOf = (n: number): number => (n <= 80 ? n : n <= 160 ? 20_000 + n : n - 160);
    const prober = { ...byPorts, probe: (ttl: number, n: number) => byPorts.probe(ttl, portOf(n)) };
    expect(await traced({ prober, isMtr: true, rounds: 60, hops: HOPS })).toHaveLength(1);
  });
});

describe('several addresses at a hop', () => {
  const [first = '', second = '', third = ''] = HOPS;
  const other = '198.51.100.6';

  it('by flow are paths of equal cost', async () => {
    const hops = (ttl: number, n: number) => (ttl === 2 ? ((n * 7) % 5 < 2 ? second : other) : [first, '', third][ttl - 1]);
    for (const rounds of [3, 20]) {
      const [run] = await traced({ prober: byPorts, rounds, hops });
      expect(run?.hops.map(({ isEcmp }) => isEcmp)).toEqual([false, true, false, false]);
      expect(run?.changes).toEqual([]);
    }
  });

  it('of one flow are changes, each with what it was and what it is', async () => {
    // Ten probes each, then the other way.
    const hops = (ttl: number, n: number) => (ttl === 2 ? (Math.floor(n / 40) % 2 === 0 ? second : other) : [first, '', third][ttl - 1]);
    for (const prober of [byEcho(), byChecksum]) {
      const [run] = await traced({ prober, isMtr: true, rounds: 40, hops });
      expect(run?.hops.map(({ isEcmp, addresses }) => [isEcmp, addresses.length])).toEqual([
        [false, 1],
        [false, 2],
        [false, 1],
        [false, 1],
      ]);
      expect(run?.changeCount).toBe(3);
      expect(run?.changes.map(({ ttl, from, to }) => [ttl, from, to])).toEqual(
        [0, 1, 2].map((i) => (i % 2 === 0 ? [2, second, other] : [2, other, second])),
      );
    }
  });

  it('of echoes that take turns at random may be paths of equal cost, too: their checksums differ', async () => {
    const hops = (ttl: number, n: number) => (ttl === 2 ? ((n * 2654435761) % 4096 < 2048 ? second : other) : [first, '', third][ttl - 1]);
    const [run] = await traced({ prober: byEcho(), isMtr: true, rounds: 40, hops });
    expect(run?.hops[1]).toMatchObject({ isEcmp: true, addresses: [{}, {}] });
  });

  it('of which there are no more than a few, and of changes', async () => {
    const hops = (ttl: number, n: number) => (ttl === 1 ? `10.0.${n >> 8}.${n & 255}` : null);
    const [run] = await traced({ prober: byEcho(), isMtr: true, rounds: 600, hops, last: 3 });
    expect(run?.hops[0]?.addresses.length).toBe(16);
    expect(run?.hops[0]?.sent).toBe(600);
  });
});

describe('no traceroute', () => {
  const other = (ttl: number, n: number, to = TARGET): NetworkPacket =>
    udp({ from: `${SOURCE}:27015`, to: `${to}:27015`, payload: octets(n & 255, zeros(20)), ttl });
  const far = { from: HOPS[0] ?? '', to: SOURCE };

  it.each<{ name: string; play: (capture: RawCapture) => void }>([
    {
      name: 'a game that sends with a small TTL, and the errors for it',
      play: (capture) => {
        for (let n = 0; n < 20; n++) {
          capture.wait(0.5).send(other(3, n));
          capture.send(timeExceeded({ ...far, quoted: other(3, n) }));
        }
      },
    },
    {
      name: 'multicast with different TTLs',
      play: (capture) => {
        for (let n = 0; n < 20; n++) capture.wait(0.5).send(other(1 + (n % 4), n, '239.1.2.3'));
      },
    },
    {
      name: 'BGP to neighbours that are farther away than its TTL',
      play: (capture) => {
        for (let n = 0; n < 6; n++) {
          const probe = syn(`${SOURCE}:${40_000 + n}`, `${TARGET}:179`, n, { ttl: n < 5 ? 1 : 2 });
          capture.wait(5).send(probe);
          capture.send(timeExceeded({ ...far, quoted: probe }));
        }
      },
    },
    {
      name: 'a host whose packets begin with 32, and their answers',
      play: (capture) => {
        for (let n = 0; n < 40; n++) {
          capture.wait(1).send(echoRequest({ from: SOURCE, to: TARGET, id: 5, seq: n, ttl: 32 }));
          capture.send(echoReply({ from: TARGET, to: SOURCE, id: 5, seq: n, ttl: 25 }));
        }
      },
    },
    {
      name: 'a host that is far away, over paths of different lengths',
      play: (capture) => {
        for (let n = 0; n < 60; n++) capture.wait(0.1).send(other(29 + ((n * 7) % 3), n));
      },
    },
    {
      name: 'a packet in a loop, and what ends there',
      play: (capture) => {
        for (let n = 0; n < 10; n++) {
          const packet = echoRequest({ from: SOURCE, to: TARGET, id: 5, seq: n, ttl: 32 - (n % 2), ident: n });
          let passing = packet;
          capture.wait(1);
          for (let ttl = 32 - (n % 2); ttl > 1; ttl -= 2) {
            capture.wait(0.0005).send(passing);
            passing = forwarded(forwarded(passing));
          }
          capture.send(timeExceeded({ ...far, quoted: packet }));
        }
      },
    },
    {
      name: 'pings of several programs, each with one TTL',
      play: (capture) => {
        for (const ttl of [1, 2, 3, 4]) {
          const probe = echoRequest({ from: SOURCE, to: TARGET, id: 100 + ttl, seq: 1, ttl });
          capture.wait(1).send(probe);
          capture.send(timeExceeded({ ...far, quoted: probe }));
        }
      },
    },
    {
      name: 'an error that quotes a packet nobody saw',
      play: (capture) => {
        for (const ttl of [1, 2, 3]) capture.wait(1).send(timeExceeded({ ...far, quoted: byPorts.probe(ttl, ttl) }));
      },
    },
    {
      name: 'TTLs at random, answered by nobody',
      play: (capture) => {
        for (let n = 0; n < 300; n++) capture.wait(0.01).send(other(1 + (((n * 2654435761) % 65_536) & 31), n));
      },
    },
  ])('$name', async ({ play }) => {
    const capture = new RawCapture();
    play(capture);
    expect(await traceroutesOf(capture)).toEqual([]);
  });
});

describe('packets that end early', () => {
  it('are no trouble, wherever they do', { timeout: 60_000 }, async () => {
    const labels = [{ label: 16 }];
    for (const { prober } of ways) {
      const probe = prober.probe(2, 2);
      const error = mplsTimeExceeded({ from: HOPS[1] ?? '', to: SOURCE, quoted: probe, labels });
      const capture = new RawCapture();
      trace(capture, { prober });
      for (const packet of [probe, error, prober.answer(2, 2, probe)]) {
        for (let caplen = 1; caplen < packet.octets.length; caplen++) {
          capture.wait(0.001);
          capture.add(packet.octets, { caplen });
          // The same, sent too short.
          capture.add(packet.octets.subarray(0, caplen));
        }
      }
      expect((await traceroutesOf(capture)).length).toBeLessThanOrEqual(2);
    }
  });
});

describe('what is kept', () => {
  async function analyzerOf(bytes: Uint8Array): Promise<Analyzer> {
    const input = new CaptureInput({
      path: 'x',
      index: 0,
      open: () => new MemorySource(bytes),
      registry: new InterfaceRegistry(),
      unpackers: {},
    });
    await input.open();
    return new Analyzer([input], new RecordStore(new Set(), 0), {});
  }

  it('is told at any time, and telling changes nothing', async () => {
    const capture = new RawCapture();
    trace(capture, { prober: byEcho(), hops: [HOPS[0] ?? '', null, HOPS[2] ?? ''], isMtr: true, rounds: 5 });
    const [often, once] = [await analyzerOf(capture.bytes), await analyzerOf(capture.bytes)];
    const { traceroutes } = often.trackers;
    let lists = 0;
    let before = traceroutes.list;
    while (often.read(1) > 0) {
      expect(traceroutes.list).toBe(traceroutes.list);
      if (traceroutes.list !== before) lists++;
      before = traceroutes.list;
    }
    expect(lists).toBeGreaterThan(10);
    once.read();
    expect(traceroutes.list).toEqual(once.trackers.traceroutes.list);
    const open = traceroutes.list.map(({ probes }) => probes);
    for (const analyzer of [often, once]) analyzer.conclude();
    expect(traceroutes.list).toEqual(once.trackers.traceroutes.list);
    expect(traceroutes.list.map(({ probes }) => probes)).toEqual(open);
    often.trackers.restart();
    expect(traceroutes.list).toEqual([]);
  });

  it('is bounded, whatever is sent with small TTLs', { timeout: 60_000 }, async () => {
    const capture = new RawCapture();
    for (let n = 0; n < 30_000; n++) {
      const hash = Math.imul(n, 0x9e3779b1) >>> 0;
      const from = `10.${hash >>> 24}.${(hash >>> 16) & 255}.${(hash >>> 8) & 255}`;
      capture.wait(0.0001);
      capture.send(
        udp({ from: `${from}:${1024 + (hash & 0x7fff)}`, to: `203.0.113.${n & 31}:33434`, payload: octets(1), ttl: 1 + (hash & 31) }),
      );
    }
    const analyzer = await analyzerOf(capture.bytes);
    analyzer.read();
    const { traceroutes } = analyzer.trackers;
    expect(traceroutes.list).toEqual([]);
    expect(traceroutes.size).toBeLessThanOrEqual(4096 + 8192);
    // Single packets are no loss.
    expect(traceroutes.evicted).toBe(0);
  });

  it('is no probe for longer than there is room; whose fate stays unknown is counted', { timeout: 60_000 }, async () => {
    const capture = new RawCapture();
    trace(capture, { prober: byPorts, hops: () => null, last: 30, rounds: 300, isMtr: true, interval: 0.0004 });
    const { traceroutes, stateEvicted } = await analysisOf(capture.bytes);
    expect(traceroutes.map(({ probes, hops }) => [probes, hops.length])).toEqual([[9000, 30]]);
    expect(stateEvicted).toBe(9000 - 8192);
  });

  it('is at most a thousand traceroutes; who is pushed out is counted', { timeout: 60_000 }, async () => {
    const capture = new RawCapture();
    for (let n = 0; n < 1100; n++) {
      const ends = { from: SOURCE, to: `203.0.${n >> 8}.${n & 255}` };
      for (const ttl of [1, 2, 3]) capture.wait(0.0005).send(byPorts.probe(ttl, ttl, ends));
    }
    const { traceroutes, stateEvicted } = await analysisOf(capture.bytes);
    expect({ all: traceroutes.length, stateEvicted }).toEqual({ all: 1100, stateEvicted: 76 });
  });
});
