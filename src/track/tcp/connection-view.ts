import { compareStamps, type Stamp } from '../stamp.ts';
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
  /** The sender's latest packet. */
  last: Stamp;
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
  const ids: number[] = [];
  for (let id = connection; id !== NONE; id = places.nextOf(id)) ids.push(id);
  const opener = openerOf(places, ids);
  const sighted = ids.map((id) => sightedAt(places, id, opener, rarities)).sort((a, b) => compareOrder(a.first, b.first));
  const sightings = joinHalves(sighted.map(({ sighting }) => sighting));
  return {
    a: places.endOf(connection, opener),
    b: places.endOf(connection, !opener),
    path: fewestTunnels(sightings),
    hasSyn: sighted.some(({ hasSyn }) => hasSyn),
    sightings,
    tooBig: errors.map((error) => ({ ...error, ofA: error.ofA === opener })),
    end: endOf(ids.map((id) => BOTH.map((lower) => flagsOf(places, id, lower)))),
    first: sighted.map(({ first }) => first).reduce(earlier),
    last: places.lastOf(connection),
  };
}

/**
 * Where the two directions take different ways, or have different ids of one tunnel, there are places that only one of them passes: two of those are
 * shown as one, that of what `a` sends.
 */
function joinHalves(sightings: readonly TcpSighting[]): TcpSighting[] {
  const backs = sightings.filter(({ fromA, fromB }) => fromA.first === null && fromB.first !== null).reverse();
  if (backs.length === 0) return [...sightings];
  const joined = sightings.map((forth) => {
    if (forth.fromA.first === null || forth.fromB.first !== null) return forth;
    const at = backs.findIndex((back) => isOtherHalf(forth, back));
    const [back] = at < 0 ? [] : backs.splice(at, 1);
    if (!back) return forth;
    const { fromB, endOfB, mssOfB, synOfB } = back;
    return { ...forth, fromB, endOfB, mssOfB, synOfB };
  });
  return joined.filter((each) => each.fromA.first !== null || each.fromB.first === null || backs.includes(each));
}

/** The same as `Places.isOtherHalf`. */
const isOtherHalf = (forth: TcpSighting, back: TcpSighting): boolean =>
  forth.path === back.path && (forth.path !== 0 ? forth.interfaceId === back.interfaceId : !forth.isLayer3 && !back.isLayer3);

/** Order in the capture, which stands also where times go back a little. */
const compareOrder = (a: Stamp, b: Stamp): number => (a.input === b.input ? a.frame - b.frame : compareStamps(a, b));

const earlier = (a: Stamp, b: Stamp): Stamp => (compareOrder(b, a) < 0 ? b : a);

const BOTH = [true, false] as const;

const flagsOf = ({ table }: place.Places, id: number, lower: boolean): number =>
  table.words[place.countersOf(table.ownOf(id), lower) + place.FLAGS] ?? 0;

const stateOf = ({ table }: place.Places, id: number): number => table.apart.words[table.apartOf(id) + place.STATE] ?? 0;

/** Whether `a` is the lower end: as the SYN says, or as the place says that saw the connection first. */
function openerOf(places: place.Places, ids: readonly number[]): boolean {
  const [only = NONE, ...others] = ids;
  if (others.length === 0) return (stateOf(places, only) & place.OPENED_BY_LOWER) !== 0;
  const states = ids.map((id) => ({ state: stateOf(places, id), first: firstAt(places, id) }));
  const withSyn = states.filter(({ state }) => state & place.HAS_SYN);
  const told = (withSyn.length > 0 ? withSyn : states).reduce((a, b) => (compareOrder(b.first, a.first) < 0 ? b : a));
  return (told.state & place.OPENED_BY_LOWER) !== 0;
}

const firstAt = (places: place.Places, id: number): Stamp =>
  BOTH.filter((lower) => flagsOf(places, id, lower) & place.SEEN)
    .map((lower) => places.firstOf(id, lower))
    .reduce(earlier);

function sightedAt(places: place.Places, id: number, opener: boolean, rarities: Rarities): Sighted {
  const { table } = places;
  const { words } = table;
  const own = table.ownOf(id);
  const state = stateOf(places, id);
  const ofA = place.countersOf(own, opener);
  const ofB = place.countersOf(own, !opener);
  return {
    openedByLower: (state & place.OPENED_BY_LOWER) !== 0,
    hasSyn: (state & place.HAS_SYN) !== 0,
    first: firstAt(places, id),
    sighting: {
      interfaceId: places.interfaceOf(id),
      isLayer3: (state & place.LAYER_3) !== 0,
      directionOfA: place.directionOf(words[ofA + place.FLAGS] ?? 0, words[ofB + place.FLAGS] ?? 0),
      path: places.pathOf(id),
      tunnelId: places.tunnelOf(id),
      vlan: places.vlanOf(id),
      fromA: directionAt(places, id, opener, rarities),
      fromB: directionAt(places, id, !opener, rarities),
      endOfA: (words[ofA + place.NEXT] ?? 0) >>> 0,
      endOfB: (words[ofB + place.NEXT] ?? 0) >>> 0,
      mssOfA: mssOf(words, ofA, ofB),
      mssOfB: mssOf(words, ofB, ofA),
      synOfA: synOf(places, id, opener),
      synOfB: synOf(places, id, !opener),
    },
  };
}

function directionAt(places: place.Places, id: number, lower: boolean, rarities: Rarities): TcpDirection {
  const { words, apart } = places.table;
  const at = place.countersOf(places.table.ownOf(id), lower);
  const rare = place.rareOf(places.table.apartOf(id), lower);
  const flags = words[at + place.FLAGS] ?? 0;
  const gap = flags & place.GAP ? rarities.gap(id, lower) : undefined;
  const sizes = words[at + place.SIZES] ?? 0;
  const bytes = places.bytesOf(id, lower);
  return {
    packets: words[at + place.PACKETS] ?? 0,
    bytes,
    retransmissions: apart.words[rare + place.RETRANSMISSIONS] ?? 0,
    unheard: apart.words[rare + place.UNHEARD] ?? 0,
    largestSent: sizes & LOW_HALF,
    largestAcked: sizes >>> HALF,
    dontFragment: bytes > 0 && (flags & place.FRAGMENTABLE) === 0,
    isOffloaded: (flags & place.OFFLOADED) !== 0,
    stuck: flags & place.STUCK ? rarities.stuck(id, lower) : null,
    gap: gap ? { start: gap.start >>> 0, end: gap.end >>> 0, stamp: gap.stamp, last: { ...gap.last } } : null,
    keepalives: apart.words[rare + place.KEEPALIVES] ?? 0,
    ackedTo: flags & place.HAS_ACKED ? (words[at + place.ACKED] ?? 0) >>> 0 : null,
    first: flags & place.SEEN ? places.firstOf(id, lower) : null,
  };
}

const mssOf = (words: Int32Array, at: number, other: number): number | null =>
  (words[at + place.FLAGS] ?? 0) & place.MSS ? (words[other + place.FLAGS] ?? 0) >>> place.MSS_SHIFT : null;

const synOf = (places: place.Places, id: number, lower: boolean): Stamp | null =>
  flagsOf(places, id, lower) & place.SYN ? places.firstOf(id, lower) : null;

const fewestTunnels = (sightings: readonly TcpSighting[]): number =>
  sightings.reduce((least, { path }) => (path >>> 0 < least >>> 0 ? path : least), sightings[0]?.path ?? 0);

/** By the flags of both ends at each place: both ends said FIN, or one of them was cut off, or said it alone. */
function endOf(flags: readonly (readonly number[])[]): TcpConnection['end'] {
  const isClosed = flags.some((ofEnds) => ofEnds.every((each) => each & place.FIN));
  if (!isClosed && flags.flat().some((each) => each & place.RST)) return 'rst';
  return flags.flat().some((each) => each & place.FIN) ? 'fin' : null;
}
