import type { Endpoint } from '../../net/ip.ts';
import type { Evidence } from '../evidence.ts';
import type { Stamp } from '../stamp.ts';

export const openVpnModes = ['tls', 'tls-auth', 'tls-crypt', 'tls-crypt-v2', 'static-key', 'unknown'] as const;
export type OpenVpnMode = (typeof openVpnModes)[number];

/** How far a handshake got: `S0` reset sent, `S1` server's reset seen, `S2` the client acknowledged it, `S3` TLS both ways, `S4` TLS done, `S5` data both ways. */
export const openVpnStates = ['S0', 'S1', 'S2', 'S3', 'S4', 'S5'] as const;
export type OpenVpnState = (typeof openVpnStates)[number];

/** Answers to one session from another address than the one that was asked. */
export interface OpenVpnAnswer {
  from: Required<Endpoint>;
  packets: number;
  first: Stamp;
  /** The answer names the client's session: no other reading. False under tls-crypt, where ports and time connect the two. */
  named: boolean;
}

/** One attempt of a client to begin a session, or the session that came of it. */
export interface OpenVpnSession {
  client: Required<Endpoint>;
  /** Where the client sends. */
  server: Required<Endpoint>;
  transport: 'udp' | 'tcp';
  mode: OpenVpnMode;
  /** Octets of the HMAC's digest under tls-auth (16 MD5, 20 SHA1, 28, 32, 48, 64 SHA2); 0: none, or not known. */
  hmac: number;
  /** Session ids, 16 hex digits; null where not seen. */
  clientSession: string | null;
  serverSession: string | null;
  state: OpenVpnState;
  path: number;
  /** The capture shows its beginning: the client's reset. */
  hasBeginning: boolean;
  /** It goes no further: idle, replaced by another one between the same ports, or the TCP connection is over. */
  isOver: boolean;
  /**
   * The first record with the same session id of the client, where this is another one: the same packets on the other side of a NAT, or a session that goes on
   * with a server's other address.
   */
  sameAs: OpenVpnSession | null;
  /** The furthest state of all records with the same session id: what stands still here may go on behind the NAT. */
  furthest: OpenVpnState;
  /** Packets by opcode. */
  opcodes: ReadonlyMap<number, number>;
  /** The client's resets, all of them: the first ones and the latest are kept. By TCP where none of them was let through: its refused SYNs. */
  resets: Stamp[];
  resetCount: number;
  /** The server's resets that came from the asked address. */
  serverResets: Stamp[];
  serverResetCount: number;
  /** Control packets (not resets) that were sent again, by the client and by the server; largest of the repeated ones in octets of UDP payload, and the stamps. */
  controlRepeats: { fromClient: number; fromServer: number; largest: number; stamps: Stamp[] };
  /** Those of them since either side last said anything new: the handshake stands still there. */
  stuck: OpenVpnSession['controlRepeats'];
  /** Answers that came from elsewhere. */
  answeredFrom: OpenVpnAnswer[];
  /** The capturing host is the client, or the server, where the capture's directions say so. */
  atClient: boolean;
  atServer: boolean;
  /** An ICMP error about the client's packets: nothing listens, or no way there. By TCP: the RST that answered a SYN (`isPort`). */
  refusal: { from: string; reason: string; isPort: boolean; stamp: Stamp } | null;
  /** A TLS alert in the clear. */
  alert: { fromClient: boolean; level: number; description: number; stamp: Stamp } | null;
  dataFromClient: number;
  dataFromServer: number;
  dataBytes: number;
  /** Soft resets: new keys on the way. */
  renegotiations: number;
  /** Client endpoints that the session moved to (float), with the stamp. */
  floats: { from: Required<Endpoint>; to: Required<Endpoint>; stamp: Stamp }[];
  first: Stamp;
  last: Stamp;
  evidence: Evidence;
}
