import { closeSync, openSync, writeSync } from 'node:fs';
import { Agenda } from './traffic/agenda.ts';
import { Bgp } from './traffic/bgp.ts';
import { type Container, type NgInterface, PcapContainer, PcapngContainer } from './traffic/container.ts';
import { Flows } from './traffic/flows.ts';
import { Ipsec } from './traffic/ipsec.ts';
import { Neighbours } from './traffic/neighbours.ts';
import { Octets } from './traffic/octets.ts';
import { OpenVpnTcp } from './traffic/openvpn-tcp.ts';
import { Packets } from './traffic/packets.ts';
import { Random } from './traffic/random.ts';
import { Scan } from './traffic/scan.ts';
import { Services } from './traffic/services.ts';
import { Link, type Net, Site } from './traffic/site.ts';
import { Traceroute } from './traffic/traceroute.ts';
import { type Carried, nestedTunnels, usualTunnels } from './traffic/tunnels.ts';
import { OpenVpn, Wireguard } from './traffic/vpn.ts';

/** What a capture is made of; README.md says what each kind holds. */
export const kinds = ['mixed', 'small', 'big', 'sll2', 'raw', 'ng', 'nested', 'scan'] as const;
export type Kind = (typeof kinds)[number];

export const DEFAULT_SEED = 1;
const FLOWS = 50_000;
const V6_SHARE = 0.1;
const V6_SHARE_NESTED = 0.5;
/** A gateway of some 30 Mbit/s: 10,000 packets a second; the others are measured in packets, not in time. */
const USUAL_GAP_NS = 100_000;
const SHORT_GAP_NS = 10_000;

/** How much of a capture is made: so many packets, or at least so many octets. */
export type Amount = { packets: number } | { octets: number };

/** What was made. */
export interface Generated {
  packets: number;
  octets: number;
}

/** Makes a capture piece by piece. What it gives depends on kind, amount and seed alone. */
export class CaptureGenerator {
  octets = 0;
  private readonly out: Octets;
  private readonly packets: Packets;
  private readonly container: Container;
  private readonly frame: () => void;
  private readonly mostPackets: number;
  private readonly mostOctets: number;
  private ended = false;

  constructor(kind: Kind, amount: Amount, seed = DEFAULT_SEED) {
    const random = new Random(seed);
    const { nets, linktype, interfaces } = PLACES[kind];
    this.mostPackets = 'packets' in amount ? amount.packets : Number.POSITIVE_INFINITY;
    this.mostOctets = 'octets' in amount ? amount.octets : Number.POSITIVE_INFINITY;
    this.out = new Octets(seed);
    this.container = interfaces ? new PcapngContainer(this.out, interfaces) : new PcapContainer(this.out, linktype);
    const site = new Site(nets, random);
    const gap = isPlain(kind) ? SHORT_GAP_NS : USUAL_GAP_NS;
    this.packets = new Packets(this.out, site, this.container, random, gap);
    this.frame = trafficOf(kind, this.packets, site, random);
    this.container.fileHeader();
  }

  get packetCount(): number {
    return this.packets.count;
  }

  /** The next few megabytes, valid until the next call; empty at the end. */
  next(): Uint8Array {
    const { out, packets } = this;
    if (this.octets > 0) out.at = 0;
    while (!this.ended && !out.isFull) {
      if (packets.count >= this.mostPackets || this.octets + out.at >= this.mostOctets) {
        this.container.fileEnd(packets.elapsed);
        this.ended = true;
      } else {
        this.frame();
      }
    }
    this.octets += out.at;
    // No Buffer: its `slice` does not copy.
    return new Uint8Array(out.bytes.buffer, 0, out.at);
  }
}

/** A capture in memory. */
export function generate(kind: Kind, packets: number, seed = DEFAULT_SEED): Uint8Array {
  const generator = new CaptureGenerator(kind, { packets }, seed);
  const pieces: Uint8Array[] = [];
  for (let piece = generator.next(); piece.length > 0; piece = generator.next()) pieces.push(piece.slice());
  return Buffer.concat(pieces);
}

/** A capture as a source for the analysis, made while it is read: however long it is, it takes a few megabytes. */
export class GeneratedSource {
  private readonly generator: CaptureGenerator;
  private piece: Uint8Array = new Uint8Array(0);
  private at = 0;

  constructor(kind: Kind, packets: number, seed = DEFAULT_SEED) {
    this.generator = new CaptureGenerator(kind, { packets }, seed);
  }

  read(into: Uint8Array, from: number, to: number): number {
    if (this.at === this.piece.length) {
      this.piece = this.generator.next();
      this.at = 0;
    }
    const length = Math.min(to - from, this.piece.length - this.at);
    into.set(this.piece.subarray(this.at, this.at + length), from);
    this.at += length;
    return length;
  }
}

/** A capture as a file. */
export function writeCapture(path: string, kind: Kind, amount: Amount, seed = DEFAULT_SEED): Generated {
  const generator = new CaptureGenerator(kind, amount, seed);
  const fd = openSync(path, 'w');
  try {
    for (let piece = generator.next(); piece.length > 0; piece = generator.next()) {
      for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at);
    }
  } finally {
    closeSync(fd);
  }
  return { packets: generator.packetCount, octets: generator.octets };
}

/** Where the packets of a kind are captured. */
interface Place {
  nets: readonly Net[];
  /** Of a classic pcap; of pcapng, `interfaces`. */
  linktype: number;
  interfaces?: readonly NgInterface[];
}

const LAN: Net = { number: 0, link: Link.Ethernet, vlan: 0, interface: 2, weight: 36 };
/** A tenth of the hosts is in these. */
const VLANS: readonly Net[] = [10, 20, 30, 40].map((vlan, i) => ({
  number: i + 1,
  link: Link.Ethernet,
  vlan,
  interface: 3 + i,
  weight: 1,
}));
const ON_TRUNK: Place = { nets: [LAN, ...VLANS], linktype: Link.Ethernet };
const UNTAGGED: Place = { nets: [LAN], linktype: Link.Ethernet };

/** With `-i any` each VLAN is an interface of its own; tun devices have no link layer at all. */
const onLink = (link: number): Place => ({ nets: ON_TRUNK.nets.map((net) => ({ ...net, link, vlan: 0 })), linktype: link });

const NG_INTERFACES: readonly NgInterface[] = [
  { name: 'eth0', linktype: Link.Ethernet, nanoseconds: true, options: 'flags' },
  { name: 'eth1', linktype: Link.Ethernet, nanoseconds: false, options: 'none' },
  { name: 'any', linktype: Link.Sll2, nanoseconds: false, options: 'none' },
  { name: 'tun0', linktype: Link.Raw, nanoseconds: true, options: 'none' },
  { name: 'eth2', linktype: Link.Ethernet, nanoseconds: true, options: 'flags-and-id' },
  { name: 'wg0', linktype: Link.Raw, nanoseconds: false, options: 'flags' },
];

const MANY_LINKS: Place = {
  nets: NG_INTERFACES.map(({ linktype }, i) => ({
    number: i,
    link: linktype,
    vlan: i === 1 ? 10 : 0,
    interface: i,
    weight: i === 0 ? 4 : 1,
  })),
  linktype: Link.Ethernet,
  interfaces: NG_INTERFACES,
};

const PLACES: Record<Kind, Place> = {
  mixed: ON_TRUNK,
  small: UNTAGGED,
  big: UNTAGGED,
  sll2: onLink(Link.Sll2),
  raw: onLink(Link.Raw),
  ng: MANY_LINKS,
  nested: ON_TRUNK,
  scan: UNTAGGED,
};

const isPlain = (kind: Kind): boolean => kind === 'small' || kind === 'big' || kind === 'scan';

/** The IP packet of an Ethernet frame of 60 octets, 64 with its FCS. */
const SMALLEST_IP = 46;
const LARGEST_IP = 1500;

/** What writes the next frame. */
function trafficOf(kind: Kind, packets: Packets, site: Site, random: Random): () => void {
  if (kind === 'scan') {
    const scan = new Scan(packets);
    return () => scan.frame();
  }
  const agenda = new Agenda();
  if (kind === 'small' || kind === 'big') {
    const ipLength = kind === 'small' ? SMALLEST_IP : LARGEST_IP;
    const flows = new Flows(packets, agenda, site, random, { flows: FLOWS, ipLength, hasHandshakes: false, tunnels: [], v6Share: 0 });
    return () => flows.frame();
  }
  if (kind === 'nested') {
    const flows = imix(packets, agenda, site, random, nestedTunnels(packets), V6_SHARE_NESTED);
    return inShares(agenda, random, [[1, () => flows.frame()]]);
  }
  return mixture(packets, agenda, site, random);
}

function imix(packets: Packets, agenda: Agenda, site: Site, random: Random, tunnels: readonly Carried[], v6Share: number): Flows {
  return new Flows(packets, agenda, site, random, { flows: FLOWS, ipLength: 'imix', hasHandshakes: true, tunnels, v6Share });
}

/** Everything that a gateway sees in a day, in the shares that it might have. */
function mixture(packets: Packets, agenda: Agenda, site: Site, random: Random): () => void {
  const flows = imix(packets, agenda, site, random, usualTunnels(packets), V6_SHARE);
  const services = new Services(packets, agenda, site, random, V6_SHARE);
  const neighbours = new Neighbours(packets, agenda, site, random);
  const traceroute = new Traceroute(packets, agenda, site, random, V6_SHARE);
  const wireguard = new Wireguard(packets, agenda, random);
  const openVpn = new OpenVpn(packets, agenda, random);
  const openVpnTcp = new OpenVpnTcp(packets, agenda, random);
  const ipsec = new Ipsec(packets, agenda, random);
  const bgp = new Bgp(packets, agenda, random);
  // Of a net without a link layer there is nothing to say about neighbours: it is a ping instead.
  const orEcho = (isWritten: boolean): void => {
    if (!isWritten) services.echo();
  };
  return inShares(agenda, random, [
    [0.78, () => flows.frame()],
    [0.06, () => wireguard.frame()],
    [0.04, () => ipsec.frame()],
    [0.03, () => openVpn.frame()],
    [0.02, () => openVpnTcp.frame()],
    [0.02, () => services.dns()],
    [0.003, () => services.ntp()],
    [0.001, () => services.stun()],
    [0.001, () => services.snmp()],
    [0.0005, () => services.radius()],
    [0.008, () => orEcho(neighbours.arp())],
    [0.004, () => orEcho(neighbours.ndp())],
    [0.0002, () => orEcho(neighbours.vrrp())],
    [0.0001, () => orEcho(neighbours.ospf())],
    [0.01, () => services.echo()],
    [0.005, () => flows.fragmented()],
    [0.002, () => traceroute.unreachable()],
    [0.0001, () => traceroute.begin()],
    [0.001, () => bgp.frame()],
  ]);
}

/** What follows from earlier frames first; else one of these, by its share of all. */
function inShares(agenda: Agenda, random: Random, shares: readonly (readonly [share: number, write: () => void])[]): () => void {
  const total = shares.reduce((sum, [share]) => sum + share, 0);
  return () => {
    if (agenda.step()) return;
    let left = random.unit() * total;
    for (const [share, write] of shares) {
      left -= share;
      if (left < 0) return write();
    }
  };
}
