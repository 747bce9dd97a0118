import { Direction } from '../frame.ts';
import { type IpWords, ipv4Text, ipv4Words } from '../net/ip.ts';
import { BROADCAST_MAC, isGroupMac, type Mac } from '../net/mac.ts';
import { ArpOper } from '../wire/arp.ts';
import { type Packet, PacketType } from '../wire/packet.ts';
import type { Clock } from './clock.ts';
import { addReply, addRequest, type Exchange, type ExchangeKind, newExchange, OpenExchanges } from './exchange.ts';
import type { InterfaceTracker } from './interfaces.ts';
import type { ClaimKind, Neighbourhood } from './neighbourhood.ts';
import { ProbeBook } from './probes.ts';
import { Segments } from './segments.ts';
import { type Stamp, stampOf } from './stamp.ts';

/** Copies are told by all 28 octets of the packet. */
const ARP_WORDS = 7;
const ZERO_MAC = 0;

export interface ArpEvents {
  /** An exchange is over, or an answer came that belongs to none. */
  exchange(exchange: Exchange): void;
  /** The link layer's source is not the sender that the ARP packet names. */
  senderMismatch(packet: Packet, segment: number): void;
  /** The link layer's destination is not the target that a unicast answer names. */
  targetMismatch(packet: Packet, segment: number): void;
}

/** Joins ARP requests with their answers and tells the neighbourhood who claims which address. */
export class ArpTracker {
  readonly segments: Segments;
  readonly probes = new ProbeBook();
  private readonly open: OpenExchanges;
  private readonly neighbourhood: Neighbourhood;
  private readonly interfaces: InterfaceTracker;
  private readonly events: ArpEvents;

  constructor(clock: Clock, interfaces: InterfaceTracker, neighbourhood: Neighbourhood, events: ArpEvents) {
    this.interfaces = interfaces;
    this.neighbourhood = neighbourhood;
    this.events = events;
    this.open = new OpenExchanges(clock, (exchange) => this.close(exchange));
    this.segments = new Segments(clock, ARP_WORDS, (kept, absorbed) => {
      this.open.rename(kept, absorbed);
      neighbourhood.join(kept, absorbed);
    });
  }

  get size(): number {
    return this.open.size + this.probes.size;
  }

  get evicted(): number {
    return this.open.evicted + this.probes.evicted;
  }

  observe(packet: Packet): void {
    const { arp } = packet;
    const { oper } = arp;
    if (oper !== ArpOper.Request && oper !== ArpOper.Reply) return;
    for (let i = 0; i < ARP_WORDS; i++) this.segments.fingerprint[i] = arp.word(i);
    if (this.segments.isCopy(packet, isToAll(packet))) return;
    const segment = this.segments.of(packet);
    const linkSource = packet.sourceMac;
    if (linkSource >= 0 && linkSource !== arp.sha) this.events.senderMismatch(packet, segment);
    if (oper === ArpOper.Request) this.request(packet, segment);
    else {
      if (isToOther(packet)) this.events.targetMismatch(packet, segment);
      this.reply(packet, segment);
    }
  }

  /** Questions that have been asked for a while, and still are. */
  lasting(): Exchange[] {
    const lasting = this.open.lasting();
    for (const exchange of lasting) exchange.segment = this.segments.find(exchange.segment);
    return lasting;
  }

  expire(): void {
    this.segments.expire();
    this.open.expire();
  }

  /** The capture is over, or its time starts anew. */
  finish(): void {
    this.open.finish();
    this.segments.finish();
  }

  private request(packet: Packet, segment: number): void {
    const { arp } = packet;
    this.open.keyIpv4(segment, arp.sha, arp.tpa);
    const asked = this.open.repeat();
    if (asked) {
      addRequest(asked, stampOf(packet));
      asked.broadcast ||= isToAll(packet);
      if (packet.direction === Direction.Out) asked.direction = Direction.Out;
    } else {
      this.open.begin(this.exchangeOf(packet, segment));
    }
    if (arp.spa === arp.tpa && arp.spa !== 0) this.claim(packet, segment, ipv4Words(arp.spa), 'announcement', stampOf(packet));
  }

  private reply(packet: Packet, segment: number): void {
    const { arp } = packet;
    const exchange = this.exchangeAnswered(packet, segment);
    if (exchange) {
      const reply = addReply(exchange, packet, arp.sha, this.interfaces.of(packet).name, true);
      if (reply) this.claim(packet, segment, exchange.targetIp, 'answer', reply.stamp, exchange.askerMac);
      return;
    }
    if (arp.spa === 0) return;
    const gratuitous = arp.spa === arp.tpa || arp.tha === BROADCAST_MAC || isToAll(packet);
    const stamp = stampOf(packet);
    const ip = ipv4Words(arp.spa);
    this.claim(packet, segment, ip, gratuitous ? 'announcement' : 'unsolicited', stamp);
    const to = arp.spa === arp.tpa ? null : ipv4Text(arp.tpa);
    this.neighbourhood.unsolicited({ protocol: 'arp', segment, path: packet.path }, ip, arp.sha, to, stamp);
    this.events.exchange(this.unsolicitedOf(packet, segment));
  }

  /** An answer's target is the asker: by the ARP packet, or, where that field is not filled, by the Ethernet destination. */
  private exchangeAnswered(packet: Packet, segment: number): Exchange | undefined {
    const { arp } = packet;
    if (arp.tha !== ZERO_MAC) {
      this.open.keyIpv4(segment, arp.tha, arp.spa);
      const exchange = this.open.find();
      if (exchange) return exchange;
    }
    const to = packet.destinationMac;
    if (to < 0 || isGroupMac(to) || to === arp.tha) return undefined;
    this.open.keyIpv4(segment, to, arp.spa);
    return this.open.find();
  }

  private claim(packet: Packet, segment: number, ip: IpWords, kind: ClaimKind, stamp: Stamp, asker?: Mac): void {
    const { arp, path, direction } = packet;
    this.neighbourhood.claim({ protocol: 'arp', segment, path }, ip, arp.sha, kind, stamp, direction, asker);
  }

  private close(exchange: Exchange): void {
    exchange.segment = this.segments.find(exchange.segment);
    this.neighbourhood.close(exchange);
    if (exchange.kind === 'probe') this.probes.close(exchange);
    this.events.exchange(exchange);
  }

  private exchangeOf(packet: Packet, segment: number): Exchange {
    const { arp } = packet;
    const kind: ExchangeKind = arp.spa === 0 ? 'probe' : arp.spa === arp.tpa ? 'announcement' : 'request';
    return newExchange(packet, {
      protocol: 'arp',
      kind,
      segment,
      interface: this.interfaces.of(packet).name,
      askerMac: arp.sha,
      askerIp: arp.spa === 0 ? null : ipv4Words(arp.spa),
      targetIp: ipv4Words(arp.tpa),
      broadcast: isToAll(packet),
    });
  }

  private unsolicitedOf(packet: Packet, segment: number): Exchange {
    const exchange = this.exchangeOf(packet, segment);
    exchange.kind = 'unsolicited-reply';
    exchange.requests = 0;
    exchange.askerIp = ipv4Words(packet.arp.spa);
    exchange.targetIp = exchange.askerIp;
    return exchange;
  }
}

/** A unicast answer to a station that it does not name. Some leave the target's address out. */
const isToOther = ({ arp: { tha }, destinationMac }: Packet): boolean =>
  destinationMac >= 0 && destinationMac !== tha && tha !== ZERO_MAC && !isGroupMac(tha) && !isGroupMac(destinationMac);

/** Sent to all stations, as far as the link layer shows; where it shows nothing, a request is taken to be. */
function isToAll(packet: Packet): boolean {
  const to: Mac = packet.destinationMac;
  if (to >= 0) return isGroupMac(to);
  if (packet.packetType < 0) return packet.arp.oper === ArpOper.Request;
  if (packet.packetType === PacketType.Outgoing) return packet.arp.oper === ArpOper.Request && packet.arp.tha === ZERO_MAC;
  return packet.packetType === PacketType.Broadcast || packet.packetType === PacketType.Multicast;
}
