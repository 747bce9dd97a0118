/** Where scenarios play: a segment with hosts, and hosts that are looked at from inside. */
import {
  AnyCapture,
  arpReply,
  arpRequest,
  BROADCAST,
  type CapturedInterface,
  EthernetCapture,
  type EthernetFields,
  type Host,
  type NetworkPacket,
  PacketType,
  type Place,
} from '../craft/index.ts';

/** The MAC 02:00:00:00:00:xx. */
export const mac = (last: number): string => `02:00:00:00:00:${last.toString(16).padStart(2, '0')}`;

/** A card with the MAC 02:00:00:00:00:xx. */
export const card = (last: number, ip: string): Host => ({ mac: mac(last), ip });

export interface Answer {
  /** The MAC that answers. */
  by: string;
  /** Seconds since the request. */
  after: number;
  /** Filled up to 60 octets. */
  padded?: boolean;
  /** Where the frame really comes from, if not from the MAC that answers. */
  source?: string;
}

/** Frame numbers of an exchange. */
export interface Exchange {
  request: number;
  answers: number[];
}

export type LanLink = Pick<EthernetFields, 'vlans' | 'padded'> & Place;

const MICROSECOND = 1e-6;

/** A segment as a host or a mirror port on it sees it. */
export class Lan extends EthernetCapture {
  /** One ARP exchange from now on; the clock stays at its last frame. */
  ask(asker: Host, target: string, answers: readonly Answer[], link: LanLink = {}): Exchange {
    const asked = this.now;
    const request = this.broadcast(arpRequest(asker, target), asker.mac, link);
    const frames = inOrder(answers).map(({ by, after, padded = link.padded ?? false, source = by }) => {
      this.at(asked + after);
      return this.unicast(arpReply({ mac: by, ip: target }, asker), source, asker.mac, { ...link, padded });
    });
    return { request, answers: frames };
  }

  /** An exchange with a single answer, 300 µs later. */
  resolve(asker: Host, owner: Host, link: LanLink = {}): Exchange {
    return this.ask(asker, owner.ip, [{ by: owner.mac, after: 300 * MICROSECOND }], link);
  }

  unicast(packet: NetworkPacket, source: string, destination: string, { vlans = [], padded = false, ...place }: LanLink = {}): number {
    return this.send(packet, { source, destination, vlans, padded }, place);
  }

  broadcast(packet: NetworkPacket, source: string, link: LanLink = {}): number {
    return this.unicast(packet, source, BROADCAST, link);
  }
}

/** Two cards of one machine, side by side in a pcapng file. */
export const twoCards = (first: CapturedInterface, second: CapturedInterface): Lan => new Lan([first, second]);

/** A card of the host that is looked at. */
export interface OwnCard extends Host {
  ifindex: number;
}

export interface OwnAnswer {
  from: OwnCard;
  /** Seconds since the request. */
  after: number;
}

/** A Linux host, captured on `any`. */
export class LinuxHost extends AnyCapture {
  /** Somebody's broadcast, as it comes in on these interfaces, 2 µs apart. */
  heard(packet: NetworkPacket, from: string, ifindexes: readonly number[]): number[] {
    return ifindexes.map((ifindex) => {
      const frame = this.incoming(packet, ifindex, from, PacketType.Broadcast);
      this.wait(2 * MICROSECOND);
      return frame;
    });
  }

  /** Somebody asks for `target` in the network of these cards, and some of them answer. */
  asked(asker: Host, target: string, cards: readonly OwnCard[], answers: readonly OwnAnswer[]): { requests: number[]; answers: number[] } {
    const { now } = this;
    const requests = this.heard(
      arpRequest(asker, target),
      asker.mac,
      cards.map(({ ifindex }) => ifindex),
    );
    const frames = inOrder(answers).map(({ from, after }) => {
      this.at(now + after);
      return this.outgoing(arpReply({ mac: from.mac, ip: target }, asker), from.ifindex, from.mac);
    });
    return { requests, answers: frames };
  }

  /** The host asks by one of its cards, with the address of that card. */
  asks(from: OwnCard, target: string, answers: readonly Answer[]): Exchange {
    const { now } = this;
    const request = this.outgoing(arpRequest(from, target), from.ifindex, from.mac);
    const frames = inOrder(answers).map(({ by, after, source = by }) => {
      this.at(now + after);
      return this.incoming(arpReply({ mac: by, ip: target }, from), from.ifindex, source);
    });
    return { request, answers: frames };
  }
}

const inOrder = <T extends { after: number }>(answers: readonly T[]): T[] => [...answers].sort((a, b) => a.after - b.after);
