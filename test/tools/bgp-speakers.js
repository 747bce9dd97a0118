/**
 * Speakers of BGP for the tests, run by plain Node.js in a namespace: `node bgp-speakers.js PLAN`. PLAN is a file of JSON:
 * `{ router, peers: [{ ip, open, keepalive }], waves: [[{ peer, message }]], pauseMs }`, octets in hexadecimal. All peers connect to the router; when each has heard
 * its KEEPALIVE, the waves are sent, with pauses between them. Prints `told` and stays until it is killed.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

const KEEPALIVE = 4;
const TYPE_AT = 18;
const LENGTH_AT = 16;

/** @param {string} text */
const octets = (text) => Buffer.from(text, 'hex');

/**
 * @param {string} router
 * @param {{ ip: string, open: string, keepalive: string }} peer
 */
async function established(router, { ip, open, keepalive }) {
  const socket = connect({ host: router, port: 179, localAddress: ip });
  await once(socket, 'connect');
  socket.write(octets(open));
  socket.write(octets(keepalive));
  let heard = Buffer.alloc(0);
  for await (const [data] of asPairs(socket)) {
    heard = Buffer.concat([heard, data]);
    for (let at = 0; at + TYPE_AT < heard.length; at += heard.readUInt16BE(at + LENGTH_AT)) {
      if (heard[at + TYPE_AT] === KEEPALIVE) {
        socket.resume();
        return socket;
      }
    }
  }
  throw new Error(`${ip} was not heard`);
}

/** @param {import('node:net').Socket} socket */
async function* asPairs(socket) {
  for (;;) yield await once(socket, 'data');
}

const { router, peers, waves, pauseMs } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
/** @type {import('node:net').Socket[]} */
const sockets = [];
for (const peer of peers) sockets.push(await established(router, peer));
for (const wave of waves) {
  for (const { peer, message } of wave) sockets[peer]?.write(octets(message));
  await sleep(pauseMs);
}
process.stdout.write('told\n');
await new Promise(() => setInterval(() => undefined, 60_000));
