/** The time of each frame, read straight from the octets that the builders write: little-endian, one section. */

const PCAP_MICROSECONDS = 0xa1b2c3d4;
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;
const ENHANCED_PACKET = 6;
const NANOSECONDS_IN_SECOND = 1_000_000_000n;

/** RFC 3339 with the digits of the format: microseconds in pcap, nanoseconds in pcapng. */
export function frameTimes(capture: Uint8Array): string[] {
  const view = new DataView(capture.buffer, capture.byteOffset, capture.byteLength);
  return view.getUint32(0, true) === PCAP_MICROSECONDS ? pcapTimes(view) : pcapngTimes(view);
}

function pcapTimes(view: DataView): string[] {
  const times: string[] = [];
  for (let at = PCAP_HEADER; at < view.byteLength; at += PCAP_RECORD + view.getUint32(at + 8, true)) {
    times.push(timeText(view.getUint32(at, true), view.getUint32(at + 4, true), 6));
  }
  return times;
}

function pcapngTimes(view: DataView): string[] {
  const times: string[] = [];
  for (let at = 0; at < view.byteLength; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) !== ENHANCED_PACKET) continue;
    const nanoseconds = (BigInt(view.getUint32(at + 12, true)) << 32n) | BigInt(view.getUint32(at + 16, true));
    times.push(timeText(Number(nanoseconds / NANOSECONDS_IN_SECOND), Number(nanoseconds % NANOSECONDS_IN_SECOND), 9));
  }
  return times;
}

const timeText = (seconds: number, fraction: number, digits: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction.toString().padStart(digits, '0')}Z`;
