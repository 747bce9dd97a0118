import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { natOf } from '../../src/diagnose/ike-attempts.ts';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { FragmentTracker } from '../../src/track/fragments.ts';
import type { IkeSession } from '../../src/track/ipsec/exchange.ts';
import { IkeTracker } from '../../src/track/ipsec/ike-tracker.ts';
import { QuotedPacket } from '../../src/wire/icmp.ts';
import { IpProtocol, Packet } from '../../src/wire/packet.ts';
import { IkeType, ike, ke, natHash, notify, part, saV1, spi } from '../craft/ike.ts';
import { noise, octets, RawCapture, udp } from '../craft/index.ts';
import { Association, atResponder, B, STRONGSWAN } from '../scenarios/ike-stage.ts';
import { Lan } from '../scenarios/stage.ts';
import { onEthernet } from '../scenarios/wireguard-stage.ts';
import { readOctets, root } from '../tools/captures.ts';
import { eachPacket } from '../tools/walk.ts';

/** The tracker after a capture, as it is used. */
async function tracked(bytes: Uint8Array, tracker = new IkeTracker()): Promise<readonly IkeSession[]> {
  const quote = new QuotedPacket();
  let fragments: FragmentTracker | undefined;
  await eachPacket(bytes, (packet) => {
    fragments ??= new FragmentTracker(packet);
    if (packet.version === 0) return;
    if (packet.isFragment) fragments.observe(packet);
    if (packet.joined) tracker.observeFragment(packet);
    if (packet.transport === IpProtocol.Udp) tracker.observe(packet);
    if (packet.transport === IpProtocol.Icmp && packet.icmpType === 3 && quote.place(packet))
      tracker.undeliverable(quote, 'unreachable', packet);
  });
  return tracker.list;
}

const lab = (path: string): Promise<readonly IkeSession[]> => tracked(readOctets(join(root, 'captures', path)));

describe('the exchanges of a lab', () => {
  it('are followed from IKE_SA_INIT to the deletion, and from port 500 to 4500', async () => {
    const [one, ...others] = await lab('ipsec-nat-t/responder.pcap');
    expect(others).toEqual([]);
    expect(one).toMatchObject({ version: 2, usesNatT: true, hearsNatT: true, hasBeginning: true, refusal: null, answeredFrom: [] });
    expect(one?.exchanges.map(({ name, messageId, requestCount, response }) => [name, messageId, requestCount, response !== null])).toEqual(
      [
        ['IKE_SA_INIT', 0, 1, true],
        ['IKE_AUTH', 1, 1, true],
        ['CREATE_CHILD_SA', 2, 1, true],
        ['INFORMATIONAL', 3, 1, true],
        ['INFORMATIONAL', 4, 1, true],
      ],
    );
    expect(one?.offered).toEqual(['AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE_25519']);
  });

  it('are there once on a NAT that sees each packet twice', async () => {
    const [one] = await lab('ipsec-nat-t/nat.pcap');
    expect(one?.exchanges.map(({ requestCount, responseCount }) => [requestCount, responseCount])).toEqual(Array(5).fill([1, 1]));
    expect(one?.answeredFrom).toEqual([]);
    expect(one?.exchanges.every(({ seenIn, seenOut }) => seenIn && seenOut)).toBe(true);
  });

  it('of a rekeyed association are those of another one', async () => {
    const [first, second] = await lab('ipsec-ikev2/gateway-a.pcap');
    expect([first?.hasBeginning, second?.hasBeginning]).toEqual([true, false]);
  });
});

describe('NAT detection', () => {
  it('finds none where there is none', async () => {
    const [one] = await lab('ipsec-ikev2/gateway-a.pcap');
    expect([one?.natOfInitiator, one?.natOfResponder]).toEqual([
      { source: true, destination: true },
      { source: true, destination: true },
    ]);
    expect(one && natOf(one)).toBe('none');
  });

  it('finds by what the responder was asked from that the initiator is behind NAT', async () => {
    const [inside] = await lab('ipsec-nat-t/nat-inside.pcap');
    const [outside] = await lab('ipsec-nat-t/nat-outside.pcap');
    // Inside the answer comes to 192.168.1.2, outside to 203.0.113.10, of which its hash is.
    expect(inside?.natOfResponder.destination).toBe(false);
    expect(outside?.natOfResponder.destination).toBe(true);
    expect([inside?.natOfInitiator.destination, outside?.natOfInitiator.destination]).toEqual([true, true]);
  });

  it.each([{ hash: 'md5' }, { hash: 'sha1' }, { hash: 'sha256' }, { hash: 'sha384' }, { hash: 'sha512' }])(
    'of version 1 works with $hash',
    async ({ hash }) => {
      const [from, to] = ['192.0.2.1:500', '198.51.100.2:500'];
      const [i, r] = [spi(3), spi(4)];
      const message = (claimed: string): Uint8Array =>
        ike({
          version: 1,
          initiatorSpi: i,
          responderSpi: r,
          exchange: IkeType.Main,
          payloads: [
            part(4, noise(128, 1)),
            part(10, noise(16, 2)),
            part(20, natHash(i, r, to, hash)),
            part(20, natHash(i, r, claimed, hash)),
          ],
        });
      for (const [claimed, source] of [
        [from, true],
        ['10.0.0.1:500', false],
      ] as const) {
        const capture = new RawCapture();
        capture.add(udp({ from, to, payload: message(claimed) }).octets);
        const [one] = await tracked(capture.bytes);
        expect(one?.natOfInitiator).toEqual({ source, destination: true });
      }
    },
  );

  it('says nothing of hashes that are none', async () => {
    const one = new Association(onEthernet(new Lan(), 1, undefined, '192.0.2.10:500'));
    one.up(ike({ initiatorSpi: one.initiatorSpi, exchange: IkeType.Init, payloads: [notify(16_388, noise(7, 1)), ke(31)] }));
    const [found] = await tracked(one.seat.bytes);
    expect(found?.natOfInitiator).toEqual({ source: null, destination: null });
    expect(found && natOf(found)).toBeNull();
  });
});

describe('repeats', () => {
  it('are counted, and the first ones and the last are kept', async () => {
    const one = new Association(atResponder());
    one.again(one.initRequest(), 40, [4]);
    const [found] = await tracked(one.seat.bytes);
    const [exchange] = found?.exchanges ?? [];
    expect(exchange).toMatchObject({ requestCount: 40, response: null, repeatsAfterAnswer: 0 });
    expect(exchange?.requests.length).toBeLessThan(16);
    expect([exchange?.requests[0]?.frame, exchange?.requests.at(-1)?.frame]).toEqual([1, 40]);
  });

  it('after an answer are told apart', async () => {
    const one = new Association(atResponder());
    const [request, answer] = [one.initRequest(), one.initResponse()];
    for (const gap of STRONGSWAN) {
      one.up(request);
      one.wait(0.01).down(answer);
      one.wait(gap);
    }
    const [found] = await tracked(one.seat.bytes);
    expect(found?.exchanges).toMatchObject([{ requestCount: 4, repeatsAfterAnswer: 3, responseCount: 4 }]);
  });

  it('of version 1 quick mode do not count its third message', async () => {
    const one = new Association(atResponder());
    one.wait(0.1).up(one.sealedV1(IkeType.Quick, 23, 500));
    one.wait(0.1).down(one.sealedV1(IkeType.Quick, 24, 500));
    one.wait(0.1).up(one.sealedV1(IkeType.Quick, 25, 500));
    const [found] = await tracked(one.seat.bytes);
    expect(found?.exchanges).toMatchObject([{ type: 32, requestCount: 1, responseCount: 1 }]);
  });
});

describe('fragments', () => {
  it('of IP are counted, and whether the last ones are there', async () => {
    const isCut = ({ responder }: IkeSession): boolean => responder.ip === '198.51.100.18';
    const fragmented = (await lab('ike-failures/gateway-a.pcap')).find(isCut);
    const auth = fragmented?.exchanges.at(-1);
    expect(auth).toMatchObject({ name: 'IKE_AUTH', requestCount: 4, firstFragments: 4, lastFragments: 4, ipFragments: 8, response: null });
    const there = (await lab('ike-failures/gateway-b.pcap')).find(isCut);
    expect(there?.exchanges.at(-1)).toMatchObject({ name: 'IKE_AUTH', firstFragments: 4, lastFragments: 0 });
  });
});

describe('bounds', () => {
  it('hold against many associations, many exchanges and many notifies', async () => {
    const tracker = new IkeTracker();
    const capture = new RawCapture();
    for (let i = 0; i < 5000; i++) {
      const payload = ike({ initiatorSpi: spi(i), exchange: IkeType.Init, payloads: [notify(14)] });
      capture.add(udp({ from: '192.0.2.10:500', to: B, payload }).octets);
    }
    for (let i = 0; i < 300; i++) {
      const payload = ike({
        initiatorSpi: spi(7),
        responderSpi: spi(8),
        exchange: IkeType.Informational,
        messageId: i,
        payloads: [notify(14)],
      });
      capture.add(udp({ from: '192.0.2.10:500', to: B, payload }).octets);
    }
    await tracked(capture.bytes, tracker);
    expect(tracker.size).toBeLessThanOrEqual(4096);
    expect(tracker.evicted).toBeGreaterThan(900);
    for (const { exchanges, notifies } of tracker.list) {
      expect(exchanges.length).toBeLessThanOrEqual(32);
      expect(notifies.length).toBeLessThanOrEqual(48);
    }
    tracker.reset();
    expect(tracker.list).toEqual([]);
  });

  it('hold against octets without sense', () => {
    const tracker = new IkeTracker();
    const packet = new Packet(UNKNOWN_INTERFACE);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 40, maxLength: 300 }),
        fc.constantFrom(2, 4, 5, 6, 32, 34, 35, 36, 37),
        fc.constantFrom(0x10, 0x20),
        fc.nat(3),
        (rest, exchange, version, seed) => {
          const payload = octets(spi(seed), rest);
          payload[17] = version;
          payload[18] = exchange;
          const { octets: whole } = udp({ from: '192.0.2.10:500', to: B, payload });
          packet.view = new DataView(whole.buffer, whole.byteOffset, whole.length);
          packet.version = 4;
          packet.ipAt = 0;
          packet.payloadAt = 28;
          packet.payloadLength = payload.length;
          packet.capturedEnd = whole.length;
          packet.end = whole.length;
          packet.sourcePort = 500;
          packet.destinationPort = 500;
          tracker.observe(packet);
        },
      ),
      { numRuns: 300 },
    );
    expect(tracker.size).toBeLessThanOrEqual(4);
  });

  it('hold for a session of version 1 with the same SPI at both ends', async () => {
    const same = spi(9);
    const capture = new RawCapture();
    const payload = ike({ version: 1, initiatorSpi: same, responderSpi: same, exchange: IkeType.Main, payloads: [saV1()] });
    for (const [from, to] of [
      ['192.0.2.10:500', B],
      [B, '192.0.2.10:500'],
    ] as const)
      capture.add(udp({ from, to, payload }).octets);
    expect(await tracked(capture.bytes)).toMatchObject([{ version: 1, packets: 2 }]);
  });
});
