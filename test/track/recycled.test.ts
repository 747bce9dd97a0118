import { describe, expect, it } from 'vitest';
import { Candidate, Claim, ClaimBook } from '../../src/track/openvpn/claims.ts';
import { UnclaimedFlows } from '../../src/track/tunnels/unclaimed-flows.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { noise, octets, udp } from '../craft/index.ts';
import { decodeWhole } from '../wire/layers.ts';

/* What is known of flows of unknown protocol is written over where more of them take turns than are kept. */

const KEPT = 1024;

/** A packet of a flow that may be OpenVPN's with a static key. */
const packetOf = (flow: number, i = 0, lower = true): Packet => {
  const ends = ['192.0.2.1:4000', `198.51.100.2:${5000 + flow}`] as const;
  const payload = octets(noise(80 + 16 * (i % 5), flow * 64 + i + 1));
  const packet = decodeWhole(udp({ from: ends[lower ? 0 : 1], to: ends[lower ? 1 : 0], payload }));
  packet.frame = flow * 64 + i + 1;
  return packet;
};

describe('what is written over', () => {
  it('is a candidate of OpenVPN as a new one is', () => {
    const used = new Candidate(packetOf(0), true);
    used.packets = 3;
    used.bytes = 300;
    used.lower.controls = 2;
    used.upper.peerId = 7;
    used.mayBeTls = false;
    used.mayBeStatic = false;
    for (let i = 0; i < 20; i++) used.static.add(packetOf(0, i, i % 2 === 0), i % 2 === 0);
    used.begin(packetOf(1), false);
    expect(used).toEqual(new Candidate(packetOf(1), false));
  });

  it('is claimed with its own first packet', () => {
    const book = new ClaimBook();
    for (let flow = 0; flow <= KEPT; flow++) expect(book.claim(packetOf(flow), flow, true)).toBe(Claim.Wait);
    expect([book.size, book.evicted, book.takeStatic(0)]).toEqual([KEPT, 1, undefined]);
    expect(book.takeStatic(KEPT)?.first.frame).toBe(packetOf(KEPT).frame);
    expect(book.takeStatic(1)?.first.frame).toBe(packetOf(1).frame);
  });

  it('is what a flow had before it was known as a tunnel', () => {
    const flows = new UnclaimedFlows();
    for (let flow = 0; flow <= KEPT; flow++) flows.note(packetOf(flow), flow, true);
    flows.note(packetOf(KEPT, 1, false), KEPT, false);
    expect([flows.size, flows.evicted, flows.take(0)]).toEqual([KEPT, 1, undefined]);
    const before = flows.take(KEPT);
    expect(before).toMatchObject({ firstFromLower: true, fromLower: 1, fromUpper: 1, frame: packetOf(KEPT, 1).frame });
    expect(before?.first.frame).toBe(packetOf(KEPT).frame);
  });
});
