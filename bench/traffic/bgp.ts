import type { Agenda } from './agenda.ts';
import type { Packets } from './packets.ts';
import type { Random } from './random.ts';
import { hostOf, serverOf } from './site.ts';
import { type Ends, Streams } from './streams.ts';

const PEERS = 8;
const PORT = 179;
const FIRST_PORT = 33_000;
const FIRST_ROUTER = 64;
const FIRST_PEER = 0x1_2000;
/** Two octets, for private use (RFC 6996). */
const OWN_AS = 64_512;
const FIRST_PEER_AS = 64_520;
const FIRST_TRANSIT_AS = 65_000;

const Message = { Open: 1, Update: 2, Keepalive: 4 } as const;
const HEADER = 19;
const OPEN = HEADER + 10;
/** Octets of ORIGIN, AS_PATH of two, and NEXT_HOP. */
const ATTRIBUTES = 4 + 9 + 7;
/** Lengths of what is withdrawn and of the attributes; then the prefixes. */
const UPDATE = HEADER + 2 + 2 + ATTRIBUTES;
const PREFIX = 4;
const MOST_PREFIXES = 4;
const HOLD_SEC = 180;
const UPDATES = 0.5;

/** Of the shared address space (RFC 6598), where nobody of the site has anything. */
const FIRST_PREFIX = 0x6440_0000;
const PREFIXES_OF_PEER = 2048;

const State = { Closed: 0, Opening: 1, Established: 2 } as const;

/** Routers of the site and their neighbours (RFC 4271): sessions that come up and stay up, routes that come and stay. */
export class Bgp {
  private readonly packets: Packets;
  private readonly agenda: Agenda;
  private readonly random: Random;
  private readonly streams: Streams;
  private readonly state = new Uint8Array(PEERS);
  /** Prefixes that a neighbour has announced; the first ones again after the last. */
  private readonly announced = new Uint32Array(PEERS);

  constructor(packets: Packets, agenda: Agenda, random: Random) {
    this.packets = packets;
    this.agenda = agenda;
    this.random = random;
    this.streams = new Streams(
      packets,
      agenda,
      random,
      Array.from({ length: PEERS }, (_, peer) => endsOf(peer)),
    );
  }

  frame(): void {
    const peer = this.random.below(PEERS);
    if (this.state[peer] === State.Closed) {
      this.state[peer] = State.Opening;
      this.streams.open(peer, true, this.opened);
    } else if (this.state[peer] === State.Opening) {
      this.frame();
    } else if (this.random.chance(UPDATES)) {
      this.update(peer);
    } else {
      this.keepalive(peer, this.random.chance(0.5));
    }
  }

  private readonly opened = (peer: number): void => {
    this.open(peer, true);
    this.agenda.put(4, () => this.open(peer, false));
    this.agenda.put(8, () => this.keepalive(peer, false));
    this.agenda.put(12, () => {
      this.keepalive(peer, true);
      this.state[peer] = State.Established;
    });
  };

  private begin(peer: number, fromHost: boolean, type: number, length: number): void {
    const { out } = this.packets;
    this.streams.begin(peer, fromHost, length);
    for (let i = 0; i < 4; i++) out.u32(-1);
    out.u16(length);
    out.u8(type);
  }

  private keepalive(peer: number, fromHost: boolean): void {
    this.begin(peer, fromHost, Message.Keepalive, HEADER);
    this.packets.end();
  }

  private open(peer: number, fromHost: boolean): void {
    const { out } = this.packets;
    const { host, far } = endsOf(peer);
    this.begin(peer, fromHost, Message.Open, OPEN);
    out.u8(4);
    out.u16(fromHost ? OWN_AS : FIRST_PEER_AS + peer);
    out.u16(HOLD_SEC);
    out.u32(fromHost ? host : far);
    out.u8(0);
    this.packets.end();
  }

  /** From the neighbour: some prefixes by way of itself. */
  private update(peer: number): void {
    const { out } = this.packets;
    const prefixes = 1 + this.random.below(MOST_PREFIXES);
    const first = this.announced[peer] ?? 0;
    this.announced[peer] = first + prefixes;
    this.begin(peer, false, Message.Update, UPDATE + prefixes * PREFIX);
    out.u16(0);
    out.u16(ATTRIBUTES);
    // ORIGIN: IGP.
    out.u32(0x4001_0100);
    // AS_PATH: a sequence of two. The same for the same prefixes, so that no route flaps.
    out.u32(0x4002_0602);
    out.u8(2);
    out.u16(FIRST_PEER_AS + peer);
    out.u16(FIRST_TRANSIT_AS + peer);
    // NEXT_HOP.
    out.u16(0x4003);
    out.u8(4);
    out.u32(endsOf(peer).far);
    for (let i = 0; i < prefixes; i++) {
      const prefix = FIRST_PREFIX + ((peer * PREFIXES_OF_PEER + ((first + i) % PREFIXES_OF_PEER)) << 8);
      out.u8(24);
      out.u8(prefix >>> 24);
      out.u16(prefix >>> 8);
    }
    this.packets.end();
  }
}

const endsOf = (peer: number): Ends => ({
  host: hostOf(0, FIRST_ROUTER + peer),
  hostPort: FIRST_PORT + peer,
  far: serverOf(FIRST_PEER + peer),
  farPort: PORT,
});
