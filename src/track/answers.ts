import { ipWords } from '../net/ip.ts';
import { IcmpType, Icmpv6Type } from '../wire/icmp.ts';
import { IpProtocol, type Packet } from '../wire/packet.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { Clock } from './clock.ts';
import { writeAddress } from './flows.ts';
import { NONE, Table } from './table.ts';

const MOST_SPEAKERS = 4096;
const MOST_PAIRS = 8192;
const ADDRESS = 4;
const SYN_ACK = TcpFlag.Syn | TcpFlag.Ack;

/** Who answers routers that speak BGP: what they asked got there. Only what nothing but a question brings: echo replies, and SYN/ACK. */
export class AnswerWatch {
  private readonly speakers: Table;
  /** Router, and who answered it. */
  private readonly pairs: Table;

  constructor(clock: Clock) {
    const idleSec = Number.POSITIVE_INFINITY;
    this.speakers = new Table({ words: ADDRESS, limit: MOST_SPEAKERS, idleSec, clock });
    this.pairs = new Table({ words: 2 * ADDRESS, limit: MOST_PAIRS, idleSec, clock });
  }

  get isActive(): boolean {
    return this.speakers.size > 0;
  }

  get size(): number {
    return this.speakers.size + this.pairs.size;
  }

  get evicted(): number {
    return this.speakers.evicted + this.pairs.evicted;
  }

  /** A segment of BGP: with data, both of its ends are routers. */
  follow(packet: Packet): void {
    if (packet.payloadLength === 0) return;
    const { speakers } = this;
    for (let end = 0; end < 2; end++) {
      writeAddress(speakers.key, 0, packet, end === 0);
      if (speakers.touch() === NONE) speakers.add();
    }
  }

  /** An IP packet; called while `isActive`. */
  observe(packet: Packet): void {
    if (!isAnswer(packet)) return;
    const { speakers, pairs } = this;
    writeAddress(speakers.key, 0, packet, false);
    if (speakers.find() === NONE) return;
    writeAddress(pairs.key, 0, packet, false);
    writeAddress(pairs.key, ADDRESS, packet, true);
    if (pairs.touch() === NONE) pairs.add();
  }

  /** Whether the router with this address was answered by `ip`. */
  isAnswered(router: string, ip: string): boolean {
    this.pairs.key.set(ipWords(router));
    this.pairs.key.set(ipWords(ip), ADDRESS);
    return this.pairs.find() !== NONE;
  }

  reset(): void {
    this.speakers.clear();
    this.pairs.clear();
  }
}

function isAnswer({ transport, tcpFlags, icmpType }: Packet): boolean {
  if (transport === IpProtocol.Tcp) return (tcpFlags & SYN_ACK) === SYN_ACK;
  if (transport === IpProtocol.Icmp) return icmpType === IcmpType.EchoReply;
  return transport === IpProtocol.Icmpv6 && icmpType === Icmpv6Type.EchoReply;
}
