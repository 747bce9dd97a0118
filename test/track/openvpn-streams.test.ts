import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openVpnRecord } from '../../src/report/openvpn.ts';
import type { OpenVpnSession } from '../../src/track/openvpn/session.ts';
import {
  be16,
  clientAck,
  clientReset,
  noise,
  Opcode,
  octets,
  openvpnControl,
  openvpnData,
  RawCapture,
  serverReset,
  syn,
  synAck,
  TcpFlags,
  tcp,
  tlsHandshake,
} from '../craft/index.ts';
import { opcodesOf, openVpnSessions } from '../tools/openvpn.ts';

const CLIENT = '192.0.2.10:40001';
const IDS = { client: 11, server: 511 };
const STARTS = { client: 1001, server: 5001 };
type Side = keyof typeof STARTS;

const framed = (payload: Uint8Array): Uint8Array => octets(be16(payload.length), payload);

/** What both sides say, in turns: each entry is what one side sends without waiting. */
const TURNS: { side: Side; octets: Uint8Array }[] = [
  { side: 'client', octets: framed(clientReset({ client: 11 })) },
  { side: 'server', octets: framed(serverReset(IDS)) },
  {
    side: 'client',
    octets: octets(
      framed(clientAck(IDS)),
      framed(openvpnControl({ opcode: Opcode.Control, session: 11, packetId: 1, tls: tlsHandshake(280, 1) })),
    ),
  },
  {
    side: 'server',
    octets: octets(
      framed(openvpnControl({ opcode: Opcode.Control, session: 511, packetId: 1, tls: tlsHandshake(1200, 2) })),
      framed(openvpnControl({ opcode: Opcode.Control, session: 511, packetId: 2, tls: tlsHandshake(300, 3) })),
    ),
  },
  { side: 'client', octets: framed(openvpnControl({ opcode: Opcode.Control, session: 11, packetId: 2, tls: tlsHandshake(700, 4) })) },
  { side: 'server', octets: framed(openvpnControl({ opcode: Opcode.Control, session: 511, packetId: 3, tls: tlsHandshake(200, 5) })) },
  { side: 'client', octets: octets(...[1, 2, 3].map((id) => framed(openvpnData(5, id, 900)))) },
  { side: 'server', octets: octets(...[1, 2].map((id) => framed(openvpnData(5, id, 1300)))) },
];

interface Shape {
  port?: number;
  /** Where a turn of so many octets is cut. */
  cut?: (length: number) => number[];
  /** The order in which the pieces of a turn are seen; some may be seen again. */
  order?: (pieces: number) => number[];
  hasSyn?: boolean;
  caplen?: number;
  /** Said before everything else. */
  banner?: Uint8Array;
}

function captured({ port = 1194, cut = () => [], order, hasSyn = true, caplen, banner }: Shape): RawCapture {
  const server = `198.51.100.7:${port}`;
  const capture = new RawCapture();
  if (hasSyn) {
    capture.send(syn(CLIENT, server, STARTS.client - 1));
    capture
      .wait(0.01)
      .add(tcp({ from: server, to: CLIENT, flags: TcpFlags.Syn | TcpFlags.Ack, seq: STARTS.server - 1, ack: STARTS.client }).octets);
  }
  const sent = { client: 0, server: 0 };
  const turns = banner ? [{ side: 'client' as const, octets: banner }, ...TURNS] : TURNS;
  for (const { side, octets: said } of turns) {
    const ends = [...new Set([...cut(said.length).filter((at) => at > 0 && at < said.length), said.length])].sort((a, b) => a - b);
    const pieces = ends.map((end, i) => ({ from: ends[i - 1] ?? 0, end }));
    for (const i of order?.(pieces.length) ?? pieces.keys()) {
      const piece = pieces[i];
      if (!piece) continue;
      const [from, to] = side === 'client' ? [CLIENT, server] : [server, CLIENT];
      const other = side === 'client' ? 'server' : 'client';
      const segment = tcp({
        from,
        to,
        flags: TcpFlags.Ack | TcpFlags.Psh,
        seq: STARTS[side] + sent[side] + piece.from,
        ack: STARTS[other] + sent[other],
        payload: said.subarray(piece.from, piece.end),
      });
      capture.wait(0.01).add(segment.octets, caplen ? { caplen: Math.min(caplen, segment.octets.length) } : {});
    }
    sent[side] += said.length;
  }
  return capture;
}

/** What is said of it but for frame numbers. */
const saidOf = (sessions: readonly OpenVpnSession[]): unknown =>
  sessions.map((session) => {
    const { firstFrame: _, lastFrame: __, resetFrames: ___, serverResetFrames: ____, ...rest } = openVpnRecord(session);
    return rest;
  });

const whole = async (): Promise<unknown> => saidOf(await openVpnSessions(captured({}).bytes));

describe('OpenVPN by TCP', () => {
  it('is read packet by packet', async () => {
    const [session, ...others] = await openVpnSessions(captured({}).bytes);
    expect(others).toEqual([]);
    expect(session).toMatchObject({ transport: 'tcp', mode: 'tls', state: 'S5', dataFromClient: 3, dataFromServer: 2, hasBeginning: true });
    expect(session && opcodesOf(session)).toEqual({
      P_CONTROL_HARD_RESET_CLIENT_V2: 1,
      P_CONTROL_HARD_RESET_SERVER_V2: 1,
      P_ACK_V1: 1,
      P_CONTROL_V1: 5,
      P_DATA_V2: 5,
    });
  });

  it('gives the same record however the stream is cut, reordered and repeated', async () => {
    const expected = await whole();
    const shape = fc.record({
      cuts: fc.array(fc.nat(3000), { maxLength: 6 }),
      shuffle: fc.infiniteStream(fc.nat(100)),
      repeats: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ cuts, shuffle, repeats }) => {
        const order = (count: number): number[] => {
          const all = [...Array(count).keys(), ...Array.from({ length: repeats }, () => (shuffle.next().value ?? 0) % count)];
          return all
            .map((i) => ({ i, by: shuffle.next().value ?? 0 }))
            .sort((a, b) => a.by - b.by)
            .map(({ i }) => i);
        };
        const capture = captured({ cut: (length) => cuts.map((at) => at % length), order });
        expect(saidOf(await openVpnSessions(capture.bytes))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
    const octetByOctet = captured({ cut: (length) => (length < 400 ? [...Array(length).keys()] : []) });
    expect(saidOf(await openVpnSessions(octetByOctet.bytes))).toEqual(expected);
  });

  it('is found on other ports by the reset of its client', async () => {
    const [session] = await openVpnSessions(captured({ port: 443 }).bytes);
    expect(session).toMatchObject({ server: { port: 443 }, state: 'S5' });
  });

  it('is read where the capture has the first octets of each segment alone', async () => {
    const [session, ...others] = await openVpnSessions(captured({ caplen: 96 }).bytes);
    expect(others).toEqual([]);
    // What stands behind the first packet of a segment that was cut is lost.
    expect(session).toMatchObject({ state: 'S5', dataFromClient: 1, dataFromServer: 1 });
  });

  it('is found in the middle', async () => {
    const [session, ...others] = await openVpnSessions(captured({ hasSyn: false }).bytes);
    expect(others).toEqual([]);
    expect(session).toMatchObject({ state: 'S5', dataFromClient: 3, dataFromServer: 2 });
  });

  it.each([
    ['SSH', octets([...'SSH-2.0-OpenSSH_9.2\r\n'].map((letter) => letter.charCodeAt(0)))],
    ['HTTP', octets([...'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n'].map((letter) => letter.charCodeAt(0)))],
    ['TLS', tlsHandshake(400, 9)],
  ])('is not what begins as %s on its port', async (_, banner) => {
    const capture = new RawCapture();
    const server = '198.51.100.7:1194';
    capture.send(syn(CLIENT, server));
    capture.wait(0.01).send(synAck(server, CLIENT));
    let seq = 1001;
    for (const payload of [banner, ...Array.from({ length: 30 }, (__, i) => octets(noise(600, i + 1)))]) {
      capture.wait(0.01).send(tcp({ from: CLIENT, to: server, flags: TcpFlags.Ack, seq, ack: 5001, payload }));
      seq += payload.length;
    }
    expect(await openVpnSessions(capture.bytes)).toEqual([]);
  });
});
