/** Unpacks a file with the library that fluxcap unpacks it with (src/capture/unpack.ts, src/capture/node/unpackers.ts), and does nothing with it. */
import { createReadStream } from 'node:fs';
import process from 'node:process';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';

const CHUNK = 1 << 20;
const path = process.argv[2];
let octets = 0;

const packed = createReadStream(path, { highWaterMark: CHUNK });
if (path.endsWith('.gz')) {
  const unpacker = createGunzip({ chunkSize: CHUNK });
  packed.pipe(unpacker);
  for await (const piece of unpacker) octets += piece.length;
} else {
  const decoder = new Decompress((piece) => {
    octets += piece.length;
  });
  for await (const piece of packed) decoder.push(piece);
  decoder.push(new Uint8Array(0), true);
}
console.log(`${octets} octets`);
