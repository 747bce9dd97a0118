import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IkeMessage, readIkeMessage } from '../../src/wire/ike/message.ts';
import { ikeNotifyName, ikeVendorName } from '../../src/wire/ike/names.ts';
import { readProposals, readProposalsV1 } from '../../src/wire/ike/proposals.ts';
import type { Packet } from '../../src/wire/packet.ts';
import {
  type CraftedProposal,
  IkeType,
  ike,
  ke,
  MODERN,
  marked,
  nonce,
  notify,
  notifyV1,
  OLD,
  part,
  sa,
  saV1,
  sealed,
  sealedFragment,
  spi,
} from '../craft/ike.ts';
import { be16, be32, noise, octets, RawCapture, udp } from '../craft/index.ts';
import { bundledCaptures, hasPublicCaptures, publicCaptures, readOctets, root } from '../tools/captures.ts';
import { eachPacket } from '../tools/walk.ts';

const I = spi(1);
const R = spi(2);
const hex = (of: Uint8Array): string => `0x${Buffer.from(of).toString('hex')}`;

/** The message as it is read from a datagram to port 500, or to port 4500. */
async function read(payload: Uint8Array, { to = '192.0.2.2:500', caplen = 0 } = {}): Promise<IkeMessage | undefined> {
  const { octets: packet } = udp({ from: '192.0.2.1:500', to, payload });
  const capture = new RawCapture();
  capture.add(packet, { caplen: caplen || packet.length });
  let message: IkeMessage | undefined;
  await eachPacket(capture.bytes, (each) => {
    if (each.transport === 17) message = readIkeMessage(each);
  });
  return message;
}

describe('an IKE message', () => {
  it('of IKE_SA_INIT is read to its end', async () => {
    const payloads = [sa(OLD, MODERN), ke(2), nonce(), notify(16_390, noise(20, 1)), notify(17, be16(31)), part(43, noise(16, 9))];
    const message = await read(ike({ initiatorSpi: I, exchange: IkeType.Init, payloads }));
    expect(message).toMatchObject({
      version: 2,
      initiatorSpi: hex(I),
      responderSpi: null,
      exchange: 34,
      messageId: 0,
      isResponse: false,
      isFromInitiator: true,
      payloads: [33, 34, 40, 41, 41, 43],
      group: 2,
      vendors: [],
    });
    expect(message?.proposals.map(({ text }) => text)).toEqual([
      '3DES_CBC/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024',
      'AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE_25519',
    ]);
    expect(message?.proposals.map(({ sealing }) => sealing)).toEqual([
      { iv: 8, icv: 12 },
      { iv: 16, icv: 16 },
    ]);
    expect(message?.notifies.map(({ type, value }) => [type, value])).toEqual([
      [16_390, expect.any(Number)],
      [17, 31],
    ]);
  });

  it('on port 4500 begins behind four zero octets', async () => {
    const message = ike({ initiatorSpi: I, responderSpi: R, exchange: IkeType.Auth, messageId: 1, payloads: [sealed(180, 1)] });
    expect(await read(marked(message), { to: '192.0.2.2:4500' })).toMatchObject({
      exchange: 35,
      encryptedLength: 180,
      responderSpi: hex(R),
    });
    expect(await read(message, { to: '192.0.2.2:4500' })).toBeUndefined();
  });

  it('ends where it is encrypted', async () => {
    const message = ike({ initiatorSpi: I, responderSpi: R, exchange: IkeType.Auth, messageId: 1, payloads: [sealed(180, 1), notify(14)] });
    expect(await read(message)).toMatchObject({ payloads: [46], notifies: [] });
  });

  it('in a fragment says which', async () => {
    const message = ike({
      initiatorSpi: I,
      responderSpi: R,
      exchange: IkeType.Auth,
      messageId: 1,
      payloads: [sealedFragment(2, 3, 500, 1)],
    });
    expect(await read(message)).toMatchObject({ payloads: [53], fragment: { number: 2, total: 3 }, encryptedLength: 500 });
  });

  it('of version 1 says what it offers, and what is wrong', async () => {
    const payloads = [saV1(), part(13, Buffer.from('4a131c81070358455c5728f20e95452f', 'hex')), part(13, Buffer.from('strong words'))];
    expect(await read(ike({ version: 1, initiatorSpi: I, exchange: IkeType.Main, payloads }))).toMatchObject({
      version: 1,
      responderSpi: null,
      proposals: [{ text: 'AES_CBC_256/SHA2_256/MODP_2048/PSK', hash: 4, groups: [14] }],
      vendors: ['NAT-T (RFC 3947)', 'strong words'],
    });
    const error = ike({
      version: 1,
      initiatorSpi: I,
      responderSpi: R,
      exchange: IkeType.InformationalV1,
      messageId: 3,
      payloads: [notifyV1(14)],
    });
    expect((await read(error))?.notifies).toEqual([{ type: 14, value: null }]);
    const hidden = ike({
      version: 1,
      initiatorSpi: I,
      responderSpi: R,
      exchange: IkeType.Main,
      encrypted: true,
      rest: octets(noise(64, 3)),
    });
    expect(await read(hidden)).toMatchObject({ isEncrypted: true, payloads: [] });
  });

  it('of version 1 has the hash of the destination first', async () => {
    const [to, own, other] = [noise(32, 1), noise(32, 2), noise(32, 3)];
    const payloads = [part(4, noise(256, 4)), part(10, noise(32, 5)), part(20, to), part(20, own), part(20, other)];
    const message = await read(ike({ version: 1, initiatorSpi: I, responderSpi: R, exchange: IkeType.Main, payloads }));
    expect(message?.natDestination.map((each) => [...each])).toEqual([to]);
    expect(message?.natSource.map((each) => [...each])).toEqual([own, other]);
    expect(message?.hasKe).toBe(true);
  });

  it('with another sealing has room for other octets', async () => {
    const gcm: CraftedProposal = [
      [1, 20, 256],
      [2, 5],
      [4, 31],
    ];
    const both: CraftedProposal = [
      [1, 12, 128],
      [1, 12, 256],
      [3, 12],
      [2, 5],
      [4, 31],
    ];
    const message = await read(ike({ initiatorSpi: I, exchange: IkeType.Init, payloads: [sa(gcm, both)] }));
    expect(message?.proposals.map(({ text, sealing }) => [text, sealing])).toEqual([
      ['AES_GCM_16_256/PRF_HMAC_SHA2_256/CURVE_25519', { iv: 8, icv: 16 }],
      ['AES_CBC_128/AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE_25519', null],
    ]);
  });

  it.each([
    { name: 'a payload of three octets', body: octets(33, 0, 0, 3) },
    { name: 'a payload of no length', body: octets(41, 0, 0, 0, 41, 0, 0, 0) },
    { name: 'a payload longer than the message', body: octets(0, 0, be16(5000)) },
    { name: 'thousands of payloads', body: octets(...Array.from({ length: 300 }, () => octets(43, 0, 0, 4))) },
  ])('with $name ends there', async ({ body }) => {
    const header = octets(I, new Uint8Array(8), 43, 0x20, 34, 8, be32(0), be32(28 + body.length));
    const message = await read(octets(header, body));
    expect(message?.payloads.length).toBeLessThanOrEqual(64);
    expect(message?.initiatorSpi).toBe(hex(I));
  });

  it('cut anywhere, or of octets without sense, is no mistake of ours', async () => {
    const whole = ike({
      initiatorSpi: I,
      exchange: IkeType.Init,
      payloads: [sa(OLD, MODERN), ke(2), nonce(), notify(16_388, noise(20, 1))],
    });
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length + 28), async (caplen) => {
        const message = await read(whole, { caplen: caplen + 1 });
        if (caplen + 1 >= 28 + 28) expect(message?.initiatorSpi).toBe(hex(I));
      }),
      { numRuns: 60 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.constantFrom(0x10, 0x20),
        fc.constantFrom(1, 4, 11, 20, 33, 34, 41, 43, 46, 53, 132),
        async (rest, version, first) => {
          const header = octets(I, R, first, version, 34, 8, be32(0), be32(28 + rest.length));
          await read(octets(header, rest));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('of octets without sense in its proposals ends them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        const view = new DataView(data.buffer, data.byteOffset, data.length);
        expect(readProposals(view, 0, data.length).length).toBeLessThanOrEqual(16);
        expect(readProposalsV1(view, 0, data.length).length).toBeLessThanOrEqual(16 * 64);
      }),
    );
  });
});

describe('names', () => {
  it('of notifies differ by version', () => {
    expect([ikeNotifyName(1, 14), ikeNotifyName(2, 14), ikeNotifyName(2, 12_345)]).toEqual([
      'NO-PROPOSAL-CHOSEN',
      'NO_PROPOSAL_CHOSEN',
      'notify 12345',
    ]);
  });

  it('of vendors are known by how they begin', () => {
    expect(ikeVendorName(octets(Buffer.from('4048b7d56ebce88525e7de7f00d6c2d380000000', 'hex')))).toBe('fragmentation (version 1)');
    expect(ikeVendorName(octets(noise(16, 77)))).toBeUndefined();
  });
});

/*
 * A second opinion: tshark on the bundled captures and, where they are there, on those of others. Without tshark these tests are skipped, and say so.
 */
const hasTshark = spawnSync('tshark', ['--version']).status === 0;
const OTHERS = [
  'tunnel/IKEv2_SA_INIT_2-8-weak.pcap',
  'malformed/ikev2four.pcap',
  'malformed/isakmp-identification-segfault.pcap',
  'mtu-frag/ipsec_client.pcap',
];
const paths = [
  ...bundledCaptures()
    .filter((path) => /ike-failures|ipsec-ikev2.gateway-a|ipsec-nat-t.responder/.test(path))
    .map((path) => join(root, path)),
  ...(hasPublicCaptures ? OTHERS.map((path) => join(publicCaptures, path)) : []),
];
const FIELDS = [
  'frame.number',
  'isakmp.ispi',
  'isakmp.rspi',
  'isakmp.exchangetype',
  'isakmp.messageid',
  'isakmp.notify.msgtype',
  'isakmp.typepayload',
];
/** Proposals and transforms, which tshark lists as payloads. */
const INSIDE_SA = new Set(['2', '3']);

const isIkePort = ({ sourcePort, destinationPort }: Packet): boolean =>
  [sourcePort, destinationPort].some((port) => port === 500 || port === 4500);
const withoutPayloads = (line: string): string => [...line.split(' ').slice(0, 5), '', ''].join(' ');

describe.skipIf(!hasTshark).each(paths)('%s', (path) => {
  it('is read as tshark reads it (tshark is needed)', async () => {
    const text = execFileSync(
      'tshark',
      [
        '-r',
        path,
        '-n',
        '-o',
        'ip.defragment:FALSE',
        '-Y',
        'isakmp.ispi and not icmp',
        '-T',
        'fields',
        ...FIELDS.flatMap((field) => ['-e', field]),
      ],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const theirs = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [frame, ispi, rspi, exchange, id, notifies = '', payloads = ''] = line.split('\t');
        const types = payloads.split(',').filter((each) => each !== '' && !INSIDE_SA.has(each));
        return [frame, ispi, rspi, exchange, Number(id), notifies, types.join()].join(' ');
      });
    const ours: string[] = [];
    const cut = new Set<number>();
    await eachPacket(readOctets(path), (packet) => {
      if (packet.transport !== 17 || !isIkePort(packet)) return;
      const message = readIkeMessage(packet);
      if (!message) return;
      // Of a message that is cut, by the snaplen or into IP fragments, tshark lists no payloads.
      const isWhole = packet.payloadCaptured === packet.payloadLength;
      if (!isWhole) cut.add(packet.frame);
      const { initiatorSpi, responderSpi, exchange, messageId, notifies, payloads } = message;
      ours.push(
        [
          packet.frame,
          initiatorSpi.slice(2),
          responderSpi?.slice(2) ?? '0000000000000000',
          exchange,
          messageId,
          isWhole ? notifies.map(({ type }) => type).join() : '',
          isWhole ? payloads.join() : '',
        ].join(' '),
      );
    });
    expect(ours).toEqual(theirs.map((line) => (cut.has(Number(line.split(' ')[0])) ? withoutPayloads(line) : line)));
  });
});
