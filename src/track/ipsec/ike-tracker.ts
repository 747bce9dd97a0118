import { Direction } from '../../frame.ts';
import type { QuotedPacket } from '../../wire/icmp.ts';
import { Icmpv6Type, PORT_UNREACHABLE, PORT_UNREACHABLE_V6 } from '../../wire/icmp.ts';
import { readIkeMessage } from '../../wire/ike/message.ts';
import { IKE_PORT, ikeAt, NAT_T_PORT } from '../../wire/ike.ts';
import { IpProtocol, type Packet } from '../../wire/packet.ts';
import { BoundedMap } from '../bounded-map.ts';
import { stampOf } from '../stamp.ts';
import { IkeConversation, type IkePlace } from './conversation.ts';
import type { IkeSession } from './exchange.ts';

const MOST_SESSIONS = 4096;
/** Datagrams in IP fragments whose rest is awaited. */
const MOST_FRAGMENTED = 16;
const UDP_HEADER = 8;
const SPI = 8;
const NON_ESP_MARKER = 4;

/** A message of which the first IP fragment was seen. */
interface Fragmented extends IkePlace {
  ident: number;
  path: number;
}

/** Follows IKE: exchanges, what was repeated, what was notified, and whether a NAT is on the way. */
export class IkeTracker {
  /** By the initiator's SPI, which the initiator chooses at random, and the tunnels around. */
  private readonly sessions = new BoundedMap<string, IkeConversation>(MOST_SESSIONS);
  private fragmented: Fragmented[] = [];

  get size(): number {
    return this.sessions.size;
  }

  get evicted(): number {
    return this.sessions.evicted;
  }

  /** In the order of their first messages. */
  get list(): readonly IkeSession[] {
    return [...this.sessions.values()].map(({ facts }) => facts);
  }

  /** A UDP packet of port 500 or 4500; tells whether it holds IKE. */
  observe(packet: Packet): boolean {
    const message = readIkeMessage(packet);
    if (!message) return false;
    const conversation = this.sessions.take(
      keyOf(message.initiatorSpi, packet.path),
      () => new IkeConversation(message, packet, stampOf(packet)),
    );
    const place = conversation.observe(message, packet, ikeAt(packet));
    if (packet.isFragment && place) this.awaitRest(packet, place);
    return true;
  }

  /** The whole of a message whose first IP fragment was observed before (`Packet.isReassembled`): what stood behind that one. */
  observeWhole(packet: Packet): void {
    const message = readIkeMessage(packet);
    if (message) this.sessions.get(keyOf(message.initiatorSpi, packet.path))?.complete(message, packet, ikeAt(packet));
  }

  /** A later IP fragment of a packet of these ports: it may be the rest of a message. */
  observeFragment({ ident, path, moreFragments, direction }: Packet): void {
    const found = this.fragmented.findLast((each) => each.ident === ident && each.path === path);
    if (!found) return;
    const { exchange, isAnswer } = found;
    if (isAnswer) {
      exchange.answerPieces.ipFragments++;
      if (!moreFragments) exchange.answerPieces.lastFragments++;
      return;
    }
    exchange.ipFragments++;
    if (!moreFragments) exchange.lastFragments++;
    exchange.restIn ||= direction === Direction.In;
    exchange.restOut ||= direction === Direction.Out;
  }

  /** An ICMP error that says that the quoted packet did not arrive. */
  undeliverable(quote: QuotedPacket, reason: string, packet: Packet): void {
    const { sourcePort, destinationPort } = quote;
    if (quote.protocol !== IpProtocol.Udp) return;
    const marked = sourcePort === NAT_T_PORT || destinationPort === NAT_T_PORT;
    if (!marked && sourcePort !== IKE_PORT && destinationPort !== IKE_PORT) return;
    const at = quote.transportAt + UDP_HEADER + (marked ? NON_ESP_MARKER : 0);
    if (at + SPI > quote.end) return;
    const { view } = quote;
    const spi = `0x${hex(view.getUint32(at))}${hex(view.getUint32(at + 4))}`;
    this.sessions.get(keyOf(spi, packet.path))?.refuse({
      from: packet.sourceIp,
      reason,
      isPort: isPortUnreachable(packet),
      port: destinationPort,
      count: 1,
      stamp: stampOf(packet),
    });
  }

  reset(): void {
    this.sessions.clear();
    this.fragmented = [];
  }

  private awaitRest({ ident, path }: Packet, place: IkePlace): void {
    this.fragmented.push({ ...place, ident, path });
    if (this.fragmented.length > MOST_FRAGMENTED) this.fragmented.shift();
  }
}

const hex = (word: number): string => word.toString(16).padStart(8, '0');
const keyOf = (spi: string, path: number): string => `${spi}|${path}`;

/** The quoted packet got to the host, where nothing listens on its port. */
const isPortUnreachable = ({ transport, icmpType, icmpCode }: Packet): boolean =>
  transport === IpProtocol.Icmpv6
    ? icmpType === Icmpv6Type.Unreachable && icmpCode === PORT_UNREACHABLE_V6
    : icmpType === UNREACHABLE && icmpCode === PORT_UNREACHABLE;

const UNREACHABLE = 3;
