import type { MplsLabel } from '../../wire/icmp-extensions.ts';
import { compareStamps, type Stamp } from '../stamp.ts';
import type { Hop, HopAddress, HopChange, ProbeProtocol, Traceroute } from './traceroute.ts';

/** Of one hop: routers take turns, but not so many. */
const MOST_ADDRESSES = 16;
/** Latest flows of one hop whose address is remembered. */
const MOST_FLOWS = 64;
const MOST_CHANGES = 256;
/** Who takes turns at random changes this often at least, measured by what chance has on average; who changes and stays does so less often. */
const TAKES_TURNS = 0.5;

/** What is the same for all probes of a run. */
export type RunEnds = Pick<Traceroute, 'source' | 'destination' | 'protocol' | 'path' | 'interfaceId' | 'isLayer3'>;

/** An answer to a probe. */
export interface ProbeAnswer {
  ip: string;
  ttl: number;
  probe: Stamp;
  reply: Stamp;
  /** What equal-cost paths may go by: what all routers take for a flow, and what some do. */
  flow: number;
  looseFlow: number;
  /** The destination's own. */
  isReached: boolean;
  replyTtl: number;
  refusal: string | null;
  mpls: readonly MplsLabel[];
}

interface Times {
  count: number;
  min: number;
  max: number;
  sum: number;
}

interface Answering {
  address: HopAddress;
  times: Times;
  isDestination: boolean;
}

interface HopState {
  sent: number;
  lost: number;
  mtu: number | undefined;
  answering: Answering[];
  /** Which of them (`answering`) a flow met last. */
  flows: Map<number, number>;
  /** How often another one answered than the time before; the last one that did. */
  turns: number;
  last: number;
  changes: number;
  looseFlow: number | undefined;
  differentFlows: boolean;
}

/** What is known of one traceroute: it grows with its hops, not with its probes. */
export class Run {
  probes = 0;
  private readonly ends: RunEnds;
  private readonly first: Stamp;
  private last: Stamp;
  private lastReply: Stamp | undefined;
  private readonly hops: (HopState | undefined)[] = [];
  private readonly changes: HopChange[] = [];
  private changeCount = 0;
  private told: Traceroute | undefined;

  constructor(ends: RunEnds, first: Stamp) {
    this.ends = ends;
    this.first = first;
    this.last = first;
  }

  sent(ttl: number, stamp: Stamp): void {
    this.probes++;
    this.last = stamp;
    this.hop(ttl).sent++;
    this.told = undefined;
  }

  lost(ttl: number): void {
    this.hop(ttl).lost++;
    this.told = undefined;
  }

  /** An answer came after all. */
  found(ttl: number): void {
    this.hop(ttl).lost--;
    this.told = undefined;
  }

  /** A probe was too large: it says nothing of who answers at this TTL. */
  tooLarge(ttl: number, mtu: number): void {
    const hop = this.hop(ttl);
    hop.sent--;
    hop.mtu = Math.min(hop.mtu ?? mtu, mtu);
    this.told = undefined;
  }

  answered(answer: ProbeAnswer): void {
    const { ttl, ip, flow, looseFlow, reply } = answer;
    this.told = undefined;
    if (!this.lastReply || compareStamps(reply, this.lastReply) > 0) this.lastReply = reply;
    const hop = this.hop(ttl);
    let index = hop.answering.findIndex(({ address }) => address.ip === ip);
    if (index < 0) {
      if (hop.answering.length >= MOST_ADDRESSES) return;
      index = hop.answering.push({ address: addressOf(answer), times: { count: 0, min: 0, max: 0, sum: 0 }, isDestination: false }) - 1;
    }
    const answering = hop.answering[index];
    if (!answering) return;
    count(answering, answer);
    // A router that cannot deliver, or must not, is where it always is: that is no other way.
    if (isForAnother(answer)) return;
    const before = hop.flows.get(flow);
    if (before !== undefined && before !== index) this.change(hop, ttl, hop.answering[before]?.address.ip ?? '', ip, reply);
    if (hop.last >= 0 && hop.last !== index) hop.turns++;
    if (hop.looseFlow !== undefined && hop.looseFlow !== looseFlow) hop.differentFlows = true;
    hop.looseFlow = looseFlow;
    hop.last = index;
    hop.flows.delete(flow);
    if (hop.flows.size >= MOST_FLOWS) for (const oldest of hop.flows.keys()) if (hop.flows.delete(oldest)) break;
    hop.flows.set(flow, index);
  }

  /** As it looks by now. The same object as long as nothing happens. */
  get traceroute(): Traceroute {
    this.told ??= this.tell();
    return this.told;
  }

  private change(hop: HopState, ttl: number, from: string, to: string, stamp: Stamp): void {
    hop.changes++;
    this.changeCount++;
    if (this.changes.length < MOST_CHANGES) this.changes.push({ ttl, from, to, stamp });
  }

  private hop(ttl: number): HopState {
    this.hops[ttl] ??= {
      sent: 0,
      lost: 0,
      mtu: undefined,
      answering: [],
      flows: new Map(),
      turns: 0,
      last: -1,
      changes: 0,
      looseFlow: undefined,
      differentFlows: false,
    };
    return this.hops[ttl];
  }

  private tell(): Traceroute {
    const { ends, first, last, lastReply, probes, changes, changeCount } = this;
    const hops: Hop[] = [];
    const end = this.end();
    for (let ttl = this.start(); ttl <= end; ttl++) hops.push(this.hopOf(ttl));
    const reached = this.hops.some((hop) => hop?.answering.some(({ isDestination }) => isDestination));
    return { ...ends, first, last, lastReply, probes, hops, reached, changes: [...changes], changeCount };
  }

  private start(): number {
    return Math.max(
      1,
      this.hops.findIndex((hop) => hop !== undefined),
    );
  }

  /** The last TTL that tells something: that of the destination, unless others answer behind it, for then the path was longer at times. */
  private end(): number {
    let nearest = -1;
    let farthestOther = -1;
    for (const [ttl, hop] of this.hops.entries()) {
      if (!hop) continue;
      if (nearest < 0 && hop.answering.some(({ isDestination }) => isDestination)) nearest = ttl;
      if (hop.answering.some(({ isDestination }) => !isDestination)) farthestOther = ttl;
    }
    if (nearest < 0) return this.hops.length - 1;
    if (farthestOther <= nearest) return nearest;
    const beyond = this.hops.findIndex((hop, ttl) => ttl >= farthestOther && hop?.answering.some(({ isDestination }) => isDestination));
    return beyond < 0 ? farthestOther : beyond;
  }

  private hopOf(ttl: number): Hop {
    const hop = this.hops[ttl];
    if (!hop) return { ttl, addresses: [], sent: 0, lost: 0, isEcmp: false };
    const { sent, lost, mtu, answering } = hop;
    const addresses = answering.map(({ address, times }) => ({ ...address, rttMs: timesOf(times, address.firstReply.digits) }));
    return { ttl, addresses, sent, lost, isEcmp: this.isEcmp(hop), ...(mtu === undefined ? {} : { mtu }) };
  }

  /**
   * Several addresses answer. That a route changed is told by the time: one answers for a while, then the other. Addresses that take turns from
   * probe to probe are paths of equal cost, if the probes differ in what routers tell flows by, and no flow met two of them. Of echoes nothing but
   * the checksum differs, which some routers take for ports.
   */
  private isEcmp({ answering, turns, changes, differentFlows }: HopState): boolean {
    if (answering.length < 2 || !differentFlows || (changes > 0 && this.ends.protocol !== 'icmp')) return false;
    const counts = answering.map(({ address }) => address.replies - address.refused);
    const all = counts.reduce((sum, each) => sum + each, 0);
    const byChance = counts.reduce((sum, each) => sum + (each * (all - each)) / all, 0);
    return turns >= TAKES_TURNS * byChance;
  }
}

function addressOf({ ip, replyTtl, refusal, mpls, probe, reply }: ProbeAnswer): HopAddress {
  return { ip, replies: 0, rttMs: null, replyTtl, mpls, refusal, refused: 0, firstProbe: probe, firstReply: reply };
}

/** A router says that the destination is not to be reached. */
const isForAnother = ({ refusal, isReached }: ProbeAnswer): boolean => refusal !== null && !isReached;

function count(answering: Answering, answer: ProbeAnswer): void {
  const { address, times } = answering;
  const { probe, reply, isReached, refusal, mpls } = answer;
  address.replies++;
  if (isForAnother(answer)) address.refused++;
  address.refusal ??= refusal;
  if (mpls.length > 0) address.mpls = mpls;
  answering.isDestination ||= isReached;
  if (!probe.timed || !reply.timed) return;
  const rtt = Math.max(0, (reply.sec - probe.sec) * 1e3 + (reply.nsec - probe.nsec) / 1e6);
  times.min = times.count === 0 ? rtt : Math.min(times.min, rtt);
  times.max = Math.max(times.max, rtt);
  times.sum += rtt;
  times.count++;
}

/** In the resolution of the clock: microseconds or nanoseconds. */
function timesOf({ count: all, min, max, sum }: Times, digits: number): HopAddress['rttMs'] {
  if (all === 0) return null;
  const scale = digits === 9 ? 1e6 : 1e3;
  const rounded = (ms: number): number => Math.round(ms * scale) / scale;
  return { min: rounded(min), avg: rounded(sum / all), max: rounded(max) };
}

/** By number, as errors and decoding name them. */
export const protocolName = (protocol: number): ProbeProtocol => (protocol === 17 ? 'udp' : protocol === 6 ? 'tcp' : 'icmp');
