import { IcmpType, Icmpv6Type, type QuotedPacket } from '../../wire/icmp.ts';
import { IpProtocol, type Packet } from '../../wire/packet.ts';
import { BoundedMap } from '../bounded-map.ts';
import { stampOf } from '../stamp.ts';
import { NONE } from '../table.ts';
import type { TooBig } from './connection.ts';
import * as place from './places.ts';

/** Connections that errors are about, and errors of one that are kept: the first ones, and the latest. */
const MOST_ERRORS = 1024;
const MOST_TOO_BIG = 8;
/** Fragmentation needed (RFC 792). */
const FRAGMENTATION_NEEDED = 4;
/** RFC 791 and RFC 8200: no link has less. */
const LEAST_MTU = 68;
const ICMP_SECOND_WORD = 4;
const ICMP_NEXT_HOP_MTU = 6;
const IPV6_HEADER = 40;
/** What was acknowledged while the error was on its way. */
const RECENT = 65_536;
const TCP_HEADER = 20;

/** ICMP errors that say that a packet of a connection is too large. */
export class TooBigErrors {
  private readonly byConnection = new BoundedMap<number, TooBig[]>(MOST_ERRORS);
  private readonly places: place.Places;

  constructor(places: place.Places) {
    this.places = places;
  }

  get size(): number {
    return this.byConnection.size;
  }

  get evicted(): number {
    return this.byConnection.evicted;
  }

  /** The connections. */
  keys(): Iterable<number> {
    return this.byConnection.keys();
  }

  has(connection: number): boolean {
    return this.byConnection.has(connection);
  }

  /** Those of a connection; `ofA` says whether they are about the lower end. */
  of(connection: number): readonly TooBig[] {
    return this.byConnection.get(connection) ?? [];
  }

  delete(connection: number): void {
    this.byConnection.delete(connection);
  }

  clear(): void {
    this.byConnection.clear();
  }

  /** An ICMP error that quotes a TCP segment. */
  observe(quote: QuotedPacket, packet: Packet): void {
    const isV6 = packet.transport === IpProtocol.Icmpv6;
    if (packet.icmpType !== (isV6 ? Icmpv6Type.PacketTooBig : IcmpType.Unreachable)) return;
    if (!isV6 && packet.icmpCode !== FRAGMENTATION_NEEDED) return;
    if (quote.sourcePort < 0) return;
    const { places, byConnection } = this;
    const connection = places.findQuoted(quote);
    if (connection === NONE) return;
    const { view, transportAt } = packet;
    const mtu = isV6 ? view.getUint32(transportAt + ICMP_SECOND_WORD) : view.getUint16(transportAt + ICMP_NEXT_HOP_MTU);
    const ofLower = places.fromLower;
    const found = byConnection.take(connection, () => []);
    const error: TooBig = {
      from: packet.sourceIp,
      to: packet.destinationIp,
      mtu,
      quotedSize: quote.view.getUint16(quote.ipAt + (quote.version === 6 ? 4 : 2)) + (quote.version === 6 ? IPV6_HEADER : 0),
      ofA: ofLower,
      fits: quote.transportAt + 8 <= quote.end && this.wasSent(connection, ofLower, quote.view.getInt32(quote.transportAt + 4)),
      interfaceId: packet.interfaceId,
      direction: packet.direction,
      path: packet.path,
      stamp: stampOf(packet),
    };
    if (found.length < MOST_TOO_BIG) found.push(error);
    else found[MOST_TOO_BIG - 1] = error;
    if (mtu >= LEAST_MTU) this.lowerLimits(connection, ofLower, mtu - (quote.transportAt - quote.ipAt) - TCP_HEADER);
  }

  /** Whether an octet was sent and may still be on its way, as Linux asks before it believes an ICMP error (net/ipv4/tcp_ipv4.c, tcp_v4_err). */
  private wasSent(connection: number, lower: boolean, seq: number): boolean {
    const { places } = this;
    const { words } = places.table;
    for (let id = connection; id !== NONE; id = places.nextOf(id)) {
      const at = place.countersOf(places.table.ownOf(id), lower);
      const flags = words[at + place.FLAGS] ?? 0;
      if ((flags & place.SEEN) === 0 || (((words[at + place.NEXT] ?? 0) - seq) | 0) <= 0) continue;
      if ((flags & place.HAS_ACKED) === 0 || ((seq - (words[at + place.ACKED] ?? 0)) | 0) >= -RECENT) return true;
    }
    return false;
  }

  /** From now on what offload leaves together is of smaller segments than the MSS allows. */
  private lowerLimits(connection: number, lower: boolean, most: number): void {
    const { places } = this;
    for (let id = connection; id !== NONE; id = places.nextOf(id)) places.lowerLimit(id, lower, most);
  }
}
