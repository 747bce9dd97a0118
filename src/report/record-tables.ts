import { bgpText } from './bgp.ts';
import { FIXED_SPACE, fittingTable, MAY_BREAK } from './fitting-table.ts';
import { gatewaysText } from './gateways.ts';
import { openVpnText } from './openvpn.ts';
import { endpointOf, type JsonRecord } from './records.ts';
import { tcpText } from './tcp.ts';
import { traceroutesText } from './traceroutes.ts';
import { tunnelsText } from './tunnels.ts';
import { bytesText } from './units.ts';

/** What `show` prints for people: a table a kind of record. */
export type ShownKind = TableKind | keyof typeof TEXTS;

/** One table, a row a record. */
type TableKind = 'arp' | 'udp' | 'wireguard' | 'icmp' | 'hosts' | 'interfaces';

/** Kinds with a form of their own. */
const TEXTS = {
  traceroutes: traceroutesText,
  gateways: gatewaysText,
  bgp: bgpText,
  openvpn: openVpnText,
  tunnels: tunnelsText,
  tcp: tcpText,
} as const;

interface Column {
  head: string;
  cell: (record: JsonRecord) => string;
}

const value =
  (name: string): ((record: JsonRecord) => string) =>
  (record) =>
    textOf(record[name]);

function textOf(given: unknown): string {
  if (given === null || given === undefined) return '';
  if (Array.isArray(given)) return given.map(textOf).join(' ');
  if (typeof given === 'object') {
    if ('ip' in given) return endpointOf(given);
    if ('index' in given) return interfaceText(given as { index: number; name: string | null });
    return Object.values(given).map(textOf).join(' ');
  }
  return String(given);
}

const interfaceText = ({ index, name }: { index: number; name: string | null }): string => name ?? `#${index}`;

/** `0.76 ms`: three digits, or all that stand before the point. */
function milliseconds(given: unknown): string {
  if (typeof given !== 'number') return '';
  const ms = given / 1000;
  return `${Math.abs(ms) >= 100 ? Math.round(ms) : Number(ms.toPrecision(3))}${FIXED_SPACE}ms`;
}

/** `1 packet`, `2 packets`. */
const counted = (count: unknown, one: string): string => `${textOf(count)}${FIXED_SPACE}${one}${count === 1 ? '' : 's'}`;

const lines = (items: unknown, line: (item: JsonRecord) => string): string => (items as JsonRecord[]).map(line).join('\n');

/** What belongs to the text before it, in the same line where there is room. */
const inParentheses = (...parts: string[]): string => ` (${parts.filter((part) => part !== '').join(`,${FIXED_SPACE}`)})`;

/** The items of a list, a line each. */
const linesOf =
  (name: string): ((record: JsonRecord) => string) =>
  (record) =>
    (record[name] as unknown[]).map(textOf).join('\n');

const frame: Column = { head: 'frame', cell: ({ frame, input }) => (input === 0 ? textOf(frame) : `${textOf(input)}:${textOf(frame)}`) };
const tunnels: Column = { head: 'in', cell: value('encapsulation') };

/** The day is in the head where it is the same for all records. */
function timeColumn(records: readonly JsonRecord[]): Column {
  const times = records.flatMap(({ time }) => (typeof time === 'string' ? time : []));
  const days = new Set(times.map((time) => time.slice(0, 10)));
  const clock = (time: unknown): string => (typeof time === 'string' ? time.slice(11, -1).replace('.', `${MAY_BREAK}.`) : '');
  if (days.size === 1) return { head: `UTC${FIXED_SPACE}on ${[...days].join()}`, cell: ({ time }) => clock(time) };
  return { head: 'UTC', cell: ({ time }) => (typeof time === 'string' ? `${time.slice(0, 10)} ${clock(time)}` : '') };
}

const COLUMNS: Record<TableKind, (records: readonly JsonRecord[]) => Column[]> = {
  arp: (records) => [
    frame,
    timeColumn(records),
    { head: 'if', cell: value('interface') },
    { head: 'vlan', cell: value('vlan') },
    { head: 'protocol', cell: value('protocol') },
    { head: 'kind', cell: ({ kind, requests }) => (Number(requests) > 1 ? counted(requests, textOf(kind)) : breakable(textOf(kind))) },
    {
      head: 'asker',
      cell: ({ asker }) =>
        Object.values(asker as object)
          .map(textOf)
          .join(' ')
          .trim(),
    },
    { head: 'target', cell: value('target') },
    {
      head: 'answers',
      cell: ({ replies }) =>
        lines(
          replies,
          (reply) => textOf(reply.mac) + inParentheses(textOf(reply.frame), milliseconds(reply.latencyUs), textOf(reply.interface)),
        ),
    },
  ],
  udp: () => [
    { head: 'frames', cell: ({ firstFrame, lastFrame }) => range(firstFrame, lastFrame) },
    { head: 'client', cell: value('client') },
    { head: 'asked', cell: ({ asked, protocol }) => textOf(asked) + (protocol === null ? '' : inParentheses(textOf(protocol))) },
    { head: 'requests', cell: value('requests') },
    { head: 'right replies', cell: value('repliesRight') },
    {
      head: 'answered from elsewhere',
      cell: ({ answeredFrom }) =>
        lines(answeredFrom, (from) => endpointOf(from) + inParentheses(textOf(from.packets), `by${FIXED_SPACE}${textOf(from.matchedBy)}`)),
    },
    tunnels,
  ],
  wireguard: () => [
    { head: 'type', cell: value('type') },
    {
      head: 'frames',
      cell: ({ initiationFrames, responseFrame, frame, initiatorEndpoints, responderEndpoints }) =>
        initiationFrames
          ? handshakeFrames(initiationFrames as number[], responseFrame)
          : textOf(frame) || spanOf(initiatorEndpoints, responderEndpoints),
    },
    {
      head: 'initiator',
      cell: ({ initiator, from, initiatorEndpoints }) => textOf(initiator ?? from) || endpointLines(initiatorEndpoints),
    },
    { head: 'responder', cell: ({ responder, to, responderEndpoints }) => textOf(responder ?? to) || endpointLines(responderEndpoints) },
    {
      head: 'indices',
      cell: ({ senderIndex, receiverIndex, initiatorIndex, responderIndex }) =>
        [senderIndex ?? initiatorIndex, receiverIndex ?? responderIndex].map((each) => textOf(each) || '?').join(' '),
    },
    {
      head: 'answered from elsewhere',
      cell: ({ responder, responseFrom }) => (textOf(responseFrom) === textOf(responder) ? '' : textOf(responseFrom)),
    },
    { head: 'result', cell: wireguardResult },
    { head: 'peer', cell: value('peer') },
  ],
  icmp: (records) => [
    frame,
    timeColumn(records),
    { head: 'from', cell: value('from') },
    { head: 'to', cell: value('to') },
    { head: 'type/code', cell: ({ type, code }) => `${textOf(type)}/${textOf(code)}` },
    { head: 'about', cell: ({ about }) => aboutText(about as { protocol: string; source: unknown; destination: unknown } | null) },
    tunnels,
  ],
  hosts: () => [
    { head: 'MACs', cell: linesOf('macs') },
    { head: 'addresses', cell: linesOf('ips') },
    { head: 'here', cell: ({ local }) => (local === true ? 'yes' : '') },
    { head: 'interfaces', cell: linesOf('interfaces') },
    { head: 'because', cell: linesOf('because') },
    tunnels,
  ],
  interfaces: (records) => [
    // Two hosts have interfaces with the same numbers.
    { head: 'input', cell: ({ input }) => (records.every((each) => each.input === input) ? '' : textOf(input)) },
    { head: 'index', cell: value('index') },
    { head: 'name', cell: value('name') },
    { head: 'link type', cell: value('linktype') },
    { head: 'addresses', cell: value('addresses') },
    { head: 'packets', cell: value('packets') },
    { head: 'in', cell: value('in') },
    { head: 'out', cell: value('out') },
  ],
};

const breakable = (word: string): string => word.replaceAll('-', `-${MAY_BREAK}`);

const aboutText = (about: { protocol: string; source: unknown; destination: unknown } | null): string =>
  about === null ? '' : `${about.protocol} ${textOf(about.source)}${FIXED_SPACE}> ${textOf(about.destination)}`;

const endpointLines = (endpoints: unknown): string =>
  lines(endpoints ?? [], (each) => endpointOf(each) + inParentheses(counted(each.packets, 'packet')));

/** Handshakes end in an answer, sessions in a sum. */
function wireguardResult({ type, responseFrame, latencyUs, dataPackets, dataBytes, keepalives }: JsonRecord): string {
  if (type === 'handshake') {
    if (responseFrame === null) return 'no answer';
    return latencyUs === null ? 'answered' : `answered${FIXED_SPACE}in ${milliseconds(latencyUs)}`;
  }
  if (type === 'session') {
    const bytes = bytesText(Number(dataBytes)).replace(' ', FIXED_SPACE);
    return [counted(dataPackets, 'packet'), bytes, counted(keepalives, 'keepalive')].join(', ');
  }
  return '';
}

/** More frames than this are abbreviated. */
const MOST_FRAMES = 4;

/** `57, 62 … 203 (37)`: the first two, the last, how many. */
function frameList(frames: readonly number[]): string {
  if (frames.length <= MOST_FRAMES) return frames.join(', ');
  return `${frames[0]}, ${frames[1]} … ${frames.at(-1)}${FIXED_SPACE}(${frames.length})`;
}

const handshakeFrames = (initiations: readonly number[], response: unknown): string =>
  [frameList(initiations), ...(typeof response === 'number' ? [`answer${FIXED_SPACE}${response}`] : [])]
    .filter((part) => part !== '')
    .join(', ');

/** From the first frame of all the places where the ends of a session were to the last. */
function spanOf(...endpoints: unknown[]): string {
  const visited = endpoints.flat().filter((each): each is JsonRecord => typeof each === 'object' && each !== null);
  const numbers = visited.flatMap(({ firstFrame, lastFrame }) => [Number(firstFrame), Number(lastFrame)]);
  return numbers.length > 0 ? range(Math.min(...numbers), Math.max(...numbers)) : '';
}

const range = (first: unknown, last: unknown): string => (first === last ? textOf(first) : `${textOf(first)}-${textOf(last)}`);

/** A table of records, of at most `width` columns where that can be; columns that are empty for all records, or say the usual of all, are left out. */
export function recordTable(kind: ShownKind, records: readonly JsonRecord[], width: number): string {
  if (kind in TEXTS) return TEXTS[kind as keyof typeof TEXTS](records, width);
  return tableOf(kind as TableKind, records, width);
}

function tableOf(kind: TableKind, records: readonly JsonRecord[], width: number): string {
  const columns = COLUMNS[kind](records).map(({ head, cell }) => ({ head, cells: records.map(cell) }));
  return fittingTable(
    columns.filter(({ head, cells }) => cells.some((cell) => cell !== '' && !(head === 'protocol' && cell === 'arp'))),
    width,
  );
}
