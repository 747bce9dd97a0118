import { macText } from '../net/mac.ts';
import type { Handover } from '../track/handovers.ts';
import type { ObservedInterface } from '../track/interfaces.ts';
import { pathNames } from '../wire/encapsulation.ts';
import { fittingTable } from './fitting-table.ts';
import type { JsonRecord } from './records.ts';
import { bytesText } from './units.ts';

/** A record of `show gateways`. */
export const gatewayRecord = ({ destination, mac, ip, interface: name, path, packets, bytes, first }: Handover): JsonRecord => ({
  input: first.input,
  encapsulation: pathNames(path),
  destination,
  mac: mac === null ? null : macText(mac),
  ip,
  interface: name,
  packets,
  bytes,
  firstFrame: first.frame,
});

const text = (value: unknown): string => (value === null || value === undefined ? '' : String(value));

function interfaceOf({ interface: given }: JsonRecord): string {
  if (given === null) return '';
  const { index, name } = given as { index: number; name: string | null };
  return name ?? `#${index}`;
}

const COLUMNS: { head: string; cell: (record: JsonRecord) => string }[] = [
  { head: 'frame', cell: ({ firstFrame, input }) => (input === 0 ? text(firstFrame) : `${text(input)}:${text(firstFrame)}`) },
  { head: 'destination', cell: ({ destination }) => text(destination) },
  { head: 'gateway', cell: ({ mac, ip }) => (mac === null ? 'none' : text(ip)) },
  { head: 'its MAC', cell: ({ mac }) => text(mac) },
  { head: 'interface', cell: interfaceOf },
  { head: 'packets', cell: ({ packets }) => text(packets) },
  { head: 'octets', cell: ({ bytes }) => bytesText(Number(bytes)).replace(' ', '\u00a0') },
];

/** The records as a table, of at most `width` columns where that can be; of links without link-layer addresses it says why they have no gateway. */
export function gatewaysText(records: readonly JsonRecord[], width: number): string {
  const columns = COLUMNS.map(({ head, cell }) => ({ head, cells: records.map(cell) })).filter(({ cells }) =>
    cells.some((cell) => cell !== ''),
  );
  const isBare = records.some(({ mac }) => mac === null);
  return `${fittingTable(columns, width)}${isBare ? `\n${filled(NO_GATEWAY, width)}` : ''}`;
}

const NO_GATEWAY =
  'gateway "none": a raw IP link (tun, WireGuard, GRE). Its packets bear no MAC, so a gateway has no meaning on it: the next hop of a route chooses the interface and ' +
  'nothing more, and what is behind the interface decides for itself who gets the packet. Which router that was, traceroutes show (fluxcap show traceroutes).';

const COOKED =
  'The capture does not show where frames go: cooked captures (-i any, LINUX_SLL and LINUX_SLL2) have no destination MACs. Capture the card itself: tcpdump -i IFACE.';

/** What `show gateways` has to say beside its records: interfaces whose frames do not name their gateway. Empty where there is nothing to say. */
export const gatewaysNote = (interfaces: readonly ObservedInterface[], width: number): string =>
  interfaces.some(({ linktype, ownMac, packets }) => linktype.startsWith('LINUX_SLL') && packets > 0 && ownMac > 0)
    ? filled(COOKED, width)
    : '';

/** Lines of at most `width` columns. */
function filled(sentence: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of sentence.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return `${[...lines, line].join('\n')}\n`;
}
