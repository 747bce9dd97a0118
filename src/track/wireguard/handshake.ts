import type { Stamp } from '../stamp.ts';
import type { FullEndpoint, Move } from './peers.ts';

/** A row of initiations by one device to another, with what came of it. */
export interface Handshake {
  initiator: FullEndpoint;
  responder: FullEndpoint;
  path: number;
  /** Of the latest initiation; each has one of its own. */
  senderIndex: number;
  /** The responder's. */
  receiverIndex: number | null;
  /** The first ones, and the latest. */
  initiations: Stamp[];
  latest: Stamp;
  response: Stamp | null;
  responseFrom: FullEndpoint | null;
  latencyUs: number | null;
  /** For whom the initiations are, where a known key tells. */
  peer: string | null;
}

/** Responses to initiations of one initiator that came from another address than the asked one. */
export interface WrongResponder {
  initiator: FullEndpoint;
  asked: FullEndpoint;
  path: number;
  peer: string | null;
  responses: { from: FullEndpoint; receiverIndex: number; initiation: Stamp; response: Stamp; atServer: boolean; move: Move | undefined }[];
  omitted: number;
}

export interface CookieReply {
  from: FullEndpoint;
  to: FullEndpoint;
  receiverIndex: number;
  path: number;
  stamp: Stamp;
}
