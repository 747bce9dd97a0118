import { compareStamps, readStamp, type Stamp } from '../stamp.ts';
import { NONE } from '../table.ts';
import type { StuckSegment, TcpConnection, TcpDirection, TcpSighting, TooBig } from './connection.ts';
import * as place from './places.ts';

const LOW_HALF = 0xffff;
const HALF = 16;

/** Octets that did not pass: sequence numbers as signed integers. */
export interface Gap {
  start: number;
  end: number;
  /** The first packet from behind it. */
  stamp: Stamp;
}

/** What is kept of few directions; `lower`: of what the lower end sent. */
interface Rarities {
  stuck(id: number, lower: boolean): StuckSegment | null;
  gap(id: number, lower: boolean): Gap | undefined;
}

interface Sighted {
  sighting: TcpSighting;
  /** The end that the place takes for the one that opened the connection, or spoke first. */
  openedByLower: boolean;
  hasSyn: boolean;
  first: Stamp;
}

/**
 * The connection as it stands, of all its places.
 *
 * @param errors of ICMP; their `ofA` says whether they are about the lower end
 */
export function connectionOf(places: place.Places, connection: number, errors: readonly TooBig[], rarities: Rarities): TcpConnection {
  const { words } = places.table;
  const ids: number[] = [];
  for (let id = connection; id !== NONE; id = places.nextOf(id)) ids.push(id);
  const opener = openerOf(places, ids);
  const sighted = ids.map((id) => sightedAt(places, id, opener, rarities)).sort((a, b) => compareOrder(a.first, b.first));
  const flags = ids.flatMap((id) =>
    [true, false].map((lower) => words[place.countersOf(places.table.ownOf(id), lower) + place.FLAGS] ?? 0),
  );
  const id = ids[0] ?? 0;
  const stamps = sighted
    .flatMap(({ sighting: { fromA, fromB } }) => [fromA.first, fromB.first, fromA.last, fromB.last])
    .filter((stamp) => stamp !== null);
  const sightings = sighted.map(({ sighting }) => sighting);
  return {
    a: places.endOf(id, opener),
    b: places.endOf(id, !opener),
    path: fewestTunnels(sightings),
    hasSyn: sighted.some(({ hasSyn }) => hasSyn),
    sightings,
    tooBig: errors.map((error) => ({ ...error, ofA: error.ofA === opener })),
    end: endOf(
      ids.map((each) => places.table.ownOf(each)),
      words,
      flags,
    ),
    first: stamps.reduce((a, b) => (compareOrder(b, a) < 0 ? b : a)),
    last: stamps.reduce((a, b) => (compareOrder(b, a) > 0 ? b : a)),
  };
}

/** Order in the capture, which stands also where times go back a little. */
const compareOrder = (a: Stamp, b: Stamp): number => (a.input === b.input ? a.frame - b.frame : compareStamps(a, b));

/** Whether `a` is the lower end: as the SYN says, or as the place says that saw the connection first. */
function openerOf(places: place.Places, ids: readonly number[]): boolean {
  const { words } = places.table;
  const states = ids.map((id) => {
    const own = places.table.ownOf(id);
    return { state: words[own + place.STATE] ?? 0, first: firstAt(places, own) };
  });
  const withSyn = states.filter(({ state }) => state & place.HAS_SYN);
  const told = (withSyn.length > 0 ? withSyn : states).reduce((a, b) => (compareOrder(b.first, a.first) < 0 ? b : a));
  return (told.state & place.OPENED_BY_LOWER) !== 0;
}

function firstAt({ table }: place.Places, own: number): Stamp {
  const stamps = [true, false].flatMap((lower) => (isSeen(table.words, own, lower) ? [readStamp(table, place.firstOf(own, lower))] : []));
  return stamps.reduce((a, b) => (compareOrder(b, a) < 0 ? b : a));
}

const isSeen = (words: Int32Array, own: number, lower: boolean): boolean =>
  ((words[place.countersOf(own, lower) + place.FLAGS] ?? 0) & place.SEEN) !== 0;

function sightedAt(places: place.Places, id: number, opener: boolean, rarities: Rarities): Sighted {
  const { table } = places;
  const { words } = table;
  const own = table.ownOf(id);
  const state = words[own + place.STATE] ?? 0;
  const ofA = place.countersOf(own, opener);
  const ofB = place.countersOf(own, !opener);
  return {
    openedByLower: (state & place.OPENED_BY_LOWER) !== 0,
    hasSyn: (state & place.HAS_SYN) !== 0,
    first: firstAt(places, own),
    sighting: {
      interfaceId: places.interfaceOf(id),
      isLayer3: (state & place.LAYER_3) !== 0,
      directionOfA: place.directionOf(state, opener),
      path: places.pathOf(id),
      tunnelId: places.tunnelOf(id),
      vlan: places.vlanOf(id),
      fromA: directionAt(places, id, opener, rarities),
      fromB: directionAt(places, id, !opener, rarities),
      endOfA: (words[ofA + place.NEXT] ?? 0) >>> 0,
      endOfB: (words[ofB + place.NEXT] ?? 0) >>> 0,
      mssOfA: mssOf(words, ofA),
      mssOfB: mssOf(words, ofB),
      synOfA: synOf(places, own, opener),
      synOfB: synOf(places, own, !opener),
    },
  };
}

function directionAt(places: place.Places, id: number, lower: boolean, rarities: Rarities): TcpDirection {
  const { table } = places;
  const { words, doubles } = table;
  const own = table.ownOf(id);
  const at = place.countersOf(own, lower);
  const flags = words[at + place.FLAGS] ?? 0;
  const gap = flags & place.GAP ? rarities.gap(id, lower) : undefined;
  const sizes = words[at + place.SIZES] ?? 0;
  const bytes = doubles[(at + place.BYTES) >> 1] ?? 0;
  return {
    packets: words[at + place.PACKETS] ?? 0,
    bytes,
    retransmissions: words[at + place.RETRANSMISSIONS] ?? 0,
    largestSent: sizes & LOW_HALF,
    largestAcked: sizes >>> HALF,
    dontFragment: bytes > 0 && (flags & place.FRAGMENTABLE) === 0,
    isOffloaded: (flags & place.OFFLOADED) !== 0,
    stuck: flags & place.STUCK ? rarities.stuck(id, lower) : null,
    gap: gap ? { start: gap.start >>> 0, end: gap.end >>> 0, stamp: gap.stamp } : null,
    keepalives: (words[at + place.IDENT] ?? 0) >>> place.KEEPALIVES_SHIFT,
    ackedTo: flags & place.HAS_ACKED ? (words[at + place.ACKED] ?? 0) >>> 0 : null,
    first: flags & place.SEEN ? readStamp(table, place.firstOf(own, lower)) : null,
    last: flags & place.SEEN ? readStamp(table, place.lastOf(own, lower)) : null,
  };
}

function mssOf(words: Int32Array, at: number): number | null {
  const flags = words[at + place.FLAGS] ?? 0;
  return flags & place.MSS ? flags >>> HALF : null;
}

const synOf = ({ table }: place.Places, own: number, lower: boolean): Stamp | null =>
  (table.words[place.countersOf(own, lower) + place.FLAGS] ?? 0) & place.SYN ? readStamp(table, place.firstOf(own, lower)) : null;

const fewestTunnels = (sightings: readonly TcpSighting[]): number =>
  sightings.reduce((least, { path }) => (path >>> 0 < least >>> 0 ? path : least), sightings[0]?.path ?? 0);

/** Both ends said FIN, or one of them was cut off, or said it alone. */
function endOf(owns: readonly number[], words: Int32Array, flags: readonly number[]): TcpConnection['end'] {
  const isClosed = owns.some((own) => [true, false].every((lower) => (words[place.countersOf(own, lower) + place.FLAGS] ?? 0) & place.FIN));
  if (!isClosed && flags.some((each) => each & place.RST)) return 'rst';
  return flags.some((each) => each & place.FIN) ? 'fin' : null;
}
