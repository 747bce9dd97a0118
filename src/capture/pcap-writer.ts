/** What a classic pcap file is written with. */
export interface PcapFormat {
  linktype: number;
  snaplen?: number;
  littleEndian?: boolean;
  nanoseconds?: boolean;
}

/** A packet to be written. `origlen` is the length of `octets` unless said. */
export interface WrittenPacket {
  sec: number;
  nsec: number;
  octets: Uint8Array;
  origlen?: number;
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const USUAL_SNAPLEN = 262_144;

/** A classic pcap file (pcap-savefile(5)), version 2.4. */
export function writePcap(
  { linktype, snaplen = USUAL_SNAPLEN, littleEndian = true, nanoseconds = false }: PcapFormat,
  packets: readonly WrittenPacket[],
): Uint8Array {
  const length = packets.reduce((sum, { octets }) => sum + RECORD_HEADER + octets.length, FILE_HEADER);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, littleEndian);
  view.setUint16(4, 2, littleEndian);
  view.setUint16(6, 4, littleEndian);
  view.setUint32(16, snaplen, littleEndian);
  view.setUint32(20, linktype, littleEndian);
  let at = FILE_HEADER;
  for (const { sec, nsec, octets, origlen = octets.length } of packets) {
    view.setUint32(at, sec, littleEndian);
    view.setUint32(at + 4, nanoseconds ? nsec : Math.floor(nsec / 1000), littleEndian);
    view.setUint32(at + 8, octets.length, littleEndian);
    view.setUint32(at + 12, origlen, littleEndian);
    bytes.set(octets, at + RECORD_HEADER);
    at += RECORD_HEADER + octets.length;
  }
  return bytes;
}
