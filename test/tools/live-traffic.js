/**
 * Traffic for the tests of `fluxcap live`, run by plain Node.js in a namespace:
 * `serve ADDRESS PORT SOURCE …` answers what comes to ADDRESS and PORT from the address SOURCE;
 * `ask` reads lines `ADDRESS PORT TIMES`, asks so often, and prints `asked` when all answers have come.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';

/** @param {string} address @param {number} port */
async function bound(address, port) {
  const socket = createSocket('udp4');
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}

/** @param {string[]} services */
async function serve(services) {
  for (let i = 0; i + 2 < services.length; i += 3) {
    const [address, port, source] = services.slice(i, i + 3);
    const asked = await bound(String(address), Number(port));
    const answering = address === source ? asked : await bound(String(source), Number(port));
    asked.on('message', (text, from) => answering.send(text, from.port, from.address));
  }
  process.stdout.write('serving\n');
}

async function ask() {
  for await (const line of createInterface({ input: process.stdin })) {
    const [address, port, times] = line.split(' ');
    for (let i = 0; i < Number(times); i++) {
      const socket = createSocket('udp4');
      socket.send(`question ${i}`.padEnd(200, '.'), Number(port), address);
      await once(socket, 'message');
      socket.close();
    }
    process.stdout.write('asked\n');
  }
}

const [role, ...rest] = process.argv.slice(2);
await (role === 'serve' ? serve(rest) : ask());
