import type { Endpoint } from '../../net/ip.ts';
import type { Stamp } from '../stamp.ts';

/** A notify payload that could be read (IKEv2: RFC 7296 section 3.10.1; IKEv1: RFC 2408 section 3.14.1). */
export interface IkeNotify {
  type: number;
  /** `NO_PROPOSAL_CHOSEN`. */
  name: string;
  fromInitiator: boolean;
  /** The first two octets of its data: of INVALID_KE_PAYLOAD the group that is asked for. Null where there are none. */
  value: number | null;
  /** Which exchange it was in, by its type. */
  exchange: number;
  stamp: Stamp;
}

/**
 * What the hashes of NAT detection say of one end, as this place of capture sees its address (RFC 7296 section 2.23): null where they were
 * not seen. Where a message is seen on both sides of a NAT, one of the sightings does not fit, and it is false.
 */
export interface NatDetection {
  /** The sender's own address is the one seen here. */
  source: boolean | null;
  /** The address that the sender sends to is the one seen here. */
  destination: boolean | null;
}

/** How an answer, or each of its repeats, is cut. */
export interface IkeAnswerPieces {
  /** Octets of the largest one as an IP packet, before it is cut. */
  largestPacket: number;
  /** Frames that are IP fragments of answers, and how many of those were the last one of theirs. */
  ipFragments: number;
  lastFragments: number;
  /** Fragments of IKE that it comes in (RFC 7383), and those that were seen: number n as bit n - 1, up to 31. */
  ikeFragments: number;
  seen: number;
}

/** A request of an exchange, or a series of its repeats, and what answered it. */
export interface IkeMessageExchange {
  /** 34 IKE_SA_INIT, 35 IKE_AUTH, 36 CREATE_CHILD_SA, 37 INFORMATIONAL; IKEv1: 2 main, 4 aggressive, 6 transaction, 32 quick. */
  type: number;
  name: string;
  messageId: number;
  /** Main mode and aggressive mode of version 1: the number of the request's message, 1, 3 or 5; else 0. */
  step: number;
  fromInitiator: boolean;
  /** The request and its repeats: the first ones and, at the end, the latest. Empty where the answer alone was seen. */
  requests: Stamp[];
  requestCount: number;
  /** Repeats that came after the answer had been seen. */
  repeatsAfterAnswer: number;
  response: Stamp | null;
  /** Answers and their repeats. */
  responseCount: number;
  /** Octets that the encrypted part of the answer has at most for its payloads; null where that is not known. */
  responseRoom: number | null;
  answerPieces: IkeAnswerPieces;
  /** What came later shows that it was answered, though the answer was not seen. */
  wentOn: boolean;
  /** Octets of UDP payload of the largest request, and of its IP packet before it is cut into fragments. */
  largest: number;
  largestPacket: number;
  /** Frames that are IP fragments of requests; of how many requests the first one was seen, and of how many the last one. */
  ipFragments: number;
  firstFragments: number;
  lastFragments: number;
  /** Later fragments were seen coming into the capturing host, and leaving it. */
  restIn: boolean;
  restOut: boolean;
  /** Fragments of IKE that one request comes in (RFC 7383). */
  ikeFragments: number;
  /** Key exchange group of the request; null where it says none. */
  group: number | null;
  ports: { source: number; destination: number };
  /** The requests were seen coming into the capturing host, and leaving it. */
  seenIn: boolean;
  seenOut: boolean;
}

/** An INFORMATIONAL message of version 1: it asks for no answer. */
export interface IkeInformational {
  fromInitiator: boolean;
  isEncrypted: boolean;
  stamp: Stamp;
}

/** One IKE security association, or the attempt to make one. */
export interface IkeSession {
  initiator: Required<Endpoint>;
  responder: Required<Endpoint>;
  version: 1 | 2;
  initiatorSpi: string;
  responderSpi: string | null;
  path: number;
  exchanges: IkeMessageExchange[];
  notifies: IkeNotify[];
  informationals: IkeInformational[];
  natOfInitiator: NatDetection;
  natOfResponder: NatDetection;
  /** It went over to port 4500. */
  usesNatT: boolean;
  /** A packet of the responder came from port 4500. */
  hearsNatT: boolean;
  /** What the initiator offers, and what the responder chose, in the words of strongSwan's log. */
  offered: string[];
  chosen: string | null;
  /** Answers from another address than the one that was asked, or from another port of it. */
  answeredFrom: { from: Required<Endpoint>; packets: number; first: Stamp }[];
  /** An ICMP error about its packets. */
  refusal: { from: string; reason: string; isPort: boolean; port: number; count: number; stamp: Stamp } | null;
  /** The same first message goes to several responders: a scan. */
  isScattered: boolean;
  /** Vendor ids that are known, by name. */
  vendors: string[];
  packets: number;
  bytes: number;
  maxOuter: number;
  /** The capture shows its first message. */
  hasBeginning: boolean;
  first: Stamp;
  last: Stamp;
}
