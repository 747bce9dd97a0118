import { ikeAt } from '../ike.ts';
import type { Packet } from '../packet.ts';
import { IkeNotifyType, Ikev1Exchange, ikeVendorName } from './names.ts';
import { type IkeProposal, readProposals, readProposalsV1 } from './proposals.ts';

/** Payload types (RFC 7296 section 3.2, RFC 7383 section 2.5; version 1: RFC 2408 section 3.1, RFC 3947, Cisco's and Microsoft's fragments). */
export const IkePayload = {
  Sa: 33,
  Ke: 34,
  Notify: 41,
  Vendor: 43,
  Encrypted: 46,
  EncryptedFragment: 53,
  SaV1: 1,
  KeV1: 4,
  NotifyV1: 11,
  VendorV1: 13,
  NatV1: 20,
  NatDraftV1: 130,
  FragmentV1: 132,
} as const;

export interface IkeReadNotify {
  type: number;
  /** The first two octets of its data (the group that INVALID_KE_PAYLOAD asks for); null where there are none. */
  value: number | null;
}

/** An IKE message as far as it can be read without keys. */
export interface IkeMessage {
  version: 1 | 2;
  /** `0x` and 16 digits. */
  initiatorSpi: string;
  /** Null in the first message, where it is zero. */
  responderSpi: string | null;
  exchange: number;
  messageId: number;
  /** Version 2: its flags say so. Version 1 has no such flags: both are false. */
  isResponse: boolean;
  isFromInitiator: boolean;
  /** Version 1: what follows the header is encrypted. */
  isEncrypted: boolean;
  /** Octets, as the header says. */
  length: number;
  /** Types of the payloads in their order, up to the encrypted one. */
  payloads: number[];
  proposals: IkeProposal[];
  /** The group of its key exchange payload (version 2); null where there is none. */
  group: number | null;
  /** Version 1 does not say the group: whether there is a key exchange payload. */
  hasKe: boolean;
  notifies: IkeReadNotify[];
  /** Hashes of NAT detection. Version 1 has the destination's first, then those of the source (RFC 3947 section 3.2). */
  natSource: Uint8Array[];
  natDestination: Uint8Array[];
  vendors: string[];
  /** Octets of the encrypted payload with its header; 0 where there is none. */
  encryptedLength: number;
  /** Which piece of an encrypted message it is, from 1, and of how many (RFC 7383; of version 1 `total` is 0 but in the last piece). */
  fragment: { number: number; total: number } | null;
  /** Equal for copies and repeats of one message, as far as it was captured. */
  digest: number;
}

const HEADER = 28;
const FIRST_PAYLOAD = 16;
const VERSION = 17;
const EXCHANGE = 18;
const FLAGS = 19;
const MESSAGE_ID = 20;
const LENGTH = 24;
const RESPONSE = 0x20;
const INITIATOR = 0x08;
const ENCRYPTED_V1 = 0x01;
const LAST_FRAGMENT_V1 = 0x01;
/** No message has more; each is four octets at least, so that none can go round. */
const MOST_PAYLOADS = 64;
const MOST_OF_A_KIND = 16;
const GENERIC_HEADER = 4;
/** Enough to tell messages apart: nonces and encrypted octets are in the first ones. */
const DIGESTED = 512;

/** The IKE message of a packet of UDP; undefined where there is none. Allocates: IKE is rare, and ESP in UDP is turned away first. */
export function readIkeMessage(packet: Packet): IkeMessage | undefined {
  const at = ikeAt(packet);
  if (at < 0) return undefined;
  const { view } = packet;
  const version = view.getUint8(at + VERSION) >> 4 === 1 ? 1 : 2;
  const flags = view.getUint8(at + FLAGS);
  const length = view.getUint32(at + LENGTH);
  const captured = packet.payloadAt + packet.payloadCaptured;
  const message: IkeMessage = {
    version,
    initiatorSpi: spiText(view, at),
    responderSpi: view.getInt32(at + 8) === 0 && view.getInt32(at + 12) === 0 ? null : spiText(view, at + 8),
    exchange: view.getUint8(at + EXCHANGE),
    messageId: view.getUint32(at + MESSAGE_ID),
    isResponse: version === 2 && (flags & RESPONSE) !== 0,
    isFromInitiator: version === 2 && (flags & INITIATOR) !== 0,
    isEncrypted: version === 1 && (flags & ENCRYPTED_V1) !== 0,
    length,
    payloads: [],
    proposals: [],
    group: null,
    hasKe: false,
    notifies: [],
    natSource: [],
    natDestination: [],
    vendors: [],
    encryptedLength: 0,
    fragment: null,
    digest: digestOf(view, at, Math.min(captured, at + DIGESTED)),
  };
  if (!message.isEncrypted) readPayloads(view, at, Math.min(captured, at + length), message);
  return message;
}

const spiText = (view: DataView, at: number): string => `0x${hex(view.getUint32(at))}${hex(view.getUint32(at + 4))}`;
const hex = (word: number): string => word.toString(16).padStart(8, '0');

/** FNV-1a. */
function digestOf(view: DataView, at: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = at; i < end; i++) hash = Math.imul(hash ^ view.getUint8(i), 0x01000193);
  return hash;
}

/** Walks the chain of payloads: next 1 | critical 1 | length 2 | body. It ends where something is encrypted, cut or impossible. */
function readPayloads(view: DataView, header: number, end: number, message: IkeMessage): void {
  let type = view.getUint8(header + FIRST_PAYLOAD);
  let at = header + HEADER;
  while (type !== 0 && message.payloads.length < MOST_PAYLOADS && at + GENERIC_HEADER <= end) {
    const next = at + view.getUint16(at + 2);
    if (next < at + GENERIC_HEADER) return;
    message.payloads.push(type);
    const isSealed = type === IkePayload.Encrypted || type === IkePayload.EncryptedFragment || type === IkePayload.FragmentV1;
    if (isSealed && (message.version === 1) === (type === IkePayload.FragmentV1)) {
      message.encryptedLength = next - at;
      readFragment(view, at, end, type, message);
      return;
    }
    if (next > end) return;
    if (message.version === 2) readPayload(view, type, at + GENERIC_HEADER, next, message);
    else readPayloadV1(view, type, at + GENERIC_HEADER, next, message);
    type = view.getUint8(at);
    at = next;
  }
}

/** RFC 7383 section 2.5: number 2 | total 2. Version 1: id 2 | number 1 | flags 1. */
function readFragment(view: DataView, at: number, end: number, type: number, message: IkeMessage): void {
  if (type === IkePayload.Encrypted || at + 2 * GENERIC_HEADER > end) return;
  if (type === IkePayload.EncryptedFragment) {
    message.fragment = { number: view.getUint16(at + 4), total: view.getUint16(at + 6) };
    return;
  }
  const number = view.getUint8(at + 6);
  message.fragment = { number, total: view.getUint8(at + 7) & LAST_FRAGMENT_V1 ? number : 0 };
}

function readPayload(view: DataView, type: number, at: number, end: number, message: IkeMessage): void {
  if (type === IkePayload.Sa) {
    if (message.proposals.length === 0) message.proposals = readProposals(view, at, end);
  } else if (type === IkePayload.Ke) {
    message.hasKe = true;
    if (at + 2 <= end) message.group ??= view.getUint16(at);
  } else if (type === IkePayload.Vendor) {
    addVendor(message, octetsOf(view, at, end));
  } else if (type === IkePayload.Notify && at + GENERIC_HEADER <= end) {
    // Protocol 1 | SPI size 1 | type 2 | SPI | data.
    readNotify(view, view.getUint16(at + 2), at + 4 + view.getUint8(at + 1), end, message);
  }
}

function readPayloadV1(view: DataView, type: number, at: number, end: number, message: IkeMessage): void {
  if (type === IkePayload.SaV1) {
    if (message.proposals.length === 0) message.proposals = readProposalsV1(view, at, end);
  } else if (type === IkePayload.KeV1) {
    message.hasKe = true;
  } else if (type === IkePayload.VendorV1) {
    addVendor(message, octetsOf(view, at, end));
  } else if (type === IkePayload.NatV1 || (type === IkePayload.NatDraftV1 && message.exchange !== Ikev1Exchange.Quick)) {
    const list = message.natDestination.length === 0 ? message.natDestination : message.natSource;
    if (list.length < MOST_OF_A_KIND) list.push(octetsOf(view, at, end));
  } else if (type === IkePayload.NotifyV1 && at + 8 <= end) {
    // DOI 4 | protocol 1 | SPI size 1 | type 2 | SPI | data.
    readNotify(view, view.getUint16(at + 6), at + 8 + view.getUint8(at + 5), end, message);
  }
}

function readNotify(view: DataView, type: number, data: number, end: number, message: IkeMessage): void {
  const { natSource, natDestination, notifies } = message;
  if (message.version === 2 && type === IkeNotifyType.NatDetectionSource) {
    if (natSource.length < MOST_OF_A_KIND && data <= end) natSource.push(octetsOf(view, data, end));
  } else if (message.version === 2 && type === IkeNotifyType.NatDetectionDestination) {
    if (natDestination.length < MOST_OF_A_KIND && data <= end) natDestination.push(octetsOf(view, data, end));
  }
  if (notifies.length < MOST_PAYLOADS) notifies.push({ type, value: data + 2 <= end ? view.getUint16(data) : null });
}

function addVendor(message: IkeMessage, id: Uint8Array): void {
  const name = ikeVendorName(id);
  if (name !== undefined && message.vendors.length < MOST_OF_A_KIND && !message.vendors.includes(name)) message.vendors.push(name);
}

/** A copy: the packet's octets are reused. */
const octetsOf = (view: DataView, at: number, end: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + at, Math.max(0, end - at)).slice();
