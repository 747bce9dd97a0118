/** Builders of captures: octets from named fields, protocol by protocol, and the files around them. */
export * from './arp.ts';
export * from './bgp.ts';
export * from './capture.ts';
export * from './dns.ts';
export * from './icmp.ts';
export * from './ip.ts';
export * from './link.ts';
export * from './ndp.ts';
export * from './octets.ts';
export * from './openvpn.ts';
export * from './redundancy.ts';
export * from './services.ts';
export * from './tcp.ts';
export * from './tunnel.ts';
export * from './udp.ts';
export * from './wireguard.ts';
