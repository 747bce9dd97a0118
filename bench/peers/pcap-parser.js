/** Counts the packets of a classic pcap with the npm package pcap-parser, as its README shows it. */
import process from 'node:process';
import pcapParser from 'pcap-parser';

let packets = 0;
const parser = pcapParser.parse(process.argv[2]);
parser.on('packet', () => {
  packets++;
});
parser.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
parser.on('end', () => console.log(`${packets} packets`));
