import { compareIps, ipv4Text, ipv6Text } from '../net/ip.ts';
import { MOST_LAYERS } from '../wire/encapsulation.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, type Packet } from '../wire/packet.ts';
import { BoundedMap } from './bounded-map.ts';
import { overwriteStamp, type Stamp, stampOf } from './stamp.ts';

const MOST_PAIRS = 4096;
/** Tunnels that one pair is seen in: one, or two where it moved. */
const MOST_TUNNELS = 4;

/** A tunnel around what two addresses exchange. */
export interface TunnelAround {
  /** Its ends: `a` on the side of the lower one of the two inner addresses. */
  a: string;
  b: string;
  /** Of the packets inside, as `Packet.path`. */
  path: number;
  first: Stamp;
  last: Stamp;
}

/** A packet of a tunnel was inside of a packet of the same tunnel. */
export interface NestedTunnel {
  /** Of both packets. */
  source: string;
  destination: string;
  count: number;
  first: Stamp;
  last: Stamp;
}

/** Between which addresses the tunnels are that carry BGP, and which tunnels are inside of themselves. */
export class TunnelEnds {
  /** Where the IP header of each layer of the present frame is, and its version; 0: the layer has none. */
  private readonly headers = new Int32Array(MOST_LAYERS + 1);
  private readonly versions = new Uint8Array(MOST_LAYERS + 1);
  private readonly around = new BoundedMap<string, TunnelAround[]>(MOST_PAIRS);
  private readonly inside = new BoundedMap<string, NestedTunnel>(MOST_PAIRS);

  get size(): number {
    return this.around.size + this.inside.size;
  }

  get evicted(): number {
    return this.around.evicted + this.inside.evicted;
  }

  /** A layer in which there is another one. */
  enter(packet: Packet): void {
    const { depth } = packet;
    this.headers[depth] = packet.ipAt;
    this.versions[depth] = packet.version;
    if (packet.version === 0) return;
    for (let i = depth - 1; i >= 0; i--) {
      // The same header: what ESP, FOU or GUE hold without an IP header of its own.
      if (this.headers[i] === packet.ipAt) continue;
      if (this.versions[i] !== packet.version || !this.isSamePair(packet, this.headers[i] ?? 0)) continue;
      const source = packet.sourceIp;
      const destination = packet.destinationIp;
      const known = this.inside.take(`${source} ${destination}`, () => {
        const first = stampOf(packet);
        return { source, destination, count: 0, first, last: { ...first } };
      });
      known.count++;
      overwriteStamp(known.last, packet);
      return;
    }
  }

  /** A segment of BGP that is inside of something: which tunnel carries it. */
  observe(packet: Packet): void {
    const outer = this.outerOf(packet);
    if (outer < 0) return;
    const { view } = packet;
    const at = this.headers[outer] ?? 0;
    const isV4 = this.versions[outer] === 4;
    const source = isV4 ? ipv4Text(view.getInt32(at + IPV4_SOURCE)) : ipv6Text(view, at + IPV6_SOURCE);
    const destination = isV4 ? ipv4Text(view.getInt32(at + IPV4_DESTINATION)) : ipv6Text(view, at + IPV6_DESTINATION);
    const [a, b] = compareIps(packet.sourceIp, packet.destinationIp) <= 0 ? [source, destination] : [destination, source];
    const tunnels = this.around.take(pairKey(packet.sourceIp, packet.destinationIp), () => []);
    const known = tunnels.find((each) => each.a === a && each.b === b && each.path === packet.path);
    if (known) overwriteStamp(known.last, packet);
    else if (tunnels.length < MOST_TUNNELS) {
      const first = stampOf(packet);
      tunnels.push({ a, b, path: packet.path, first, last: { ...first } });
    }
  }

  /** Tunnels that BGP between these two was seen in. */
  aroundBgp(a: string, b: string): readonly TunnelAround[] {
    return this.around.get(pairKey(a, b)) ?? [];
  }

  /** Packets of the tunnel between these two in packets of the same tunnel, one way or the other. */
  nested(a: string, b: string): NestedTunnel | undefined {
    return this.inside.get(`${a} ${b}`) ?? this.inside.get(`${b} ${a}`);
  }

  reset(): void {
    this.around.clear();
    this.inside.clear();
  }

  /** The nearest layer around the packet that has an IP header, other than the packet's own (ESP in transport mode); -1: none. */
  private outerOf({ depth, ipAt }: Packet): number {
    for (let i = depth - 1; i >= 0; i--) if (this.versions[i] !== 0 && this.headers[i] !== ipAt) return i;
    return -1;
  }

  private isSamePair(packet: Packet, at: number): boolean {
    const { view, ipAt } = packet;
    const from = packet.version === 4 ? IPV4_SOURCE : IPV6_SOURCE;
    const to = packet.version === 4 ? IPV4_DESTINATION + 4 : IPV6_DESTINATION + 16;
    for (let i = from; i < to; i += 4) if (view.getInt32(ipAt + i) !== view.getInt32(at + i)) return false;
    return true;
  }
}

const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;

const pairKey = (a: string, b: string): string => (compareIps(a, b) <= 0 ? `${a} ${b}` : `${b} ${a}`);
