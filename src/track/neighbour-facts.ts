import type { Mac } from '../net/mac.ts';
import { appended } from './appended.ts';
import { ByMac } from './by-mac.ts';
import type { Exchange } from './exchange.ts';
import type { Address, Answered, AskedWith, Claim, Station } from './neighbourhood.ts';
import { compareStamps, type Stamp } from './stamp.ts';

/* What is known of an address or a station, in bounded memory, and how two of them become one where segments are joined. */

/** Addresses one MAC answers for: a proxy answers for whole networks. */
const MOST_ANSWERED = 512;
export const MOST_RUNS = 64;
export const MOST_CLAIMS = 256;
export const MOST_NAMED = 16;

/** The names with one more, unless it is there. A few are enough to tell who is meant; a set would cost more than they do. */
export const named = (names: string[], name: string): string[] =>
  names.length < MOST_NAMED && !names.includes(name) ? appended(names, name) : names;

export const newClaim = (mac: Mac, stamp: Stamp): Claim => ({
  mac,
  answers: 0,
  firstAnswers: 0,
  alone: 0,
  own: 0,
  foreign: 0,
  announcements: 0,
  first: stamp,
  last: stamp,
  firstAnswer: undefined,
  lastAnswer: undefined,
  latencyUsSum: 0,
  interface: null,
  answered: undefined,
});

export const newAskedWith = ({ askerMac, first, interface: name }: Exchange): AskedWith => ({
  mac: askerMac,
  exchanges: 0,
  requests: [],
  first,
  last: first,
  targets: [],
  latestTarget: '',
  answered: 0,
  station: 0,
  interface: name,
  out: false,
});

/** What the station has of the address, from now on if it has nothing: then the oldest makes room. */
export function answeredBy(station: Station, ip: string, at: number): Answered {
  const known = station.answered.find((each) => each.ip === ip);
  if (known) return known;
  const added = { ip, first: at, last: at, station: station.number };
  station.answered = appended(station.answered, added);
  const oldest = station.answered.length > MOST_ANSWERED ? station.answered.shift() : undefined;
  if (oldest) oldest.station = 0;
  return added;
}

/** What is known of `from` belongs to `into`. */
export function absorb(into: Address, from: Address): void {
  into.requests += from.requests;
  for (const claim of from.claims.values()) {
    const known = into.claims.get(claim.mac);
    if (!known) {
      if (into.claims.size < MOST_CLAIMS) into.claims.set(claim);
      continue;
    }
    known.answers += claim.answers;
    known.firstAnswers += claim.firstAnswers;
    known.alone += claim.alone;
    known.own += claim.own;
    known.foreign += claim.foreign;
    known.announcements += claim.announcements;
    known.first = compareStamps(claim.first, known.first) < 0 ? claim.first : known.first;
    known.last = compareStamps(claim.last, known.last) > 0 ? claim.last : known.last;
    known.firstAnswer ??= claim.firstAnswer;
    known.lastAnswer = claim.lastAnswer ?? known.lastAnswer;
    known.latencyUsSum += claim.latencyUsSum;
  }
  into.runs = [...into.runs, ...from.runs].sort((a, b) => compareStamps(a.first, b.first)).slice(-MOST_RUNS);
  into.doubles ??= from.doubles;
  into.askedWith = new ByMac([...(from.askedWith?.values() ?? []), ...(into.askedWith?.values() ?? [])]);
  into.unsolicited = new Map([...(from.unsolicited ?? []), ...(into.unsolicited ?? [])]);
  into.unanswered ??= from.unanswered;
  into.contested ??= from.contested;
  into.soughtByHost ||= from.soughtByHost;
}

export function absorbStation(into: Station, from: Station): void {
  for (const each of from.answered) {
    if (into.answered.length >= MOST_ANSWERED || into.answered.some(({ ip }) => ip === each.ip)) each.station = 0;
    else into.answered = appended(into.answered, each);
    if (each.station !== 0) each.station = into.number;
  }
  for (const ip of from.askedWith) into.askedWith = named(into.askedWith, ip);
  into.answeredExchanges += from.answeredExchanges;
  for (const ip of from.unansweredTargets) into.unansweredTargets = named(into.unansweredTargets, ip);
  into.comesIn ||= from.comesIn;
}
