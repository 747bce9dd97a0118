import { EtherType, etherTypeOf, headerLength, type Packets, Protocol, protocolOf, UDP_HEADER } from './packets.ts';
import { hostOf, serverOf } from './site.ts';

/** What is put around a packet; `isV6` is the IP header that it brings along, which MPLS does without. */
export interface Layer {
  carrier: Carrier;
  isV6: boolean;
}
export type Carrier = keyof typeof CARRIERS;

/** What stands behind the IP header, or, of MPLS, instead of one. */
interface CarrierShape {
  /** IP protocol; undefined where that is what follows. */
  protocol?: number;
  hasIp: boolean;
  length: number;
  /** Of UDP. */
  port?: number;
  /** Holds Ethernet frames. */
  isBridge?: boolean;
}

const GRE_HEADER = 4;
const GRE_KEY = 4;
const VXLAN_HEADER = 8;
const GENEVE_HEADER = 8;
const GTP_U_HEADER = 8;
const ETHERNET_HEADER = 14;
const LABEL = 4;

const CARRIERS = {
  gre: { protocol: Protocol.Gre, hasIp: true, length: GRE_HEADER },
  'gre-key': { protocol: Protocol.Gre, hasIp: true, length: GRE_HEADER + GRE_KEY },
  /** IPIP, SIT, 4-in-6 or 6-in-6. */
  ip: { hasIp: true, length: 0 },
  vxlan: { protocol: Protocol.Udp, hasIp: true, length: UDP_HEADER + VXLAN_HEADER + ETHERNET_HEADER, port: 4789, isBridge: true },
  geneve: { protocol: Protocol.Udp, hasIp: true, length: UDP_HEADER + GENEVE_HEADER + ETHERNET_HEADER, port: 6081, isBridge: true },
  'gtp-u': { protocol: Protocol.Udp, hasIp: true, length: UDP_HEADER + GTP_U_HEADER, port: 2152 },
  mpls: { hasIp: false, length: LABEL },
} as const satisfies Record<string, CarrierShape>;

/** Of the frame that VXLAN and GENEVE hold (IANA: Trans Ether Bridging). */
const BRIDGED = 0x6558;
/** Flags: version 0, with a key (RFC 2890). */
const GRE_WITH_KEY = 0x2000;
const VNI_IS_VALID = 0x0800_0000;
/** Version 1, a G-PDU (3GPP TS 29.281). */
const GTP_U_START = 0x30ff;
const FIRST_ENTROPY_PORT = 49_152;
const ENTROPY_PORTS = 16_384;
const FIRST_LABEL = 16;
const BOTTOM_AND_TTL = 0x140;
/** Ends of tunnels inside of tunnels: 172.18.0.0/16 for the second layer, and so on. */
const INNER_ENDS = 0xac12_0000 | 0;
const FAR = 0x8000;

/** Tunnels inside each other, from one host of the site to a counterpart beyond the gateway. */
export class Nest {
  /** Octets of all headers around a packet. */
  readonly overhead: number;
  private readonly packets: Packets;
  private readonly layers: readonly Layer[];
  private readonly number: number;

  /**
   * @param layers outermost first
   * @param number tells it from other nests, also from their ends at each layer
   */
  constructor(packets: Packets, layers: readonly Layer[], number: number) {
    this.packets = packets;
    this.layers = layers;
    this.number = number;
    this.overhead = layers.reduce((sum, layer) => sum + lengthOf(layer), 0);
  }

  /**
   * All headers around an IP packet of `length` octets, with the frame's.
   * @param flow chooses the source ports of UDP
   * @param client @param server whose MACs stand where the innermost layer holds Ethernet
   */
  write(fromHost: boolean, isV6: boolean, length: number, flow: number, client: number, server: number): void {
    const { packets, layers, number } = this;
    const [first] = layers;
    if (!first) return;
    packets.begin(hostOf(0, number), fromHost, startOf(first));
    let rest = this.overhead + length;
    for (const [depth, layer] of layers.entries()) {
      const next = layers[depth + 1];
      rest -= lengthOf(layer);
      const near = next ? endOf(depth + 1, number, true) : client;
      const far = next ? endOf(depth + 1, number, false) : server;
      this.layer(layer, depth, fromHost, next ? startOf(next) : etherTypeOf(isV6), rest, flow);
      if (shapeOf(layer).isBridge) packets.ethernet(fromHost ? far : near, fromHost ? near : far, next ? startOf(next) : etherTypeOf(isV6));
    }
  }

  /** One layer, without the Ethernet header that it may hold. @param etherType of what is in it, `length` octets */
  private layer(layer: Layer, depth: number, fromHost: boolean, etherType: number, length: number, flow: number): void {
    const { packets, number } = this;
    const { out } = packets;
    const shape = shapeOf(layer);
    if (shape.hasIp) {
      const near = endOf(depth, number, true);
      const far = endOf(depth, number, false);
      packets.ip({
        isV6: layer.isV6,
        source: fromHost ? near : far,
        destination: fromHost ? far : near,
        protocol: shape.protocol ?? protocolOf(etherType),
        length: shape.length + length,
      });
    }
    if (shape.port !== undefined) {
      // Both ends of GTP-U have its port, with the others the source port spreads flows over paths.
      const sourcePort = layer.carrier === 'gtp-u' ? shape.port : FIRST_ENTROPY_PORT + (flow % ENTROPY_PORTS);
      packets.udp(sourcePort, shape.port, shape.length - UDP_HEADER + length, false);
    }
    switch (layer.carrier) {
      case 'gre':
        out.u16(0);
        out.u16(etherType);
        break;
      case 'gre-key':
        out.u16(GRE_WITH_KEY);
        out.u16(etherType);
        out.u32(number);
        break;
      case 'vxlan':
        out.u32(VNI_IS_VALID);
        out.u32((1000 + number) << 8);
        break;
      case 'geneve':
        out.u16(0);
        out.u16(BRIDGED);
        out.u32((2000 + number) << 8);
        break;
      case 'gtp-u':
        // Each direction has a TEID of its own.
        out.u16(GTP_U_START);
        out.u16(length);
        out.u32(2 * number + (fromHost ? 1 : 0));
        break;
      case 'mpls':
        out.u32(((FIRST_LABEL + number) << 12) | BOTTOM_AND_TTL);
        break;
      default:
    }
  }
}

const shapeOf = ({ carrier }: Layer): CarrierShape => CARRIERS[carrier];
const lengthOf = (layer: Layer): number => shapeOf(layer).length + (shapeOf(layer).hasIp ? headerLength(layer.isV6) : 0);
/** How whatever is around a layer announces it. */
const startOf = (layer: Layer): number => (shapeOf(layer).hasIp ? etherTypeOf(layer.isV6) : EtherType.Mpls);

function endOf(depth: number, number: number, isNear: boolean): number {
  if (depth === 0) return isNear ? hostOf(0, number) : serverOf(number);
  return (INNER_ENDS + ((depth - 1) << 16)) | (isNear ? number : FAR | number);
}

/** Numbers of hosts that are ends of tunnels, at the most. */
const TUNNELS = 8;
const FIRST_VTEP = 32;
const FIRST_GRE_END = 48;
const FIRST_NEST = 96;

/** A share of the flows, and the nests among which they are dealt out. */
export interface Carried {
  share: number;
  nests: readonly Nest[];
}

const several = (packets: Packets, layers: readonly Layer[], first: number): Nest[] =>
  Array.from({ length: TUNNELS }, (_, i) => new Nest(packets, layers, first + i));

/** As a gateway sees them: some VXLAN, some GRE. */
export const usualTunnels = (packets: Packets): Carried[] => [
  { share: 0.03, nests: several(packets, layersOf('vxlan4'), FIRST_VTEP) },
  { share: 0.02, nests: several(packets, layersOf('gre4'), FIRST_GRE_END) },
];

/** Outermost first, each with the version of its own IP header. */
const NESTS: readonly string[] = [
  'gre4 ip4',
  'gre6 vxlan4',
  'gre-key4 gre4',
  'vxlan4 gre4',
  'vxlan6 vxlan4',
  'ip4 gre6',
  'ip6 ip4',
  'gtp-u4 ip6',
  'vxlan4 gtp-u6',
  'geneve4 gtp-u4',
  'mpls gre4',
  'gre4 mpls',
  'ip6 ip6 gre4',
  'geneve6 gre-key4 ip4',
  'mpls ip4 vxlan6',
  'gre4 mpls ip4',
  'gre4 vxlan6 ip4 geneve4',
  'mpls vxlan4 geneve6 gre4',
  'ip4 ip6 gre4 gtp-u4',
];

/** Every flow in tunnels inside each other, two to four deep. */
export const nestedTunnels = (packets: Packets): Carried[] => [
  { share: 1, nests: NESTS.map((text, i) => new Nest(packets, layersOf(text), FIRST_NEST + i)) },
];

const layersOf = (text: string): Layer[] =>
  text.split(' ').map((word) => {
    const carrier = word.replace(/[46]$/, '');
    if (!isCarrier(carrier)) throw new Error(`no carrier is called ${carrier}`);
    return { carrier, isV6: word.endsWith('6') };
  });

const isCarrier = (name: string): name is Carrier => name in CARRIERS;
