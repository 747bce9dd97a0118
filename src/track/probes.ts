import type { Mac } from '../net/mac.ts';
import { BoundedMap } from './bounded-map.ts';
import { type Exchange, targetText } from './exchange.ts';
import type { Stamp } from './stamp.ts';

const MOST_ADDRESSES = 4096;
const MOST_PROBERS = 16;
const MOST_STATIONS = 4096;
const MOST_TARGETS = 16;
/** A host sends three probes, up to 2 s apart, after up to 1 s of waiting, and listens 2 s more (RFC 5227 section 2.1.1). */
const TOGETHER_SEC = 5;
/** Probes of one attempt follow each other sooner than this. */
const ROW_SEC = 10;

/** A MAC that asks for an address without saying who it is. */
export interface Prober {
  mac: Mac;
  probes: number;
  /** Of the latest row. */
  first: Stamp;
  last: Stamp;
  /** The first answer that it got, of another MAC, and the probe that was answered. */
  answer: { mac: Mac; stamp: Stamp; probe: Stamp } | undefined;
}

/** Two that probed for one address at the same time, unanswered. */
export interface SimultaneousProbes {
  macs: [Mac, Mac];
  stamps: [Stamp, Stamp];
}

export interface ProbedAddress {
  ip: string;
  segment: number;
  path: number;
  probers: Map<Mac, Prober>;
  together: SimultaneousProbes | undefined;
}

/** ARP probes (RFC 5227 section 2.1: sender address 0.0.0.0), by the address that they are for. */
export class ProbeBook {
  private readonly addresses = new BoundedMap<string, ProbedAddress>(MOST_ADDRESSES);
  /** How many addresses each MAC probes: a host that takes an address probes one. */
  private readonly targets = new BoundedMap<Mac, Set<string>>(MOST_STATIONS);

  get size(): number {
    return this.addresses.size + this.targets.size;
  }

  get evicted(): number {
    return this.addresses.evicted + this.targets.evicted;
  }

  get list(): ProbedAddress[] {
    return [...this.addresses.values()];
  }

  targetsOf(mac: Mac): number {
    return this.targets.get(mac)?.size ?? 0;
  }

  close(exchange: Exchange): void {
    const { segment, path, askerMac: mac, requests, first, lastRequest, replies, broadcast } = exchange;
    // Who takes an address asks all; switches that track a device ask it alone.
    if (!broadcast) return;
    const target = targetText(exchange);
    const targets = this.targets.take(mac, () => new Set());
    if (targets.size < MOST_TARGETS) targets.add(target);
    const address = this.addresses.take(`${segment}/${target}`, () => ({
      ip: target,
      segment,
      path,
      probers: new Map(),
      together: undefined,
    }));
    let prober = address.probers.get(mac);
    if (!prober) {
      if (address.probers.size >= MOST_PROBERS) return;
      prober = { mac, probes: 0, first, last: lastRequest, answer: undefined };
      address.probers.set(mac, prober);
    }
    prober.probes += requests;
    if (first.at - prober.last.at > ROW_SEC) prober.first = first;
    prober.last = lastRequest;
    const answer = replies.find((reply) => reply.mac !== mac);
    if (answer) prober.answer ??= { mac: answer.mac, stamp: answer.stamp, probe: first };
    else address.together ??= together(address, prober);
  }

  reset(): void {
    this.addresses.clear();
    this.targets.clear();
  }
}

/** Another prober whose latest row is of the same time, and who got no answer either. */
function together({ probers }: ProbedAddress, prober: Prober): SimultaneousProbes | undefined {
  for (const other of probers.values()) {
    if (other.mac === prober.mac || other.answer || prober.answer) continue;
    const [first, second] = other.first.at <= prober.first.at ? [other, prober] : [prober, other];
    if (second.first.at - first.last.at <= TOGETHER_SEC) return { macs: [first.mac, second.mac], stamps: [first.first, second.first] };
  }
  return undefined;
}
