import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpProtocol, type Packet } from '../../src/wire/packet.ts';
import { bgpEndOfRib, bgpKeepalive, bgpUpdate, RawCapture, TcpFlags, tcp } from '../craft/index.ts';
import { BgpConversation, type Followed, followBgp, type Speaker } from '../tools/bgp.ts';
import { readOctets, root } from '../tools/captures.ts';
import { eachPacket } from '../tools/walk.ts';

/* Sessions as captures have them: segments lost, repeated, out of order, cut otherwise, and captures that begin in the middle. */

interface Segment {
  at: number;
  from: string;
  to: string;
  flags: number;
  seq: number;
  ack: number;
  ttl: number;
  payload: Uint8Array;
}

/** The segments of BGP in a capture. */
async function segmentsOf(capture: Uint8Array): Promise<Segment[]> {
  const segments: Segment[] = [];
  let start = 0;
  await eachPacket(capture, (packet: Packet) => {
    const { view, transportAt, payloadAt, payloadCaptured } = packet;
    if (packet.transport !== IpProtocol.Tcp || (packet.sourcePort !== 179 && packet.destinationPort !== 179)) return;
    start ||= packet.at;
    segments.push({
      at: packet.at - start,
      from: `${packet.sourceIp}:${packet.sourcePort}`,
      to: `${packet.destinationIp}:${packet.destinationPort}`,
      flags: packet.tcpFlags,
      seq: view.getUint32(transportAt + 4),
      ack: view.getUint32(transportAt + 8),
      ttl: packet.ttl,
      payload: new Uint8Array(view.buffer, view.byteOffset + payloadAt, payloadCaptured).slice(),
    });
  });
  return segments;
}

function captureOf(segments: readonly Segment[]): Uint8Array {
  const capture = new RawCapture();
  for (const [i, { at, ...segment }] of segments.entries()) capture.at(at + 10).send(tcp({ ...segment, ident: i + 1 }));
  return capture.bytes;
}

const A: Speaker = { ip: '192.0.2.1', as: 64_512, id: '10.0.0.1', holdTime: 9 };
const B: Speaker = { ip: '192.0.2.2', as: 64_513, id: '10.0.0.2', holdTime: 9 };

/** A busy session: a hundred UPDATEs, what is withdrawn, told otherwise, told again. */
function busy(): Uint8Array {
  const capture = new RawCapture();
  const talk = new BgpConversation(capture, A, B).establish();
  for (let i = 0; i < 50; i++) {
    const announced = [0, 1, 2].map((j) => `10.${(i * 7) % 40}.${j}.0/24`);
    talk.say('server', bgpUpdate({ announced, nextHop: B.ip, asPath: [B.as, 65_000 + (i % 3)], med: i % 4 }));
    if (i % 5 === 0) talk.say('server', bgpUpdate({ withdrawn: [`10.${(i * 3) % 40}.1.0/24`] }), bgpKeepalive());
    if (i % 7 === 0) talk.say('client', bgpUpdate({ announced: [`172.16.${i}.0/24`], nextHop: A.ip, asPath: [A.as] }));
  }
  talk.say('server', bgpEndOfRib()).say('client', bgpEndOfRib());
  return capture.bytes;
}

const sources = {
  'a busy one': busy(),
  'next-hop-ignored/tun.pcap': readOctets(`${root}/captures/next-hop-ignored/tun.pcap`),
  'site-to-site/us-gre.pcap': readOctets(`${root}/captures/site-to-site/us-gre.pcap`),
};

/** What is known in the end: routes that hold and those that ended, the choices, and the sessions. */
function knownOf({ tracker }: Followed): unknown {
  const routes = tracker.routes.map(({ from, to, prefix, nextHop, attributes, ended }) => ({
    from,
    to,
    prefix,
    nextHop,
    attributes,
    how: ended?.how,
  }));
  const bests = tracker.bests.map(({ router, prefix, route, decidingStep, isComplete }) => ({
    router,
    prefix,
    from: route.from,
    decidingStep,
    isComplete,
  }));
  const sessions = tracker.sessions.map(({ a, b, holdTime, isPartial, established, resets, opensSeen }) => ({
    speakers: [a, b].map(({ ip, as, id, keepalives, updates }) => ({ ip, as, id, keepalives, updates })),
    holdTime,
    isPartial,
    established,
    resets,
    opensSeen,
  }));
  return { routes: sorted(routes), bests: sorted(bests), sessions: sorted(sessions) };
}

const sorted = <T>(list: readonly T[]): string[] => list.map((each) => JSON.stringify(each)).sort();

const holding = ({ tracker }: Followed): Set<string> =>
  new Set(tracker.routes.map(({ from, prefix, attributes, nextHop }) => JSON.stringify([from, prefix, nextHop, attributes])));

/** Cuts data into pieces of at most these lengths. */
function cut(segments: readonly Segment[], lengths: readonly number[]): Segment[] {
  let next = 0;
  return segments.flatMap((segment) => {
    const pieces: Segment[] = [];
    const { payload, seq } = segment;
    for (let at = 0; at < payload.length; ) {
      const length = lengths[next++ % lengths.length] ?? 1;
      pieces.push({ ...segment, seq: (seq + at) >>> 0, payload: payload.subarray(at, at + length) });
      at += length;
    }
    return pieces.length === 0 ? [segment] : pieces;
  });
}

/** Moves data of one direction behind data that came later; acknowledgments, SYNs and what comes last stay where they are. */
function disorder(segments: readonly Segment[], shifts: readonly number[]): Segment[] {
  const list = [...segments];
  shifts.forEach((shift, i) => {
    const place = (i * 13 + shift) % list.length;
    const one = list[place];
    const other = list.findIndex((each, j) => j > place && each.from === one?.from && each.to === one.to && each.payload.length > 0);
    const two = list[other];
    if (!one || !two || one.payload.length === 0 || two.at - one.at > 0.5) return;
    list[place] = { ...two, at: one.at, ack: one.ack };
    list[other] = { ...one, at: two.at, ack: two.ack };
  });
  return list;
}

const lengths = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 });
const shifts = fc.array(fc.nat(1000), { maxLength: 20 });
const places = fc.array(fc.nat(1000), { maxLength: 20 });

describe.each(Object.entries(sources))('%s', (_, source) => {
  it('tells the same, however segments are cut, repeated and out of order', async () => {
    const segments = await segmentsOf(source);
    const whole = knownOf(await followBgp(captureOf(segments)));
    await fc.assert(
      fc.asyncProperty(lengths, shifts, places, async (given, moves, repeated) => {
        const pieces = disorder(cut(segments, given), moves);
        for (const place of repeated) {
          const one = pieces[place % pieces.length];
          const last = pieces.findIndex(({ at }) => one && at > one.at + 0.3);
          if (one && one.payload.length > 0 && last > 0) pieces.splice(last, 0, { ...one, at: pieces[last]?.at ?? one.at });
        }
        expect(knownOf(await followBgp(captureOf(pieces)))).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  it('tells nothing but what was said where segments are lost, and that it is partial', async () => {
    const segments = await segmentsOf(source);
    const whole = await followBgp(captureOf(segments));
    const said = holding(whole);
    await fc.assert(
      fc.asyncProperty(lengths, fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }), async (given, lost) => {
        const pieces = cut(segments, given);
        const gone = new Set(lost.map((place) => place % pieces.length));
        const followed = await followBgp(captureOf(pieces.filter((_each, i) => !gone.has(i))));
        for (const route of holding(followed)) expect(said.has(route), route).toBe(true);
        const sessions = followed.tracker.sessions;
        for (const i of gone) {
          const piece = pieces[i];
          const isAcknowledged = pieces.some(
            (each, j) => j > i && !gone.has(j) && each.from === piece?.to && each.to === piece.from && ((each.ack - piece.seq) | 0) > 0,
          );
          if (!piece || piece.payload.length < 2 || !isAcknowledged) continue;
          const session = sessions.find(({ a, b }) => [a.ip, b.ip].every((ip) => `${piece.from} ${piece.to}`.includes(`${ip}:`)));
          expect(session?.isPartial).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('tells nothing but what was said where the capture begins in the middle or ends there', async () => {
    const segments = await segmentsOf(source);
    const said = holding(await followBgp(captureOf(segments)));
    for (let i = 1; i < segments.length; i += segments.length > 100 ? 3 : 1) {
      const late = await followBgp(captureOf(segments.slice(i)));
      for (const route of holding(late)) expect(said.has(JSON.stringify(unassumed(route))), route).toBe(true);
      const early = await followBgp(captureOf(segments.slice(0, i)));
      for (const route of holding(early)) expect(said.has(route), route).toBe(true);
      expect(early.tracker.sessions.some(({ isPartial }) => isPartial)).toBe(false);
    }
  });

  it('tells of the snaplen that it is partial', async () => {
    const segments = await segmentsOf(source);
    const capture = new RawCapture();
    for (const { at, ...segment } of segments) capture.at(at).add(tcp(segment).octets, { caplen: 80 });
    const { tracker } = await followBgp(capture.bytes);
    for (const { isPartial } of tracker.sessions) expect(isPartial).toBe(true);
    expect(tracker.sessions.length).toBeGreaterThan(0);
  });
});

/** Without the OPENs AS numbers may have been read otherwise: here they fit in one way alone. */
const unassumed = (route: string): unknown => JSON.parse(route);

describe('octets of strangers', () => {
  it('crash nothing', async () => {
    const segments = await segmentsOf(sources['a busy one']);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ place: fc.nat(1000), at: fc.nat(400), octet: fc.nat(255), seq: fc.integer(), flags: fc.nat(63) }), {
          maxLength: 30,
        }),
        async (changes) => {
          const changed = segments.map((segment) => ({ ...segment, payload: segment.payload.slice() }));
          for (const { place, at, octet, seq, flags } of changes) {
            const segment = changed[place % changed.length];
            if (!segment) continue;
            if (at < segment.payload.length) segment.payload[at] = octet;
            else if (at % 3 === 0) segment.seq = seq >>> 0;
            else if (at % 3 === 1) segment.flags = flags & ~TcpFlags.Psh;
            else segment.ack = seq >>> 0;
          }
          await followBgp(captureOf(changed));
        },
      ),
      { numRuns: 100 },
    );
  });
});
