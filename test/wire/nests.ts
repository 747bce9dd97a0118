import { IpProtocol } from '../../src/wire/packet.ts';
import {
  ahTunnel,
  erspan,
  espNull,
  espNullTransport,
  ethernet,
  fou,
  fouGre,
  geneve,
  gre,
  greInUdp,
  gtpU,
  gue,
  gueDirect,
  gueGre,
  ipInIp,
  l2tp,
  l2tpv3,
  mpls,
  mplsInIp,
  mplsInUdp,
  type NetworkPacket,
  natTNull,
  noise,
  octets,
  pppoe,
  pptp,
  teredo,
  udp,
  vxlan,
  vxlanGpe,
} from '../craft/index.ts';

export const MACS = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };

/** What decoding says of a layer: the tunnel's name, and its id or null. */
export type Expected = [name: string, id: number | null];

/** A tunnel around an IP packet; `i` makes addresses and ids others in each layer. */
type Wrap = (a: string, b: string, i: number, inner: NetworkPacket) => { packet: NetworkPacket; layers: Expected[] };

const isV6 = ({ etherType }: NetworkPacket): boolean => etherType === 0x86dd;
const frameOf = (packet: NetworkPacket): Uint8Array => ethernet(MACS, packet);
const portsOf = (a: string, b: string): [string, string] => (a.includes(':') ? [`[${a}]:4500`, `[${b}]:4500`] : [`${a}:4500`, `${b}:4500`]);
const one = (packet: NetworkPacket, name: string, id: number | null = null): ReturnType<Wrap> => ({ packet, layers: [[name, id]] });
const two = (packet: NetworkPacket, outer: Expected, inner: Expected): ReturnType<Wrap> => ({ packet, layers: [outer, inner] });

function inIp(a: string, inner: NetworkPacket): string {
  if (a.includes(':')) return isV6(inner) ? '6in6' : '4in6';
  return isV6(inner) ? 'sit' : 'ipip';
}

/** Every tunnel that is built around IP packets, or around frames with them. */
export const LAYERS = {
  gre: (a, b, _i, inner) => one(gre(a, b, inner), 'gre'),
  greKeyed: (a, b, i, inner) => one(gre(a, b, inner, { key: i, sequence: 1 }), 'gre', i),
  greRouted: (a, b, i, inner) => one(gre(a, b, inner, { key: i, checksum: true, routing: 4 }), 'gre', i),
  greEthernet: (a, b, _i, inner) => one(gre(a, b, frameOf(inner)), 'gre'),
  greVlan: (a, b, i, inner) => one(gre(a, b, ethernet({ ...MACS, vlans: [i, i + 1] }, inner), { key: i }), 'gre', i),
  greMpls: (a, b, i, inner) => two(gre(a, b, mpls([i + 16], inner)), ['gre', null], ['mpls', i + 16]),
  grePppoe: (a, b, i, inner) => two(gre(a, b, ethernet(MACS, pppoe(i, inner))), ['gre', null], ['pppoe', i]),
  pptp: (a, b, i, inner) => one(pptp(a, b, i, inner), 'gre', i),
  erspan1: (a, b, _i, inner) => one(erspan(a, b, 1, 0, frameOf(inner)), 'erspan'),
  erspan2: (a, b, i, inner) => one(erspan(a, b, 2, i, frameOf(inner)), 'erspan', i),
  erspan3: (a, b, i, inner) => one(erspan(a, b, 3, i, frameOf(inner), i % 2 === 0), 'erspan', i),
  ip: (a, b, _i, inner) => one(ipInIp(a, b, inner), inIp(a, inner)),
  vxlan: (a, b, i, inner) => one(vxlan(a, b, i, frameOf(inner)), 'vxlan', i),
  vxlanGpe: (a, b, i, inner) => one(vxlanGpe(a, b, i, inner), 'vxlan', i),
  geneve: (a, b, i, inner) => one(geneve(a, b, i, frameOf(inner), i % 4), 'geneve', i),
  geneveIp: (a, b, i, inner) => one(geneve(a, b, i, inner), 'geneve', i),
  gtpU: (a, b, i, inner) => one(gtpU(a, b, i, inner, i % 3), 'gtp-u', i),
  mplsInIp: (a, b, i, inner) => one(mplsInIp(a, b, mpls([16, i + 16], inner)), 'mpls', i + 16),
  mplsInUdp: (a, b, i, inner) => one(mplsInUdp(a, b, mpls([i + 16], inner)), 'mpls', i + 16),
  mplsEthernet: (a, b, i, inner) => one(mplsInUdp(a, b, mpls([i + 16], frameOf(inner))), 'mpls', i + 16),
  greInUdp: (a, b, i, inner) => one(greInUdp(a, b, inner, { key: i }), 'gre', i),
  fou: (a, b, _i, inner) => one(fou(a, b, inner), 'fou'),
  fouGre: (a, b, i, inner) => two(fouGre(a, b, inner, { key: i }), ['fou', null], ['gre', i]),
  gue: (a, b, i, inner) => one(gue(a, b, inner, i % 3), 'gue'),
  gueDirect: (a, b, _i, inner) => one(gueDirect(a, b, inner), 'gue'),
  gueGre: (a, b, _i, inner) => two(gueGre(a, b, frameOf(inner)), ['gue', null], ['gre', null]),
  l2tp: (a, b, i, inner) => one(l2tp(a, b, { tunnel: 7, session: i, length: i % 2 === 0, offset: i % 3 }, inner), 'l2tp', 7 * 65_536 + i),
  l2tpv3: (a, b, i, inner) => one(l2tpv3(a, b, i, frameOf(inner), 4), 'l2tpv3', i),
  ahTunnel: (a, b, i, inner) => one(ahTunnel(a, b, i, inner), 'ah', i),
  esp: (a, b, i, inner) => one(espNull(a, b, { spi: i, icv: 12 }, inner), 'esp', i),
  natT: (a, b, i, inner) => one(natTNull(...portsOf(a, b), { spi: i + 256 }, inner), 'nat-t', i + 256),
  espGre: (a, b, i, inner) => two(espNullTransport(gre(a, b, inner), { spi: i }), ['esp', i], ['gre', null]),
  teredo: (a, b, i, inner) => (isV6(inner) ? one(teredo(a, b, inner, i % 2 === 0), 'teredo') : one(gre(a, b, inner), 'gre')),
} satisfies Record<string, Wrap>;

export type LayerKind = keyof typeof LAYERS;

/** A datagram in the innermost packet, and what decoding says of it. */
export const INNERMOST = { transport: IpProtocol.Udp, sourcePort: 1000, destinationPort: 2000, payloadLength: 21 };

/** A packet on the wire. */
export const wire = (packet: NetworkPacket): Uint8Array => ethernet(MACS, packet);

/**
 * Tunnels inside of each other, the first one outermost, around a UDP datagram.
 * @param family of the outer packets, whose addresses differ in each layer; the family inside changes with each tunnel
 */
export function nestOf(order: readonly LayerKind[], family: number): { packet: NetworkPacket; frame: Uint8Array; expected: Expected[] } {
  const last = endsOf(order.length, family);
  let packet = udp({ from: endpoint(last[0], 1000), to: endpoint(last[1], 2000), payload: octets(noise(21, 5)) });
  const expected: Expected[] = [];
  for (let i = order.length - 1; i >= 0; i--) {
    const wrap: Wrap = LAYERS[order[i] ?? 'gre'];
    const wrapped = wrap(...endsOf(i, family), i + 1, packet);
    packet = wrapped.packet;
    expected.unshift(...wrapped.layers);
  }
  return { packet, frame: wire(packet), expected };
}

/** Every third layer is of the other family. */
function endsOf(i: number, family: number): [string, string] {
  const isV4 = (family === 4) !== (i % 3 === 2);
  return isV4 ? [`192.0.2.${i + 1}`, `198.51.100.${i + 1}`] : [`2001:db8::${i + 1}`, `2001:db8:1::${i + 1}`];
}

const endpoint = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
