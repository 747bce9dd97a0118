import { be16, be32, noise, octets, type Part } from './octets.ts';

export const Opcode = { Control: 4, Ack: 5, DataV1: 6, ClientReset: 7, ServerReset: 8, DataV2: 9, ClientResetV3: 10 } as const;

/** How a control packet is protected. */
export type Protection = 'none' | 'sha1' | 'tls-crypt';

export interface ControlFields {
  opcode: number;
  protection?: Protection;
  /** Session ids as seeds of eight octets: of the sender, and of the receiver where packets are acknowledged. */
  session: number;
  remote?: number;
  acks?: readonly number[];
  /** Absent in a packet that only acknowledges. */
  packetId?: number;
  /** The sender's count of packets, and its clock, seconds since 1970: in what is authenticated. */
  replayId?: number;
  time?: number;
  /** TLS octets. */
  tls?: Uint8Array;
  keyId?: number;
}

const SHA1_LENGTH = 20;
const TAG_LENGTH = 32;
/** 15 January 2024: when captures begin. */
const USUAL_TIME = Date.UTC(2024, 0, 15, 8) / 1000;

/** A packet of the control channel, as UDP payload (OpenVPN `ssl_pkt.h`, `tls_crypt.h`). */
export function openvpnControl(fields: ControlFields): Uint8Array {
  const { opcode, protection = 'none', session, replayId = 1, time = USUAL_TIME, keyId = 0 } = fields;
  const head = octets((opcode << 3) | keyId, noise(8, session));
  const body = controlBody(fields);
  if (protection === 'none') return octets(head, body);
  const replay = octets(be32(replayId), be32(time));
  const seed = session * 31 + opcode * 7 + replayId;
  if (protection === 'sha1') return octets(head, noise(SHA1_LENGTH, seed), replay, body);
  return octets(head, replay, noise(TAG_LENGTH, seed), noise(body.length, seed + 1));
}

export interface HandshakePacket {
  protection?: Protection;
  /** Seeds of both session ids. */
  client: number;
  server: number;
  replayId?: number;
}

export const clientReset = ({ client, ...rest }: Omit<HandshakePacket, 'server'>): Uint8Array =>
  openvpnControl({ ...rest, opcode: Opcode.ClientReset, session: client, packetId: 0 });

export const serverReset = ({ client, server, ...rest }: HandshakePacket): Uint8Array =>
  openvpnControl({ ...rest, opcode: Opcode.ServerReset, session: server, remote: client, acks: [0], packetId: 0 });

export const clientAck = ({ client, server, ...rest }: HandshakePacket, acked = 0): Uint8Array =>
  openvpnControl({ ...rest, opcode: Opcode.Ack, session: client, remote: server, acks: [acked] });

/** DATA_V2 with AEAD. */
export const openvpnData = (peerId: number, packetId: number, length = 120): Uint8Array =>
  octets((Opcode.DataV2 << 3) | 0, be32(peerId).slice(1), be32(packetId), noise(16 + length, packetId));

/** A TLS record of the handshake, of this many octets. */
export const tlsHandshake = (length: number, seed: number): Uint8Array => octets(0x16, 3, 1, be16(length - 5), noise(length - 5, seed));

function controlBody({ acks = [], remote, packetId, tls = new Uint8Array(0) }: ControlFields): Uint8Array {
  const parts: Part[] = [acks.length, acks.flatMap(be32)];
  if (acks.length > 0 && remote !== undefined) parts.push(noise(8, remote));
  if (packetId !== undefined) parts.push(be32(packetId));
  return octets(...parts, tls);
}
