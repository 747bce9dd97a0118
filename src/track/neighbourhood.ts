import { Direction } from '../frame.ts';
import { areSameWords, type IpWords, ipWords } from '../net/ip.ts';
import type { Mac } from '../net/mac.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import { appended } from './appended.ts';
import { ByMac } from './by-mac.ts';
import { addEvidence, answeredTogether, atHost, countRounds, unpadded } from './double-answers.ts';
import { Evidence } from './evidence.ts';
import { askerText, type Exchange, isOwnReply, neighbourText, type Reply } from './exchange.ts';
import { Hearing } from './hearing.ts';
import { Holdings } from './holdings.ts';
import type { InterfaceName } from './interfaces.ts';
import { absorb, absorbStation, answeredBy, MOST_CLAIMS, MOST_NAMED, MOST_RUNS, named, newAskedWith, newClaim } from './neighbour-facts.ts';
import { ObjectTable } from './object-table.ts';
import type { Stamp } from './stamp.ts';

const MOST_ADDRESSES = 8192;
/** Segment, protocol, the address's four words. */
const ADDRESS_WORDS = 6;
const MOST_STATIONS = 8192;
/** Segment, and the MAC in two words. */
const STATION_WORDS = 3;
const MOST_ASKERS = 4;
const MOST_REQUESTS = 4;
/** Unasked claims that are repeated come sooner than this after one another. */
export const CLAIM_ROW_SEC = 10;
/** Unasked claims of one MAC after which it is watched. */
const SUSPICIOUS = 2;

/** How a MAC came to be connected with an address. */
export type ClaimKind = 'answer' | 'announcement' | 'unsolicited';

/** Where an address is asked for: the protocol that asks, the segment, and the tunnels around it. */
export interface Place {
  protocol: Exchange['protocol'];
  segment: number;
  path: number;
}

/** One MAC that answers for an address, or says that it has it. */
export interface Claim {
  mac: Mac;
  /** Answers to requests, in frames. */
  answers: number;
  /** Exchanges in which it answered first. */
  firstAnswers: number;
  /** Questions to all that it alone answered. */
  alone: number;
  /** Claims of any kind that left the capturing host itself, and those that came to it. */
  own: number;
  foreign: number;
  announcements: number;
  first: Stamp;
  last: Stamp;
  /** Of the answers alone; undefined where there was none. */
  firstAnswer: Stamp | undefined;
  lastAnswer: Stamp | undefined;
  latencyUsSum: number;
  /** Where its latest answer was seen. */
  interface: InterfaceName | null;
  /** The same as the station's, unless that has forgotten it. */
  answered: Answered | undefined;
}

/** An address that a station answered for, or announced, with the seconds of the first and the last time. */
export interface Answered {
  ip: string;
  first: number;
  last: number;
  /** The number of the station that has it; 0 once it has made room for another one. */
  station: number;
}

/** Consecutive claims of one MAC for an address. */
export interface Run {
  mac: Mac;
  first: Stamp;
  last: Stamp;
  /** It began with an announcement. */
  announced: boolean;
  /** Longest time between two claims, in seconds. */
  gapMost: number;
  /** The first few MACs that it answered, and the last one. */
  askers: Mac[];
}

/** Exchanges of one address that were answered by several MACs. */
export interface Doubles {
  exchanges: number;
  /** Requests to all that several MACs answered, and in how many of them each MAC came first. */
  rounds: number;
  ranks: Map<Mac, number>;
  /** Seconds between the first and the second answer of a round. */
  gapMost: number;
  gapSum: number;
  macs: Set<Mac>;
  /** Those that insist on their answer (NDP's override flag; always in ARP). */
  overriding: Set<Mac>;
  first: Stamp;
  last: Stamp;
  /** The capturing host itself answered by several of its interfaces: seen in one exchange. */
  atHost: { exchange: Exchange; replies: [Reply, Reply] } | undefined;
  /** The capturing host answered, and so did another one. */
  ownAndForeign: { exchange: Exchange; own: Reply; foreign: Reply } | undefined;
  /** One answer was seen as a host sees its own frames, unpadded, the other one as from the wire. */
  unpadded: { exchange: Exchange; own: Reply; foreign: Reply } | undefined;
  evidence: Evidence;
}

/** A MAC that asks with an address as its sender, without ever answering for it (yet). */
export interface AskedWith {
  mac: Mac;
  exchanges: number;
  /** Its first requests, and the last one. */
  requests: Stamp[];
  first: Stamp;
  last: Stamp;
  targets: string[];
  latestTarget: string;
  /** Exchanges in which an answer was seen: what waited for it passes there, too. */
  answered: number;
  /** The number of the station that counts the address among those that it asks with. */
  station: number;
  /** Of the latest request; the interface is that of a request that left the capturing host, if any did. */
  interface: InterfaceName | null;
  out: boolean;
}

export interface ClaimRow {
  count: number;
  first: number;
  last: number;
}

/** Answers that nobody asked for, by one MAC. */
export interface Unsolicited {
  mac: Mac;
  count: number;
  first: Stamp;
  last: Stamp;
  /** The row under way, in which none is long after the one before, and the longest one: how many, and the seconds of its first and last. */
  row: ClaimRow;
  longest: ClaimRow;
  /** IPs to which they went. */
  targets: Set<string>;
  evidence: Evidence;
}

/** The capturing host asked who else has an address of its own (RFC 5227 sections 2.1 and 2.3), and another host answered. */
export interface Contested {
  question: Stamp;
  answer: Stamp;
  mac: Mac;
}

/** Requests for an address that nobody answered. */
export interface Unanswered {
  exchanges: number;
  requests: number;
  first: Stamp;
  /** The third request, as far as each is kept. */
  third: Stamp | undefined;
  last: Stamp;
  askers: Map<Mac, { ip: string | null; exchanges: number; requests: number; own: boolean }>;
  evidence: Evidence;
}

/** An address on a segment: who answers for it, who says that it has it, who asks with it. */
export class Address {
  readonly ip: string;
  readonly words: IpWords;
  readonly protocol: Exchange['protocol'];
  segment: number;
  readonly path: number;
  /** Exchanges with a question for it, whether or not they were answered; announcements apart. */
  requests = 0;
  readonly claims = new ByMac<Claim>();
  runs: Run[] = [];
  doubles: Doubles | undefined;
  /** Every host asks with its own address, few with anything else: what follows is made when it is needed. */
  askedWith: ByMac<AskedWith> | undefined;
  unsolicited: Map<Mac, Unsolicited> | undefined;
  unanswered: Unanswered | undefined;
  contested: Contested | undefined;
  /** The capturing host itself asked for it, as for any neighbour: it does not have it, whatever it answers for others (proxy ARP). */
  soughtByHost = false;

  constructor(words: IpWords, protocol: Exchange['protocol'], segment: number, path: number) {
    this.ip = neighbourText(protocol, words);
    this.words = words;
    this.protocol = protocol;
    this.segment = segment;
    this.path = path;
  }
}

/** A MAC on a segment. */
export interface Station {
  mac: Mac;
  /** No other station has had it. */
  number: number;
  answered: Answered[];
  /** Addresses that it asked with. */
  askedWith: string[];
  /** It got an answer to something it asked: what it asks is answered within view. */
  answeredExchanges: number;
  /** Different addresses that it asked for and that nobody answered, as far as they were counted. */
  unansweredTargets: string[];
  /** What it sent came in at the capturing host: it is another machine, or one that this host is a bridge for. */
  comesIn: boolean;
}

/** What a segment's questions and answers for addresses show, in bounded memory. */
export class Neighbourhood {
  private readonly addresses: ObjectTable<Address>;
  /** Counts how often a MAC turned out to have an address: for what waits for that. */
  news = 0;
  /** Whose answers pass where the capture was taken. */
  readonly hearing: Hearing;
  private readonly stations = new ObjectTable<Station>(STATION_WORDS, MOST_STATIONS);
  private stationsMet = 0;
  /** Which addresses a MAC answers for, announces or asks with. */
  readonly holdings = new Holdings();
  /** What happens now is taken back: nothing is learned from it. */
  private isTrial = false;
  /** Whether frames with this link-layer source left the capturing host. */
  private readonly isOwnMac: (mac: Mac) => boolean;
  /** A MAC repeatedly claims, unasked, what another one has: perhaps traffic passes through it. */
  private readonly suspect: (mac: Mac) => void;

  constructor(isOwnMac: (mac: Mac) => boolean, suspect: (mac: Mac) => void) {
    this.isOwnMac = isOwnMac;
    this.hearing = new Hearing(isOwnMac);
    this.suspect = suspect;
    this.addresses = new ObjectTable(ADDRESS_WORDS, MOST_ADDRESSES, (address) => this.holdings.removeAll(address));
  }

  get size(): number {
    return this.addresses.size + this.stations.size;
  }

  get evicted(): number {
    return this.addresses.evicted + this.stations.evicted;
  }

  get list(): Address[] {
    return this.addresses.list;
  }

  get stationList(): Station[] {
    return this.stations.list;
  }

  addressOf(segment: number, protocol: Exchange['protocol'], ip: string): Address | undefined {
    this.keyAddress(segment, protocol, ipWords(ip));
    return this.addresses.get();
  }

  stationOf(segment: number, mac: Mac): Station | undefined {
    this.keyStation(segment, mac);
    return this.stations.get();
  }

  /** Whether anybody else is on the segment. */
  hasOtherStation(segment: number, mac: Mac): boolean {
    this.keyStation(segment, mac);
    return this.stations.hasOtherWith(segment);
  }

  /**
   * A MAC answered for an address, or announced it. Called when it happens.
   * @param asker whom it answered; undefined where it answered nobody
   */
  claim(place: Place, ip: IpWords, mac: Mac, kind: ClaimKind, stamp: Stamp, direction: number, asker?: Mac): void {
    const { segment, path, protocol } = place;
    const address = this.address(segment, path, protocol, ip);
    let claim = address.claims.get(mac);
    if (!claim) {
      // So many MACs for one address are forged; the first ones tell the story.
      if (address.claims.size >= MOST_CLAIMS) return;
      claim = newClaim(mac, stamp);
      address.claims.set(claim);
    }
    claim.last = stamp;
    // It is there: what went unanswered before is over.
    address.unanswered = undefined;
    if (kind === 'announcement' && claim.announcements++ === 0) this.has(mac, address);
    if (direction === Direction.Out) claim.own++;
    else if (direction === Direction.In) claim.foreign++;
    // An answer without its question may have been asked for where the capture does not look: it moves nothing.
    if (kind !== 'unsolicited') this.run(address, mac, kind, stamp, asker);
    if (kind === 'unsolicited') return;
    const station = this.station(segment, mac);
    if (claim.answered?.station !== station.number) claim.answered = answeredBy(station, address.ip, stamp.at);
    claim.answered.last = stamp.at;
    station.comesIn ||= direction === Direction.In;
  }

  /** An exchange is over. */
  close(exchange: Exchange): void {
    const { segment, path, protocol, targetIp, askerMac, askerIp, replies, kind } = exchange;
    const address = this.address(segment, path, protocol, targetIp);
    const station = this.station(segment, askerMac);
    const isOfOwn = askerIp !== null && areSameWords(askerIp, targetIp);
    station.comesIn ||= exchange.direction === Direction.In;
    if (kind !== 'announcement') address.requests++;
    if (kind === 'request' && exchange.direction === Direction.Out && !isOfOwn) address.soughtByHost = true;
    this.countAnswers(address, exchange);
    if (kind === 'request' && askerIp !== null && !isOfOwn) this.askedWith(exchange, station, askerIp, address.ip);
    for (const { mac } of replies) this.hearing.heard(segment, askerMac, mac);
    if (replies.length > 0) station.answeredExchanges++;
    else if (kind === 'request' && !isOfOwn) this.unanswered(address, station, exchange);
    const together = answeredTogether(exchange);
    if (together.length > 0) this.double(address, exchange, together);
    if (kind !== 'request') address.contested ??= this.contested(exchange);
  }

  /**
   * Calls `judge` as if these exchanges were over: an address that is asked for every second keeps one open for as long. Afterwards what they touched is as it
   * was: until then copies stand in its place.
   */
  asIfOver(exchanges: readonly Exchange[], judge: () => void): void {
    const undo: (() => void)[] = [this.hearing.remember()];
    for (const exchange of exchanges) {
      // Nothing may be pushed out by what is taken back.
      if (!this.haveRoomFor(exchange)) continue;
      const { segment, protocol, targetIp, askerMac, askerIp } = exchange;
      for (const ip of askerIp ? [targetIp, askerIp] : [targetIp]) {
        this.keyAddress(segment, protocol, ip);
        undo.push(this.addresses.standIn());
      }
      this.keyStation(segment, askerMac);
      undo.push(this.stations.standIn());
      this.isTrial = true;
      this.close(exchange);
      this.isTrial = false;
    }
    judge();
    for (const each of undo.reverse()) each();
  }

  /** An answer that belongs to no open exchange. */
  unsolicited({ segment, path, protocol }: Place, ip: IpWords, mac: Mac, to: string | null, stamp: Stamp): void {
    const address = this.address(segment, path, protocol, ip);
    address.unsolicited ??= new Map();
    let found = address.unsolicited.get(mac);
    if (!found) {
      const row = { count: 0, first: stamp.at, last: stamp.at };
      found = { mac, count: 0, first: stamp, last: stamp, row, longest: row, targets: new Set(), evidence: new Evidence() };
      if (address.unsolicited.size < MOST_NAMED) address.unsolicited.set(mac, found);
    }
    if (stamp.at - found.row.last > CLAIM_ROW_SEC) found.row = { count: 0, first: stamp.at, last: stamp.at };
    found.count++;
    found.row.count++;
    found.row.last = stamp.at;
    if (found.row.count > found.longest.count) found.longest = found.row;
    found.last = stamp;
    if (to !== null && found.targets.size < MOST_NAMED) found.targets.add(to);
    found.evidence.add('unsolicited-answer', stamp);
    if (found.count >= SUSPICIOUS && [...address.claims.keys()].some((each) => each !== mac)) this.suspect(mac);
  }

  /** Forgets everything: the capture's time starts anew. */
  reset(): void {
    this.addresses.clear();
    this.holdings.clear();
    this.stations.clear();
    this.hearing.clear();
  }

  /** Segments were joined: what is known of `absorbed` belongs to `kept`. Happens at their first common broadcast, when little is known. */
  join(kept: number, absorbed: number): void {
    this.addresses.rename(
      absorbed,
      kept,
      (address) => {
        address.segment = kept;
      },
      (existing, address) => {
        this.holdings.removeAll(address);
        absorb(existing, address);
        this.holdings.addAll(existing);
      },
    );
    this.hearing.join(kept, absorbed);
    this.stations.rename(absorbed, kept, () => {}, absorbStation);
  }

  private haveRoomFor({ segment, protocol, targetIp, askerMac, askerIp }: Exchange): boolean {
    this.keyStation(segment, askerMac);
    if (!this.stations.hasRoom) return false;
    return (askerIp ? [targetIp, askerIp] : [targetIp]).every((ip) => {
      this.keyAddress(segment, protocol, ip);
      return this.addresses.hasRoom;
    });
  }

  private keyAddress(segment: number, protocol: Exchange['protocol'], ip: IpWords): void {
    const { key } = this.addresses;
    key[0] = segment;
    key[1] = protocol === 'arp' ? 0 : 1;
    key[2] = ip[0];
    key[3] = ip[1];
    key[4] = ip[2];
    key[5] = ip[3];
  }

  private keyStation(segment: number, mac: Mac): void {
    const { key } = this.stations;
    key[0] = segment;
    key[1] = Math.floor(mac / 2 ** 32);
    key[2] = mac | 0;
  }

  private address(segment: number, path: number, protocol: Exchange['protocol'], ip: IpWords): Address {
    this.keyAddress(segment, protocol, ip);
    const known = this.addresses.use();
    if (known) return known;
    const address = new Address(ip, protocol, segment, path);
    this.addresses.add(address);
    return address;
  }

  private station(segment: number, mac: Mac): Station {
    this.keyStation(segment, mac);
    const known = this.stations.use();
    if (known) return known;
    const station: Station = {
      mac,
      number: ++this.stationsMet,
      answered: [],
      askedWith: [],
      answeredExchanges: 0,
      unansweredTargets: [],
      comesIn: false,
    };
    this.stations.add(station);
    return station;
  }

  /** The MAC answered for the address, or announced it, for the first time. */
  private has(mac: Mac, address: Address): void {
    this.news++;
    if (!this.isTrial) this.holdings.add(mac, address);
  }

  private run(address: Address, mac: Mac, kind: ClaimKind, stamp: Stamp, asker: Mac | undefined): void {
    let last = address.runs.at(-1);
    if (last?.mac === mac) {
      last.gapMost = Math.max(last.gapMost, stamp.at - last.last.at);
      last.last = stamp;
    } else {
      // The first runs and the latest ones are kept.
      if (address.runs.length >= MOST_RUNS) address.runs.splice(MOST_RUNS / 2, 1);
      last = { mac, first: stamp, last: stamp, announced: kind !== 'answer', gapMost: 0, askers: asker === undefined ? [] : [asker] };
      address.runs = appended(address.runs, last);
    }
    if (asker !== undefined && !last.askers.includes(asker)) last.askers[Math.min(last.askers.length, MOST_ASKERS - 1)] = asker;
  }

  private countAnswers(address: Address, { replies, broadcast }: Exchange): void {
    const [only] = replies;
    for (const reply of replies) {
      const claim = address.claims.get(reply.mac);
      if (!claim) continue;
      if (reply === only) claim.firstAnswers++;
      if (claim.answers++ === 0) this.has(reply.mac, address);
      claim.firstAnswer ??= reply.stamp;
      claim.lastAnswer = reply.stamp;
      claim.latencyUsSum += reply.latencyUs;
      claim.interface = reply.interface;
    }
    const alone = broadcast && only && replies.every(({ mac }) => mac === only.mac) ? address.claims.get(only.mac) : undefined;
    if (alone) alone.alone++;
  }

  private askedWith(exchange: Exchange, station: Station, ip: IpWords, target: string): void {
    const { segment, path, protocol, askerMac } = exchange;
    // One that is new is used from its first question on: it does not make room before others were.
    if (station.askedWith.length === 0) this.station(segment, askerMac);
    const address = this.address(segment, path, protocol, ip);
    address.askedWith ??= new ByMac();
    let found = address.askedWith.get(askerMac);
    if (!found) {
      found = newAskedWith(exchange);
      if (address.askedWith.size < MOST_NAMED) {
        address.askedWith.set(found);
        if (!this.isTrial) this.holdings.add(askerMac, address);
      }
    }
    if (found.station !== station.number) {
      found.station = station.number;
      station.askedWith = named(station.askedWith, address.ip);
    }
    found.exchanges++;
    if (exchange.replies.length > 0) found.answered++;
    found.last = exchange.lastRequest;
    if (found.exchanges <= MOST_REQUESTS) found.requests = appended(found.requests, exchange.first);
    // Nearly always its gateway, again.
    if (found.latestTarget !== target) found.targets = named(found.targets, target);
    found.latestTarget = target;
    if (exchange.direction === Direction.Out || !found.out) found.interface = exchange.interface;
    found.out ||= exchange.direction === Direction.Out;
  }

  private unanswered(address: Address, station: Station, exchange: Exchange): void {
    station.unansweredTargets = named(station.unansweredTargets, address.ip);
    address.unanswered ??= {
      exchanges: 0,
      requests: 0,
      first: exchange.first,
      third: undefined,
      last: exchange.lastRequest,
      askers: new Map(),
      evidence: new Evidence(),
    };
    const found = address.unanswered;
    const stamps = [exchange.first, ...exchange.repeats, ...(exchange.requests > 1 ? [exchange.lastRequest] : [])];
    if (found.requests < 3) found.third ??= stamps[2 - found.requests];
    found.exchanges++;
    found.requests += exchange.requests;
    found.last = exchange.lastRequest;
    for (const stamp of stamps) found.evidence.add('request', stamp);
    const own = exchange.direction === Direction.Out;
    const asker = found.askers.get(exchange.askerMac) ?? { ip: askerText(exchange), exchanges: 0, requests: 0, own };
    asker.exchanges++;
    asker.requests += exchange.requests;
    if (found.askers.size < MOST_NAMED || found.askers.has(exchange.askerMac)) found.askers.set(exchange.askerMac, asker);
  }

  private double(address: Address, exchange: Exchange, replies: readonly Reply[]): void {
    address.doubles ??= {
      exchanges: 0,
      rounds: 0,
      ranks: new Map(),
      gapMost: 0,
      gapSum: 0,
      macs: new Set(),
      overriding: new Set(),
      first: exchange.first,
      last: exchange.lastRequest,
      atHost: undefined,
      ownAndForeign: undefined,
      unpadded: undefined,
      evidence: new Evidence(),
    };
    const doubles = address.doubles;
    doubles.exchanges++;
    doubles.last = exchange.lastRequest;
    for (const { mac } of replies) if (doubles.macs.size < MOST_NAMED) doubles.macs.add(mac);
    if (exchange.kind === 'announcement' && doubles.macs.size < MOST_NAMED) doubles.macs.add(exchange.askerMac);
    for (const { mac, override } of replies) if (override && doubles.macs.has(mac)) doubles.overriding.add(mac);
    if (exchange.broadcast) countRounds(doubles, replies);
    doubles.atHost ??= atHost(exchange, replies);
    doubles.ownAndForeign ??= this.ownAndForeign(exchange, replies);
    doubles.unpadded ??= unpadded(exchange, replies);
    addEvidence(doubles.evidence, exchange, replies);
  }

  private ownAndForeign(exchange: Exchange, replies: readonly Reply[]): Doubles['ownAndForeign'] {
    const own = replies.find(isOwnReply);
    const foreign = replies.find((reply) => this.isForeign(reply));
    return own && foreign && virtualMac(own.mac) === undefined ? { exchange, own, foreign } : undefined;
  }

  private contested({ direction, first, replies }: Exchange): Contested | undefined {
    const answer = direction === Direction.Out ? replies.find((reply) => this.isForeign(reply)) : undefined;
    return answer && { question: first, answer: answer.stamp, mac: answer.mac };
  }

  /** It came to the capturing host, from another one. */
  private isForeign({ mac, direction }: Reply): boolean {
    return direction === Direction.In && !this.isOwnMac(mac) && virtualMac(mac) === undefined;
  }
}
