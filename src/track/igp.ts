import { readMac } from '../net/mac.ts';
import { IpProtocol, type Packet } from '../wire/packet.ts';
import { type Stamp, stampOf } from './stamp.ts';

/** Routing protocols within a network, by which a router knows ways that BGP does not tell it. */
export type Igp = 'OSPF' | 'EIGRP' | 'RIP' | 'RIPng' | 'Babel' | 'IS-IS';

/** IP protocols (IANA protocol-numbers). */
const EIGRP = 88;
const OSPF = 89;
/** UDP ports (RFC 2453 section 3.1, RFC 2080 section 2.1, RFC 8966 section 4). */
const RIP_PORT = 520;
const RIPNG_PORT = 521;
const BABEL_PORT = 6696;
/** Group MACs of IS-IS: AllL1ISs, AllL2ISs (ISO 10589 section 8.4.8), AllIntermediateSystems (ISO 9542). */
const ISIS_MACS = new Set([0x0180_c200_0014, 0x0180_c200_0015, 0x0900_2b00_0005]);

/** Whether a packet may be one of these protocols, as cheaply as that can be told. */
export const mayBeIgp = ({ transport, destinationPort, protocol, version, etherType }: Packet): boolean => {
  if (version === 0) return etherType === 0;
  if (transport === IpProtocol.Udp) return destinationPort === RIP_PORT || destinationPort === RIPNG_PORT || destinationPort === BABEL_PORT;
  return protocol === OSPF || protocol === EIGRP;
};

/** Notes which of these protocols a capture shows, and in which frame first. */
export class IgpWatch {
  readonly seen = new Map<Igp, Stamp>();
  /** The capture has other packets than those of BGP and its tunnels: it was not filtered for BGP, so that nothing else could be in it. */
  hasOthers = false;

  observe(packet: Packet): void {
    const igp = igpOf(packet);
    if (igp !== undefined && !this.seen.has(igp)) this.seen.set(igp, stampOf(packet));
  }

  reset(): void {
    this.seen.clear();
    this.hasOthers = false;
  }
}

function igpOf({ version, protocol, transport, destinationPort, ethernetAt, view }: Packet): Igp | undefined {
  // IS-IS stands right behind the link layer.
  if (version === 0) return ethernetAt >= 0 && ISIS_MACS.has(readMac(view, ethernetAt)) ? 'IS-IS' : undefined;
  if (protocol === OSPF) return 'OSPF';
  if (protocol === EIGRP) return 'EIGRP';
  if (transport !== IpProtocol.Udp) return undefined;
  if (destinationPort === RIP_PORT) return 'RIP';
  if (destinationPort === RIPNG_PORT) return 'RIPng';
  return destinationPort === BABEL_PORT ? 'Babel' : undefined;
}
