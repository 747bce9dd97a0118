import { describe, expect, it } from 'vitest';
import { Rib } from '../../src/track/bgp/rib.ts';
import type { BgpSession } from '../../src/track/bgp/session.ts';
import {
  AnyCapture,
  bgpEndOfRib,
  bgpKeepalive,
  bgpNotification,
  bgpOpen,
  bgpRouteRefresh,
  bgpShutdown,
  bgpUpdate,
  EthernetCapture,
  gre,
  hostUnreachable,
  type NetworkPacket,
  RawCapture,
  TcpFlags,
  timeExceeded,
} from '../craft/index.ts';
import { BgpConversation, type Followed, followBgp, type Speaker } from '../tools/bgp.ts';

const A: Speaker = { ip: '192.0.2.1', as: 64_512, id: '10.0.0.1', holdTime: 9 };
const B: Speaker = { ip: '192.0.2.2', as: 64_513, id: '10.0.0.2', holdTime: 180 };
const C: Speaker = { ip: '192.0.2.3', as: 64_514, id: '10.0.0.3', holdTime: 180 };
const PREFIX = '203.0.113.0/24';
const FAR = '203.0.113.7';

const route = (by: Speaker, more: Parameters<typeof bgpUpdate>[0] = {}): Uint8Array =>
  bgpUpdate({ announced: [PREFIX], nextHop: by.ip, asPath: [by.as], ...more });

const onlySession = ({ tracker }: Followed): BgpSession => {
  const [session, ...others] = tracker.sessions;
  expect(others).toEqual([]);
  if (!session) throw new Error('no session');
  return session;
};

const statesOf = ({ connections }: BgpSession): string[] =>
  connections.flatMap(({ states }) => states.map(({ state, stamp }) => `${state} ${stamp.frame}`));

describe('a session', () => {
  it('is followed from its SYN: states, OPENs, hold time, who is who', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B).establish().say('server', route(B), bgpEndOfRib());
    const followed = await followBgp(capture.bytes);
    const session = onlySession(followed);
    expect(statesOf(session)).toEqual(['connect 1', 'open-sent 4', 'open-confirm 6', 'established 8']);
    expect(session).toMatchObject({
      a: { ip: A.ip, as: A.as, id: A.id, keepalives: 1, updates: 0 },
      b: { ip: B.ip, as: B.as, id: B.id, keepalives: 1, updates: 2 },
      holdTime: 9,
      isPartial: false,
      established: 1,
      resets: 0,
      attempts: 1,
      syns: 1,
      opensSeen: 2,
      ttl: 64,
    });
    expect(followed.records.map((record) => Object.keys(record)[0])).toEqual(['session', 'route', 'best']);
    expect(followed.tracker.bestFor(A.ip, FAR)).toMatchObject({ decidingStep: 'only-path', isComplete: true, prefix: PREFIX });
    expect(followed.tracker.bestFor(B.ip, FAR)).toBe(undefined);
    expect(followed.tracker.bestFor(A.ip, '198.51.100.1')).toBe(undefined);
  });

  it('counts SYNs that nobody answers, in attempts from several ports', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B, { port: 40_001, ttl: 1 }).syn().syn().syn();
    capture.wait(10);
    new BgpConversation(capture, A, B, { port: 40_002, ttl: 1 }).syn();
    const session = onlySession(await followBgp(capture.bytes));
    expect(session).toMatchObject({ attempts: 2, syns: 4, established: 0, ttl: 1 });
    expect(session.connections.map(({ syns, synTtl, isAccepted }) => [syns, synTtl, isAccepted])).toEqual([
      [3, 1, false],
      [1, 1, false],
    ]);
  });

  it('is refused by RST', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B).syn().end('server', TcpFlags.Rst);
    const [connection] = onlySession(await followBgp(capture.bytes)).connections;
    expect(connection).toMatchObject({ refusal: { kind: 'rst', from: B.ip, count: 1, stamp: { frame: 2 } }, isAccepted: false, end: null });
  });

  it('is refused by an ICMP error', async () => {
    const capture = new RawCapture();
    const talk = new BgpConversation(capture, A, B).syn();
    capture.wait(0.1).send(hostUnreachable({ from: B.ip, to: A.ip, quoted: talk.segment('client', TcpFlags.Syn) }));
    const [connection] = onlySession(await followBgp(capture.bytes)).connections;
    expect(connection?.refusal).toMatchObject({ kind: 'icmp', from: B.ip, text: 'host unreachable' });
  });

  it.each([1, 0])('begins with the data of its SYN, where sequence numbers count the SYN as %i', async (counted) => {
    const capture = new RawCapture();
    const talk = new BgpConversation(capture, A, B);
    const open = bgpOpen(A);
    capture.wait(0.01).send(talk.segment('client', TcpFlags.Syn, open));
    talk.next.client += open.length + counted;
    talk.lose('client', 1, bgpKeepalive()).lose('client', 1, route(A));
    const { tracker } = await followBgp(capture.bytes);
    expect(tracker.sessions[0]).toMatchObject({ a: { as: A.as, keepalives: 1, updates: 1 }, opensSeen: 1, syns: 1 });
    expect(tracker.bestFor(B.ip, FAR)?.route.from).toBe(A.ip);
  });

  it('of other routers with the same addresses, in another VLAN, mixes no routes with it', async () => {
    const capture = new EthernetCapture();
    const inVlan = (vlan: number): BgpConversation => {
      const send = (packet: NetworkPacket): number =>
        capture.send(packet, { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02', vlans: [vlan] });
      return new BgpConversation({ wait: (seconds) => capture.wait(seconds), send }, A, B, { port: 40_000 + vlan });
    };
    const [red, green] = [inVlan(10).establish(), inVlan(20).establish()];
    green.say('server', route(B, { announced: ['203.0.113.0/25'] }));
    red.say('server', route(B));
    green.end('server', TcpFlags.Rst);
    const { tracker } = await followBgp(capture.bytes, { isOver: false });
    expect(tracker.sessions.map(({ resets }) => resets)).toEqual([0, 1]);
    expect(tracker.covering(A.ip, FAR).map(({ prefix }) => prefix)).toEqual([PREFIX]);
    expect(tracker.coveredBefore(A.ip, FAR).map(({ prefix }) => prefix)).toEqual([PREFIX]);
    expect(tracker.bests.map(({ prefix }) => prefix)).toEqual([PREFIX]);
    expect(tracker.routes).toHaveLength(2);
  });

  it('has an address in the way where its TTL is not enough, also if the capture has the error alone', async () => {
    for (const hasSyn of [true, false]) {
      const capture = new RawCapture();
      const talk = new BgpConversation(capture, A, B, { ttl: 1 });
      if (hasSyn) talk.syn();
      for (let i = 0; i < 3; i++)
        capture.wait(1).send(timeExceeded({ from: '198.51.100.1', to: A.ip, quoted: talk.segment('client', TcpFlags.Syn) }));
      const [connection] = onlySession(await followBgp(capture.bytes)).connections;
      expect(connection).toMatchObject({
        syns: hasSyn ? 1 : 0,
        ttlExceeded: { from: '198.51.100.1', count: 3, sender: A.ip, isSyn: true },
      });
    }
  });

  it('ends by NOTIFICATION, with what the operator wrote', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B)
      .establish()
      .say('server', route(B))
      .say('server', bgpShutdown('upgrade tonight'))
      .end('server', TcpFlags.Fin)
      .end('client', TcpFlags.Rst);
    const followed = await followBgp(capture.bytes);
    const session = onlySession(followed);
    expect(session).toMatchObject({ established: 1, resets: 1 });
    expect(session.connections[0]).toMatchObject({
      notification: {
        from: B.ip,
        code: 6,
        subcode: 2,
        text: 'Cease: administrative shutdown',
        message: 'upgrade tonight',
        stamp: { frame: 12 },
      },
      end: { cause: 'notification', by: B.ip },
    });
    expect(statesOf(session).at(-1)).toBe('idle 12');
    expect(followed.tracker.routes).toMatchObject([{ prefix: PREFIX, ended: { how: 'session', stamp: { frame: 12 } } }]);
    expect(followed.tracker.bestFor(A.ip, FAR)).toBe(undefined);
    expect(followed.tracker.coveredBefore(A.ip, FAR)).toHaveLength(1);
    expect(followed.tracker.covering(A.ip, FAR)).toEqual([]);
  });

  it('ends by NOTIFICATION also where the FIN behind it was captured first', async () => {
    const capture = new RawCapture();
    const talk = new BgpConversation(capture, A, B).establish();
    const told = talk.segment('server', TcpFlags.Ack | TcpFlags.Psh, bgpNotification(6, 4));
    talk.next.server += 21;
    talk.end('server', TcpFlags.Fin);
    capture.wait(0.001).send(told);
    const session = onlySession(await followBgp(capture.bytes));
    expect(session.connections[0]).toMatchObject({ end: { cause: 'notification', by: B.ip }, notification: { code: 6, subcode: 4 } });
    expect(session.resets).toBe(1);
  });

  it('stays over where an OPEN crossed the FIN', async () => {
    const capture = new RawCapture();
    const talk = new BgpConversation(capture, A, B).connect().end('server', TcpFlags.Fin);
    talk.say('client', bgpOpen(A)).end('server', TcpFlags.Rst);
    const session = onlySession(await followBgp(capture.bytes));
    expect(statesOf(session)).toEqual(['connect 1', 'idle 4']);
    expect(session).toMatchObject({ established: 0, resets: 0, opensSeen: 1, a: { as: A.as } });
    expect(session.connections[0]).toMatchObject({ end: { cause: 'fin', by: B.ip }, established: null });
  });

  it('keeps what a hard reset is about (RFC 8538), and nothing of the kind of others', async () => {
    const hardResetOf = async (notification: Uint8Array): Promise<unknown> => {
      const capture = new RawCapture();
      new BgpConversation(capture, A, B).establish().say('server', notification);
      return onlySession(await followBgp(capture.bytes)).connections[0]?.notification?.hardReset;
    };
    expect(await hardResetOf(bgpNotification(6, 9, [6, 2]))).toEqual({ code: 6, subcode: 2 });
    expect(await hardResetOf(bgpNotification(6, 9))).toBeNull();
    expect(await hardResetOf(bgpShutdown('upgrade tonight'))).toBeNull();
    expect(await hardResetOf(bgpNotification(4, 0))).toBeNull();
  });

  it.each([
    ['rst', TcpFlags.Rst],
    ['fin', TcpFlags.Fin],
  ] as const)('ends by %s, and comes again', async (cause, flag) => {
    const capture = new RawCapture();
    for (const port of [40_001, 40_002, 40_003]) {
      new BgpConversation(capture, A, B, { port }).establish().say('server', route(B)).end('client', flag);
      capture.wait(5);
    }
    const followed = await followBgp(capture.bytes);
    const session = onlySession(followed);
    expect(session).toMatchObject({ established: 3, resets: 3, opensSeen: 6 });
    expect(session.connections.map(({ end }) => [end?.cause, end?.by])).toEqual(Array.from({ length: 3 }, () => [cause, A.ip]));
    expect(followed.tracker.routes.map(({ ended }) => ended?.how)).toEqual(['session', 'session', 'session']);
    expect(followed.records.filter((record) => 'route' in record)).toHaveLength(3);
  });

  it('is superseded by a newer connection, where its own end is not seen', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B, { port: 40_001 }).establish().say('server', route(B));
    new BgpConversation(capture, A, B, { port: 40_002 }).establish().say('server', route(B, { med: 5 }));
    const followed = await followBgp(capture.bytes);
    expect(onlySession(followed)).toMatchObject({ established: 2, resets: 1 });
    expect(onlySession(followed).connections[0]?.end?.cause).toBe('superseded');
    expect(followed.tracker.routesTo(A.ip)).toMatchObject([{ attributes: { med: 5 }, ended: null }]);
  });

  it('is not reset by a collision: two connections at once, of which one is given up', async () => {
    const endings: ((talk: BgpConversation) => unknown)[] = [
      (talk) => talk.say('server', bgpNotification(6, 7)).end('server', TcpFlags.Fin),
      (talk) => talk.end('server', TcpFlags.Rst),
    ];
    for (const giveUp of endings) {
      const capture = new RawCapture();
      const kept = new BgpConversation(capture, A, B, { port: 40_001 }).connect().say('client', bgpOpen(A));
      const lost = new BgpConversation(capture, B, A, { port: 40_002 }).connect().say('client', bgpOpen(B));
      giveUp(lost);
      kept.say('server', bgpOpen(B), bgpKeepalive()).say('client', bgpKeepalive());
      const session = onlySession(await followBgp(capture.bytes));
      expect(session).toMatchObject({ established: 1, resets: 0, isPartial: false });
      expect(session.connections.map(({ isCollision }) => isCollision)).toEqual([false, true]);
    }
  });

  it('that is rejected with its OPEN is no collision', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B).connect().say('client', bgpOpen(A)).say('server', bgpNotification(2, 2)).end('server', TcpFlags.Fin);
    const session = onlySession(await followBgp(capture.bytes));
    expect(session).toMatchObject({ established: 0, resets: 0 });
    expect(session.connections[0]).toMatchObject({
      isCollision: false,
      notification: { code: 2, subcode: 2 },
      end: { cause: 'notification' },
    });
  });

  it('keeps the first connections and the latest, and counts all', async () => {
    const capture = new RawCapture();
    for (let i = 0; i < 100; i++) new BgpConversation(capture, A, B, { port: 30_000 + i }).syn().end('server', TcpFlags.Rst);
    const session = onlySession(await followBgp(capture.bytes));
    expect(session).toMatchObject({ connectionsSeen: 100, attempts: 100, syns: 100 });
    expect(session.connections.map(({ client }) => client.port)).toEqual([30_000, ...Array.from({ length: 63 }, (_, i) => 30_037 + i)]);
  });

  it('is none where something else uses the port as its own', async () => {
    const capture = new RawCapture();
    const talk = new BgpConversation(capture, A, B);
    talk.say('server', new TextEncoder().encode('HTTP/1.1 200 OK, and what follows it'));
    expect((await followBgp(capture.bytes)).tracker.sessions).toEqual([]);
  });
});

describe('a session elsewhere', () => {
  it('is followed on IPv6, of link-local addresses too', async () => {
    for (const [ipA, ipB] of [
      ['2001:db8::1', '2001:db8::2'],
      ['fe80::1', 'fe80::2'],
    ] as const) {
      const capture = new RawCapture();
      const talk = new BgpConversation(capture, { ...B, ip: ipB }, { ...A, ip: ipA }).establish();
      talk.say('client', bgpUpdate({ asPath: [B.as], reach: { family: '2/1', nextHop: ipB, announced: ['2001:db8:7::/48'] } }));
      const followed = await followBgp(capture.bytes);
      expect(onlySession(followed)).toMatchObject({ a: { ip: ipA }, b: { ip: ipB }, established: 1, isPartial: false });
      expect(followed.tracker.bestFor(ipA, '2001:db8:7::7')?.route.from).toBe(ipB);
    }
  });

  it('is one where a host shows it on two interfaces, as bridge and port do, and nothing counts twice', async () => {
    const capture = new AnyCapture();
    const both = {
      wait: (seconds: number) => capture.wait(seconds),
      send: (packet: NetworkPacket) => {
        capture.incoming(packet, 2, '02:00:00:00:00:01');
        capture.wait(0.0001).incoming(packet, 3, '02:00:00:00:00:01');
      },
    };
    new BgpConversation(both, A, B).establish().say('server', route(B)).lose('server', 3, bgpKeepalive());
    const session = onlySession(await followBgp(capture.bytes));
    expect(session).toMatchObject({ syns: 1, established: 1, interfaceId: 2 });
    expect(session.b).toMatchObject({ retransmissions: 38, stuck: { times: 3 } });
    expect(session.connections[0]?.speakers.map(({ segments }) => segments)).toEqual([6, 8]);
  });

  it('is another one where the port is used again, also where it is seen in a tunnel as well', async () => {
    const capture = new RawCapture();
    const twice = {
      wait: (seconds: number) => capture.wait(seconds),
      send: (packet: NetworkPacket) => {
        capture.send(packet);
        capture.wait(0.0001).send(gre('198.51.100.1', '198.51.100.2', packet));
      },
    };
    new BgpConversation(twice, A, B).establish().end('client', TcpFlags.Rst);
    const again = new BgpConversation(twice, A, B);
    again.next.client = 0x7000_0000;
    again.next.server = 0x1000_0000;
    again.establish().say('server', route(B));
    const session = onlySession(await followBgp(capture.bytes));
    expect(session).toMatchObject({ connectionsSeen: 2, established: 2, resets: 1, path: 0 });
  });

  it('is not ended by a RST whose sequence number fits nowhere', async () => {
    const capture = new RawCapture();
    const talk = new BgpConversation(capture, A, B).establish();
    capture.wait(1).send(talk.segment('server', TcpFlags.Rst, new Uint8Array(0), 0x1234_5678));
    talk.say('server', route(B));
    const followed = await followBgp(capture.bytes);
    expect(onlySession(followed)).toMatchObject({ resets: 0 });
    expect(followed.tracker.routesTo(A.ip)).toHaveLength(1);
  });
});

describe('data that does not get through', () => {
  it('is told with its size, how often it was sent, and whether it is more than KEEPALIVEs', async () => {
    for (const [message, isKeepaliveOnly] of [
      [bgpKeepalive(), true],
      [route(A), false],
    ] as const) {
      const capture = new RawCapture();
      new BgpConversation(capture, A, B).establish().lose('client', 4, message);
      const { a, connections } = onlySession(await followBgp(capture.bytes));
      expect(a.retransmissions).toBe(3 * message.length);
      expect(a.stuck).toMatchObject({ size: message.length, times: 4, isKeepaliveOnly, first: { frame: 10 }, last: { frame: 13 } });
      expect(connections[0]?.speakers.map(({ stuck }) => stuck !== null)).toEqual([true, false]);
    }
  });

  it('is not stuck any more once it is acknowledged', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B).establish().lose('client', 4, route(A)).say('server', bgpKeepalive());
    const { a } = onlySession(await followBgp(capture.bytes));
    expect(a.retransmissions).toBeGreaterThan(0);
    expect(a.stuck).toBe(null);
  });
});

describe('a capture that begins in the middle', () => {
  it('is partial, and has what it has', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B).say('server', bgpKeepalive()).say('client', bgpKeepalive()).say('server', route(B));
    const followed = await followBgp(capture.bytes);
    const session = onlySession(followed);
    expect(session).toMatchObject({ isPartial: true, established: 1, holdTime: null, a: { as: null } });
    expect(session.connections[0]).toMatchObject({ synFirst: null, isAccepted: true });
    expect(followed.tracker.bestFor(A.ip, FAR)).toMatchObject({ isComplete: false, route: { isAssumed: true, peering: 'external' } });
  });

  it('finds the next message by its marker', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B).say('server', route(B).subarray(7), route(B, { announced: ['198.51.100.0/24'] }));
    const { tracker } = await followBgp(capture.bytes);
    expect(tracker.routes.map(({ prefix }) => prefix)).toEqual(['198.51.100.0/24']);
  });

  it('is whole where it begins with the OPENs', async () => {
    const capture = new RawCapture();
    const talk = new BgpConversation(capture, A, B).say('client', bgpOpen(A)).say('server', bgpOpen(B), bgpKeepalive());
    talk.say('client', bgpKeepalive()).say('server', route(B), bgpEndOfRib());
    const followed = await followBgp(capture.bytes);
    expect(onlySession(followed)).toMatchObject({ isPartial: false, holdTime: 9 });
    expect(followed.tracker.bestFor(A.ip, FAR)?.isComplete).toBe(true);
  });

  it('of one direction is partial', async () => {
    const capture = new RawCapture();
    const oneWay = {
      wait: (seconds: number) => capture.wait(seconds),
      send: (packet: NetworkPacket) => isFrom(packet, B.ip) && capture.send(packet),
    };
    new BgpConversation(oneWay, A, B).establish().say('server', route(B)).say('server', bgpKeepalive());
    const followed = await followBgp(capture.bytes);
    expect(onlySession(followed)).toMatchObject({ isPartial: true, established: 1 });
    expect(followed.tracker.routesTo(A.ip)).toHaveLength(1);
  });
});

const isFrom = ({ octets }: NetworkPacket, ip: string): boolean => octets.subarray(12, 16).join('.') === ip;

describe('a packet that is sighted twice', () => {
  it('inside and outside of a tunnel belongs to one session, that of the fewest tunnels', async () => {
    const capture = new RawCapture();
    const twice = {
      wait: (seconds: number) => capture.wait(seconds),
      send: (packet: NetworkPacket) => {
        capture.send(gre('198.51.100.1', '198.51.100.2', packet));
        capture.wait(0.0001).send(packet);
      },
    };
    new BgpConversation(twice, A, B).establish().say('server', route(B)).lose('server', 3, bgpKeepalive());
    const followed = await followBgp(capture.bytes);
    const session = onlySession(followed);
    expect(session).toMatchObject({ path: 0, established: 1, syns: 1, opensSeen: 2, attempts: 1 });
    expect(session.b).toMatchObject({ keepalives: 2, updates: 1, stuck: { times: 3 } });
    expect(followed.tracker.routes).toHaveLength(1);
  });

  it('is told apart from another session between the same addresses in another tunnel', async () => {
    const capture = new RawCapture();
    const inside = {
      wait: (seconds: number) => capture.wait(seconds),
      send: (packet: NetworkPacket) => capture.send(gre('198.51.100.1', '198.51.100.2', packet)),
    };
    new BgpConversation(capture, A, B).establish();
    const other = new BgpConversation(inside, A, B);
    other.next.client = 0x4000_0000;
    other.next.server = 0x5000_0000;
    other.establish();
    const { tracker } = await followBgp(capture.bytes);
    expect(tracker.sessions.map(({ established }) => established)).toEqual([1, 1]);
    expect(new Set(tracker.sessions.map(({ path }) => path)).size).toBe(2);
  });
});

describe('routes', () => {
  const toldBy = async (...messages: Uint8Array[]): Promise<Followed> => {
    const capture = new RawCapture();
    const talk = new BgpConversation(capture, A, B).establish();
    for (const message of messages) talk.say('server', message);
    return followBgp(capture.bytes);
  };

  it('hold until they are withdrawn', async () => {
    const { tracker, records } = await toldBy(route(B), bgpUpdate({ withdrawn: [PREFIX] }));
    expect(tracker.routes).toMatchObject([{ announced: { frame: 10 }, ended: { how: 'withdrawn', stamp: { frame: 12 } } }]);
    expect(tracker.routesTo(A.ip)).toEqual([]);
    expect(records.flatMap((record) => ('best' in record ? [record.best] : []))).toMatchObject([
      { since: { frame: 10 }, until: { frame: 12 } },
    ]);
  });

  it('are replaced by what comes later, but not by the same again', async () => {
    const { tracker } = await toldBy(route(B), route(B), route(B, { med: 7 }));
    expect(tracker.routes.map(({ announced, ended, attributes }) => [announced.frame, ended?.how, attributes.med])).toEqual([
      [10, 'replaced', null],
      [14, undefined, 7],
    ]);
  });

  it('are gone after a refresh that does not have them any more (RFC 7313)', async () => {
    const other = route(B, { announced: ['198.51.100.0/24'] });
    const { tracker } = await toldBy(route(B), other, bgpRouteRefresh('1/1', 1), other, bgpRouteRefresh('1/1', 2));
    expect(tracker.routesTo(A.ip).map(({ prefix }) => prefix)).toEqual(['198.51.100.0/24']);
  });

  it('of IPv6, and with path identifiers, stand beside each other', async () => {
    const capabilities = { families: ['1/1', '2/1'], addPath: [{ family: '1/1', mode: 3 }] };
    const capture = new RawCapture();
    const talk = new BgpConversation(
      capture,
      { ...A, capabilities: { ...capabilities, as4: A.as } },
      { ...B, capabilities: { ...capabilities, as4: B.as } },
    ).establish();
    talk.say(
      'server',
      route(B, { announced: [{ prefix: PREFIX, pathId: 1 }] }),
      route(B, { announced: [{ prefix: PREFIX, pathId: 2 }], med: 1 }),
    );
    talk.say('server', bgpUpdate({ asPath: [B.as], reach: { family: '2/1', nextHop: '2001:db8::2', announced: ['2001:db8:1::/48'] } }));
    talk.say('server', bgpUpdate({ withdrawn: [{ prefix: PREFIX, pathId: 1 }] }));
    const { tracker } = await followBgp(capture.bytes);
    expect(tracker.routesTo(A.ip).map(({ prefix, pathId, nextHop }) => [prefix, pathId, nextHop])).toEqual([
      [PREFIX, 2, B.ip],
      ['2001:db8:1::/48', null, '2001:db8::2'],
    ]);
    expect(tracker.bestFor(A.ip, '2001:db8:1::7')?.prefix).toBe('2001:db8:1::/48');
  });

  it('are found by the longest prefix', async () => {
    const { tracker } = await toldBy(route(B, { announced: ['0.0.0.0/0', '203.0.0.0/8', PREFIX, '203.0.113.8/32'] }));
    expect([FAR, '203.0.113.8', '203.1.0.0', '8.8.8.8'].map((ip) => tracker.bestFor(A.ip, ip)?.prefix)).toEqual([
      PREFIX,
      '203.0.113.8/32',
      '203.0.0.0/8',
      '0.0.0.0/0',
    ]);
    expect(tracker.covering(A.ip, FAR).map(({ prefix }) => prefix)).toEqual([PREFIX, '203.0.0.0/8', '0.0.0.0/0']);
    expect(tracker.announcedCovering(B.ip, FAR).map(({ prefix }) => prefix)).toEqual([PREFIX, '203.0.0.0/8', '0.0.0.0/0']);
    expect(tracker.announcedCovering(A.ip, FAR)).toEqual([]);
  });

  it('are counted by next hop', async () => {
    const { tracker } = await toldBy(
      route(B, { announced: [PREFIX, '198.51.100.0/24'] }),
      route(B, { announced: ['10.0.0.0/8'], nextHop: '192.0.2.77' }),
      bgpUpdate({ withdrawn: ['198.51.100.0/24'] }),
    );
    expect([...tracker.nextHops()].map(({ from, to, nextHop, count, sample }) => [from, to, nextHop, count, sample.length])).toEqual([
      [B.ip, A.ip, B.ip, 1, 1],
      [B.ip, A.ip, '192.0.2.77', 1, 1],
    ]);
  });

  it('that a receiver must ignore are no candidates', async () => {
    const { tracker } = await toldBy(route(B, { asPath: [B.as, A.as] }), route(B, { announced: ['10.0.0.0/8'], nextHop: A.ip }));
    expect(tracker.routesTo(A.ip).map(({ ignored }) => ignored)).toEqual(['own-as', 'own-next-hop']);
    expect(tracker.bestFor(A.ip, FAR)).toBe(undefined);
    expect([...tracker.nextHops()]).toEqual([]);
  });

  it('that are malformed count as withdrawn', async () => {
    const { tracker } = await toldBy(route(B), bgpUpdate({ announced: [PREFIX], asPath: [B.as], raw: [0x40, 3, 2, 192, 0] }));
    expect(tracker.sessions[0]?.connections[0]?.speakers[1].malformed).toBe(1);
    expect(tracker.routesTo(A.ip)).toEqual([]);
  });

  it('push out the oldest where there are too many, which is counted and makes the rest partial', async () => {
    const capture = new RawCapture();
    const announced = Array.from({ length: 100 }, (_, i) => `10.${i}.0.0/16`);
    new BgpConversation(capture, A, B).establish().say('server', route(B, { announced }), bgpEndOfRib());
    const { tracker, records } = await followBgp(capture.bytes, { mostRoutes: 60 });
    expect(tracker.evicted).toBe(40);
    expect(tracker.routesTo(A.ip).map(({ prefix }) => prefix)).toEqual(announced.slice(40));
    expect(tracker.bestFor(A.ip, '10.99.0.1')?.isComplete).toBe(false);
    expect(records.filter((record) => 'route' in record)).toHaveLength(100);
  });
});

describe('a prefix', () => {
  it('that is told in ever more ways pushes out the oldest, which is counted', async () => {
    const capabilities = { families: ['1/1'], addPath: [{ family: '1/1', mode: 3 }] };
    const capture = new RawCapture();
    const speaker = (each: Speaker): Speaker => ({ ...each, capabilities: { ...capabilities, as4: each.as } });
    const talk = new BgpConversation(capture, speaker(A), speaker(B)).establish();
    for (let pathId = 0; pathId < 300; pathId++) talk.say('server', route(B, { announced: [{ prefix: PREFIX, pathId }], med: pathId }));
    talk.say('server', bgpEndOfRib());
    const { tracker, records } = await followBgp(capture.bytes);
    expect(tracker.routesTo(A.ip).map(({ pathId }) => pathId)).toEqual(Array.from({ length: 256 }, (_, i) => i + 44));
    expect(tracker.evicted).toBe(44);
    expect(tracker.bestFor(A.ip, FAR)).toMatchObject({ route: { pathId: 44 }, isComplete: false });
    expect(records.filter((record) => 'route' in record)).toHaveLength(300);
  });
});

describe('a router with several sessions', () => {
  const twoTold = async (ofB: Uint8Array, ofC: Uint8Array): Promise<Followed> => {
    const capture = new RawCapture();
    const [b, c] = [new BgpConversation(capture, A, B, { port: 40_001 }), new BgpConversation(capture, A, C, { port: 40_002 })];
    b.establish();
    c.establish();
    b.say('server', ofB, bgpEndOfRib());
    c.say('server', ofC, bgpEndOfRib());
    return followBgp(capture.bytes);
  };

  it('chooses between what all of them tell, and the reason is named', async () => {
    const { tracker } = await twoTold(route(B, { asPath: [B.as, 65_000] }), route(C));
    expect(tracker.bestFor(A.ip, FAR)).toMatchObject({ route: { from: C.ip }, decidingStep: 'as-path', isComplete: true });
    expect(tracker.bestFor(A.ip, FAR)?.candidates.map(({ from }) => from)).toEqual([C.ip, B.ip]);
  });

  it('is told as not complete while one of them has not come to its end', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B, { port: 40_001 }).establish().say('server', route(B), bgpEndOfRib());
    new BgpConversation(capture, A, C, { port: 40_002 }).establish().say('server', route(C));
    expect((await followBgp(capture.bytes)).tracker.bestFor(A.ip, FAR)?.isComplete).toBe(false);
  });

  it('changes its mind when the better one goes, and both choices have their time', async () => {
    const capture = new RawCapture();
    const b = new BgpConversation(capture, A, B, { port: 40_001 }).establish().say('server', route(B));
    const c = new BgpConversation(capture, A, C, { port: 40_002 }).establish().say('server', route(C, { asPath: [C.as, 1, 2] }));
    b.say('server', bgpUpdate({ withdrawn: [PREFIX] }));
    c.end('server', TcpFlags.Rst);
    const { records } = await followBgp(capture.bytes);
    const bests = records.flatMap((record) => ('best' in record ? [record.best] : []));
    expect(bests.map(({ route: { from }, since, until, candidates }) => [from, since.frame, until?.frame, candidates.length])).toEqual([
      [B.ip, 10, 23, 2],
      [C.ip, 23, 25, 1],
    ]);
  });

  it('is one by its BGP Identifier, with different addresses', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B, { port: 40_001 }).establish().say('server', route(B));
    new BgpConversation(capture, { ...A, ip: '198.51.100.1' }, C, { port: 40_002 })
      .establish()
      .say('server', route(C, { asPath: [C.as, 1] }));
    const { tracker } = await followBgp(capture.bytes);
    expect(tracker.routerOf(A.ip)).toEqual([A.ip, '198.51.100.1']);
    for (const ip of tracker.routerOf(A.ip))
      expect(tracker.bestFor(ip, FAR)).toMatchObject({ route: { from: B.ip }, decidingStep: 'as-path' });
  });

  it('is none any more for an address that another router has by now', async () => {
    const second = '198.51.100.1';
    const capture = new RawCapture();
    new BgpConversation(capture, A, B, { port: 40_001 }).establish().say('server', route(B));
    const old = new BgpConversation(capture, { ...A, ip: second }, C, { port: 40_002 }).establish().end('client', TcpFlags.Rst);
    expect(old.server).toBe(C);
    const replaced = { ...A, ip: second, id: '10.0.0.99' };
    new BgpConversation(capture, replaced, C, { port: 40_003 }).establish().say('server', route(C, { asPath: [C.as, 1] }));
    const { tracker } = await followBgp(capture.bytes);
    expect(tracker.routerOf(A.ip)).toEqual([A.ip]);
    expect(tracker.routerOf(second)).toEqual([second]);
    expect([A.ip, second].map((ip) => tracker.bestFor(ip, FAR))).toMatchObject([
      { route: { from: B.ip }, decidingStep: 'only-path' },
      { route: { from: C.ip }, decidingStep: 'only-path' },
    ]);
  });

  it('is one where that is known only after routes were told', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B, { port: 40_001 }).say('server', bgpKeepalive(), route(B));
    const other = new BgpConversation(capture, { ...A, ip: '198.51.100.1' }, C, { port: 40_002 }).establish();
    other.say('server', route(C, { asPath: [C.as, 1] }));
    // The first one begins anew, with an OPEN.
    new BgpConversation(capture, A, B, { port: 40_003 }).establish().say('server', route(B, { asPath: [B.as, 1, 2] }));
    const { tracker } = await followBgp(capture.bytes);
    expect(tracker.bestFor(A.ip, FAR)).toMatchObject({ route: { from: C.ip }, candidates: [{ from: B.ip }, { from: C.ip }] });
  });
});

describe('strangers', () => {
  it('fill no table beyond its limits', async () => {
    const capture = new EthernetCapture();
    for (let i = 0; i < 6000; i++) {
      const from = { ...A, ip: `10.${i >> 8}.${i & 255}.1` };
      const packet = new BgpConversation(new RawCapture(), from, B, { port: 1024 + i }).segment('client', TcpFlags.Syn);
      capture.wait(0.001).send(packet, { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' });
    }
    const { tracker, records } = await followBgp(capture.bytes);
    expect(tracker.size).toBeLessThanOrEqual(2048);
    expect(tracker.evicted).toBe(6000 - 2048);
    expect(records.filter((record) => 'session' in record)).toHaveLength(6000);
  });

  it('that send OPENs are forgotten', () => {
    const rib = new Rib({ told: () => {}, route: () => {}, best: () => {} });
    const keys = Array.from({ length: 20_000 }, (_, i) => `10.${i >> 8}.${i & 255}.1`);
    for (const key of keys) rib.identify(key, '192.0.2.99', 65_001, B.ip);
    expect(keys.filter((key) => rib.knownRouter(key) !== undefined).length).toBeLessThanOrEqual(4096);
  });
});
