import { writePcap } from '../../src/capture/pcap-writer.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import type { NetworkPacket } from './ip.ts';
import { type CookedFields, type EthernetFields, ethernet, PacketType, sll, sll2 } from './link.ts';
import { be32, ipOctets, macOctets, octets } from './octets.ts';

/** Link types by their LINKTYPE_ numbers. */
export const Links = { Ethernet: 1, Raw: 101, LinuxSll: 113, LinuxSll2: 276 } as const;

/** Direction bits of epb_flags. */
export const Flags = { Inbound: 1, Outbound: 2 } as const;

/** An interface of a pcapng section. */
export interface CapturedInterface {
  name: string;
  linktype?: number;
  mac?: string;
  /** `192.0.2.1/24`, `2001:db8::1/64`. */
  addresses?: readonly string[];
}

/** Where a frame was taken, in a pcapng file. */
export interface Place {
  interface?: number;
  flags?: number;
  /** How much of it was captured, where the snaplen cut it. */
  caplen?: number;
}

interface Taken {
  /** Microseconds since `START`. */
  at: number;
  octets: Uint8Array;
  origlen: number;
  interface: number;
  flags: number | undefined;
}

const MICROSECONDS = 1e6;
const IF_IPV4 = 4;
const IF_IPV6 = 5;
const IF_MAC = 6;
const START = Date.UTC(2024, 0, 15, 8) / 1000;

/**
 * Collects frames with their times. A clock runs along: `at` and `wait` move it, each frame is taken at its time. What adds a frame returns its
 * number, from 1, as evidence names it.
 */
export class Capture {
  private readonly frames: Taken[] = [];
  private readonly linktype: number;
  private readonly interfaces: readonly CapturedInterface[];
  /** Microseconds since the start of the capture. */
  private clock = 0;
  private origin = START;

  /** @param interfaces makes it pcapng; classic pcap, microseconds, without */
  constructor(linktype: number, interfaces: readonly CapturedInterface[] = []) {
    this.linktype = linktype;
    this.interfaces = interfaces;
  }

  /** Sets the clock: seconds since the start. */
  at(seconds: number): this {
    this.clock = Math.round(seconds * MICROSECONDS);
    return this;
  }

  wait(seconds: number): this {
    this.clock += Math.round(seconds * MICROSECONDS);
    return this;
  }

  /** Seconds since the start. */
  get now(): number {
    return this.clock / MICROSECONDS;
  }

  /** The next frames are of another capture, glued behind: its start in seconds since 1970. */
  startAgain(start: number): this {
    this.origin = start;
    this.clock = 0;
    return this;
  }

  add(frame: Uint8Array, { interface: id = 0, flags, caplen = frame.length }: Place = {}): number {
    const at = (this.origin - START) * MICROSECONDS + this.clock;
    return this.frames.push({ at, octets: frame.subarray(0, caplen), origlen: frame.length, interface: id, flags });
  }

  get bytes(): Uint8Array {
    return this.interfaces.length === 0 ? this.pcap() : this.pcapng();
  }

  private pcap(): Uint8Array {
    const packets = this.frames.map(({ at, ...frame }) => ({ ...frame, ...timeOf(at) }));
    return writePcap({ linktype: this.linktype }, packets);
  }

  private pcapng(): Uint8Array {
    const writer = new PcapngWriter().section();
    for (const { name, mac, addresses = [], linktype = this.linktype } of this.interfaces) {
      const options = [...(mac ? [{ code: IF_MAC, value: octets(macOctets(mac)) }] : []), ...addresses.map(addressOption)];
      writer.interface({ linktype, name, options });
    }
    for (const { at, flags, ...frame } of this.frames) writer.packet({ ...frame, ...timeOf(at), ...(flags ? { flags } : {}) });
    return writer.bytes;
  }
}

/** An Ethernet capture: of a card, or of a mirror port. */
export class EthernetCapture extends Capture {
  constructor(interfaces: readonly CapturedInterface[] = []) {
    super(Links.Ethernet, interfaces);
  }

  send(packet: NetworkPacket, link: EthernetFields, place: Place = {}): number {
    return this.add(ethernet(link, packet), place);
  }
}

/** A capture of the interface `any` of a Linux host, with interface and direction of each packet (LINUX_SLL2). */
export class AnyCapture extends Capture {
  constructor() {
    super(Links.LinuxSll2);
  }

  /** A packet that came in by an interface, from the sender with this MAC. */
  incoming(packet: NetworkPacket, ifindex: number, address?: string, packetType: number = PacketType.ToUs): number {
    return this.cooked({ ifindex, packetType, ...(address ? { address } : { hardware: 65_534 }) }, packet);
  }

  /** A packet that leaves by an interface with this MAC. */
  outgoing(packet: NetworkPacket, ifindex: number, address?: string): number {
    return this.cooked({ ifindex, packetType: PacketType.FromUs, ...(address ? { address } : { hardware: 65_534 }) }, packet);
  }

  cooked(fields: CookedFields & { ifindex: number }, packet: NetworkPacket): number {
    return this.add(sll2(fields, packet));
  }
}

/** The same in the older form, without the interface (LINUX_SLL). */
export class OldAnyCapture extends Capture {
  constructor() {
    super(Links.LinuxSll);
  }

  cooked(fields: CookedFields, packet: NetworkPacket): number {
    return this.add(sll(fields, packet));
  }
}

/** A capture of a device without link layer: tun, wg. */
export class RawCapture extends Capture {
  constructor() {
    super(Links.Raw);
  }

  send(packet: NetworkPacket): number {
    return this.add(packet.octets);
  }
}

/** if_IPv4addr with its mask, or if_IPv6addr with its prefix length. */
function addressOption(text: string): { code: number; value: Uint8Array } {
  const [ip = '', length = '32'] = text.split('/');
  if (ip.includes(':')) return { code: IF_IPV6, value: octets(ipOctets(ip), Number(length)) };
  return { code: IF_IPV4, value: octets(ipOctets(ip), be32((0xffff_ffff << (32 - Number(length))) >>> 0)) };
}

const timeOf = (microseconds: number): { sec: number; nsec: number } => {
  const sec = START + Math.floor(microseconds / MICROSECONDS);
  return { sec, nsec: (microseconds - Math.floor(microseconds / MICROSECONDS) * MICROSECONDS) * 1000 };
};
