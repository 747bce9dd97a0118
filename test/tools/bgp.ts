import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { BgpTracker } from '../../src/track/bgp/tracker.ts';
import type { BgpRecord } from '../../src/track/records.ts';
import { decode, decodeInner } from '../../src/wire/decode.ts';
import { icmpErrorText, isIcmpError, QuotedPacket } from '../../src/wire/icmp.ts';
import { IpProtocol, Packet } from '../../src/wire/packet.ts';
import { type BgpOpenFields, bgpKeepalive, bgpOpen, type NetworkPacket, octets, TcpFlags, tcp } from '../craft/index.ts';
import { eachFrame, openOctets } from './walk.ts';

const BGP_PORT = 179;

export interface Followed {
  tracker: BgpTracker;
  records: BgpRecord[];
}

/** What the tracker makes of a capture; `isOver` false leaves open what is open. */
export async function followBgp(capture: Uint8Array, { mostRoutes = 200_000, isOver = true } = {}): Promise<Followed> {
  const packet = new Packet(UNKNOWN_INTERFACE);
  const quote = new QuotedPacket();
  const records: BgpRecord[] = [];
  const tracker = new BgpTracker(
    packet,
    {
      session: (make) => records.push({ session: make() }),
      told: () => {},
      route: (make) => records.push({ route: make() }),
      best: (make) => records.push({ best: make() }),
    },
    mostRoutes,
  );
  await eachFrame(await openOctets(capture), (frame) => {
    if (!decode(packet, frame)) return;
    packet.interfaceId = Math.max(0, packet.ifindex);
    tracker.expire();
    do {
      const { transport, sourcePort, destinationPort } = packet;
      if (transport === IpProtocol.Tcp && (sourcePort === BGP_PORT || destinationPort === BGP_PORT)) tracker.observe(packet);
      const isIcmp = transport === IpProtocol.Icmp || transport === IpProtocol.Icmpv6;
      if (!isIcmp || !isIcmpError(packet) || !quote.place(packet)) continue;
      if (quote.sourcePort === BGP_PORT || quote.destinationPort === BGP_PORT) tracker.observeError(quote, icmpErrorText(packet), packet);
    } while (decodeInner(packet));
  });
  if (isOver) tracker.finish();
  return { tracker, records };
}

export interface Speaker extends BgpOpenFields {
  ip: string;
}

/** Takes packets, as captures of any kind do in their own way. */
export interface Taker {
  wait(seconds: number): unknown;
  send(packet: NetworkPacket): unknown;
}

const SOON = 0.01;

/** A TCP connection for BGP: its segments, in the order of the clock. */
export class BgpConversation {
  private readonly capture: Taker;
  readonly client: Speaker;
  readonly server: Speaker;
  private readonly clientPort: number;
  private readonly ttl: number;
  /** Next sequence numbers. */
  readonly next = { client: 1000, server: 0xffff_ff00 };

  constructor(capture: Taker, client: Speaker, server: Speaker, { port = 40_000, ttl = 64 } = {}) {
    this.capture = capture;
    this.client = client;
    this.server = server;
    this.clientPort = port;
    this.ttl = ttl;
  }

  segment(by: 'client' | 'server', flags: number, payload: Uint8Array = new Uint8Array(0), seq = this.next[by]): NetworkPacket {
    const ends = { client: `${bracketed(this.client.ip)}:${this.clientPort}`, server: `${bracketed(this.server.ip)}:${BGP_PORT}` };
    const other = by === 'client' ? 'server' : 'client';
    const ack = flags & TcpFlags.Ack ? this.next[other] >>> 0 : 0;
    return tcp({ from: ends[by], to: ends[other], flags, seq: seq >>> 0, ack, payload, ttl: this.ttl });
  }

  private send(packet: NetworkPacket): void {
    this.capture.wait(SOON);
    this.capture.send(packet);
  }

  syn(): this {
    this.send(this.segment('client', TcpFlags.Syn));
    return this;
  }

  connect(): this {
    this.syn();
    this.next.client++;
    this.send(this.segment('server', TcpFlags.Syn | TcpFlags.Ack));
    this.next.server++;
    this.send(this.segment('client', TcpFlags.Ack));
    return this;
  }

  /** Messages in one segment, and its acknowledgment. */
  say(by: 'client' | 'server', ...messages: readonly Uint8Array[]): this {
    this.lose(by, 1, ...messages);
    this.send(this.segment(by === 'client' ? 'server' : 'client', TcpFlags.Ack));
    return this;
  }

  /** Messages that are sent so many times, and not acknowledged; 0: the capture does not have them. */
  lose(by: 'client' | 'server', times: number, ...messages: readonly Uint8Array[]): this {
    const payload = octets(...messages);
    for (let i = 0; i < times; i++) {
      if (i > 0) this.capture.wait(1);
      this.send(this.segment(by, TcpFlags.Ack | TcpFlags.Psh, payload));
    }
    this.next[by] = (this.next[by] + payload.length) >>> 0;
    return this;
  }

  /** From SYN to Established. */
  establish(): this {
    this.connect().say('client', bgpOpen(this.client)).say('server', bgpOpen(this.server), bgpKeepalive());
    return this.say('client', bgpKeepalive());
  }

  end(by: 'client' | 'server', flag: number): this {
    this.send(this.segment(by, flag | TcpFlags.Ack));
    return this;
  }
}

const bracketed = (ip: string): string => (ip.includes(':') ? `[${ip}]` : ip);
