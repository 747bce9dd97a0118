import { execFileSync, spawnSync } from 'node:child_process';
import { root } from './captures.ts';

/*
 * BGP messages as tshark reads them: their octets, and what it says of them. It joins TCP segments and finds the messages itself, so that what is compared
 * is how a message is read.
 */

export const hasTshark = spawnSync('tshark', ['--version']).status === 0;

/** A protocol tree as `tshark -T json` prints it: a field that is there several times is an array. */
export type Tree = { [field: string]: Value };
type Value = string | Tree | Value[];

export interface TsharkMessage {
  frame: number;
  /** `stream` and sending port: one direction of a connection. */
  from: string;
  to: string;
  octets: Uint8Array;
  tree: Tree;
  /** It calls the message, or what it is in, malformed. */
  isMalformed: boolean;
}

/** All BGP messages of a capture in the order of their frames, whichever port they use. */
export function tsharkMessages(path: string): TsharkMessage[] {
  const ports = ['-d', 'tcp.port==179,bgp'];
  const args = ['-r', path, '-n', ...ports, '-Y', 'bgp.type', '-T', 'json', '-x', '--no-duplicate-keys', '-J', 'frame tcp bgp'];
  const text = execFileSync('tshark', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 29 });
  const packets = JSON.parse(text) as { _source: { layers: Tree } }[];
  return packets.flatMap(({ _source: { layers } }) => messagesOf(layers));
}

function messagesOf(layers: Tree): TsharkMessage[] {
  const stream = first(layers, 'tcp.stream');
  const from = `${stream} ${first(layers, 'tcp.srcport')}`;
  const to = `${stream} ${first(layers, 'tcp.dstport')}`;
  const trees = list(layers.bgp) as Tree[];
  // Octets, offset, length and more of each; of one alone without a list around it.
  const raw = layers.bgp_raw as Value[] | undefined;
  // Within the packet that an ICMP error quotes, it is a part of that layer.
  if (!raw) return [];
  const octets = (typeof raw[0] === 'string' ? [raw] : raw).map((each) => octetsOf(String((each as Value[])[0])));
  return trees
    .map((tree, i) => ({
      frame: Number(first(layers, 'frame.number')),
      from,
      to,
      octets: octets[i] ?? new Uint8Array(0),
      tree,
      isMalformed: every(tree, '_ws.malformed').length > 0 || (layers['_ws.malformed'] !== undefined && i === trees.length - 1),
    }))
    .filter(({ tree }) => tree['bgp.type'] !== undefined);
}

const octetsOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

const list = (value: Value | undefined): Value[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

/** All values of a field in a tree, at whatever depth, in order; those of `-x` (`…_raw`) are not looked into. */
export function every(tree: Value | undefined, field: string): Value[] {
  if (tree === undefined || typeof tree === 'string') return [];
  if (Array.isArray(tree)) return tree.flatMap((each) => every(each, field));
  return Object.entries(tree).flatMap(([key, value]) => (key === field ? list(value) : key.endsWith('_raw') ? [] : every(value, field)));
}

export const texts = (tree: Value | undefined, field: string): string[] => every(tree, field).map(String);
export const first = (tree: Value | undefined, field: string): string | undefined => texts(tree, field)[0];

/** Below one of several nodes, the nodes right under it that have all of these fields, at whatever depth. */
export function nodesWith(tree: Value | undefined, field: string): Tree[] {
  if (tree === undefined || typeof tree === 'string') return [];
  if (Array.isArray(tree)) return tree.flatMap((each) => nodesWith(each, field));
  if (tree[field] !== undefined) return [tree];
  return Object.entries(tree).flatMap(([key, value]) => (key.endsWith('_raw') ? [] : nodesWith(value, field)));
}
