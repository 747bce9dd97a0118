import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COPY_SEC, CopyDetector, fingerprint } from '../../src/track/copies.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { echoRequest, forwarded, type IpOptions, le32, octets, udp, zeros } from '../craft/index.ts';
import { decodeWhole } from '../wire/layers.ts';

/* What is one packet, sighted twice. */

const V4 = { from: '192.0.2.1:4000', to: '198.51.100.2:53' };
const V6 = { from: '[2001:db8::1]:4000', to: '[2001:db8:1::2]:53' };
const PAYLOAD = octets(zeros(8), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);

interface Fields extends IpOptions {
  from?: string;
  to?: string;
  payload?: Uint8Array;
}

const sent = (fields: Fields = {}): Packet => decodeWhole(udp({ ...V4, payload: PAYLOAD, ident: 7, ...fields }));

const at = (packet: Packet, seconds: number): Packet => Object.assign(packet, { at: seconds });

describe('a copy', () => {
  it.each([
    { of: 'IPv4', packet: udp({ ...V4, payload: PAYLOAD, ident: 7 }) },
    { of: 'IPv6', packet: udp({ ...V6, payload: PAYLOAD }) },
    { of: 'a short payload', packet: udp({ ...V4, payload: octets(1, 2, 3, 4, 5), ident: 7 }) },
    { of: 'ICMP', packet: echoRequest({ from: '192.0.2.1', to: '198.51.100.2', id: 1, seq: 1 }) },
  ])('of $of is the packet behind a hop, as long as it is there soon', ({ packet }) => {
    const detector = new CopyDetector();
    expect(detector.isCopy(at(decodeWhole(packet), 1))).toBe(false);
    expect(detector.isCopy(at(decodeWhole(forwarded(packet)), 1 + COPY_SEC / 2))).toBe(true);
    // The first sighting counts.
    expect(detector.isCopy(at(decodeWhole(packet), 1 + 1.1 * COPY_SEC))).toBe(false);
    expect(detector.isCopy(at(decodeWhole(packet), 1))).toBe(false);
  });

  it.each([
    { other: 'identification', fields: { ident: 8 } },
    { other: 'source', fields: { from: '192.0.2.3:4000' } },
    { other: 'destination', fields: { to: '198.51.100.3:53' } },
    { other: 'source port', fields: { from: '192.0.2.1:4001' } },
    { other: 'destination port', fields: { to: '198.51.100.2:54' } },
    { other: 'length', fields: { payload: octets(PAYLOAD, 0) } },
    { other: 'direction', fields: { from: V4.to, to: V4.from } },
  ])('is no packet of another $other', ({ fields }) => {
    const detector = new CopyDetector();
    detector.isCopy(at(sent(), 1));
    expect(detector.isCopy(at(sent(fields), 1))).toBe(false);
  });

  it('is none where time began anew', () => {
    const detector = new CopyDetector();
    detector.isCopy(at(sent(), 1));
    detector.reset();
    expect(detector.isCopy(at(sent(), 1))).toBe(false);
  });
});

describe('fingerprints', () => {
  it('differ where any of the first octets of a payload does', () => {
    const octet = fc.record({ place: fc.nat(15), value: fc.integer({ min: 1, max: 255 }) });
    fc.assert(
      fc.property(octet, ({ place, value }) => {
        const payload = PAYLOAD.slice();
        payload[place] = (payload[place] ?? 0) ^ value;
        expect(fingerprint(sent({ payload }))).not.toBe(fingerprint(sent()));
      }),
    );
  });

  it('differ in what counts on, upper halves of words too', () => {
    for (const counted of [
      (i: number) => octets(le32(4), le32(77), le32(i), le32(0)),
      (i: number) => octets(0x80, 96, i >> 8, i & 255, zeros(4), zeros(8)),
      (i: number) => octets(i >> 8, i & 255, zeros(2), i >> 8, i & 255, zeros(10)),
      (i: number) => octets(i >> 8, i & 255, i >> 8, i & 255, zeros(4)),
    ]) {
      const prints = Array.from({ length: 4000 }, (_, i) => fingerprint(sent({ ident: i & 0xff, payload: counted(i) })));
      expect(new Set(prints).size).toBe(prints.length);
    }
  });
});
