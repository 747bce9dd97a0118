import type { AsSegment } from './update.ts';

/** RFC 4271 section 4.3, RFC 5065 section 3; by number. */
const SEGMENT_TYPES = [undefined, 'set', 'sequence', 'confed-sequence', 'confed-set'] as const;

/** Octets of an AS number (RFC 6793). */
export type AsOctets = 2 | 4;

/** AS_PATH and AS4_PATH: segments of type 1, count 1, AS numbers. undefined where they do not fill the octets, or one is empty or of no known type. */
export function readAsPath(view: DataView, at: number, end: number, octets: AsOctets): AsSegment[] | undefined {
  const segments: AsSegment[] = [];
  let next = at;
  while (next < end) {
    if (next + 2 > end) return undefined;
    const type = SEGMENT_TYPES[view.getUint8(next)];
    const count = view.getUint8(next + 1);
    next += 2;
    if (type === undefined || count === 0 || next + count * octets > end) return undefined;
    const as: number[] = [];
    for (let i = 0; i < count; i++, next += octets) as.push(octets === 4 ? view.getUint32(next) : view.getUint16(next));
    segments.push({ type, as });
  }
  return segments;
}

/** How long a path is for the choice of the best (RFC 4271 section 9.1.2.2, RFC 5065 section 5.3): a set counts as one, confederations not at all. */
export function asPathLength(path: readonly AsSegment[]): number {
  let length = 0;
  for (const { type, as } of path) length += type === 'sequence' ? as.length : type === 'set' ? 1 : 0;
  return length;
}

/**
 * The path in AS numbers of four octets (RFC 6793 section 4.2.3): what AS4_PATH says, behind those ASes of AS_PATH that it does not have, for they were
 * added by speakers of two octets. An AS4_PATH that is longer than the path it is of counts for nothing.
 */
export function mergedPath(path: readonly AsSegment[], as4Path: readonly AsSegment[]): AsSegment[] {
  const tail = as4Path.filter(({ type }) => !isConfederation(type));
  let missing = asPathLength(path) - asPathLength(tail);
  if (missing < 0 || tail.length === 0) return [...path];
  const head: AsSegment[] = [];
  for (const { type, as } of path) {
    if (isConfederation(type)) head.push({ type, as });
    else if (missing === 0) break;
    else if (type === 'set') {
      head.push({ type, as });
      missing--;
    } else {
      head.push({ type, as: as.slice(0, missing) });
      missing -= Math.min(missing, as.length);
    }
  }
  return joined(head, tail);
}

const isConfederation = (type: AsSegment['type']): boolean => type === 'confed-sequence' || type === 'confed-set';

/** One path of two; sequences that meet are one. */
function joined(head: AsSegment[], tail: AsSegment[]): AsSegment[] {
  const last = head.at(-1);
  const first = tail[0];
  if (last?.type !== 'sequence' || first?.type !== 'sequence') return [...head, ...tail];
  return [...head.slice(0, -1), { type: 'sequence', as: [...last.as, ...first.as] }, ...tail.slice(1)];
}

/** As routers print it: `64512 {64513,64514} (65001 65002) [65003]`; empty for a path without ASes. */
export const asPathText = (path: readonly AsSegment[]): string =>
  path
    .map(({ type, as }) => {
      switch (type) {
        case 'sequence':
          return as.join(' ');
        case 'set':
          return `{${as.join(',')}}`;
        case 'confed-sequence':
          return `(${as.join(' ')})`;
        default:
          return `[${as.join(',')}]`;
      }
    })
    .join(' ');
