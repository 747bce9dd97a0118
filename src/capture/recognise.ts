import { PcapReader, pcapMagic } from './pcap.ts';
import { Block } from './pcapng.ts';

export type Compression = 'gzip' | 'zstd' | 'lz4';

/** What the first octets of an input are. */
export type Recognised =
  | { is: 'pcap' | 'pcapng' }
  | { is: 'compressed'; compression: Compression }
  | { is: 'unsupported-compression' | 'unsupported-version' | 'not-a-capture'; message: string };

/** As many octets as `recognise` looks at; fewer are enough at the end of an input. */
export const RECOGNISED_OCTETS = 512;

const COMPRESSIONS: readonly [signature: string, compression: Compression][] = [
  ['1f8b', 'gzip'],
  ['28b52ffd', 'zstd'],
  ['04224d18', 'lz4'],
];

/** The lowest four bits may be anything. Behind it stands the length of what follows; both are little-endian. */
const SKIPPED_MAGIC = 0x184d2a50;
const SKIPPED_HEADER = 8;

const UNSUPPORTED_COMPRESSIONS: readonly [signature: string, name: string, command: string][] = [
  ['fd377a585a00', 'xz', 'xz -dc'],
  ['425a68', 'bzip2', 'bzip2 -dc'],
  ['02214c18', 'the legacy format of lz4', 'lz4 -dc'],
  ['1f9d', 'compress', 'zcat'],
  ['5d0000', 'lzma', 'xz -dc --format=lzma'],
];

/** Files that end up where a capture is expected. `editcap` (Wireshark) turns the other capture formats into pcapng. */
const OTHERS: readonly [signature: string, looksLike: string][] = [
  ['736e6f6f70000000', 'a snoop capture (convert it: editcap IN OUT.pcapng)'],
  ['474d4255', 'a Microsoft Network Monitor 2 capture (convert it: editcap IN OUT.pcapng)'],
  ['52545353', 'a Microsoft Network Monitor 1 capture (convert it: editcap IN OUT.pcapng)'],
  ['58435000', 'a NetXRay or Sniffer capture (convert it: editcap IN OUT.pcapng)'],
  ['5452534e49464620', 'a Network General Sniffer capture (convert it: editcap IN OUT.pcapng)'],
  ['504b0304', 'a zip archive'],
  ['7f454c46', 'an ELF program'],
  ['4d5a', 'a Windows program'],
  ['89504e47', 'a PNG picture'],
  ['ffd8ff', 'a JPEG picture'],
  ['25504446', 'a PDF document'],
  ['53514c69746520666f726d6174203300', 'an SQLite database'],
];

const GIT_LFS = 'version https://git-lfs.github.com/spec/';

/** Says what an input is by its first octets. `whole`: they are all there are. */
export function recognise(octets: Uint8Array, whole: boolean): Recognised {
  const notACapture = (looksLike: string): Recognised => ({
    is: 'not-a-capture',
    message: `not a capture file: it looks like ${looksLike}`,
  });
  if (octets.length === 0) return { is: 'not-a-capture', message: 'not a capture file: it is empty' };
  const first = behindSkippedFrames(octets);
  // It says no more than that it is one of two: zstd, whose programs write such frames.
  if (first.length === 0) return { is: 'compressed', compression: 'zstd' };
  const compressed = COMPRESSIONS.find(([signature]) => startsWith(first, signature));
  if (compressed) return { is: 'compressed', compression: compressed[1] };
  const unsupported = UNSUPPORTED_COMPRESSIONS.find(([signature]) => startsWith(octets, signature));
  if (unsupported) {
    const [, name, command] = unsupported;
    return {
      is: 'unsupported-compression',
      message: `compressed with ${name}, which is not read; unpack it first: ${command} FILE | fluxcap -`,
    };
  }
  if (octets.length >= 4) {
    const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    if (view.getUint32(0) === Block.SectionHeader) return { is: 'pcapng' };
    const magic = pcapMagic(view, 0);
    if (magic && 'refused' in magic) return { is: 'unsupported-version', message: `${magic.refused}, which is not read` };
    if (magic && octets.length < PcapReader.headerLength && whole) {
      return {
        is: 'not-a-capture',
        message: `cut off inside the file header of a pcap: expected ${PcapReader.headerLength} octets, got ${octets.length}`,
      };
    }
    if (magic) return { is: 'pcap' };
  }
  const other = OTHERS.find(([signature]) => startsWith(octets, signature));
  if (other) return notACapture(other[1]);
  const text = textOf(octets);
  if (text?.startsWith(GIT_LFS)) return notACapture('a Git LFS pointer; fetch the file itself with git lfs pull');
  if (text !== undefined) return notACapture(nameOfText(text));
  return notACapture(`unknown binary data, beginning with ${hexOf(octets.subarray(0, 8))}`);
}

/**
 * Files of zstd and lz4 may begin with frames that whoever unpacks them skips (RFC 8878 section 3.1.2; pzstd writes one before each frame): what is behind
 * them, empty where the octets end inside of one.
 */
function behindSkippedFrames(octets: Uint8Array): Uint8Array {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  let at = 0;
  while (at + SKIPPED_HEADER <= octets.length && (view.getUint32(at, true) & ~0xf) === SKIPPED_MAGIC)
    at += SKIPPED_HEADER + view.getUint32(at + 4, true);
  return octets.subarray(at);
}

const hexOf = (octets: Uint8Array): string => Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(' ');

const startsWith = (octets: Uint8Array, signature: string): boolean =>
  hexOf(octets.subarray(0, signature.length / 2)).replaceAll(' ', '') === signature;

/** The octets as text, if they hold nothing else. */
function textOf(octets: Uint8Array): string | undefined {
  const isText = octets.every((octet) => octet >= 0x20 || octet === 0x09 || octet === 0x0a || octet === 0x0d || octet === 0x1b);
  return isText ? new TextDecoder().decode(octets) : undefined;
}

function nameOfText(text: string): string {
  const start = text.trimStart();
  if (/^<(!doctype|html)/i.test(start)) return 'an HTML page (perhaps the download asked for a login)';
  if (start.startsWith('<')) return 'an XML document';
  if (/^[{[]/.test(start)) return 'a JSON document';
  if (/^\d\d:\d\d:\d\d\.\d+ /.test(start)) return 'text printed by tcpdump; capture with -w FILE instead';
  return 'a text file';
}
