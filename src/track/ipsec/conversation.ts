import { Direction } from '../../frame.ts';
import { type IkeMessage, IkePayload } from '../../wire/ike/message.ts';
import { IkeExchange, Ikev1Exchange, ikeExchangeName, ikeNotifyName } from '../../wire/ike/names.ts';
import { NAT_T_PORT } from '../../wire/ike.ts';
import type { Packet } from '../../wire/packet.ts';
import { overwriteStamp, type Stamp, stampOf } from '../stamp.ts';
import type { IkeMessageExchange, IkeSession, NatDetection } from './exchange.ts';
import { isAddressHashed } from './nat-detection.ts';

/** Sightings of one message lie closer than this; the fastest repeat is that of libreswan, after 0.5 s. */
const SIGHTING_SEC = 0.1;
/** Of a long life the first exchanges and the latest are kept. */
const MOST_EXCHANGES = 32;
const KEPT_AT_START = 8;
const MOST_STAMPS = 12;
const MOST_NOTIFIES = 48;
const MOST_INFORMATIONALS = 16;
const MOST_ADDRESSES = 8;
const MOST_OFFERS = 16;
/** Fragments of IKE that have a bit of their own. */
const MOST_PIECES = 31;
/** Of an encrypted payload: its header, and the length of the padding (RFC 7296 section 3.14). */
const SEALED_HEADER = 4;
const PAD_LENGTH = 1;

/** What is known of one message besides the facts. */
interface Sighting {
  digest: number;
  at: number;
}

/** Where a message belongs. */
export interface IkePlace {
  exchange: IkeMessageExchange;
  isAnswer: boolean;
}

/** An IKE security association that is being followed. */
export class IkeConversation {
  readonly facts: IkeSession;
  /** Addresses that the two ends have at this place of capture: before and after a NAT, and where they moved to. */
  private readonly initiators = new Set<string>();
  private readonly responders = new Set<string>();
  /** Ports that the initiator sent to. */
  private readonly askedPorts = new Set<number>();
  private readonly requests = new Map<IkeMessageExchange, Sighting>();
  private readonly responses = new Map<IkeMessageExchange, Sighting>();
  /** The latest INFORMATIONAL of version 1. */
  private informed: Sighting = { digest: 0, at: Number.NEGATIVE_INFINITY };
  /** Of the cipher that was chosen. */
  private sealing: { iv: number; icv: number } | null = null;

  constructor(message: IkeMessage, packet: Packet, stamp: Stamp) {
    const source = { ip: packet.sourceIp, port: packet.sourcePort };
    const destination = { ip: packet.destinationIp, port: packet.destinationPort };
    const isFromInitiator = message.version === 1 ? true : message.isFromInitiator;
    this.facts = {
      initiator: isFromInitiator ? source : destination,
      responder: isFromInitiator ? destination : source,
      version: message.version,
      initiatorSpi: message.initiatorSpi,
      responderSpi: null,
      path: packet.path,
      exchanges: [],
      notifies: [],
      informationals: [],
      natOfInitiator: { source: null, destination: null },
      natOfResponder: { source: null, destination: null },
      usesNatT: false,
      hearsNatT: false,
      offered: [],
      chosen: null,
      answeredFrom: [],
      refusal: null,
      isScattered: false,
      vendors: [],
      packets: 0,
      bytes: 0,
      maxOuter: 0,
      hasBeginning: message.responderSpi === null,
      first: stamp,
      last: { ...stamp },
    };
    this.initiators.add(this.facts.initiator.ip);
    this.responders.add(this.facts.responder.ip);
  }

  /**
   * One message of it; gives its exchange, where it has one.
   * @param at where the IKE header begins
   */
  observe(message: IkeMessage, packet: Packet, at: number): IkePlace | undefined {
    const { facts } = this;
    const size = packet.payloadAt - packet.ipAt + packet.payloadLength;
    facts.packets++;
    facts.bytes += size;
    facts.maxOuter = Math.max(facts.maxOuter, size);
    facts.responderSpi ??= message.responderSpi;
    const fromInitiator = this.isFromInitiator(message, packet);
    if (packet.sourcePort === NAT_T_PORT || packet.destinationPort === NAT_T_PORT) {
      facts.usesNatT = true;
      facts.hearsNatT ||= !fromInitiator;
    }
    for (const vendor of message.vendors)
      if (!facts.vendors.includes(vendor) && facts.vendors.length < MOST_OFFERS) facts.vendors.push(vendor);
    detectNat(message, packet, at, fromInitiator ? facts.natOfInitiator : facts.natOfResponder);
    const isRequest = message.version === 1 ? this.isRequestV1(message, fromInitiator) : !message.isResponse;
    const exchange = this.follow(message, packet, fromInitiator, isRequest);
    if (fromInitiator) this.sentBy(packet);
    overwriteStamp(facts.last, packet);
    return exchange && { exchange, isAnswer: !isRequest };
  }

  /** The whole of a message that was observed as far as its first IP fragment goes: what was not readable then. */
  complete(message: IkeMessage, packet: Packet, at: number): void {
    const { facts } = this;
    const fromInitiator = this.isFromInitiator(message, packet);
    for (const vendor of message.vendors)
      if (!facts.vendors.includes(vendor) && facts.vendors.length < MOST_OFFERS) facts.vendors.push(vendor);
    detectNat(message, packet, at, fromInitiator ? facts.natOfInitiator : facts.natOfResponder);
    const isKnown = (type: number): boolean =>
      facts.notifies.some((each) => each.type === type && each.fromInitiator === fromInitiator && each.exchange === message.exchange);
    this.notify({ ...message, notifies: message.notifies.filter(({ type }) => !isKnown(type)) }, packet, fromInitiator);
  }

  /** An ICMP error about one of its packets. What says that nothing listens says more than the rest. */
  refuse(refusal: NonNullable<IkeSession['refusal']>): void {
    const known = this.facts.refusal;
    if (!known || (refusal.isPort && !known.isPort)) this.facts.refusal = { ...refusal, count: (known?.count ?? 0) + 1 };
    else known.count++;
  }

  // Who is who.

  private isFromInitiator(message: IkeMessage, packet: Packet): boolean {
    if (message.version === 2) return message.isFromInitiator;
    if (message.responderSpi === null || this.initiators.has(packet.sourceIp)) return true;
    if (this.responders.has(packet.sourceIp)) return false;
    return !this.initiators.has(packet.destinationIp);
  }

  /** The initiator, wherever it is by now, sends to a responder. */
  private sentBy(packet: Packet): void {
    if (this.initiators.size < MOST_ADDRESSES) this.initiators.add(packet.sourceIp);
    if (this.responders.size < MOST_ADDRESSES) this.responders.add(packet.destinationIp);
    if (this.askedPorts.size < MOST_ADDRESSES) this.askedPorts.add(packet.destinationPort);
  }

  /** Of version 1 whoever begins quick mode or a transaction asks; else the initiator does. */
  private isRequestV1({ exchange, messageId }: IkeMessage, fromInitiator: boolean): boolean {
    if (exchange === Ikev1Exchange.Main || exchange === Ikev1Exchange.Aggressive) return fromInitiator;
    const known = this.find(exchange, messageId, 0);
    return !known || known.fromInitiator === fromInitiator;
  }

  // Exchanges.

  private follow(message: IkeMessage, packet: Packet, fromInitiator: boolean, isRequest: boolean): IkeMessageExchange | undefined {
    const { facts } = this;
    const { exchange: type, messageId, version } = message;
    if (version === 1 && type === Ikev1Exchange.Informational) {
      const { digest, at } = this.informed;
      this.informed = { digest: message.digest, at: packet.at };
      if (digest === message.digest && packet.at - at < SIGHTING_SEC) return undefined;
      this.notify(message, packet, fromInitiator);
      if (facts.informationals.length < MOST_INFORMATIONALS)
        facts.informationals.push({ fromInitiator, isEncrypted: message.isEncrypted, stamp: stampOf(packet) });
      return undefined;
    }
    const step = version === 1 ? stepOf(message) : 0;
    // The third message of aggressive mode asks for nothing: it says that the second one came.
    if (type === Ikev1Exchange.Aggressive && isRequest && message.responderSpi !== null) {
      this.wentOn(Ikev1Exchange.Aggressive, 1, fromInitiator);
      return undefined;
    }
    const asker = isRequest ? fromInitiator : !fromInitiator;
    const known = this.findOf(type, messageId, step, asker);
    if (isRequest) return this.request(message, packet, fromInitiator, step, known);
    const answered = known ?? this.begin(message, packet, asker, step);
    this.response(message, packet, fromInitiator, answered);
    return answered;
  }

  private request(
    message: IkeMessage,
    packet: Packet,
    fromInitiator: boolean,
    step: number,
    known: IkeMessageExchange | undefined,
  ): IkeMessageExchange {
    // After a cookie or another group the same is asked in other words: the first one was answered.
    const sighting = known && this.requests.get(known);
    const isRepeat = sighting?.digest === message.digest;
    const isAnother = known !== undefined && message.exchange === IkeExchange.Init && sighting !== undefined && !isRepeat;
    if (isAnother) known.wentOn ||= known.response === null;
    const exchange = known && !isAnother ? known : this.begin(message, packet, fromInitiator, step);
    this.describe(exchange, message, packet);
    if (isLaterPiece(message) || this.isSighting(this.requests, exchange, message, packet)) return exchange;
    // The third message of quick mode, or the next one of a transaction.
    if (message.version === 1 && step === 0 && sighting !== undefined && !isRepeat) return exchange;
    exchange.requestCount++;
    if (exchange.requests.length < MOST_STAMPS) exchange.requests.push(stampOf(packet));
    else exchange.requests[MOST_STAMPS - 1] = stampOf(packet);
    if (exchange.response) exchange.repeatsAfterAnswer++;
    if (exchange.requestCount === 1) {
      this.showsAnswers(exchange);
      if (message.exchange !== Ikev1Exchange.Quick) this.notify(message, packet, fromInitiator);
      if (this.facts.offered.length === 0 && message.proposals.length > 0)
        this.facts.offered = message.proposals.slice(0, MOST_OFFERS).map(({ text }) => text);
    } else if (message.responderSpi === null && !this.responders.has(packet.destinationIp)) {
      this.facts.isScattered = true;
    }
    return exchange;
  }

  private response(message: IkeMessage, packet: Packet, fromInitiator: boolean, exchange: IkeMessageExchange): void {
    describeAnswer(exchange, message, packet);
    // A NAT that changes it may be the capturing host itself: every sighting counts.
    if (!fromInitiator && exchange.requestCount > 0) this.checkSource(packet);
    if (isLaterPiece(message) || this.isSighting(this.responses, exchange, message, packet)) return;
    exchange.responseCount++;
    if (exchange.response) return;
    exchange.response = stampOf(packet);
    const [chosen] = message.proposals;
    if (chosen) {
      this.facts.chosen = chosen.text;
      this.sealing = chosen.sealing;
    }
    if (this.sealing && message.fragment === null && message.encryptedLength > 0) {
      const { iv, icv } = this.sealing;
      exchange.responseRoom = Math.max(0, message.encryptedLength - SEALED_HEADER - iv - icv - PAD_LENGTH);
    }
    this.notify(message, packet, fromInitiator);
  }

  private begin(message: IkeMessage, packet: Packet, fromInitiator: boolean, step: number): IkeMessageExchange {
    const { exchanges } = this.facts;
    const exchange: IkeMessageExchange = {
      type: message.exchange,
      name: ikeExchangeName(message.exchange),
      messageId: message.messageId,
      step,
      fromInitiator,
      requests: [],
      requestCount: 0,
      repeatsAfterAnswer: 0,
      response: null,
      responseCount: 0,
      responseRoom: null,
      answerPieces: { largestPacket: 0, ipFragments: 0, lastFragments: 0, ikeFragments: 0, seen: 0 },
      wentOn: false,
      largest: 0,
      largestPacket: 0,
      ipFragments: 0,
      firstFragments: 0,
      lastFragments: 0,
      restIn: false,
      restOut: false,
      ikeFragments: 0,
      group: null,
      ports: { source: packet.sourcePort, destination: packet.destinationPort },
      seenIn: false,
      seenOut: false,
    };
    if (exchanges.length >= MOST_EXCHANGES) {
      for (const gone of exchanges.splice(KEPT_AT_START, 1)) {
        this.requests.delete(gone);
        this.responses.delete(gone);
      }
    }
    exchanges.push(exchange);
    return exchange;
  }

  private describe(exchange: IkeMessageExchange, message: IkeMessage, packet: Packet): void {
    if (message.fragment) exchange.ikeFragments = Math.max(exchange.ikeFragments, message.fragment.total, message.fragment.number);
    if (packet.isFragment) {
      exchange.ipFragments++;
      exchange.firstFragments++;
    }
    exchange.largest = Math.max(exchange.largest, packet.payloadLength);
    exchange.largestPacket = Math.max(exchange.largestPacket, packet.payloadAt - packet.ipAt + packet.payloadLength);
    exchange.group ??= message.group;
    exchange.seenIn ||= packet.direction === Direction.In;
    exchange.seenOut ||= packet.direction === Direction.Out;
  }

  /** Whether the message was seen just now: on another interface, on the other side of a NAT, on a mirror. */
  private isSighting(
    seen: Map<IkeMessageExchange, Sighting>,
    exchange: IkeMessageExchange,
    { digest }: IkeMessage,
    { at }: Packet,
  ): boolean {
    const known = seen.get(exchange);
    if (!known) {
      seen.set(exchange, { digest, at });
      return false;
    }
    const isSame = known.digest === digest && at - known.at < SIGHTING_SEC;
    known.digest = digest;
    known.at = at;
    return isSame;
  }

  /** Whoever asks the next thing was answered, wherever the answer went. */
  private showsAnswers({ type, step, messageId, fromInitiator }: IkeMessageExchange): void {
    for (const earlier of this.facts.exchanges) {
      if (earlier.response || earlier.fromInitiator !== fromInitiator) continue;
      const isPhase1 = earlier.type === Ikev1Exchange.Main || earlier.type === Ikev1Exchange.Aggressive;
      const isNext = type === earlier.type ? step > earlier.step : isPhase1 && type === Ikev1Exchange.Quick;
      const isSetUp = earlier.type === IkeExchange.Init || earlier.type === IkeExchange.Auth || earlier.type === IkeExchange.Intermediate;
      if (this.facts.version === 1 ? isNext : isSetUp && messageId > earlier.messageId) earlier.wentOn = true;
    }
  }

  private wentOn(type: number, step: number, fromInitiator: boolean): void {
    for (const each of this.facts.exchanges)
      if (each.type === type && each.step === step && each.fromInitiator === fromInitiator) each.wentOn = true;
  }

  private find(type: number, messageId: number, step: number): IkeMessageExchange | undefined {
    return this.facts.exchanges.findLast((each) => each.type === type && each.messageId === messageId && each.step === step);
  }

  private findOf(type: number, messageId: number, step: number, fromInitiator: boolean): IkeMessageExchange | undefined {
    return this.facts.exchanges.findLast(
      (each) => each.type === type && each.messageId === messageId && each.step === step && each.fromInitiator === fromInitiator,
    );
  }

  private notify(message: IkeMessage, packet: Packet, fromInitiator: boolean): void {
    const { notifies, version } = this.facts;
    for (const { type, value } of message.notifies) {
      if (notifies.length >= MOST_NOTIFIES) notifies.splice(0, 1);
      const name = ikeNotifyName(version, type);
      notifies.push({ type, name, fromInitiator, value, exchange: message.exchange, stamp: stampOf(packet) });
    }
  }

  /** An answer from an address, or a port, that the initiator did not send to. */
  private checkSource(packet: Packet): void {
    if (this.responders.has(packet.sourceIp) && this.askedPorts.has(packet.sourcePort)) return;
    const { answeredFrom } = this.facts;
    const known = answeredFrom.find(({ from }) => from.ip === packet.sourceIp && from.port === packet.sourcePort);
    if (known) known.packets++;
    else if (answeredFrom.length < MOST_ADDRESSES)
      answeredFrom.push({ from: { ip: packet.sourceIp, port: packet.sourcePort }, packets: 1, first: stampOf(packet) });
  }
}

function describeAnswer({ answerPieces }: IkeMessageExchange, { fragment }: IkeMessage, packet: Packet): void {
  answerPieces.largestPacket = Math.max(answerPieces.largestPacket, packet.payloadAt - packet.ipAt + packet.payloadLength);
  if (packet.isFragment) answerPieces.ipFragments++;
  if (!fragment) return;
  answerPieces.ikeFragments = Math.max(answerPieces.ikeFragments, fragment.total, fragment.number);
  if (fragment.number >= 1 && fragment.number <= MOST_PIECES) answerPieces.seen |= 1 << (fragment.number - 1);
}

/** Pieces after the first one belong to the same message. */
const isLaterPiece = ({ fragment }: IkeMessage): boolean => fragment !== null && fragment.number > 1;

/** Main mode: proposals are its messages 1 and 2, key exchange 3 and 4, what is encrypted 5 and 6 (RFC 2409 section 5.1); a request's number. */
function stepOf({ exchange, isEncrypted, payloads }: IkeMessage): number {
  if (exchange === Ikev1Exchange.Aggressive) return 1;
  if (exchange !== Ikev1Exchange.Main) return 0;
  if (isEncrypted || payloads.includes(IkePayload.FragmentV1)) return 5;
  return payloads.includes(IkePayload.SaV1) ? 1 : 3;
}

function detectNat({ natSource, natDestination }: IkeMessage, packet: Packet, at: number, nat: NatDetection): void {
  if (natSource.length === 0 && natDestination.length === 0) return;
  nat.source = both(nat.source, isAddressHashed(packet, at, true, natSource));
  nat.destination = both(nat.destination, isAddressHashed(packet, at, false, natDestination));
}

const both = (a: boolean | null, b: boolean | null): boolean | null => (a === null ? b : b === null ? a : a && b);
