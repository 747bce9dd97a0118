import { BoundedMap } from './bounded-map.ts';
import { Evidence } from './evidence.ts';
import type { Stamp } from './stamp.ts';

const MOST_PAIRS = 4096;
const MOST_WAYS = 16;
const MOST_PROTOCOLS = 16;

/** A flow of the observed host that comes in by one interface and leaves by another. Ways are numbers of the `WayTracker`. */
export interface AsymmetricFlow {
  /** The end at the observed host, and the other one. */
  local: string;
  peer: string;
  /** Of TCP and UDP; of an echo its identifier; else 0. */
  localPort: number;
  peerPort: number;
  /** IP protocol number. */
  protocol: number;
  in: number;
  out: number;
  packetsIn: number;
  packetsOut: number;
  askedByLocal: boolean;
  /** What left had passed a router before, by its TTL: its sender is behind this host, unless the host says otherwise. */
  isForwarded: boolean;
  /** The capture tells no directions: the TTL does. */
  isInferred: boolean;
  firstIn: Stamp;
  firstOut: Stamp;
  lastIn: Stamp;
  lastOut: Stamp;
  /** SYNs that came again after SYN and ACK had left. */
  synsAgain: number;
  synAgain: Stamp | undefined;
}

/** Packets of flows of one pair that come by one way and go by another. */
export interface WayPair {
  in: number;
  out: number;
  packets: number;
}

/** All flows between an address of the observed host and a peer that are asymmetric. */
export class Asymmetry {
  readonly local: string;
  readonly peer: string;
  readonly isForwarded: boolean;
  readonly isInferred: boolean;
  flows = 0;
  /** Those that the observed host began. */
  askedByLocal = 0;
  packetsIn = 0;
  packetsOut = 0;
  synsAgain = 0;
  /** The flow that began first. */
  first: AsymmetricFlow;
  /** Packets that left, by IP protocol number. */
  readonly protocols = new Map<number, number>();
  readonly ways = new Map<string, WayPair>();
  readonly evidence = new Evidence();

  constructor(flow: AsymmetricFlow) {
    this.local = flow.local;
    this.peer = flow.peer;
    this.isForwarded = flow.isForwarded;
    this.isInferred = flow.isInferred;
    this.first = flow;
  }

  add(flow: AsymmetricFlow): void {
    const { evidence } = this;
    this.flows++;
    if (flow.askedByLocal) this.askedByLocal++;
    this.packetsIn += flow.packetsIn;
    this.packetsOut += flow.packetsOut;
    this.synsAgain += flow.synsAgain;
    if (flow.firstIn.at < this.first.firstIn.at) this.first = flow;
    evidence.add('in', flow.firstIn);
    evidence.add('in', flow.lastIn);
    evidence.add('out', flow.firstOut);
    evidence.add('out', flow.lastOut);
    if (flow.synAgain) evidence.add('syn-again', flow.synAgain);
    evidence.total = this.packetsIn + this.packetsOut;
    this.count(flow.protocol, flow.packetsOut);
    this.pair(flow.in, flow.out, flow.packetsOut);
  }

  addAll(other: Asymmetry): void {
    this.flows += other.flows;
    this.askedByLocal += other.askedByLocal;
    this.packetsIn += other.packetsIn;
    this.packetsOut += other.packetsOut;
    this.synsAgain += other.synsAgain;
    if (other.first.firstIn.at < this.first.firstIn.at) this.first = other.first;
    this.evidence.addAll(other.evidence);
    this.evidence.total = this.packetsIn + this.packetsOut;
    for (const [protocol, packets] of other.protocols) this.count(protocol, packets);
    for (const { in: entered, out, packets } of other.ways.values()) this.pair(entered, out, packets);
  }

  private count(protocol: number, packets: number): void {
    const { protocols } = this;
    if (protocols.size < MOST_PROTOCOLS || protocols.has(protocol)) protocols.set(protocol, (protocols.get(protocol) ?? 0) + packets);
  }

  private pair(entered: number, out: number, packets: number): void {
    const { ways } = this;
    const key = `${entered}/${out}`;
    const known = ways.get(key);
    if (known) known.packets += packets;
    else if (ways.size < MOST_WAYS) ways.set(key, { in: entered, out, packets });
  }
}

/** Asymmetric flows that are over, by the pair of their addresses. */
export class AsymmetryBook {
  private readonly pairs = new BoundedMap<string, Asymmetry>(MOST_PAIRS);

  get size(): number {
    return this.pairs.size;
  }

  get evicted(): number {
    return this.pairs.evicted;
  }

  add(flow: AsymmetricFlow): void {
    this.pairs.take(keyOf(flow), () => new Asymmetry(flow)).add(flow);
  }

  /** Those that are over, and these that go on: new objects, in the order of appearance. */
  with(flows: readonly AsymmetricFlow[]): Asymmetry[] {
    const all = new Map<string, Asymmetry>();
    for (const pair of this.pairs.values()) {
      const copy = new Asymmetry(pair.first);
      copy.addAll(pair);
      all.set(keyOf(pair.first), copy);
    }
    for (const flow of flows) {
      const key = keyOf(flow);
      const known = all.get(key) ?? new Asymmetry(flow);
      known.add(flow);
      all.set(key, known);
    }
    return [...all.values()];
  }

  clear(): void {
    this.pairs.clear();
  }
}

const keyOf = ({ local, peer, isForwarded, isInferred }: AsymmetricFlow): string =>
  `${local}|${peer}|${isForwarded ? 'forwarded' : ''}|${isInferred ? 'inferred' : ''}`;
