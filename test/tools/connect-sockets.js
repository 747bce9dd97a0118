// Reads a JSON list of addresses, connects a UDP socket to each, and writes the source address and port that the kernel gave it, or null.
import { createSocket } from 'node:dgram';
import { text } from 'node:stream/consumers';

/** @param {string} destination */
function sourceTo(destination) {
  const socket = createSocket(destination.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    const end = (/** @type {{ address: string, port: number } | null} */ source) => {
      socket.close();
      resolve(source);
    };
    socket.on('error', () => end(null));
    socket.connect(9, destination, (/** @type {Error | undefined} */ error) => end(error ? null : socket.address()));
  });
}

const sources = [];
for (const destination of JSON.parse(await text(process.stdin))) sources.push(await sourceTo(destination));
process.stdout.write(JSON.stringify(sources));
