import { deviceFault, type Helper, RING_MIB } from './helper.ts';

/** Lines of standard error that are no complaints. */
const NEWS = /^dumpcap: cap_set_proc|^Capturing on|^File: |^Packets /;
const PREFIX = /^dumpcap: /;
const FILTER = /Invalid capture filter/;
const REASON = /\((.*)\)\.?$/;
const TOO_OLD = /LINUX_SLL2/;
/** `Packets received/dropped on interface 'eth0': 5/0 (pcap:0/dumpcap:0/flushed:0/ps_ifdrop:0) (100.0%)` */
const COUNTS = /^Packets received\/dropped on interface .*: \d+\/\d+ \(pcap:(\d+)\/dumpcap:(\d+)\/flushed:(\d+)\/ps_ifdrop:(\d+)\)/;

const words = (said: readonly string[]): string[] => said.filter((line) => PREFIX.test(line) && !NEWS.test(line));

/** dumpcap(1), the helper of Wireshark: pcapng with nanoseconds. Promiscuous, as its users expect. */
export const dumpcap: Helper = {
  backend: 'dumpcap',
  debianPackage: 'wireshark-common',
  // A block of the kernel's that is not full waits 250 ms, what is written up to 100 ms.
  delaySec: () => 0.4,
  limits: ['dumpcap says how many packets were dropped only when it ends: until then drops are not known'],
  tellsDrops: false,
  filterMark: '-f',
  args: ({ interface: name, snaplen, sll2 }) => [
    '-q',
    '-n',
    ...['-i', name],
    ...(name === 'any' && sll2 ? ['-y', 'LINUX_SLL2'] : []),
    ...['-s', String(snaplen)],
    ...['-B', String(RING_MIB)],
    ...['-w', '-'],
  ],
  readDrops: (line, drops) => {
    const [, pcap, own, , ofInterface] = COUNTS.exec(line) ?? [];
    if (pcap !== undefined) drops.update(Number(pcap) + Number(own), Number(ofInterface));
  },
  complaint: (said) => {
    const text = (words(said).at(-1) ?? said.at(-1) ?? 'it said nothing').replace(PREFIX, '').replace(/\.$/, '');
    const reason = said.map((line) => REASON.exec(line)?.[1]).find((each) => each !== undefined);
    if (FILTER.test(text)) return { fault: 'filter', text: reason ?? text };
    const fault = deviceFault(text);
    if (fault) return { fault, text };
    return { fault: TOO_OLD.test(text) ? 'no-sll2' : 'other', text };
  },
  lastWords: (said) => words(said).at(-1)?.replace(PREFIX, '') ?? null,
};
