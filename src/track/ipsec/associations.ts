import { Direction } from '../../frame.ts';
import { IpProtocol, type Packet } from '../../wire/packet.ts';
import type { Clock } from '../clock.ts';
import { addressText, writeAddress } from '../flows.ts';
import { readStamp, STAMP_WORDS, type Stamp, writeStamp } from '../stamp.ts';
import { NONE, Table } from '../table.ts';
import { holdOf } from '../tunnels/holds.ts';
import type { OuterFragments } from '../tunnels/outer-fragments.ts';
import { sightingOf } from '../tunnels/sightings.ts';
import { datagramLength, wireLength } from '../tunnels/sizes.ts';
import type { TunnelName } from '../tunnels/tunnel.ts';
import { type Silence, SilenceTracker } from './silences.ts';

/** A security association of ESP or AH: what one side sends to the other under one SPI. */
export interface SecurityAssociation {
  protocol: 'esp' | 'ah' | 'nat-t';
  spi: number;
  /** Whoever sends, and to whom; ports are those of NAT-T, else null. */
  source: { ip: string; port: number | null };
  destination: { ip: string; port: number | null };
  path: number;
  /** The tunnel around it, as `TunnelTracker.named` knows it. */
  inside: number;
  /** IP version of the outer packets. */
  over: 4 | 6;
  packets: number;
  /** Octets of the outer IP packets. */
  bytes: number;
  /** Octets of the largest outer packet, as it was before it was cut into fragments. */
  maxOuter: number;
  /** Largest packet inside; null where it cannot be read. */
  maxInner: number | null;
  /** Octets that the largest packets have around what is inside, with the tunnels outside of it; 0 where it cannot be read. */
  overhead: number;
  /** Octets of the tunnels outside of it. */
  overheadOutside: number;
  /** How the lengths of ESP, from the SPI on, fall modulo 16, a bit each, and how often a length differed from the one before: cipher blocks show so. */
  residues: number;
  lengthChanges: number;
  /** Frames that are fragments, and datagrams that came in fragments. */
  fragments: number;
  fragmented: number;
  /** Octets of the largest fragment; 0 without fragments. */
  maxFragment: number;
  firstFragment: Stamp | null;
  lastFragment: Stamp | null;
  /** What runs inside, as `holdNames` has it. */
  holds: number;
  /** Lowest and highest sequence number. */
  firstSequence: number;
  lastSequence: number;
  /** Packets whose inside could be read: encryption is null. */
  readable: number;
  /** Where its packets were seen, as `sightingOf` has it; copies too. */
  sighted: number;
  /** The association of the way back; null where it is not known. */
  pair: SecurityAssociation | null;
  /** `Direction` in which its packets were seen; `Unknown` also where some came and some went. */
  direction: number;
  first: Stamp;
  last: Stamp;
}

const MOST_ASSOCIATIONS = 4096;
/** Keys live for hours: who is silent for so long has others. */
const DAY_SEC = 86_400;
/** Two associations that are made together send their first packets so close to each other. */
const TOGETHER_SEC = 120;

/** Key: source 4 | destination 4 | SPI | path | kind | ports. */
const WORDS = 12;
const SPI = 8;
const PATH = 9;
const KIND = 10;
const PORTS = 11;
const Kind = { Esp: 1, Ah: 2, NatT: 3 } as const;

// An association's own words.
const PACKETS = 0;
const READABLE = 1;
const FIRST_SEQUENCE = 2;
const LAST_SEQUENCE = 3;
/** Which of the 32 sequence numbers up to the highest were seen, as the window against replay has it (RFC 4303 section 3.4.3). */
const WINDOW = 4;
const MAX_OUTER = 5;
const MAX_INNER = 6;
const OVERHEAD = 7;
const OUTSIDE = 8;
const RESIDUES = 9;
const CHANGES = 10;
const LENGTH = 11;
const FRAGMENTS = 12;
const FRAGMENTED = 13;
const HOLDS = 14;
/** IP version, and a bit for each `Direction` above. */
const VERSION = 15;
const SERIAL = 16;
const INSIDE = 17;
const BYTES = 18;
const FIRST = 20;
const LAST = FIRST + STAMP_WORDS;
const FIRST_FRAGMENT = LAST + STAMP_WORDS;
const LAST_FRAGMENT = FIRST_FRAGMENT + STAMP_WORDS;
const MAX_FRAGMENT = LAST_FRAGMENT + STAMP_WORDS;
const SIGHTED = MAX_FRAGMENT + 1;
const OWN = SIGHTED + 1;

const WINDOW_SIZE = 32;
const DIRECTION_SHIFT = 4;
/** What is farther behind is no late packet: its sender counts anew. */
const FAR_BEHIND = 10_000;
const CIPHER_BLOCK = 16;
const ECHO_REQUEST = 8;
const ECHO_REQUEST_V6 = 128;

/** Follows ESP and AH by SPI, and joins the two directions. */
export class AssociationTracker {
  private readonly table: Table;
  private readonly silent: SilenceTracker;
  private readonly outerFragments: OuterFragments | undefined;
  /** Of the packet that was observed last, for what is found inside of it: NONE where it was a copy. */
  private current = NONE;
  private currentRun = 0;
  /** The same, copies too. */
  private last = NONE;
  private serial = 0;
  /** Of what is known; the list is made again where it has changed. */
  private version = 0;
  private listedVersion = -1;
  private listed: readonly SecurityAssociation[] = [];

  /**
   * @param outerFragments remembers whose first fragment was seen
   * @param leave an association was silent for a day, or has to make room
   */
  constructor(clock: Clock, outerFragments?: OuterFragments, leave?: (association: () => SecurityAssociation) => void) {
    this.outerFragments = outerFragments;
    const gone = leave && ((id: number): void => leave(() => this.make(id)));
    this.table = new Table({ words: WORDS, own: OWN, limit: MOST_ASSOCIATIONS, idleSec: DAY_SEC, clock, ...(gone ? { leave: gone } : {}) });
    this.silent = new SilenceTracker(clock);
  }

  get size(): number {
    return this.table.size + this.silent.size;
  }

  get evicted(): number {
    return this.table.evicted + this.silent.evicted;
  }

  /** In the order in which they were seen first. */
  get list(): readonly SecurityAssociation[] {
    if (this.listedVersion !== this.version) {
      this.listedVersion = this.version;
      this.listed = joined(this.table.ids().map((id) => this.make(id)));
    }
    return this.listed;
  }

  /** Who sent for long and heard nothing. Allocates. */
  get silences(): readonly Silence[] {
    return this.silent.list;
  }

  /** ESP for `destination` that came from another address than `expected` between two times, and to which nothing went back. */
  heardFromElsewhere(destination: string, expected: string, from: number, to: number): { source: string; first: Stamp } | undefined {
    return this.silent.heardFromElsewhere(destination, expected, from, to);
  }

  /** A layer with ESP (`packet.espAt`) or AH (`packet.ahAt`). @param outside octets of the tunnels outside of the IP header @param inside the tunnel around it, as `TunnelTracker.around` gives it */
  observe(packet: Packet, outside = 0, inside = 0): void {
    const { espAt, ahAt, view } = packet;
    this.current = NONE;
    if (ahAt >= 0 && packet.has('ah', ahAt, AH_SEQUENCE + 4))
      this.count(packet, Kind.Ah, view.getInt32(ahAt + AH_SPI), view.getUint32(ahAt + AH_SEQUENCE), outside, inside);
    if (espAt >= 0)
      this.count(
        packet,
        packet.transport === IpProtocol.Udp ? Kind.NatT : Kind.Esp,
        view.getInt32(espAt),
        view.getUint32(espAt + 4),
        outside,
        inside,
      );
  }

  /** What is inside of the packet that was observed last. @param overhead octets around it, with the tunnels outside */
  observeInner(packet: Packet, length: number, overhead: number): void {
    const { current, table } = this;
    if (current === NONE) return;
    const { words } = table;
    const own = table.ownOf(current);
    words[own + READABLE] = (words[own + READABLE] ?? 0) + 1;
    words[own + HOLDS] = (words[own + HOLDS] ?? 0) | holdOf(packet);
    if (length > (words[own + MAX_INNER] ?? 0)) words[own + MAX_INNER] = length;
    if (overhead > (words[own + OVERHEAD] ?? 0)) words[own + OVERHEAD] = overhead;
    this.silent.observeInner(this.currentRun, needsAnswer(packet), packet);
    this.current = NONE;
  }

  /** The association of the packet that was observed last, as a number that `named` knows. */
  get latest(): number {
    return this.last === NONE ? 0 : this.placeOf(this.last) + 1;
  }

  /** The association of such a number; null where it is not known any more. */
  named(place: number): TunnelName | null {
    const { table } = this;
    const id = (place - 1) & (table.limit - 1);
    if (this.placeOf(id) !== place - 1) return null;
    const { protocol, source, destination, spi } = this.make(id);
    return { protocol, a: source, b: destination, id: spi, isCall: false };
  }

  /** A later fragment of a packet of an association. @param place serial and id, as it was given to `OuterFragments` without the lowest bit */
  observeFragment(place: number, packet: Packet): void {
    const { table } = this;
    const id = place & (table.limit - 1);
    const own = table.ownOf(id);
    const { words, doubles } = table;
    if ((words[own + SERIAL] ?? 0) !== ((place / table.limit) | 0)) return;
    this.version++;
    words[own + FRAGMENTS] = (words[own + FRAGMENTS] ?? 0) + 1;
    doubles[(own + BYTES) >> 1] = (doubles[(own + BYTES) >> 1] ?? 0) + wireLength(packet);
    writeStamp(table, own + LAST, packet);
    writeStamp(table, own + LAST_FRAGMENT, packet);
    const whole = datagramLength(packet);
    if (!packet.moreFragments && whole > (words[own + MAX_OUTER] ?? 0)) words[own + MAX_OUTER] = whole;
  }

  expire(): void {
    const before = this.table.size;
    this.table.expire();
    if (this.table.size !== before) this.version++;
    this.silent.expire();
  }

  /** What was known is forgotten, without a word. */
  reset(): void {
    for (const id of this.table.ids()) this.table.remove(id);
    this.silent.reset();
    this.current = NONE;
    this.last = NONE;
    this.version++;
  }

  /** Serial and id as one number: an id alone may be another association's by now. */
  private placeOf(id: number): number {
    const { table } = this;
    return (table.words[table.ownOf(id) + SERIAL] ?? 0) * table.limit + id;
  }

  private count(packet: Packet, kind: number, spi: number, sequence: number, outside: number, inside: number): void {
    const { table } = this;
    const { key } = table;
    writeAddress(key, 0, packet, true);
    writeAddress(key, 4, packet, false);
    key[SPI] = spi;
    key[PATH] = packet.path;
    key[KIND] = kind;
    key[PORTS] = kind === Kind.NatT ? (packet.sourcePort << 16) | packet.destinationPort : 0;
    let id = table.touch();
    const isNew = id === NONE;
    if (isNew) id = table.add();
    const { words, doubles } = table;
    const own = table.ownOf(id);
    if (isNew) {
      this.serial = (this.serial + 1) % SERIALS;
      words[own + SERIAL] = this.serial;
      words[own + FIRST_SEQUENCE] = sequence | 0;
      words[own + LAST_SEQUENCE] = sequence | 0;
      words[own + WINDOW] = 1;
      words[own + VERSION] = packet.version;
      words[own + OUTSIDE] = outside;
      words[own + INSIDE] = inside;
      writeStamp(table, own + FIRST, packet);
    }
    this.last = id;
    words[own + SIGHTED] = (words[own + SIGHTED] ?? 0) | sightingOf(packet);
    if (!isNew && this.isCopy(own, sequence)) return;
    const length = wireLength(packet);
    this.version++;
    words[own + PACKETS] = (words[own + PACKETS] ?? 0) + 1;
    words[own + VERSION] = (words[own + VERSION] ?? 0) | (1 << (DIRECTION_SHIFT + packet.direction));
    doubles[(own + BYTES) >> 1] = (doubles[(own + BYTES) >> 1] ?? 0) + length;
    if (length > (words[own + MAX_OUTER] ?? 0)) words[own + MAX_OUTER] = length;
    writeStamp(table, own + LAST, packet);
    if (packet.moreFragments) {
      words[own + FRAGMENTS] = (words[own + FRAGMENTS] ?? 0) + 1;
      words[own + FRAGMENTED] = (words[own + FRAGMENTED] ?? 0) + 1;
      if (words[own + MAX_FRAGMENT] === 0) writeStamp(table, own + FIRST_FRAGMENT, packet);
      if (length > (words[own + MAX_FRAGMENT] ?? 0)) words[own + MAX_FRAGMENT] = length;
      writeStamp(table, own + LAST_FRAGMENT, packet);
      this.outerFragments?.begin(packet, this.placeOf(id) * 2 + 1);
    } else if (kind !== Kind.Ah) {
      const payload = packet.end - packet.espAt;
      words[own + RESIDUES] = (words[own + RESIDUES] ?? 0) | (1 << (payload % CIPHER_BLOCK));
      if (payload !== words[own + LENGTH]) words[own + CHANGES] = (words[own + CHANGES] ?? 0) + 1;
      words[own + LENGTH] = payload;
    }
    this.current = id;
    this.currentRun = this.silent.observe(packet, spi, sequence);
  }

  /** By its sequence number; notes it. */
  private isCopy(own: number, sequence: number): boolean {
    const { words } = this.table;
    const highest = (words[own + LAST_SEQUENCE] ?? 0) >>> 0;
    const ahead = sequence - highest;
    if (ahead > 0) {
      words[own + WINDOW] = ahead < WINDOW_SIZE ? ((words[own + WINDOW] ?? 0) << ahead) | 1 : 1;
      words[own + LAST_SEQUENCE] = sequence | 0;
      return false;
    }
    if (-ahead > FAR_BEHIND) {
      words[own + WINDOW] = 1;
      words[own + LAST_SEQUENCE] = sequence | 0;
      return false;
    }
    if (-ahead >= WINDOW_SIZE) return false;
    const bit = 1 << -ahead;
    if ((words[own + WINDOW] ?? 0) & bit) return true;
    words[own + WINDOW] = (words[own + WINDOW] ?? 0) | bit;
    if (sequence < (words[own + FIRST_SEQUENCE] ?? 0) >>> 0) words[own + FIRST_SEQUENCE] = sequence | 0;
    return false;
  }

  private make(id: number): SecurityAssociation {
    const { table } = this;
    const { words } = table;
    const own = table.ownOf(id);
    const word = (i: number): number => words[own + i] ?? 0;
    for (let i = 0; i < SPI; i++) ADDRESSES[i] = table.keyWord(id, i);
    const kind = table.keyWord(id, KIND);
    const ports = table.keyWord(id, PORTS);
    const hasPorts = kind === Kind.NatT;
    const directions = word(VERSION) >>> DIRECTION_SHIFT;
    return {
      protocol: kind === Kind.Esp ? 'esp' : kind === Kind.Ah ? 'ah' : 'nat-t',
      spi: table.keyWord(id, SPI) >>> 0,
      source: { ip: addressText(ADDRESSES, 0), port: hasPorts ? ports >>> 16 : null },
      destination: { ip: addressText(ADDRESSES, 4), port: hasPorts ? ports & 0xffff : null },
      path: table.keyWord(id, PATH),
      inside: word(INSIDE),
      over: (word(VERSION) & 15) === 4 ? 4 : 6,
      packets: word(PACKETS),
      bytes: table.doubles[(own + BYTES) >> 1] ?? 0,
      maxOuter: word(MAX_OUTER),
      maxInner: word(MAX_INNER) || null,
      overhead: word(OVERHEAD),
      overheadOutside: word(OUTSIDE),
      residues: word(RESIDUES),
      lengthChanges: word(CHANGES),
      fragments: word(FRAGMENTS),
      fragmented: word(FRAGMENTED),
      maxFragment: word(MAX_FRAGMENT),
      firstFragment: word(MAX_FRAGMENT) > 0 ? readStamp(table, own + FIRST_FRAGMENT) : null,
      lastFragment: word(MAX_FRAGMENT) > 0 ? readStamp(table, own + LAST_FRAGMENT) : null,
      holds: word(HOLDS),
      firstSequence: word(FIRST_SEQUENCE) >>> 0,
      lastSequence: word(LAST_SEQUENCE) >>> 0,
      readable: word(READABLE),
      sighted: word(SIGHTED),
      pair: null,
      direction: directions === 1 << Direction.In ? Direction.In : directions === 1 << Direction.Out ? Direction.Out : Direction.Unknown,
      first: readStamp(table, own + FIRST),
      last: readStamp(table, own + LAST),
    };
  }
}

const AH_SPI = 4;
const AH_SEQUENCE = 8;
const SERIALS = 4096;
const ADDRESSES = new Int32Array(8);

/** TCP is acknowledged, and echo requests are echoed; of other things nobody knows. */
function needsAnswer({ transport, icmpType }: Packet): boolean {
  if (transport === IpProtocol.Tcp) return true;
  return (transport === IpProtocol.Icmp && icmpType === ECHO_REQUEST) || (transport === IpProtocol.Icmpv6 && icmpType === ECHO_REQUEST_V6);
}

/**
 * Joins each association with the one of the way back that began most nearly at the same time. Where two come into question for one, or the times are
 * far apart though there are several, nobody can tell.
 */
function joined(associations: readonly SecurityAssociation[]): readonly SecurityAssociation[] {
  const ways = new Map<string, Way>();
  for (const each of associations) {
    const key = wayOf(each);
    const way = ways.get(key) ?? new Way();
    ways.set(key, way);
    way.associations.push(each);
  }
  for (const way of ways.values()) way.sort();
  for (const [key, forth] of ways) {
    const [one] = forth.associations;
    const back = one && ways.get(wayOf({ ...one, source: one.destination, destination: one.source }));
    if (!one || !back || wayOf(back.associations[0] ?? one) < key) continue;
    for (const each of forth.associations) {
      const partner = back.nearest(each);
      if (!partner || partner.pair || forth.nearest(partner) !== each) continue;
      each.pair = partner;
      partner.pair = each;
    }
  }
  return associations;
}

const wayOf = ({ protocol, source, destination, path }: SecurityAssociation): string =>
  `${protocol} ${source.ip} ${source.port} ${destination.ip} ${destination.port} ${path}`;

/** The associations of one direction between two ends. There may be thousands: what is near is looked for among its neighbours in time. */
class Way {
  readonly associations: SecurityAssociation[] = [];
  /** Of each, the latest time at which it or one before it was in use. */
  private readonly lasts: number[] = [];

  /** By the time of the first packet, once all are there. */
  sort(): void {
    this.associations.sort((a, b) => a.first.at - b.first.at);
    for (const { last } of this.associations) this.lasts.push(Math.max(last.at, this.lasts.at(-1) ?? last.at));
  }

  /** The one that began most nearly at the same time as one of the other direction, and was in use together with it; undefined where two are about as near. */
  nearest({ first, last }: SecurityAssociation): SecurityAssociation | undefined {
    const { associations, lasts } = this;
    let after = this.firstFrom(first.at);
    let before = after - 1;
    let best: SecurityAssociation | undefined;
    let nearestSec = Number.POSITIVE_INFINITY;
    for (;;) {
      const earlier = (lasts[before] ?? Number.NEGATIVE_INFINITY) >= first.at - TOGETHER_SEC ? associations[before] : undefined;
      const later = (associations[after]?.first.at ?? Number.POSITIVE_INFINITY) <= last.at + TOGETHER_SEC ? associations[after] : undefined;
      const earlierSec = earlier ? first.at - earlier.first.at : Number.POSITIVE_INFINITY;
      const laterSec = later ? later.first.at - first.at : Number.POSITIVE_INFINITY;
      const next = earlierSec < laterSec ? earlier : later;
      const apartSec = Math.min(earlierSec, laterSec);
      if (!next || apartSec - nearestSec >= AMBIGUOUS_SEC) return best;
      if (next === earlier) before--;
      else after++;
      if (next.last.at < first.at - TOGETHER_SEC) continue;
      if (best) return undefined;
      best = next;
      nearestSec = apartSec;
    }
  }

  /** Place of the first one that began at `at` or later. */
  private firstFrom(at: number): number {
    let [low, high] = [0, this.associations.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.associations[middle]?.first.at ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Two pairs of associations that begin so close to each other cannot be told apart. */
const AMBIGUOUS_SEC = 0.5;
