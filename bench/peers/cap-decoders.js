/** Decodes the packets of a classic pcap with the decoders of the npm package cap, from Ethernet to the ports, as its README shows it. */
import { closeSync, openSync, readSync } from 'node:fs';
import process from 'node:process';
import decoders from 'cap/lib/Decoders.js';

const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const { PROTOCOL } = decoders;

const buffer = Buffer.allocUnsafeSlow(1 << 20);
let packets = 0;
let ports = 0;

function decode(start) {
  const ethernet = decoders.Ethernet(buffer, start);
  const isV6 = ethernet.info.type === PROTOCOL.ETHERNET.IPV6;
  if (!isV6 && ethernet.info.type !== PROTOCOL.ETHERNET.IPV4) return;
  const ip = isV6 ? decoders.IPV6(buffer, ethernet.offset) : decoders.IPV4(buffer, ethernet.offset);
  const isTcp = ip.info.protocol === PROTOCOL.IP.TCP;
  if (!isTcp && ip.info.protocol !== PROTOCOL.IP.UDP) return;
  const transport = isTcp ? decoders.TCP(buffer, ip.offset) : decoders.UDP(buffer, ip.offset);
  ports += transport.info.srcport > 0 ? 1 : 0;
}

const fd = openSync(process.argv[2]);
let held = 0;
let at = FILE_HEADER;
for (;;) {
  const length = readSync(fd, buffer, held, buffer.length - held, null);
  const end = held + length;
  while (at + PACKET_HEADER <= end) {
    const caplen = buffer.readUInt32LE(at + 8);
    if (at + PACKET_HEADER + caplen > end) break;
    decode(at + PACKET_HEADER);
    packets++;
    at += PACKET_HEADER + caplen;
  }
  if (length === 0) break;
  buffer.copyWithin(0, at, end);
  held = end - at;
  at = 0;
}
closeSync(fd);
console.log(`${packets} packets, ${ports} with ports`);
