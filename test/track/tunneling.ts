/** Tunnels made of named fields, and what the inventory says of them. */
import { analyzeSources, MemorySource } from '../../src/core.ts';
import type { Tunnel } from '../../src/track/tunnels/tunnel.ts';
import { EthernetCapture, ethernet, ipv4, type NetworkPacket, noise, octets, udp } from '../craft/index.ts';

export const A = '192.0.2.1';
export const B = '198.51.100.2';
export const MACS = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };

/** A link on which packets pass, ten milliseconds apart. */
export class Wire extends EthernetCapture {
  pass(...packets: readonly NetworkPacket[]): this {
    for (const packet of packets) {
      this.wait(0.01);
      this.send(packet, MACS);
    }
    return this;
  }
}

/** An IP packet of `size` octets, of a protocol that nobody knows. */
export const inner = (size: number, ident = 1): NetworkPacket =>
  ipv4({ from: '10.1.0.10', to: '10.2.0.10', protocol: 254, payload: octets(noise(size - 20, ident)), ident });

/** A frame of Ethernet around a packet. */
export const framed = (packet: NetworkPacket): Uint8Array => ethernet(MACS, packet);

export const datagram = (from: string, to: string, payload: Uint8Array): NetworkPacket => udp({ from, to, payload });

export async function tunnelsOf({ bytes }: { bytes: Uint8Array }): Promise<Tunnel[]> {
  const analysis = await analyzeSources([{ path: 'capture', open: () => new MemorySource(bytes) }], { records: new Set(['tunnels']) });
  return analysis.records.kept.tunnels;
}
