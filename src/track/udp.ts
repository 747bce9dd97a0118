import { Direction } from '../frame.ts';
import type { Endpoint } from '../net/ip.ts';
import type { QuotedPacket } from '../wire/icmp.ts';
import type { Packet } from '../wire/packet.ts';
import { TFTP_PORT } from '../wire/tftp.ts';
import { Transaction } from '../wire/transaction.ts';
import { recogniseUdp, UdpProtocol, udpProtocolByPort, udpProtocolInfo } from '../wire/udp-protocol.ts';
import { isWireguard } from '../wire/wireguard.ts';
import { AskedFlows, MOST_ASKED, writeClient } from './asked-flows.ts';
import { BoundedMap } from './bounded-map.ts';
import { isBroadcastOf, isForAll, isPerhapsForAll } from './casting.ts';
import type { Clock } from './clock.ts';
import { COPY_SEC } from './copies.ts';
import { addressText, FLOW_STATE, FlowTable, isSameAddress, OPENED_BY_LOWER, writeAddress } from './flows.ts';
import { Claim } from './openvpn/claims.ts';
import { holdsSample, keepSample, SAMPLE_WORDS, sampleLength } from './sample.ts';
import { BRIEF_WORDS, readBrief, writeBrief } from './stamp.ts';
import { NONE, Table } from './table.ts';
import { type Totals, TotalsBook } from './totals.ts';
import { type WrongSource, WrongSourceBook } from './wrong-sources.ts';

/** As many as there are of TCP: with a thousand new ones a second a minute of them, when an answer comes within ten seconds or not at all. */
const MOST_FLOWS = 65_536;
const MOST_TRANSACTIONS = 32_768;
const MOST_RELAYS = 1024;
const DHCP_SERVER_PORT = 67;
/** Packets after which a conversation whose protocol is still unknown is not looked into any more, unless it may be OpenVPN's. */
const MOST_INSPECTED = 8;

// Matching by ports alone.
/** Requests older than this are no reason for an answer; and an answer comes sooner than this after the last of them. */
const REQUEST_SEC = 10;
const ANSWER_SEC = 2;
const LOWEST_CLIENT_PORT = 1024;

/*
 * A flow's own words: last frame 2 | first frame 2 | input and what is known of the latest request 1 | that request: brief stamp 3, its time 2, its first octets 4.
 * With the table's they fill two lines of cache, of which a packet needs no more where its protocol is settled.
 */
const LAST_FRAME = 0;
const FIRST_FRAME = 2;
const ORIGIN = 4;
const REQUEST = 5;
const REQUEST_AT = REQUEST + BRIEF_WORDS;
const SAMPLE = REQUEST_AT + 2;
const FLOW_WORDS = SAMPLE + SAMPLE_WORDS;
/** In ORIGIN, beside the input: direction, whether the request may have gone to all, and how many octets of it are kept. */
const DIRECTION_SHIFT = 16;
const PERHAPS_FOR_ALL = 1 << 20;
const SAMPLE_SHIFT = 24;
/*
 * In FLOW_STATE, above what is the flow's own: the end that opened it has asked since it was answered last; the flow may be OpenVPN's; it is known to be OpenVPN with a
 * static key, which no packet of it says; how many packets were inspected; the protocol.
 */
const UNANSWERED = 1 << 1;
const AWAITS_OPENVPN = 1 << 2;
const HAS_STATIC_KEY = 1 << 3;
const INSPECTED_SHIFT = 4;
const INSPECTED = 15 << INSPECTED_SHIFT;
const PROTOCOL_SHIFT = 8;
const PROTOCOL = 31 << PROTOCOL_SHIFT;

/*
 * A transaction: key client port and protocol 1 | path 1 | identifier 3 | client address, one word of IPv4 and four of IPv6; own words flags and how many servers were asked 1 |
 * asked 2 x (address 4 | port 1) | latest request: brief stamp 3, its time 2 | time of the latest answer from an asked address 2. With the table's they fill two lines
 * of the cache.
 */
const CLIENT_ADDRESS = 5;
const IPV4_WORDS = CLIENT_ADDRESS + 1;
const IPV6_WORDS = CLIENT_ADDRESS + 4;
/** Beside port and protocol. */
const IPV6_CLIENT = 1 << 24;
const FLAGS = 0;
const FROM_ANYWHERE = 1;
const REQUEST_IN = 2;
const REQUEST_OUT = 4;
/** The link layer does not show whether the request went to one host or to all. */
const PERHAPS_TO_ALL = 8;
const ANSWERED = 16;
/** How many were asked, above the flags; one more than are kept stands for all. */
const COUNT_SHIFT = 8;
const ASKED = 1;
const ASKED_WORDS = 5;
const MOST_ASKED_AT_ONCE = 2;
const ASKED_STAMP = ASKED + MOST_ASKED_AT_ONCE * ASKED_WORDS;
const ASKED_AT = ASKED_STAMP + BRIEF_WORDS;
const ANSWERED_AT = ASKED_AT + 2;
const TRANSACTION_WORDS = ANSWERED_AT + 2;

/** Of the packet's receiver it was not looked up what it asked. */
const NOT_SOUGHT = -2;

/** A conversation that is over: two endpoints, the client first. */
export interface UdpConversation {
  input: number;
  client: Required<Endpoint>;
  asked: Required<Endpoint>;
  path: number;
  protocol: string | null;
  requests: number;
  repliesRight: number;
  firstFrame: number;
  lastFrame: number;
  wrong: WrongSource[];
}

export interface UdpEvents {
  conversation(make: () => UdpConversation): void;
  /** A packet on a WireGuard flow; `flow` names the flow as nothing else does. `managed`: other software chooses the path. */
  wireguard(packet: Packet, flow: number, managed: boolean): void;
  /** A WireGuard packet that was sighted before leaves the capturing host. */
  wireguardPassedOn(packet: Packet): void;
  /** Whether a packet on a flow of unknown protocol belongs to a WireGuard session. */
  isWireguard(packet: Packet, flow: number): boolean;
  /** A packet on an OpenVPN flow; `hasStaticKey`: on one that was claimed so, whose packets say nothing. */
  openvpn(packet: Packet, flow: number, hasStaticKey: boolean): void;
  /** A packet on an OpenVPN flow that was sighted before leaves the capturing host. */
  openvpnPassedOn(packet: Packet): void;
  /** One more packet on a flow of unknown protocol, `flow` by its serial: `Claim`. */
  claimOpenVpn(packet: Packet, flow: number, fromLower: boolean): number;
}

/** Follows UDP conversations: who asked whom, who answered, and whether it is who was asked. */
export class UdpTracker {
  private readonly flows: FlowTable;
  private readonly transactions: Table;
  private readonly clients: AskedFlows;
  /** Of a flow's first packet: the client that it goes to, NONE or NOT_SOUGHT. */
  private receiver = NOT_SOUGHT;
  private readonly transaction = new Transaction();
  readonly wrong = new WrongSourceBook();
  private readonly totals: TotalsBook;
  /** DHCP relays (RFC 2131 section 4.1: from the server port to the server port), each with a server of its own: `relay>server`. */
  private readonly relays = new BoundedMap<string, true>(MOST_RELAYS);
  private readonly events: UdpEvents;
  /** The flow that is over, and what tells of it: one function for all, for most are not kept. */
  private left = NONE;
  private readonly makeLeft = (): UdpConversation => this.conversation(this.left);
  /** Whether somebody may still ask what was asked of whom. */
  private needsTotals = true;

  constructor(clock: Clock, events: UdpEvents) {
    this.events = events;
    this.flows = new FlowTable(clock, FLOW_WORDS, MOST_FLOWS, (id) => this.leave(id));
    this.transactions = new Table({
      words: IPV6_WORDS,
      front: IPV4_WORDS,
      own: TRANSACTION_WORDS,
      limit: MOST_TRANSACTIONS,
      idleSec: 60,
      clock,
    });
    this.clients = new AskedFlows(clock, REQUEST_SEC * 2);
    this.totals = new TotalsBook(clock);
  }

  get evicted(): number {
    return this.flows.table.evicted + this.transactions.evicted + this.wrong.evicted + this.relays.evicted;
  }

  /** The packet will be observed soon. */
  expect(packet: Packet): void {
    this.flows.expect(packet);
  }

  /** Fetches what is known of the flows of all expected packets. */
  fetch(): void {
    this.flows.table.fetch();
  }

  /** @param copy the packet was sighted before */
  observe(packet: Packet, copy: boolean): void {
    const { flows } = this;
    const id = flows.observe(packet);
    const { words, doubles } = flows.table;
    const own = flows.wordsOf(id);
    if (flows.isNew) this.begin(packet, id, own);
    doubles[(own + LAST_FRAME) >> 1] = packet.frame;
    const state = words[own + FLOW_STATE] ?? 0;
    let protocol = (state & PROTOCOL) >> PROTOCOL_SHIFT;
    if (copy) {
      this.observeCopy(packet, id, protocol);
      return;
    }
    if (protocol === UdpProtocol.Undecided) protocol = this.inspect(packet, id, own);
    else if (state & (AWAITS_OPENVPN | HAS_STATIC_KEY)) protocol = this.inspectFurther(packet, id, own, protocol);
    if (protocol === UdpProtocol.OpenVpn) this.events.openvpn(packet, flows.serialOf(id), false);
    if (protocol === UdpProtocol.Wireguard) {
      this.events.wireguard(packet, flows.serialOf(id), false);
      return;
    }
    if (protocol === UdpProtocol.Tailscale) {
      this.observeTailscale(packet, flows.serialOf(id));
      return;
    }
    const { read, matchedByPorts } = udpProtocolInfo(protocol);
    const isFollowed = read !== undefined && this.follow(packet, id, protocol, read);
    if (flows.fromLower !== ((state & OPENED_BY_LOWER) !== 0)) {
      words[own + FLOW_STATE] = (words[own + FLOW_STATE] ?? 0) & ~UNANSWERED;
      if (!this.wrong.isQuiet) this.answeredRightly(packet, id);
    } else if (protocol === UdpProtocol.Discovery) {
      // Whoever answers the port later may answer this.
      this.request(packet, own);
    } else if (matchedByPorts) {
      if (!isFollowed && (flows.isNew || !this.wrong.isQuiet)) this.checkPorts(packet, id);
      this.request(packet, own);
    }
  }

  private observeCopy(packet: Packet, id: number, protocol: number): void {
    const { flows } = this;
    flows.discount(id, flows.fromLower);
    if (packet.direction !== Direction.Out) return;
    if (protocol === UdpProtocol.Wireguard) this.events.wireguardPassedOn(packet);
    else if (protocol === UdpProtocol.OpenVpn) this.events.openvpnPassedOn(packet);
  }

  /** Discovery and WireGuard share the flow. */
  private observeTailscale(packet: Packet, flow: number): void {
    if (isWireguard(packet) || this.events.isWireguard(packet, flow)) this.events.wireguard(packet, flow, true);
  }

  /** A client said by ICMP that it does not want the quoted packet. */
  reject(quote: QuotedPacket, packet: Packet): void {
    if (this.wrong.isQuiet || quote.sourcePort < 0) return;
    const id = this.flows.findQuoted(quote, packet.path);
    if (id !== NONE) this.wrong.reject(this.flows.serialOf(id), quote, packet);
  }

  /** What all ports of a client address asked a server: conversations that are over, and, after `countOpen`, those that go on and had a wrong answer. */
  totalsOf(client: string, asked: Required<Endpoint>, path: number): Totals {
    return this.totals.of(client, asked, path);
  }

  /** Those of the addresses that anybody asked at this port. */
  askedOf(ips: readonly string[], port: number, path: number): string[] {
    return this.totals.asked(ips, port, path, this.flows, (id) => this.clientIsLower(id));
  }

  /** Before a judgement while conversations go on. */
  countOpen(): void {
    const pairs = this.wrong.list.flatMap(({ client, asked, from, path }) => [
      { client, asked, path },
      { client, asked: from, path },
    ]);
    this.totals.countOpen(pairs, this.flows, (id) => this.clientIsLower(id));
  }

  get size(): number {
    return this.flows.table.size + this.transactions.size + this.clients.size + this.wrong.size;
  }

  /** Whether DHCP was handed on from one address to the other; the capture may begin with the answer. */
  relaysDhcp(relay: string, server: string): boolean {
    return this.relays.has(`${relay}>${server}`) || this.relays.has(`${server}>${relay}`);
  }

  expire(): void {
    this.flows.table.expire();
    this.transactions.expire();
    this.clients.expire();
  }

  finish(): void {
    // Totals say how to read wrong sources: where there were none, there will be none.
    this.needsTotals = this.wrong.size > 0;
    this.flows.table.clear();
    this.needsTotals = true;
    this.transactions.clear();
    this.clients.clear();
    this.wrong.finish();
    this.totals.finish();
  }

  /** After `finish`: what was found is forgotten. */
  reset(): void {
    this.wrong.clear();
    this.totals.clear();
    this.relays.clear();
  }

  private begin(packet: Packet, id: number, own: number): void {
    const { flows } = this;
    const { words, doubles } = flows.table;
    words[own + ORIGIN] = packet.input;
    doubles[(own + FIRST_FRAME) >> 1] = packet.frame;
    if (isForAll(packet)) this.decide(own, udpProtocolByPort(packet.destinationPort) || UdpProtocol.Discovery);
    if (packet.sourcePort === DHCP_SERVER_PORT && packet.destinationPort === DHCP_SERVER_PORT)
      this.relays.take(`${packet.sourceIp}>${packet.destinationIp}`, () => true);
    this.clients.note(packet, id, flows.serialOf(id));
    this.receiver = NOT_SOUGHT;
  }

  /** Looks at a packet of a conversation whose protocol is not known yet. */
  private inspect(packet: Packet, id: number, own: number): number {
    let protocol = recogniseUdp(packet);
    if (protocol === UdpProtocol.Undecided && this.events.isWireguard(packet, this.flows.serialOf(id))) protocol = UdpProtocol.Wireguard;
    if (protocol === UdpProtocol.Undecided && this.flows.isNew) protocol = this.protocolAnswered(packet);
    if (protocol === UdpProtocol.Undecided || protocol === UdpProtocol.OneWay) protocol = this.inspectForOpenVpn(packet, id, own, protocol);
    if (protocol !== UdpProtocol.Undecided) this.decide(own, protocol);
    return protocol;
  }

  private decide(own: number, protocol: number): void {
    const { words } = this.flows.table;
    words[own + FLOW_STATE] = ((words[own + FLOW_STATE] ?? 0) & ~PROTOCOL) | (protocol << PROTOCOL_SHIFT);
  }

  private protocolOf(id: number): number {
    const { flows } = this;
    return ((flows.table.words[flows.wordsOf(id) + FLOW_STATE] ?? 0) & PROTOCOL) >> PROTOCOL_SHIFT;
  }

  /** A packet in which nothing else is seen, or which has no more than the form of media, as every eighth of random octets has. */
  private inspectForOpenVpn(packet: Packet, id: number, own: number, protocol: number): number {
    const { words } = this.flows.table;
    const state = (words[own + FLOW_STATE] ?? 0) + (1 << INSPECTED_SHIFT);
    words[own + FLOW_STATE] = state;
    const isByPort =
      protocol !== UdpProtocol.Undecided && (udpProtocolByPort(packet.destinationPort) || udpProtocolByPort(packet.sourcePort));
    const claim = isByPort ? Claim.No : this.events.claimOpenVpn(packet, this.flows.serialOf(id), this.flows.fromLower);
    if (claim === Claim.Yes) return UdpProtocol.OpenVpn;
    const isLast = protocol !== UdpProtocol.Undecided || (state & INSPECTED) >> INSPECTED_SHIFT >= MOST_INSPECTED;
    if (isLast && claim === Claim.Wait) words[own + FLOW_STATE] = state | AWAITS_OPENVPN;
    return isLast && protocol === UdpProtocol.Undecided ? UdpProtocol.Unknown : protocol;
  }

  /** A packet of a conversation of unknown protocol that may be OpenVPN's. */
  private inspectFurther(packet: Packet, id: number, own: number, protocol: number): number {
    const { words } = this.flows.table;
    const state = words[own + FLOW_STATE] ?? 0;
    if (state & HAS_STATIC_KEY) {
      this.events.openvpn(packet, this.flows.serialOf(id), true);
      return protocol;
    }
    const claim = this.events.claimOpenVpn(packet, this.flows.serialOf(id), this.flows.fromLower);
    if (claim === Claim.Wait) return protocol;
    words[own + FLOW_STATE] = (state & ~AWAITS_OPENVPN) | (claim === Claim.Static ? HAS_STATIC_KEY : 0);
    if (claim !== Claim.Yes) return protocol;
    this.decide(own, UdpProtocol.OpenVpn);
    return UdpProtocol.OpenVpn;
  }

  /** A packet from the end that did not open the flow. */
  private answeredRightly(packet: Packet, id: number): void {
    const { flows, wrong } = this;
    wrong.withdraw(flows.serialOf(id));
    if (wrong.mayBeCopied(packet.at)) wrong.withdrawCopied(flows.endOf(id, !flows.fromLower), flows.endOf(id, flows.fromLower), packet);
  }

  // By identifier.

  /** Follows the packet by what its payload says of its transaction; false where it says nothing. */
  private follow(packet: Packet, id: number, protocol: number, read: (packet: Packet, transaction: Transaction) => void): boolean {
    const { flows, transaction } = this;
    transaction.clear();
    read(packet, transaction);
    if (transaction.answers) {
      this.writeTransaction(packet, false, protocol, transaction.answer0, transaction.answer1, transaction.answer2);
      const found = this.transactions.find();
      if (found !== NONE) {
        this.answered(packet, id, protocol, found);
        return true;
      }
    }
    if (transaction.asks) this.asked(packet, protocol, flows.serialOf(id));
    return transaction.asks || transaction.answers;
  }

  private asked(packet: Packet, protocol: number, flow: number): void {
    const { transaction, transactions } = this;
    this.writeTransaction(packet, true, protocol, transaction.ask0, transaction.ask1, transaction.ask2);
    let id = transactions.touch();
    if (id === NONE) id = transactions.addMissing();
    const { words } = transactions;
    const own = transactions.ownOf(id);
    if (transaction.fromAnywhere || isForAll(packet)) words[own + FLAGS] = (words[own + FLAGS] ?? 0) | FROM_ANYWHERE;
    if (packet.direction === Direction.In) words[own + FLAGS] = (words[own + FLAGS] ?? 0) | REQUEST_IN;
    if (packet.direction === Direction.Out) words[own + FLAGS] = (words[own + FLAGS] ?? 0) | REQUEST_OUT;
    if (isPerhapsForAll(packet)) words[own + FLAGS] = (words[own + FLAGS] ?? 0) | PERHAPS_TO_ALL;
    writeBrief(words, own + ASKED_STAMP, packet);
    transactions.doubles[(own + ASKED_AT) >> 1] = packet.at;
    const count = (words[own + FLAGS] ?? 0) >> COUNT_SHIFT;
    for (let i = 0; i < Math.min(count, MOST_ASKED_AT_ONCE); i++) {
      if (this.isAskedAddress(own, i, packet, false) && words[own + ASKED + i * ASKED_WORDS + 4] === packet.destinationPort) return;
    }
    if (count < MOST_ASKED_AT_ONCE) {
      const at = own + ASKED + count * ASKED_WORDS;
      writeAddress(words, at, packet, false);
      words[at + 4] = packet.destinationPort;
    }
    if (count <= MOST_ASKED_AT_ONCE) words[own + FLAGS] = (words[own + FLAGS] ?? 0) + (1 << COUNT_SHIFT);
    if (count > 0 && !this.wrong.isQuiet) this.wrong.withdrawAsked(flow, packet.at);
  }

  private answered(packet: Packet, id: number, protocol: number, found: number): void {
    const { transaction, transactions, flows } = this;
    const { words } = transactions;
    const own = transactions.ownOf(found);
    const count = (words[own + FLAGS] ?? 0) >> COUNT_SHIFT;
    // Asked of more servers than are kept, or of all: each of them may answer.
    if (count > MOST_ASKED_AT_ONCE || (words[own + FLAGS] ?? 0) & FROM_ANYWHERE) return;
    const askedAt = transactions.doubles[(own + ASKED_AT) >> 1] ?? 0;
    if (packet.at - askedAt > transaction.withinSec) return;
    // Another port of a server that was asked is not this fault.
    for (let i = 0; i < count; i++) {
      if (!this.isAskedAddress(own, i, packet, true)) continue;
      const asked = own + ASKED + i * ASKED_WORDS;
      if (protocol === UdpProtocol.Tftp && words[asked + 4] !== packet.sourcePort) this.totals.repliedFromOtherPort(packet, words, asked);
      words[own + FLAGS] = (words[own + FLAGS] ?? 0) | ANSWERED;
      transactions.doubles[(own + ANSWERED_AT) >> 1] = packet.at;
      return;
    }
    const flags = words[own + FLAGS] ?? 0;
    // The answer on its other side of a NAT was seen just now.
    if (flags & ANSWERED && packet.at - (transactions.doubles[(own + ANSWERED_AT) >> 1] ?? 0) < COPY_SEC) return;
    // A relay hands over to a server that the client has spoken to before.
    if (protocol === UdpProtocol.Stun && flows.packetsFrom(id, !flows.fromLower) > 0) return;
    const at = own + ASKED;
    const asked = { ip: addressText(words, at), port: words[at + 4] ?? 0 };
    const isOtherPort = asked.port !== packet.sourcePort && protocol !== UdpProtocol.Tftp;
    if (flags & PERHAPS_TO_ALL && isBroadcastOf(asked.ip, packet)) return;
    const wrong = this.wrong.of(packet, asked, udpProtocolInfo(protocol).matchedBy ?? 'ports', udpProtocolInfo(protocol).name);
    if (!wrong) return;
    if (flags & REQUEST_IN && packet.direction === Direction.Out) wrong.atServer = true;
    if (flags & REQUEST_OUT && packet.direction === Direction.In) wrong.atClient = true;
    const strength = transaction.weak || isOtherPort ? 'weak' : 'exact';
    this.wrong.count(wrong, packet, readBrief(words, own + ASKED_STAMP, askedAt), strength, flows.serialOf(id));
  }

  private writeTransaction(packet: Packet, byClient: boolean, protocol: number, id0: number, id1: number, id2: number): void {
    const { transactions } = this;
    const { key } = transactions;
    const isIpv4 = writeClient(key, CLIENT_ADDRESS, packet, byClient);
    key[0] = ((byClient ? packet.sourcePort : packet.destinationPort) << 8) | protocol | (isIpv4 ? 0 : IPV6_CLIENT);
    key[1] = packet.path;
    key[2] = id0;
    key[3] = id1;
    key[4] = id2;
    transactions.keyLength = isIpv4 ? IPV4_WORDS : IPV6_WORDS;
  }

  /** Whether an asked server has the packet's source address (or destination address). */
  private isAskedAddress(own: number, i: number, packet: Packet, source: boolean): boolean {
    return isSameAddress(this.transactions.words, own + ASKED + i * ASKED_WORDS, packet, source);
  }

  // By ports.

  private request(packet: Packet, own: number): void {
    const { words, doubles } = this.flows.table;
    words[own + FLOW_STATE] = (words[own + FLOW_STATE] ?? 0) | UNANSWERED;
    const castBits = isPerhapsForAll(packet) ? PERHAPS_FOR_ALL : 0;
    words[own + ORIGIN] = packet.input | (packet.direction << DIRECTION_SHIFT) | castBits | (sampleLength(packet) << SAMPLE_SHIFT);
    writeBrief(words, own + REQUEST, packet);
    doubles[(own + REQUEST_AT) >> 1] = packet.at;
    keepSample(words, own + SAMPLE, packet);
  }

  /** The first packet of a flow, or one of a flow that was found wrong: is it an answer to a request that went to another address? */
  private checkPorts(packet: Packet, id: number): void {
    const { flows } = this;
    const { sourcePort, destinationPort } = packet;
    if (destinationPort < LOWEST_CLIENT_PORT || destinationPort === sourcePort) return;
    if (!flows.isNew && !this.wrong.hasFlow(flows.serialOf(id))) return;
    const asked = this.onlyUnanswered(packet);
    if (asked === NONE) return;
    const own = flows.wordsOf(asked);
    const { words, doubles } = flows.table;
    const clientIsLower = flows.openedByLower(asked);
    if (flows.portOf(asked, !clientIsLower) !== sourcePort) return;
    const requestedAt = doubles[(own + REQUEST_AT) >> 1] ?? 0;
    if (packet.at - requestedAt > ANSWER_SEC) return;
    if (flows.isSameAddress(asked, !clientIsLower, id, flows.fromLower)) return;
    if (!udpProtocolInfo(this.protocolOf(asked)).matchedByPorts || !udpProtocolInfo(udpProtocolByPort(destinationPort)).matchedByPorts)
      return;
    const origin = words[own + ORIGIN] ?? 0;
    const askedEnd = flows.endOf(asked, !clientIsLower);
    if (origin & PERHAPS_FOR_ALL && isBroadcastOf(askedEnd.ip, packet)) return;
    const direction = (origin >> DIRECTION_SHIFT) & 3;
    const atServer = direction === Direction.In && packet.direction === Direction.Out;
    const atClient = direction === Direction.Out && packet.direction === Direction.In;
    const echoes = holdsSample(packet, words, own + SAMPLE, origin >> SAMPLE_SHIFT);
    // What the payload did not say is not known.
    const wrong = this.wrong.of(packet, askedEnd, 'ports', null);
    if (!wrong) return;
    wrong.atServer ||= atServer;
    wrong.atClient ||= atClient;
    const strength = atServer && echoes ? 'ports-certain' : atServer || echoes ? 'ports-likely' : 'ports-possible';
    this.wrong.count(wrong, packet, readBrief(words, own + REQUEST, requestedAt), strength, flows.serialOf(id));
  }

  /** The flow of the only server that the packet's receiver has asked and not heard of; NONE where there is none, or more than one. */
  private onlyUnanswered(packet: Packet): number {
    const { clients, flows } = this;
    const client = flows.isNew && this.receiver !== NOT_SOUGHT ? this.receiver : clients.findReceiver(packet);
    if (client === NONE) return NONE;
    const count = clients.countOf(client);
    let only = NONE;
    for (let i = 0; i < MOST_ASKED && i < count; i++) {
      const flow = clients.flowOf(client, i);
      if (flows.serialOf(flow) !== clients.serialOf(client, i)) continue;
      if (!this.isUnanswered(flow, packet)) continue;
      if (only !== NONE) return NONE;
      only = flow;
    }
    // Servers that were forgotten may have been asked too.
    return count > MOST_ASKED ? NONE : only;
  }

  private isUnanswered(flow: number, packet: Packet): boolean {
    const { table } = this.flows;
    const own = this.flows.wordsOf(flow);
    if (((table.words[own + FLOW_STATE] ?? 0) & UNANSWERED) === 0) return false;
    return packet.at - (table.doubles[(own + REQUEST_AT) >> 1] ?? 0) <= REQUEST_SEC;
  }

  /** From a port that tells nothing: what the receiver asked for, if this answers it. A TFTP server chooses a port of its own. */
  private protocolAnswered(packet: Packet): number {
    const { clients, flows, transaction, transactions } = this;
    const client = clients.findReceiver(packet);
    this.receiver = client;
    if (client === NONE) return UdpProtocol.Undecided;
    const count = clients.countOf(client);
    for (let i = 0; i < MOST_ASKED && i < count; i++) {
      const flow = clients.flowOf(client, i);
      if (flows.serialOf(flow) !== clients.serialOf(client, i)) continue;
      const protocol = this.protocolOf(flow);
      if (protocol === UdpProtocol.Tftp) return protocol;
      transaction.clear();
      udpProtocolInfo(protocol).read?.(packet, transaction);
      if (!transaction.answers) continue;
      this.writeTransaction(packet, false, protocol, transaction.answer0, transaction.answer1, transaction.answer2);
      if (transactions.find() !== NONE) return protocol;
    }
    return UdpProtocol.Undecided;
  }

  // What is over.

  private leave(id: number): void {
    const { flows, wrong } = this;
    this.left = id;
    if (wrong.isQuiet) this.events.conversation(this.makeLeft);
    else {
      const serial = flows.serialOf(id);
      // What came from a wrong source is told with the conversation that it answers.
      if (!wrong.hasFlow(serial)) this.events.conversation(this.makeLeft);
      wrong.leaveFlow(serial);
    }
    if (this.needsTotals) this.totals.add(flows, id, this.clientIsLower(id));
  }

  /** Who opened the flow is the client, unless only the other end has a port that clients use. The data of TFTP begins with the server, whichever its port. */
  private clientIsLower(id: number): boolean {
    const { flows } = this;
    const openedByLower = flows.openedByLower(id);
    const isTransfer =
      this.protocolOf(id) === UdpProtocol.Tftp && flows.portOf(id, true) !== TFTP_PORT && flows.portOf(id, false) !== TFTP_PORT;
    if (isTransfer) return !openedByLower;
    const openerIsService = isServicePort(flows.portOf(id, openedByLower));
    const otherIsService = isServicePort(flows.portOf(id, !openedByLower));
    return openerIsService && !otherIsService ? !openedByLower : openedByLower;
  }

  private conversation(id: number): UdpConversation {
    const { flows } = this;
    const clientIsLower = this.clientIsLower(id);
    const own = flows.wordsOf(id);
    const { words, doubles } = flows.table;
    const client = flows.endOf(id, clientIsLower);
    const asked = flows.endOf(id, !clientIsLower);
    const path = flows.pathOf(id);
    return {
      input: (words[own + ORIGIN] ?? 0) & 0xffff,
      client,
      asked,
      path,
      protocol: udpProtocolInfo(this.protocolOf(id)).name,
      requests: flows.packetsFrom(id, clientIsLower),
      repliesRight: flows.packetsFrom(id, !clientIsLower),
      firstFrame: doubles[(own + FIRST_FRAME) >> 1] ?? 0,
      lastFrame: doubles[(own + LAST_FRAME) >> 1] ?? 0,
      wrong: this.wrong.answersFor(client, asked, path),
    };
  }
}

const isServicePort = (port: number): boolean => port < LOWEST_CLIENT_PORT || udpProtocolByPort(port) !== UdpProtocol.Undecided;
