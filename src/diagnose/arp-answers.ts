import { compareIps } from '../net/ip.ts';
import { type Mac, macText } from '../net/mac.ts';
import type { EvidenceFrame } from '../track/evidence.ts';
import { Evidence } from '../track/evidence.ts';
import type { InterfaceName } from '../track/interfaces.ts';
import type { Kinship } from '../track/kinship.ts';
import type { Address, Claim, Doubles, Station } from '../track/neighbourhood.ts';
import type { Stamp } from '../track/stamp.ts';
import type { RouterAdvertisement } from '../wire/redundancy.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import type { Knowledge } from './knowledge.ts';
import { type Relation, relationOf } from './one-machine.ts';

/** What was answered longer ago than this is history, not a second answer. */
export const KNOWLEDGE_SEC = 120;
/** A round's answers of one host follow each other within this. */
const CLOSE_SEC = 0.001;
const CLOSE_MOST_SEC = 0.01;
/** The same MAC comes first in at least this part of the rounds. */
const STEADY_SHARE = 0.8;
const STEADY_ROUNDS = 3;
/** A MAC that answers for at least this many addresses of others is a proxy. */
const PROXIED = 3;
/** Linux delays its proxy answers by up to 0.8 s (`proxy_delay`), other hosts answer within this. */
const PROXY_DELAY_SEC = 0.01;

/** One MAC's part, as findings show it. */
export interface MacAnswers {
  mac: string;
  answers: number;
  firstAnswers: number;
  interface: InterfaceName | null;
}

/** An address that several MACs answer for, with everything that tells why. */
export interface MultiAnswer {
  address: Address;
  doubles: Doubles;
  /** The claims of the MACs that answered together, the most frequent first answerer first. */
  claims: Claim[];
  macs: MacAnswers[];
  winner: string;
  /** Addresses that all of them answer for, this one included, in order. */
  shared: string[];
  /** They answer for the same addresses, and those are at least two. */
  isBlock: boolean;
  /** For each MAC, addresses that none of the others answers for. */
  ownAddresses: Map<Mac, string[]>;
  /** Over all shared addresses: rounds with several answers, the part of them in which the same MAC came first, gaps in seconds. */
  rounds: number;
  steadyShare: number;
  gapMean: number;
  gapMost: number;
  /** The MAC comes first in at least three rounds and nearly always. */
  isSteady: boolean;
  isClose: boolean;
  /** What makes two of them one machine. */
  kinship: Kinship;
  /** DHCP or LLDP name them differently. */
  namedApart: boolean;
  /** The second of two different answers by them to one SYN. */
  reactedApart: Stamp | undefined;
  virtual: Claim[];
  /** Whether they are one machine, as the context has it; undefined where it does not say. */
  relation: Relation | undefined;
  /** The group that shares the address, by its own advertisements. */
  group: RouterAdvertisement | undefined;
  /** A MAC that answers for many addresses of others, and always late. */
  proxy: Claim | undefined;
  evidence: Evidence;
}

/** Every address that several MACs answered for at once. */
export function* multiAnswers(knowledge: Knowledge, protocol: 'arp' | 'ndp'): Generator<MultiAnswer> {
  for (const address of knowledge.neighbourhood.list) {
    if (address.protocol === protocol && address.doubles) yield describe(address, address.doubles, knowledge);
  }
}

function describe(address: Address, doubles: Doubles, knowledge: Knowledge): MultiAnswer {
  const answering = [...doubles.macs]
    .flatMap((mac) => address.claims.get(mac) ?? [])
    .sort((a, b) => b.firstAnswers - a.firstAnswers || a.first.at - b.first.at || a.mac - b.mac);
  const claims = withoutLate(answering);
  const stations = claims.flatMap(({ mac }) => knowledge.neighbourhood.stationOf(address.segment, mac) ?? []);
  const sets = new Map(stations.map((station) => [station.mac, answeredNear(station, doubles)]));
  const shared = [...(sets.get(claims[0]?.mac ?? -1) ?? [])]
    .filter((ip) => [...sets.values()].every((set) => set.has(ip)))
    .sort(compareIps);
  const ownAddresses = new Map(claims.map(({ mac }) => [mac, ownOf(mac, sets, address, knowledge)]));
  const order = orderOf(shared, address, knowledge);
  const macs = claims.map(({ mac }) => mac);
  const [first = -1, second = -1] = macs;
  const relation = relationOf(macs, knowledge.context);
  return {
    address,
    doubles,
    claims,
    macs: claims.map(({ mac, answers, firstAnswers, interface: name }) => ({ mac: macText(mac), answers, firstAnswers, interface: name })),
    winner: macText(claims[0]?.mac ?? 0),
    shared,
    isBlock: shared.length >= 2 && [...ownAddresses.values()].every((ips) => ips.length === 0),
    ownAddresses,
    ...order,
    isSteady: order.rounds >= STEADY_ROUNDS && order.steadyShare >= STEADY_SHARE,
    isClose: order.rounds >= 2 && order.gapMean < CLOSE_SEC && order.gapMost < CLOSE_MOST_SEC,
    kinship: kinshipOf(claims, knowledge),
    namedApart: knowledge.kinship.areNamedApart(first, second),
    reactedApart: knowledge.kinship.reactedApart(first, second),
    virtual: claims.filter(({ mac }) => virtualMac(mac) !== undefined),
    relation,
    group: knowledge.redundancy.groupOf(address.ip),
    proxy: proxyByContext(claims, address.ip, relation) ?? proxyOf(claims, ownAddresses, address, knowledge),
    evidence: doubles.evidence,
  };
}

/** A proxy that comes long after everybody else changes nothing about those: of three and more, it is left out. */
function withoutLate(claims: Claim[]): Claim[] {
  const latency = ({ latencyUsSum, answers: count }: Claim): number => latencyUsSum / Math.max(count, 1) / 1e6;
  const prompt = claims.filter((claim) => claim.firstAnswers > 0 || latency(claim) < PROXY_DELAY_SEC);
  return prompt.length >= 2 ? prompt : claims;
}

/** Addresses that a station answered for around the time of the double answers. */
function answeredNear({ answered }: Station, doubles: Doubles): Set<string> {
  const near = new Set<string>();
  for (const { ip, first, last } of answered) {
    if (first <= doubles.last.at + KNOWLEDGE_SEC && last >= doubles.first.at - KNOWLEDGE_SEC) near.add(ip);
  }
  return near;
}

/** Addresses of a MAC that none of the others answers for, asked of all: that a unicast question goes unanswered elsewhere says nothing. */
function ownOf(mac: Mac, sets: Map<Mac, Set<string>>, { segment, protocol }: Address, { neighbourhood }: Knowledge): string[] {
  const others = [...sets].filter(([each]) => each !== mac);
  return [...(sets.get(mac) ?? [])]
    .filter((ip) => others.every(([, set]) => !set.has(ip)))
    .filter((ip) => (neighbourhood.addressOf(segment, protocol, ip)?.claims.get(mac)?.alone ?? 0) > 0)
    .sort(compareIps);
}

function orderOf(
  shared: string[],
  { ip, segment, protocol }: Address,
  { neighbourhood }: Knowledge,
): Pick<MultiAnswer, 'rounds' | 'steadyShare' | 'gapMean' | 'gapMost'> {
  let rounds = 0;
  let gapSum = 0;
  let gapMost = 0;
  const ranks = new Map<Mac, number>();
  for (const each of shared.length > 0 ? shared : [ip]) {
    const doubles = neighbourhood.addressOf(segment, protocol, each)?.doubles;
    if (!doubles) continue;
    rounds += doubles.rounds;
    gapSum += doubles.gapSum;
    gapMost = Math.max(gapMost, doubles.gapMost);
    for (const [mac, count] of doubles.ranks) ranks.set(mac, (ranks.get(mac) ?? 0) + count);
  }
  const steadyShare = rounds > 0 ? Math.max(0, ...ranks.values()) / rounds : 0;
  return { rounds, steadyShare, gapMean: rounds > 0 ? gapSum / rounds : 0, gapMost };
}

/** The strongest tie between any two of the MACs. */
function kinshipOf(claims: Claim[], { kinship }: Knowledge): Kinship {
  let best = kinship.between(-1, -2);
  for (const [i, a] of claims.entries()) {
    for (const b of claims.slice(i + 1)) {
      const between = kinship.between(a.mac, b.mac);
      if (between.crossings + between.names.length > best.crossings + best.names.length) best = between;
    }
  }
  return best;
}

/** A host of the context that answers for others (proxy_arp) and does not have the address, beside another machine. */
function proxyByContext(claims: Claim[], ip: string, relation: Relation | undefined): Claim | undefined {
  const card = relation?.isOne
    ? undefined
    : relation?.cards.find(
        ({ host, link }) => host && link && host.linksWith(ip).length === 0 && host.effective('proxy_arp', link.name) === 1,
      );
  return claims.find(({ mac }) => mac === card?.mac);
}

/**
 * A proxy answers for others who answer for themselves (RFC 1027). One-sided: it shares addresses with several different MACs, or has many of its own;
 * and it is late.
 */
function proxyOf(
  claims: Claim[],
  ownAddresses: Map<Mac, string[]>,
  { segment, protocol }: Address,
  { neighbourhood }: Knowledge,
): Claim | undefined {
  return claims.find(({ mac }) => {
    const station = neighbourhood.stationOf(segment, mac);
    if (!station) return false;
    const partners = new Set<Mac>();
    for (const { ip } of station.answered) {
      for (const each of neighbourhood.addressOf(segment, protocol, ip)?.doubles?.macs ?? []) if (each !== mac) partners.add(each);
    }
    const answersForMany = (ownAddresses.get(mac)?.length ?? 0) >= PROXIED || partners.size >= 2;
    const others = claims.filter((each) => each.mac !== mac);
    const othersHaveMany = others.some((each) => (ownAddresses.get(each.mac)?.length ?? 0) >= PROXIED);
    return answersForMany && !othersHaveMany && claims.length === 2;
  });
}

/** Whether the proxy comes after the owner whenever both answer: then clients keep the owner's answer, and nothing is wrong. */
export function isLateProxy({ proxy, doubles }: MultiAnswer): boolean {
  if (!proxy) return false;
  const firsts = doubles.ranks.get(proxy.mac) ?? 0;
  return firsts === 0 && doubles.rounds > 0 && doubles.gapSum / doubles.rounds > PROXY_DELAY_SEC;
}

/** Evidence of the answers with more that shows what they mean. */
export function withMore(evidence: Evidence, more: readonly EvidenceFrame[]): Evidence {
  const all = new Evidence();
  all.addAll(evidence);
  for (const { role, stamp, note } of more) all.add(role, stamp, note);
  return all;
}
