import { describe, expect, it } from 'vitest';
import { notificationText, readNotification } from '../../../src/wire/bgp/notification.ts';
import { ascii, be16, be32, bgpNotification, bgpShutdown, octets } from '../../craft/index.ts';

const read = (message: Uint8Array) => readNotification(new DataView(message.buffer, message.byteOffset, message.length), 0, message.length);
const plain = { message: null, detail: null, hardReset: null };

describe('NOTIFICATION', () => {
  it.each([
    { octets: bgpNotification(4, 0), code: 4, subcode: 0, text: 'Hold timer expired' },
    { octets: bgpNotification(2, 2), code: 2, subcode: 2, text: 'OPEN message error: bad peer AS' },
    { octets: bgpNotification(5, 3), code: 5, subcode: 3, text: 'Finite state machine error: unexpected message in Established state' },
    { octets: bgpNotification(6, 7), code: 6, subcode: 7, text: 'Cease: connection collision resolution' },
    { octets: bgpNotification(6, 99), code: 6, subcode: 99, text: 'Cease: subcode 99' },
    { octets: bgpNotification(99, 1), code: 99, subcode: 1, text: 'code 99, subcode 1' },
  ])('$text', ({ octets, ...expected }) => expect(read(octets)).toEqual({ ...plain, ...expected }));

  it('says what the operator wrote (RFC 9003), and only there', () => {
    expect(read(bgpShutdown('maintenance, back at 3 – Łukasz'))).toMatchObject({
      text: 'Cease: administrative shutdown',
      message: 'maintenance, back at 3 – Łukasz',
    });
    expect(read(bgpShutdown('new filters', 4)).message).toBe('new filters');
    expect(read(bgpShutdown('')).message).toBeNull();
    expect(read(bgpNotification(6, 2)).message).toBeNull();
    expect(read(bgpNotification(6, 3, [2, ...ascii('no')])).message).toBeNull();
  });

  it('says as much of it as there is, and nothing that a terminal obeys', () => {
    expect(read(bgpNotification(6, 2, [200, ...ascii('short')])).message).toBe('short');
    expect(read(bgpShutdown('a\u001b]0;b\u0007\u202e')).message).toBe('a\ufffd]0;b\ufffd\ufffd');
    expect(read(bgpNotification(6, 2, [3, 0x61, 0xc3, 0x28])).message).toBe('a\ufffd(');
  });

  it('says what a hard reset is for (RFC 8538)', () => {
    expect(read(bgpNotification(6, 9, [6, 2, 3, ...ascii('bye')]))).toEqual({
      code: 6,
      subcode: 9,
      text: 'Cease: hard reset (administrative shutdown)',
      message: 'bye',
      detail: null,
      hardReset: { code: 6, subcode: 2 },
    });
    expect(read(bgpNotification(6, 9, [4, 0])).text).toBe('Cease: hard reset (Hold timer expired)');
    expect(read(bgpNotification(6, 9)).text).toBe('Cease: hard reset');
    // One in another is none, however deep somebody nests them.
    expect(read(bgpNotification(6, 9, [6, 9, 6, 2]))).toMatchObject({
      text: 'Cease: hard reset (hard reset)',
      hardReset: { code: 6, subcode: 9 },
    });
    expect(
      read(
        bgpNotification(
          6,
          9,
          Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? 6 : 9)),
        ),
      ).text,
    ).toBe('Cease: hard reset (hard reset)');
  });

  it.each([
    {
      name: 'limit of prefixes',
      octets: bgpNotification(6, 1, octets(be16(1), 1, be32(100))),
      detail: 'limit of 100 prefixes of IPv4 unicast',
    },
    { name: 'version', octets: bgpNotification(2, 1, be16(4)), detail: 'it speaks version 4' },
    { name: 'AS of two octets', octets: bgpNotification(2, 2, be16(64_513)), detail: 'AS 64513' },
    { name: 'AS of four', octets: bgpNotification(2, 2, be32(4_200_000_000)), detail: 'AS 4200000000' },
    { name: 'capability', octets: bgpNotification(2, 7, [65, 4, ...be32(1)]), detail: 'capability 65' },
    { name: 'length', octets: bgpNotification(1, 2, be16(5000)), detail: 'length 5000' },
    { name: 'type', octets: bgpNotification(1, 3, 9), detail: 'type 9' },
    { name: 'attribute', octets: bgpNotification(3, 5, [0x40, 3, 2, 1, 2]), detail: 'NEXT_HOP' },
    { name: 'attribute that nobody knows', octets: bgpNotification(3, 2, [0x40, 99, 0]), detail: 'attribute 99' },
    { name: 'attribute that is missing', octets: bgpNotification(3, 3, 2), detail: 'AS_PATH' },
    { name: 'malformed list, with nothing', octets: bgpNotification(3, 1), detail: null },
    { name: 'data of another length', octets: bgpNotification(6, 1, be16(1)), detail: null },
  ])('says what its data say: $name', ({ octets, detail }) => expect(read(octets).detail).toBe(detail));
});

it('codes without subcode', () => {
  expect(notificationText(8, 0)).toBe('Send hold timer expired');
  expect(notificationText(6, 10)).toBe('Cease: BFD down');
});
