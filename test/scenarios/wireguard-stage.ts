/** Where WireGuard plays: a site behind its router, a server with two uplinks, and tunnels between them. */
import {
  cookieReply,
  endpoint,
  Flags,
  HANDSHAKE_TOS,
  type IpOptions,
  initiation,
  keepalive,
  keyText,
  type NetworkPacket,
  publicKey,
  response,
  transport,
  udp,
} from '../craft/index.ts';
import { type ExpectedFinding, finding } from './scenario.ts';
import { Lan, LinuxHost, mac } from './stage.ts';

export const DRIFT = 'wireguard-endpoint-drift';
export const REPLY = 'wireguard-reply-wrong-source';
export const ROAMING = 'wireguard-roaming';
export const REBIND = 'wireguard-nat-rebind';
export const SHARED = 'wireguard-shared-key';
export const FLAP = 'wireguard-endpoint-flap';
export const UNANSWERED = 'wireguard-handshake-unanswered';

/** The site that calls, as the Internet sees it. */
export const SITE = '192.0.2.10:51820';
/** The server as it is known, and its other uplink. */
export const SERVER = '198.51.100.2:12345';
export const OTHER = '198.51.100.18:12345';

export const SITE_KEY = publicKey(101);
export const SERVER_KEY = publicKey(102);
export const wgPeers = [`site=${keyText(SITE_KEY)}`, `server=${keyText(SERVER_KEY)}`];

const SITE_MAC = mac(0x10);
const ROUTER_MAC = mac(0x01);
const TRANSIT_TTL = 56;

/** A place of capture. */
export interface Seat {
  readonly now: number;
  readonly bytes: Uint8Array;
  at(seconds: number): Seat;
  wait(seconds: number): Seat;
  /** Takes a packet on its way. */
  see(packet: NetworkPacket, from: string, to: string): number;
}

/** A seat around a capture. */
export function seat(capture: Lan | LinuxHost, see: Seat['see']): Seat {
  return {
    get now() {
      return capture.now;
    },
    get bytes() {
      return capture.bytes;
    },
    at(seconds) {
      capture.at(seconds);
      return this;
    },
    wait(seconds) {
      capture.wait(seconds);
      return this;
    },
    see,
  };
}

const isOf = (address: string, ...endpoints: string[]): boolean => endpoints.some((each) => endpoint(each).ip === endpoint(address).ip);

/** On Ethernet at the site, or on a mirror port before it. */
export const onEthernet = (lan = new Lan(), copies = 1, caplen?: number, site = SITE): Seat =>
  seat(lan, (packet, from) => {
    const macs: [string, string] = isOf(from, site) ? [SITE_MAC, ROUTER_MAC] : [ROUTER_MAC, SITE_MAC];
    const frame = lan.unicast(packet, ...macs, caplen === undefined ? {} : { caplen });
    for (let i = 1; i < copies; i++) lan.wait(0.000_02).unicast(packet, ...macs);
    return frame;
  });

/** The card of the site in a pcapng file, with directions. */
export function inPcapng(site = SITE): Seat {
  const lan = new Lan([{ name: 'eth0', mac: SITE_MAC }]);
  return seat(lan, (packet, from) =>
    isOf(from, site)
      ? lan.unicast(packet, SITE_MAC, ROUTER_MAC, { flags: Flags.Outbound })
      : lan.unicast(packet, ROUTER_MAC, SITE_MAC, { flags: Flags.Inbound }),
  );
}

/** On `any` of the site. */
export function atSite(site = SITE): Seat {
  const host = new LinuxHost();
  return seat(host, (packet, from) => (isOf(from, site) ? host.outgoing(packet, 2, SITE_MAC) : host.incoming(packet, 2, ROUTER_MAC)));
}

/** On `any` of the server: its uplinks are interfaces 2 and 3, by its address. */
export function atServer(other = OTHER): Seat {
  const host = new LinuxHost();
  const uplink = (own: string): [number, string] => (isOf(own, other) ? [3, mac(0x0b)] : [2, mac(0x0a)]);
  return seat(host, (packet, from, to) =>
    isOf(from, SERVER, other) ? host.outgoing(packet, ...uplink(from)) : host.incoming(packet, uplink(to)[0], ROUTER_MAC),
  );
}

/** Both cards of the server side by side in a pcapng file, with directions. */
export function atBothCards(): Seat {
  const lan = new Lan([
    { name: 'wan1', mac: mac(0x0a) },
    { name: 'wan2', mac: mac(0x0b) },
  ]);
  const card = (own: string): number => (isOf(own, OTHER) ? 1 : 0);
  const own = (id: number): string => mac(0x0a + id);
  return seat(lan, (packet, from, to) => {
    const isOut = isOf(from, SERVER, OTHER);
    const id = card(isOut ? from : to);
    return isOut
      ? lan.unicast(packet, own(id), ROUTER_MAC, { interface: id, flags: Flags.Outbound })
      : lan.unicast(packet, ROUTER_MAC, own(id), { interface: id, flags: Flags.Inbound });
  });
}

const UDP_PAYLOAD = 20 + 8;

/**
 * On `any` of a router between, before the side that is `outer`: each packet twice. With `inner`, it translates the address of that side. The packet
 * with the number `missed`, from 0, is seen only as it comes in.
 */
export function onRouter(outer: string, inner = outer, missed = -1): Seat {
  const host = new LinuxHost();
  let number = 0;
  return seat(host, (packet, from, to) => {
    const isFromBehind = from === outer;
    const payload = packet.octets.subarray(UDP_PAYLOAD);
    const before = udp({ from: isFromBehind ? inner : from, to, payload, ttl: 60 });
    const after = udp({ from, to: isFromBehind ? to : to === outer ? inner : to, payload, ttl: 59 });
    const frame = host.incoming(before, isFromBehind ? 3 : 2, mac(isFromBehind ? 0x55 : 0x01));
    if (number++ !== missed) host.wait(0.000_03).outgoing(after, isFromBehind ? 2 : 3, mac(isFromBehind ? 0x0a : 0x0b));
    return frame;
  });
}

/** All places from which the whole course is seen at the site. */
export const siteSeats: { where: string; at: () => Seat }[] = [
  { where: 'site, Ethernet', at: () => onEthernet() },
  { where: 'site on any', at: () => atSite() },
  { where: 'site, pcapng with directions', at: () => inPcapng() },
  { where: 'mirror port, everything twice', at: () => onEthernet(new Lan(), 2) },
];

export interface Session {
  initiator: string;
  responder: string;
  initiatorIndex: number;
  responderIndex: number;
  /** Counters of the next packet to the responder, and to the initiator. */
  up: number;
  down: number;
}

export interface Ends {
  from: string;
  to: string;
}

/** Public keys of who initiates and who responds; without them mac1 is noise. */
export interface Keys {
  initiator?: Uint8Array;
  responder?: Uint8Array;
}

export interface Handshake extends Session {
  frames: number[];
  /** When the initiation and the response were seen, in seconds since the start. */
  initiated: number;
  responded: number;
}

const RTT = 0.03;

/** Sends what peers send, at a seat. */
export class Tunnels {
  readonly seat: Seat;
  /** Only packets that pass here are seen; the others are sent all the same. */
  sees: (from: string, to: string) => boolean = () => true;
  /** Wraps each packet in another one. */
  wrap: (packet: NetworkPacket, from: string, to: string) => NetworkPacket = (packet) => packet;
  /** When the latest initiation was sent. */
  initiatedAt = 0;
  private nextIndex = 1;

  constructor(at: Seat) {
    this.seat = at;
  }

  get bytes(): Uint8Array {
    return this.seat.bytes;
  }

  get now(): number {
    return this.seat.now;
  }

  at(seconds: number): this {
    this.seat.at(seconds);
    return this;
  }

  wait(seconds: number): this {
    this.seat.wait(seconds);
    return this;
  }

  /** An index without a pattern. */
  index(): number {
    return Math.imul(this.nextIndex++, 0x9e3779b1) >>> 0;
  }

  packet(from: string, to: string, payload: Uint8Array, options: IpOptions = {}): number {
    if (!this.sees(from, to)) return 0;
    const isFromHere = isOf(from, SITE);
    return this.seat.see(this.wrap(udp({ from, to, payload, ttl: isFromHere ? 64 : TRANSIT_TTL, ...options }), from, to), from, to);
  }

  /** An initiation alone. */
  initiate(from: string, to: string, { responder }: Keys = {}): { frame: number; sender: number } {
    this.initiatedAt = this.now;
    const sender = this.index();
    const payload = initiation({ sender, ...(responder ? { recipient: responder } : {}) });
    return { frame: this.packet(from, to, payload, { tos: HANDSHAKE_TOS }), sender };
  }

  /** A series of initiations, about five seconds apart, that nobody answers; the clock ends at the last one. */
  retry(from: string, to: string, times: number, keys: Keys = {}): number[] {
    return Array.from({ length: times }, (_, i) => {
      if (i > 0) this.wait(5 + ((i * 7) % 33) / 100);
      return this.initiate(from, to, keys).frame;
    });
  }

  respond(receiver: number, from: string, to: string, { initiator }: Keys = {}): { frame: number; sender: number } {
    const sender = this.index();
    const payload = response({ sender, receiver, ...(initiator ? { recipient: initiator } : {}) });
    return { frame: this.packet(from, to, payload, { tos: HANDSHAKE_TOS }), sender };
  }

  cookie(receiver: number, from: string, to: string): number {
    return this.packet(from, to, cookieReply(receiver));
  }

  /** A whole handshake; `by` is who responds instead. */
  handshake(initiator: string, responder: string, keys: Keys = {}, by = responder): Handshake {
    const initiated = this.now;
    const first = this.initiate(initiator, responder, keys);
    this.wait(RTT);
    const responded = this.now;
    const second = this.respond(first.sender, by, initiator, keys);
    return {
      initiator,
      responder: by,
      initiatorIndex: first.sender,
      responderIndex: second.sender,
      up: 0,
      down: 0,
      frames: [first.frame, second.frame],
      initiated,
      responded,
    };
  }

  /** Data to the responder of the session. */
  up(session: Session, { from = session.initiator, to = session.responder }: Partial<Ends> = {}, length = 96): number {
    return this.packet(from, to, transport(session.responderIndex, session.up++, length));
  }

  /** Data to the initiator of the session. */
  down(session: Session, { from = session.responder, to = session.initiator }: Partial<Ends> = {}, length = 96): number {
    return this.packet(from, to, transport(session.initiatorIndex, session.down++, length));
  }

  keepalive(session: Session): number {
    return this.packet(session.initiator, session.responder, keepalive(session.responderIndex, session.up++));
  }

  /** Questions and answers through the tunnel, one pair every `every` seconds from now on, the initiator first; frames of all. */
  chat(session: Session, pairs: number, every = 3): number[] {
    return this.pairs(pairs, every, [() => this.up(session), () => this.down(session)]);
  }

  /** The same, the responder first: by what it sends it is known where it is now. */
  chatBack(session: Session, pairs: number, every = 3): number[] {
    return this.pairs(pairs, every, [() => this.down(session), () => this.up(session)]);
  }

  private pairs(pairs: number, every: number, [first, second]: [() => number, () => number]): number[] {
    return Array.from({ length: pairs }, () => {
      const one = first();
      this.wait(RTT);
      const both = [one, second()];
      this.wait(every - RTT);
      return both;
    }).flat();
  }
}

type Rest = Omit<ExpectedFinding, 'kind' | 'id'>;

export const drift = (rest: Rest = {}, observer = SITE, from = SERVER, to = OTHER, at = ''): ExpectedFinding =>
  finding(DRIFT, `${observer}|${from}|${to}${at}`, { severity: 'error', count: 1, ...rest });

/** @param initiator its address alone */
export const unanswered = (initiator: string, responder: string, rest: Rest = {}): ExpectedFinding =>
  finding(UNANSWERED, `${initiator}|${responder}`, rest);

/** @param who the peer's name, else the end that stays */
export const moved = (kind: string, who: string, from: string, to: string, rest: Rest = {}): ExpectedFinding =>
  finding(kind, `${who}|${from}|${to}`, { severity: 'info', count: 1, ...rest });

export const address = (text: string): string => endpoint(text).ip;

/** Difference of two times of the clock, to the microsecond. */
export const between = (earlier: number, later: number): number => Math.round((later - earlier) * 1e6) / 1e6;
