import { ipv6Words } from '../net/ip.ts';
import { isGroupMac } from '../net/mac.ts';
import { NdpView } from '../wire/ndp.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, type Packet } from '../wire/packet.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import type { ArpEvents } from './arp.ts';
import { BoundedMap } from './bounded-map.ts';
import type { Clock } from './clock.ts';
import { Evidence } from './evidence.ts';
import { addReply, addRequest, askerText, type Exchange, type ExchangeKind, newExchange, OpenExchanges, targetText } from './exchange.ts';
import type { InterfaceTracker } from './interfaces.ts';
import type { Neighbourhood } from './neighbourhood.ts';
import { Segments } from './segments.ts';
import { type Stamp, stampOf } from './stamp.ts';

/** Copies are told by the IPv6 source, the target, type and flags, and the link-layer address. */
const NDP_WORDS = 12;
/** A host that checks an address sends its probe and waits this long for objections (RFC 4862: RetransTimer), with room for delay. */
const PROBE_SEC = 3;
const MOST_PROBES = 1024;
const MOST_CONFLICTS = 1024;

/** Two hosts that want, or have, one IPv6 address: seen while one of them checks whether it may have it (RFC 4862 section 5.4). */
export interface AddressConflict {
  ip: string;
  segment: number;
  path: number;
  /** Who checked, and who has it or checked at the same time. */
  macs: Set<number>;
  count: number;
  /** Another probe, not an advertisement, was the objection. */
  simultaneous: boolean;
  evidence: Evidence;
}

interface Probe {
  /** The frame's source, which is the host's own, or a repeater's. */
  mac: number;
  nonce: string | null;
  stamp: Stamp;
}

/** Joins neighbour solicitations with their advertisements, as `ArpTracker` does with ARP, and watches duplicate address detection. */
export class NdpTracker {
  readonly segments: Segments;
  readonly conflicts = new BoundedMap<string, AddressConflict>(MOST_CONFLICTS);
  private readonly ndp = new NdpView();
  private readonly open: OpenExchanges;
  /** Open exchanges by the asker's address and the target, where the link layer shows no destination. */
  private readonly byAsker = new Map<string, Exchange[]>();
  private readonly probes = new BoundedMap<string, Probe>(MOST_PROBES);
  private readonly interfaces: InterfaceTracker;
  private readonly neighbourhood: Neighbourhood;
  private readonly events: Pick<ArpEvents, 'exchange'>;

  constructor(clock: Clock, interfaces: InterfaceTracker, neighbourhood: Neighbourhood, events: Pick<ArpEvents, 'exchange'>) {
    this.interfaces = interfaces;
    this.neighbourhood = neighbourhood;
    this.events = events;
    this.open = new OpenExchanges(clock, (exchange) => this.close(exchange));
    this.segments = new Segments(clock, NDP_WORDS, (kept, absorbed) => {
      this.open.rename(kept, absorbed);
      neighbourhood.join(kept, absorbed);
    });
  }

  get size(): number {
    return this.open.size + this.conflicts.size;
  }

  get evicted(): number {
    return this.open.evicted + this.conflicts.evicted;
  }

  observe(packet: Packet): void {
    const { ndp } = this;
    if (!ndp.place(packet)) return;
    const linkAddress = ndp.linkAddress;
    this.fingerprint(packet, linkAddress);
    const toAll = isToGroup(packet);
    if (this.segments.isCopy(packet, toAll)) return;
    const segment = this.segments.of(packet);
    if (ndp.isSolicitation) this.solicitation(packet, segment);
    else this.advertisement(packet, segment, linkAddress);
  }

  /** Questions that have been asked for a while, and still are. */
  lasting(): Exchange[] {
    const lasting = this.open.lasting();
    for (const exchange of lasting) exchange.segment = this.segments.find(exchange.segment);
    return lasting;
  }

  expire(): void {
    this.segments.expire();
    this.open.expire();
  }

  finish(): void {
    this.open.finish();
    this.segments.finish();
    this.probes.clear();
  }

  private solicitation(packet: Packet, segment: number): void {
    const { ndp } = this;
    const mac = packet.sourceMac;
    const probe = isUnspecified(packet);
    if (probe) this.probe(packet, segment, mac);
    this.open.keyIpv6(segment, mac, ndp.view, ndp.targetAt);
    const asked = this.open.repeat();
    if (asked) {
      addRequest(asked, stampOf(packet));
    } else {
      this.begin(packet, this.exchangeOf(packet, segment, probe ? 'probe' : 'request'));
    }
  }

  private advertisement(packet: Packet, segment: number, linkAddress: number): void {
    const { ndp } = this;
    // Without the option the frame's own source is the address (unicast answers may leave it out).
    const mac = linkAddress >= 0 ? linkAddress : packet.sourceMac;
    if (this.probes.size > 0) this.objection(packet, segment, mac);
    const exchange = ndp.isSolicited ? this.exchangeAnswered(packet, segment) : undefined;
    const place = { protocol: 'ndp', segment, path: packet.path } as const;
    if (exchange) {
      const { name } = this.interfaces.of(packet);
      const reply = addReply(exchange, packet, mac, name, ndp.isOverride);
      if (reply) this.neighbourhood.claim(place, exchange.targetIp, mac, 'answer', reply.stamp, packet.direction, exchange.askerMac);
      return;
    }
    if (ndp.isSolicited) return;
    const unsolicited = this.exchangeOf(packet, segment, 'unsolicited-reply');
    unsolicited.requests = 0;
    unsolicited.askerMac = mac;
    unsolicited.askerIp = unsolicited.targetIp;
    this.neighbourhood.claim(place, unsolicited.targetIp, mac, 'announcement', unsolicited.first, packet.direction);
    this.events.exchange(unsolicited);
  }

  /** The asker is whose address the advertisement goes to: by MAC, as in the exchange's key. */
  private exchangeAnswered(packet: Packet, segment: number): Exchange | undefined {
    const { ndp } = this;
    const to = packet.destinationMac;
    if (to >= 0 && !isGroupMac(to)) {
      this.open.keyIpv6(segment, to, ndp.view, ndp.targetAt);
      return this.open.find();
    }
    return this.byAsker.get(`${packet.destinationIp}|${ndp.target}`)?.find((exchange) => exchange.segment === segment);
  }

  /** LINUX_SLL2 shows no destination MAC: there the asker is known by its address. */
  private begin(packet: Packet, exchange: Exchange): void {
    this.open.begin(exchange);
    if (packet.destinationMac >= 0 || exchange.askerIp === null) return;
    const key = askerKey(exchange);
    this.byAsker.set(key, [...(this.byAsker.get(key) ?? []), exchange]);
  }

  /** A host checks an address before it uses it; if another host does the same at the same time, neither may have it. */
  private probe(packet: Packet, segment: number, mac: number): void {
    const { target, nonce } = this.ndp;
    const key = `${segment}/${target}`;
    const before = this.probes.get(key);
    const stamp = stampOf(packet);
    const another = before && before.mac !== mac && stamp.at - before.stamp.at <= PROBE_SEC && (nonce === null || before.nonce !== nonce);
    if (another) this.conflict(packet, segment, target, before, mac, true);
    else this.probes.set(key, { mac, nonce, stamp });
  }

  private objection(packet: Packet, segment: number, mac: number): void {
    const { target } = this.ndp;
    const before = this.probes.get(`${segment}/${target}`);
    // What a repeater passes on under its own MAC (wireless bridges) may be the checking host itself, once it is through.
    if (!before || before.mac === mac || before.mac === packet.sourceMac || packet.at - before.stamp.at > PROBE_SEC) return;
    // An answer to a probe goes to all nodes (RFC 4861 section 7.2.4).
    if (packet.destinationIp === 'ff02::1' && virtualMac(mac) === undefined) this.conflict(packet, segment, target, before, mac, false);
  }

  private conflict(packet: Packet, segment: number, ip: string, before: Probe, mac: number, simultaneous: boolean): void {
    const conflict = this.conflicts.take(`${segment}/${ip}`, () => ({
      ip,
      segment,
      path: packet.path,
      macs: new Set(),
      count: 0,
      simultaneous,
      evidence: new Evidence(),
    }));
    conflict.count++;
    conflict.macs.add(before.mac).add(mac);
    conflict.evidence.add('probe', before.stamp);
    conflict.evidence.add(simultaneous ? 'other-probe' : 'objection', stampOf(packet));
  }

  private close(exchange: Exchange): void {
    exchange.segment = this.segments.find(exchange.segment);
    if (this.byAsker.size > 0) this.forgetAsker(exchange);
    this.neighbourhood.close(exchange);
    this.events.exchange(exchange);
  }

  private forgetAsker(exchange: Exchange): void {
    const key = askerKey(exchange);
    const left = this.byAsker.get(key)?.filter((each) => each !== exchange) ?? [];
    if (left.length > 0) this.byAsker.set(key, left);
    else this.byAsker.delete(key);
  }

  private exchangeOf(packet: Packet, segment: number, kind: ExchangeKind): Exchange {
    return newExchange(packet, {
      protocol: 'ndp',
      kind,
      segment,
      interface: this.interfaces.of(packet).name,
      askerMac: packet.sourceMac,
      askerIp: kind === 'probe' ? null : ipv6Words(packet.view, packet.ipAt + IPV6_SOURCE),
      targetIp: ipv6Words(this.ndp.view, this.ndp.targetAt),
      broadcast: isToGroup(packet),
    });
  }

  private fingerprint(packet: Packet, linkAddress: number): void {
    const { fingerprint } = this.segments;
    const { view, ipAt, transportAt } = packet;
    for (let i = 0; i < 4; i++) {
      fingerprint[i] = view.getInt32(ipAt + IPV6_SOURCE + 4 * i);
      fingerprint[4 + i] = view.getInt32(this.ndp.targetAt + 4 * i);
    }
    fingerprint[8] = view.getUint16(transportAt);
    fingerprint[9] = view.getInt32(transportAt + 4);
    fingerprint[10] = Math.floor(linkAddress / 2 ** 32) ^ view.getInt32(ipAt + IPV6_DESTINATION + 12);
    fingerprint[11] = linkAddress | 0;
  }
}

const askerKey = (exchange: Exchange): string => `${askerText(exchange)}|${targetText(exchange)}`;

const isUnspecified = ({ view, ipAt }: Packet): boolean =>
  (view.getInt32(ipAt + IPV6_SOURCE) |
    view.getInt32(ipAt + IPV6_SOURCE + 4) |
    view.getInt32(ipAt + IPV6_SOURCE + 8) |
    view.getInt32(ipAt + IPV6_SOURCE + 12)) ===
  0;

/** Sent to a group (solicited-node or all nodes), by the IPv6 destination: the link layer need not show it. */
const isToGroup = ({ view, ipAt }: Packet): boolean => view.getUint8(ipAt + IPV6_DESTINATION) === 0xff;
