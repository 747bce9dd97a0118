import { Frame, UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { decode, decodeInner } from '../../src/wire/decode.ts';
import { pathNames } from '../../src/wire/encapsulation.ts';
import { Linktype } from '../../src/wire/linktype.ts';
import { Packet, type Stop } from '../../src/wire/packet.ts';
import type { NetworkPacket } from '../craft/index.ts';

/** A packet inside of another: what decoding says of it. */
export interface Layer {
  /** Names of the tunnels around it, outermost first. */
  path: string[];
  /** Of the innermost of them; null where it has none. */
  id: number | null;
  inner: number;
  version: number;
  source: string;
  destination: string;
  transport: number;
  sourcePort: number;
  destinationPort: number;
  payloadLength: number;
  /** Of the IP packet; 0 where there is none. */
  ipLength: number;
  isKeepalive: boolean;
  stop: Stop;
}

interface Lengths {
  caplen?: number;
  origlen?: number;
}

export function frameOf(octets: Uint8Array, linktype: number, { caplen = octets.length, origlen = octets.length }: Lengths = {}): Frame {
  const frame = new Frame();
  frame.bytes = octets;
  frame.view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  frame.start = 0;
  frame.caplen = Math.min(caplen, octets.length);
  frame.origlen = origlen;
  frame.linktype = linktype;
  frame.number = 1;
  return frame;
}

/** An IP packet as it is, decoded to its outermost layer. */
export function decodeWhole({ octets }: NetworkPacket, lengths: Lengths = {}): Packet {
  const packet = new Packet(UNKNOWN_INTERFACE);
  decode(packet, frameOf(octets, Linktype.Raw, lengths));
  return packet;
}

/** The packets inside of an IP packet, outermost first. */
export const layersOf = (whole: NetworkPacket, lengths: Lengths = {}): Layer[] => layersIn(decodeWhole(whole, lengths));

/** What is inside of the packet that was decoded last. */
export function layersIn(packet: Packet): Layer[] {
  const layers: Layer[] = [];
  for (;;) {
    const id = packet.innerHasId ? packet.innerTunnelId : null;
    if (!decodeInner(packet)) return layers;
    layers.push({ ...layerOf(packet), id });
  }
}

const layerOf = (packet: Packet): Omit<Layer, 'id'> => ({
  path: pathNames(packet.path),
  inner: packet.inner,
  version: packet.version,
  source: packet.version === 0 ? '' : packet.sourceIp,
  destination: packet.version === 0 ? '' : packet.destinationIp,
  transport: packet.transport,
  sourcePort: packet.sourcePort,
  destinationPort: packet.destinationPort,
  payloadLength: packet.payloadLength,
  ipLength: packet.version === 0 ? 0 : packet.end - packet.ipAt,
  isKeepalive: packet.isKeepalive,
  stop: packet.stop,
});

/** Decodes raw IP packets of one length one after the other without making anything: `Packet.inner` of each. */
export function reusedDecoder(): (octets: Uint8Array) => number {
  const packet = new Packet(UNKNOWN_INTERFACE);
  let frame: Frame | undefined;
  return (octets) => {
    if (frame?.bytes !== octets) frame = frameOf(octets, Linktype.Raw);
    decode(packet, frame);
    return packet.inner;
  };
}
