import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpenVpnOpcode, OpenVpnPacketView, openVpnOpcodeName } from '../../src/wire/openvpn-packet.ts';
import { tlsAlertText } from '../../src/wire/tls-alert.ts';
import { hexOctets } from '../tools/octets.ts';

/** 15 January 2024, 08:00:00 UTC. */
const NOW = 0x65a4e600;
const OWN = '0a0b0c0d0e0f1011';
const OTHER = '2122232425262728';
const REPLAY = `00000003 ${NOW.toString(16)}`;
const hmac = (length: number): string => 'e7'.repeat(length);

function placed(text: string, view = new OpenVpnPacketView()): OpenVpnPacketView {
  const octets = hexOctets(text);
  expect(view.place(new DataView(octets.buffer), 0, octets.length, octets.length)).toBe(true);
  return view;
}

function guessed(text: string): OpenVpnPacketView {
  const view = placed(text);
  expect(view.guess(NOW)).toBe(true);
  return view;
}

describe('a control packet', () => {
  it.each([
    { wrapping: 'tls', hmac: 0, between: '' },
    { wrapping: 'tls-auth', hmac: 16, between: `${hmac(16)} ${REPLAY}` },
    { wrapping: 'tls-auth', hmac: 20, between: `${hmac(20)} ${REPLAY}` },
    { wrapping: 'tls-auth', hmac: 28, between: `${hmac(28)} ${REPLAY}` },
    { wrapping: 'tls-auth', hmac: 32, between: `${hmac(32)} ${REPLAY}` },
    { wrapping: 'tls-auth', hmac: 48, between: `${hmac(48)} ${REPLAY}` },
    { wrapping: 'tls-auth', hmac: 64, between: `${hmac(64)} ${REPLAY}` },
  ])('of $wrapping with a digest of $hmac octets is read to its TLS octets', ({ wrapping, hmac: length, between }) => {
    const control = guessed(`22 ${OWN} ${between} 02 00000001 00000000 ${OTHER} 00000007 16 0303 0004 01020304`);
    expect(control).toMatchObject({
      opcode: 4,
      keyId: 2,
      wrapping,
      hmac: length,
      acks: 2,
      acksReset: true,
      packetId: 7,
      tlsLength: 9,
      tlsType: 22,
    });
    expect(control.isFrom(0x0a0b0c0d, 0x0e0f1011)).toBe(true);
    expect(control.isTo(0x21222324, 0x25262728)).toBe(true);
    const ack = guessed(`28 ${OWN} ${between} 01 00000002 ${OTHER}`);
    expect(ack).toMatchObject({ opcode: 5, wrapping, hmac: length, acks: 1, acksReset: false, packetId: -1, tlsLength: 0 });
    expect(guessed(`38 ${OWN} ${between} 00 00000000`)).toMatchObject({ opcode: 7, wrapping, hmac: length, acks: 0, packetId: 0 });
    expect(guessed(`40 ${OWN} ${between} 01 00000000 ${OTHER} 00000000`)).toMatchObject({
      opcode: 8,
      wrapping,
      hmac: length,
      acksReset: true,
    });
  });

  it('of tls-crypt shows its session and nothing more', () => {
    const reset = guessed(`38 ${OWN} ${REPLAY} ${'5a'.repeat(32)} 0102030405`);
    expect(reset).toMatchObject({ wrapping: 'tls-crypt', hmac: 0, acks: -1, hasRemote: false, packetId: -1, length: 54 });
    expect(guessed(`20 ${OWN} ${REPLAY} ${'5a'.repeat(32)} ${'77'.repeat(300)}`)).toMatchObject({ wrapping: 'tls-crypt', tlsLength: 295 });
  });

  it('of tls-crypt-v2 has the wrapped key of the client at its end', () => {
    const key = `${'33'.repeat(288)} 0122`;
    const reset = guessed(`50 ${OWN} 0f000001 ${NOW.toString(16)} ${'5a'.repeat(32)} 0102030405 ${key}`);
    expect(reset).toMatchObject({ opcode: OpenVpnOpcode.HardResetClientV3, wrapping: 'tls-crypt-v2', wrappedKeyLength: 290, length: 344 });
    const control = guessed(`58 ${OWN} 0f000002 ${NOW.toString(16)} ${'5a'.repeat(32)} ${'44'.repeat(250)} ${key}`);
    expect(control).toMatchObject({ opcode: OpenVpnOpcode.ControlWkcV1, wrapping: 'tls-crypt-v2', wrappedKeyLength: 290, tlsLength: 245 });
  });

  it('of a renegotiation may be wrapped by tls-crypt whatever the first handshake was', () => {
    expect(guessed(`19 ${OWN} ${REPLAY} ${'5a'.repeat(32)} 0102030405`)).toMatchObject({ opcode: 3, keyId: 1, wrapping: 'tls-crypt' });
    expect(guessed(`19 ${OWN} 00 00000000`)).toMatchObject({ opcode: 3, keyId: 1, wrapping: 'tls' });
  });

  it.each([
    ['no opcode', '00'],
    ['an opcode that does not exist', `60 ${OWN} 00 00000000`],
    ['a session of zeros', `38 ${'00'.repeat(8)} 00 00000000`],
    ['a control packet that is too short', `20 ${OWN} 00 000000`],
    ['data without an id', '48 000001 0000'],
  ])('%s: is none', (_, text) => {
    const octets = hexOctets(text);
    expect(new OpenVpnPacketView().place(new DataView(octets.buffer), 0, octets.length, octets.length)).toBe(false);
  });

  it.each([
    ['a reset with something behind it', `38 ${OWN} 00 00000000 00`],
    ['a reset that is not the first packet', `38 ${OWN} 00 00000001`],
    ["a server's reset that acknowledges nothing", `40 ${OWN} 00 00000000`],
    ['an ACK of nothing', `28 ${OWN} 00 ${OTHER} 00000000`],
    ['an ACK with something behind it', `28 ${OWN} 01 00000000 ${OTHER} 00`],
    ['more acknowledgments than there are', `20 ${OWN} 09 ${'00000001'.repeat(9)} ${OTHER} 00000001`],
    ['a time of another year', `38 ${OWN} 00000001 55000000 ${'5a'.repeat(32)} 0102030405`],
  ])('%s: is not guessed', (_, text) => {
    expect(placed(text).guess(NOW)).toBe(false);
  });

  it('shows a TLS alert in the clear, also behind another record', () => {
    const control = (tls: string): OpenVpnPacketView => guessed(`20 ${OWN} 00 00000002 ${tls}`);
    const alert = control('15 0303 0002 02 30');
    expect(alert.findAlert()).toBe(true);
    expect([alert.alertLevel, tlsAlertText(alert.alertDescription)]).toEqual([2, 'unknown CA']);
    expect(control('16 0303 0003 010203 15 0303 0002 02 46').findAlert()).toBe(true);
    // Encrypted, it is longer; a version that does not exist; cut off.
    expect(control('15 0303 001a 02 30 00 00 00 00 00').findAlert()).toBe(false);
    expect(control('15 0203 0002 02 30').findAlert()).toBe(false);
    expect(control('15 0303 0002 02').findAlert()).toBe(false);
    expect(tlsAlertText(250)).toBe('alert 250');
  });
});

describe('data', () => {
  it('has an opcode, and in version 2 a peer id', () => {
    expect(placed('31 0102030405060708')).toMatchObject({ isData: true, opcode: 6, keyId: 1 });
    expect(placed('4a 000102 00000007 0102030405')).toMatchObject({ isData: true, opcode: 9, keyId: 2, peerId: 0x000102, dataId: 7 });
  });
});

it('names opcodes as the log of OpenVPN does', () => {
  expect([openVpnOpcodeName(7), openVpnOpcodeName(11), openVpnOpcodeName(31)]).toEqual([
    'P_CONTROL_HARD_RESET_CLIENT_V2',
    'P_CONTROL_WKC_V1',
    '#31',
  ]);
});

/** Everything that can be asked of a packet. */
function readAll(octets: Uint8Array, captured: number): void {
  const view = new OpenVpnPacketView();
  if (!view.place(new DataView(octets.buffer, octets.byteOffset, captured), 0, captured, octets.length)) return;
  for (const wrapping of ['tls', 'tls-auth', 'tls-crypt', 'tls-crypt-v2'] as const) {
    view.readAs(wrapping, 20);
    view.findAlert();
    expect([view.tlsType, view.wrappedKeyLength].every(Number.isInteger)).toBe(true);
  }
  view.guess(NOW);
  view.guess(0);
}

it('octets of any kind, cut anywhere, never throw', () => {
  const opcode = fc.integer({ min: 1, max: 11 });
  fc.assert(
    fc.property(opcode, fc.uint8Array({ maxLength: 120 }), fc.nat(120), (first, rest, cut) => {
      const octets = Uint8Array.from([first << 3, ...rest]);
      readAll(octets, Math.min(cut, octets.length));
    }),
    { numRuns: 2000 },
  );
  const control = hexOctets(`20 ${OWN} ${hmac(20)} ${REPLAY} 02 00000001 00000000 ${OTHER} 00000007 15 0303 0002 0230`);
  for (let captured = 0; captured <= control.length; captured++) readAll(control, captured);
});
