import Table from 'cli-table3';
import { endpointOf, type JsonRecord } from './records.ts';

/** What `show` prints for people: a table a kind of record. */
export type ShownKind = 'arp' | 'udp' | 'wireguard' | 'icmp' | 'interfaces';

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

const microseconds = (given: unknown): string => (typeof given === 'number' ? `${given} µs` : '');

const frames: Column = { head: 'frame', cell: ({ frame, input }) => (input === 0 ? textOf(frame) : `${textOf(input)}:${textOf(frame)}`) };
const tunnels: Column = { head: 'in', cell: value('encapsulation') };

const COLUMNS: Record<ShownKind, Column[]> = {
  arp: [
    frames,
    { head: 'time', cell: value('time') },
    { head: 'if', cell: value('interface') },
    { head: 'vlan', cell: value('vlan') },
    { head: 'kind', cell: ({ protocol, kind }) => `${textOf(protocol)} ${textOf(kind)}` },
    { head: 'requests', cell: value('requests') },
    {
      head: 'asker',
      cell: ({ asker }) =>
        Object.values(asker as object)
          .map(textOf)
          .join(' '),
    },
    { head: 'target', cell: value('target') },
    {
      head: 'answers',
      cell: ({ replies }) =>
        (replies as JsonRecord[])
          .map(
            ({ frame, mac, latencyUs, interface: name }) =>
              `${textOf(mac)} (${textOf(frame)}, ${microseconds(latencyUs)}${name ? `, ${textOf(name)}` : ''})`,
          )
          .join('\n'),
    },
  ],
  udp: [
    { head: 'frames', cell: ({ firstFrame, lastFrame }) => `${textOf(firstFrame)}-${textOf(lastFrame)}` },
    { head: 'client', cell: value('client') },
    { head: 'asked', cell: value('asked') },
    { head: 'protocol', cell: value('protocol') },
    { head: 'requests', cell: value('requests') },
    { head: 'right replies', cell: value('repliesRight') },
    {
      head: 'answered from elsewhere',
      cell: ({ answeredFrom }) =>
        (answeredFrom as JsonRecord[])
          .map((from) => `${endpointOf(from)} (${textOf(from.packets)}, by ${textOf(from.matchedBy)})`)
          .join('\n'),
    },
    tunnels,
  ],
  wireguard: [
    { head: 'type', cell: value('type') },
    {
      head: 'frames',
      cell: ({ initiationFrames, responseFrame, frame, initiatorEndpoints, responderEndpoints }) =>
        framesOf(initiationFrames, responseFrame ?? frame, initiatorEndpoints, responderEndpoints),
    },
    {
      head: 'initiator',
      cell: ({ initiator, from, initiatorEndpoints }) => textOf(initiator ?? from ?? endpointsText(initiatorEndpoints)),
    },
    { head: 'responder', cell: ({ responder, to, responderEndpoints }) => textOf(responder ?? to ?? endpointsText(responderEndpoints)) },
    {
      head: 'indices',
      cell: ({ senderIndex, receiverIndex, initiatorIndex, responderIndex }) =>
        [senderIndex ?? initiatorIndex, receiverIndex ?? responderIndex].map((each) => textOf(each) || '?').join(' '),
    },
    { head: 'answered from', cell: value('responseFrom') },
    { head: 'latency', cell: ({ latencyUs }) => microseconds(latencyUs) },
    {
      head: 'data',
      cell: ({ dataPackets, dataBytes, keepalives }) =>
        dataPackets === undefined ? '' : `${textOf(dataPackets)} packets, ${textOf(dataBytes)} B, ${textOf(keepalives)} keepalives`,
    },
    { head: 'peer', cell: value('peer') },
  ],
  icmp: [
    frames,
    { head: 'time', cell: value('time') },
    { head: 'from', cell: value('from') },
    { head: 'to', cell: value('to') },
    { head: 'type/code', cell: ({ type, code }) => `${textOf(type)}/${textOf(code)}` },
    { head: 'about', cell: ({ about }) => aboutText(about as { protocol: string; source: unknown; destination: unknown } | null) },
    tunnels,
  ],
  interfaces: [
    { head: 'index', cell: value('index') },
    { head: 'name', cell: value('name') },
    { head: 'link type', cell: value('linktype') },
    { head: 'addresses', cell: value('addresses') },
    { head: 'packets', cell: value('packets') },
    { head: 'in', cell: value('in') },
    { head: 'out', cell: value('out') },
  ],
};

const aboutText = (about: { protocol: string; source: unknown; destination: unknown } | null): string =>
  about === null ? '' : `${about.protocol} ${textOf(about.source)} > ${textOf(about.destination)}`;

function endpointsText(endpoints: unknown): string {
  return Array.isArray(endpoints) ? endpoints.map((each: JsonRecord) => `${endpointOf(each)} (${textOf(each.packets)})`).join(', ') : '';
}

function framesOf(initiations: unknown, response: unknown, ...endpoints: unknown[]): string {
  const own = [initiations, response].flat().filter((frame) => typeof frame === 'number');
  if (own.length > 0) return own.join(' ');
  const visited = endpoints.flat().filter((each): each is JsonRecord => each !== undefined && each !== null);
  const numbers = visited.flatMap(({ firstFrame, lastFrame }) => [Number(firstFrame), Number(lastFrame)]);
  return numbers.length > 0 ? `${Math.min(...numbers)}-${Math.max(...numbers)}` : '';
}

/** A table of records; columns that are empty for all of them are left out. */
export function recordTable(kind: ShownKind, records: readonly JsonRecord[]): string {
  const columns = COLUMNS[kind].map(({ head, cell }) => ({ head, cells: records.map(cell) }));
  const filled = columns.filter(({ cells }) => cells.some((cell) => cell !== ''));
  const table = new Table({ head: filled.map(({ head }) => head), style: { head: [], border: [], compact: true } });
  for (const i of records.keys()) table.push(filled.map(({ cells }) => cells[i] ?? ''));
  return `${table.toString()}\n`;
}
