/** Captures with the npm package cap and writes a pcap to standard output, until standard input ends. Arguments: interface, filter. */
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';

const STDOUT = 1;
const SNAPLEN = 65_535;
const RECORD_HEADER = 16;
/** Written when it is full, and after the packets of one turn. */
const BATCH = 1 << 20;
/** The ring between the kernel and libpcap, in octets. It is in slots of the snaplen. */
const RING = 32 << 20;
/** Little-endian, times in nanoseconds. */
const MAGIC_NANO = 0xa1b2_3c4d;
/** LINKTYPE_ numbers of what cap calls link types. */
const LINKTYPES: Readonly<Record<string, number>> = { NULL: 0, ETHERNET: 1, RAW: 101, LINKTYPE_LINUX_SLL: 113, IEEE802_11_RADIO: 127 };

interface Capture {
  open(device: string, filter: string, ringOctets: number, packet: Buffer): string;
  on(event: 'packet', heard: (length: number, isCut: boolean) => void): void;
  close(): void;
}

const [device = '', filter = ''] = process.argv.slice(2);
const packet = Buffer.alloc(SNAPLEN);
const batch = Buffer.alloc(BATCH);
let filled = 0;
let isFlushing = false;

try {
  const { Cap } = createRequire(import.meta.url)('cap') as { Cap: new () => Capture };
  const capture = new Cap();
  const name = capture.open(device, filter, RING, packet);
  const linktype = LINKTYPES[name];
  if (linktype === undefined) throw new Error(name);
  writeHeader(linktype);
  capture.on('packet', (length) => {
    addRecord(length);
    if (isFlushing) return;
    isFlushing = true;
    setImmediate(flush);
  });
  process.stdin.resume().on('end', () => {
    capture.close();
    flush();
    process.exit(0);
  });
} catch (error) {
  process.stderr.write(`cap: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

function writeHeader(linktype: number): void {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(MAGIC_NANO, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(SNAPLEN, 16);
  header.writeUInt32LE(linktype, 20);
  writeSync(STDOUT, header);
}

function addRecord(length: number): void {
  if (filled + RECORD_HEADER + length > BATCH) flush();
  const ms = performance.timeOrigin + performance.now();
  const sec = Math.floor(ms / 1000);
  batch.writeUInt32LE(sec, filled);
  batch.writeUInt32LE(Math.floor((ms - sec * 1000) * 1e6), filled + 4);
  batch.writeUInt32LE(length, filled + 8);
  batch.writeUInt32LE(length, filled + 12);
  packet.copy(batch, filled + RECORD_HEADER, 0, length);
  filled += RECORD_HEADER + length;
}

/** Waits while the reader is slow: then the kernel has to drop. */
function flush(): void {
  isFlushing = false;
  const end = filled;
  filled = 0;
  for (let at = 0; at < end; ) {
    try {
      at += writeSync(STDOUT, batch, at, end - at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') process.exit(0);
      if (code !== 'EAGAIN') throw error;
    }
  }
}
