import type { Host, Link } from '../context/host.ts';
import { isInNetworkOf } from '../context/stack.ts';
import { ipv4Text, isIpv6Text, parseIpv4 } from '../net/ip.ts';
import { ArpOper } from '../wire/arp.ts';
import { type Packet, PacketType } from '../wire/packet.ts';
import { BoundedMap } from './bounded-map.ts';
import { Evidence, MOST_EVIDENCE } from './evidence.ts';
import { overwriteStamp, type Stamp, stampOf } from './stamp.ts';

const MOST_CLIENTS = 4096;
const MOST_NAMED = 8;

/** Packets on their way through a host that came in by one of its cards, of neighbours who know one of its addresses alone: that of another card. */
export interface GatewayUse {
  /** The address that they asked for, and the card by which their packets came in. */
  ip: string;
  actual: Link;
  packets: number;
  /** Seen at the host itself, by the interface; else by the MAC to which they are sent. */
  isAtHost: boolean;
  /** Addresses of the first such neighbours. */
  clients: string[];
  /** Of the first packet. */
  source: string;
  destination: string;
  first: Stamp;
  last: Stamp;
  evidence: Evidence;
}

interface Use {
  packets: number;
  isAtHost: boolean;
  first: Stamp;
  /** Written over by each packet. */
  last: Stamp;
  evidence: Evidence;
  destination: string;
}

/** A neighbour by its address: which addresses of watched hosts it knows by ARP, and by which cards it sends to others. */
interface Client {
  address: number;
  known: Set<number>;
  /** By the key of the card. */
  uses: Map<string, Use>;
}

interface Card {
  host: Host;
  link: Link;
}

/**
 * Which of a host's addresses neighbours use as their gateway: the one that they ask for by ARP, if it is the only one; and by which of its cards what they send through
 * it comes in. IPv4 only. Frames do not name their next hop: who learned another address before the capture began is taken for one who did not.
 */
export class GatewayUses {
  /** IPv4 addresses of the watched hosts, as signed numbers, and their cards by which it could come in. */
  private readonly owners = new Map<number, Host>();
  private cards: (Card & { key: string })[] = [];
  private watched = '';
  private readonly clients = new BoundedMap<number, Client>(MOST_CLIENTS);

  get size(): number {
    return this.clients.size;
  }

  get evicted(): number {
    return this.clients.evicted;
  }

  /** Cards that may get frames for addresses of others of their host. What is known is kept, if they are the same as before. */
  watch(cards: readonly Card[]): void {
    const keyed = cards.map((card) => ({ ...card, key: keyOf(card.host, card.link) }));
    this.cards = keyed.filter(({ key }, i) => keyed.findIndex((each) => each.key === key) === i);
    this.owners.clear();
    for (const host of new Set(cards.map((each) => each.host)))
      for (const { addresses } of host.links)
        for (const { ip } of addresses) if (!isIpv6Text(ip)) this.owners.set((parseIpv4(ip) ?? 0) | 0, host);
    const watched = [...this.cards.map(({ key }) => key), ...this.owners.keys()].join();
    if (watched !== this.watched) this.clients.clear();
    this.watched = watched;
  }

  /** An ARP packet: who asks learns what is asked for, and who is asked what the asker says of itself. */
  observeArp({ arp, depth }: Packet): void {
    if (depth > 0 || arp.oper !== ArpOper.Request || arp.spa === 0 || arp.spa === arp.tpa) return;
    if (this.owners.has(arp.tpa)) this.clientAt(arp.spa).known.add(arp.tpa);
    if (this.owners.has(arp.spa)) this.clientAt(arp.tpa).known.add(arp.spa);
  }

  /** An IP packet. */
  observe(packet: Packet): void {
    if (packet.version !== 4 || packet.dst4 >>> 28 >= 14) return;
    const client = this.clients.get(packet.src4);
    if (!client || this.owners.has(packet.dst4)) return;
    for (const card of this.cards) if (arrivesAt(packet, card.link)) count(packet, client, card);
  }

  /** Packets of neighbours who know `ip` alone of the host's addresses, and whose packets come in by another card. */
  of(host: Host, ip: string, actual: Link): GatewayUse | undefined {
    const address = (parseIpv4(ip) ?? 0) | 0;
    let found: GatewayUse | undefined;
    for (const { address: own, known, uses } of this.clients.values()) {
      const use = uses.get(keyOf(host, actual));
      if (!use || !known.has(address) || [...known].some((each) => each !== address && this.owners.get(each) === host)) continue;
      const source = ipv4Text(own);
      const { destination, first, isAtHost } = use;
      found ??= {
        ip,
        actual,
        isAtHost,
        packets: 0,
        clients: [],
        source,
        destination,
        first,
        last: { ...use.last },
        evidence: new Evidence(),
      };
      found.packets += use.packets;
      if (found.clients.length < MOST_NAMED) found.clients.push(source);
      if (use.first.at < found.first.at) Object.assign(found, { first, source, destination });
      if (use.last.at > found.last.at) found.last = { ...use.last };
      found.evidence.addAll(use.evidence);
      found.evidence.add('through', { ...use.last });
      found.evidence.total = found.packets;
    }
    return found;
  }

  reset(): void {
    this.clients.clear();
  }

  private clientAt(address: number): Client {
    return this.clients.take(address, () => ({ address, known: new Set(), uses: new Map() }));
  }
}

const keyOf = ({ name }: Host, link: Link): string => `${name}|${link.name}`;

/** A packet on its way to somebody else came in by the card. */
function count(packet: Packet, { uses }: Client, { host, link, key }: Card & { key: string }): void {
  let use = uses.get(key);
  if (!use) {
    const destination = packet.destinationIp;
    // What is for a neighbour of the card needs no gateway.
    if (isInNetworkOf(host, link, destination)) return;
    const first = stampOf(packet);
    use = { packets: 0, isAtHost: packet.ethernetAt < 0, first, last: { ...first }, evidence: new Evidence(), destination };
    uses.set(key, use);
  }
  use.packets++;
  overwriteStamp(use.last, packet);
  if (use.packets <= MOST_EVIDENCE) use.evidence.add('through', stampOf(packet));
}

/** Whether the packet arrives at the interface: at its host as the capture says, elsewhere by the MAC to which it is sent. */
export function arrivesAt({ ethernetAt, ifindex, packetType, view }: Packet, { index, mac }: Link): boolean {
  if (ethernetAt >= 0) return view.getUint32(ethernetAt + 2) === mac % 2 ** 32 && view.getUint16(ethernetAt) === Math.floor(mac / 2 ** 32);
  return ifindex >= 0 && ifindex === index && packetType === PacketType.Host;
}
