import { encapsulationName } from '../../wire/encapsulation.ts';
import { Inner, IpProtocol, type Packet } from '../../wire/packet.ts';
import { type TunnelProtocol, tunnelProtocols } from './tunnel.ts';

/** What runs in a tunnel beside other tunnels, in the order of the bits behind those of `tunnelProtocols`. */
const OTHERS = ['bgp', 'ospf', 'tcp', 'udp', 'icmp', 'arp'] as const;
const AT = tunnelProtocols.length;
const Bit = { Bgp: 1 << AT, Ospf: 1 << (AT + 1), Tcp: 1 << (AT + 2), Udp: 1 << (AT + 3), Icmp: 1 << (AT + 4), Arp: 1 << (AT + 5) } as const;
const MOST_NAMES = 8;
const BGP_PORT = 179;

const bitByProtocol = new Map<string, number>(tunnelProtocols.map((name, i) => [name, 1 << i]));
/** By the number of an encapsulation, of which the highest is small. */
const bitByEncapsulation = Int32Array.from({ length: 256 }, (_, encapsulation) => bitByProtocol.get(encapsulationName(encapsulation)) ?? 0);
const OVER_UDP = (
  ['ike', 'nat-t', 'vxlan', 'geneve', 'gtp-u', 'l2tp', 'teredo', 'fou', 'gue', 'tinc', 'wireguard', 'openvpn'] as const
).reduce((bits, name) => bits | (bitByProtocol.get(name) ?? 0), 0);

/** The bit of a tunnel by its name. */
export const bitOf = (protocol: TunnelProtocol): number => bitByProtocol.get(protocol) ?? 0;

/** The bit of what a packet in a tunnel is; 0 where it says nothing. */
export function holdOf(packet: Packet): number {
  if (packet.hasArp) return Bit.Arp;
  if (packet.ahAt >= 0 && packet.inner === Inner.None) return bitOf('ah');
  if (packet.espAt >= 0) return packet.transport === IpProtocol.Udp ? bitOf('nat-t') : bitOf('esp');
  if (packet.inner !== Inner.None) return bitByEncapsulation[packet.innerEncapsulation & 0xff] ?? 0;
  switch (packet.protocol) {
    case IpProtocol.Tcp:
      // A piece of a segment without its header may be BGP's.
      if (packet.transport === 0 && !packet.joined) return 0;
      return packet.sourcePort === BGP_PORT || packet.destinationPort === BGP_PORT ? Bit.Bgp : Bit.Tcp;
    case IpProtocol.Udp:
      return Bit.Udp;
    case IpProtocol.Icmp:
    case IpProtocol.Icmpv6:
      return Bit.Icmp;
    case IpProtocol.Ospf:
      return Bit.Ospf;
    case IpProtocol.Gre:
      return bitOf('gre');
    default:
      return 0;
  }
}

/** The names of all bits, tunnels first; UDP only where no tunnel over it is there. Allocates. */
export function holdNames(bits: number): string[] {
  const shown = bits & OVER_UDP ? bits & ~Bit.Udp : bits;
  return [...tunnelProtocols, ...OTHERS].filter((_, i) => shown & (1 << i)).slice(0, MOST_NAMES);
}
