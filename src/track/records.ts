import type { BestPath, BgpRoute } from './bgp/route.ts';
import type { BgpSession } from './bgp/session.ts';
import type { Exchange } from './exchange.ts';
import type { Handover } from './handovers.ts';
import type { IcmpError } from './icmp.ts';
import type { OpenVpnSession } from './openvpn/session.ts';
import type { TcpConnection } from './tcp/connection.ts';
import type { Traceroute } from './traceroute/traceroute.ts';
import type { Tunnel } from './tunnels/tunnel.ts';
import type { UdpConversation } from './udp.ts';
import type { CookieReply, Handshake } from './wireguard/handshake.ts';
import type { Session } from './wireguard/sessions.ts';

/** What happened, by kind, as the trackers tell it. Reports make their own form of it. */
export interface RecordKinds {
  arp: Exchange;
  udp: UdpConversation;
  icmp: IcmpError;
  wireguard: WireguardRecord;
  openvpn: OpenVpnSession;
  traceroutes: Traceroute;
  gateways: Handover;
  bgp: BgpRecord;
  tunnels: Tunnel;
  tcp: TcpConnection;
}

export type WireguardRecord = { handshake: Handshake } | { session: Session } | { cookie: CookieReply };

export type BgpRecord = { session: BgpSession } | { route: BgpRoute } | { best: BestPath };

export type RecordKind = keyof RecordKinds;
export const recordKinds: readonly RecordKind[] = [
  'arp',
  'udp',
  'wireguard',
  'openvpn',
  'icmp',
  'traceroutes',
  'gateways',
  'bgp',
  'tunnels',
  'tcp',
];

/** Takes records as they are complete, instead of their being kept. */
export interface RecordSink {
  /** Called between two packets: it must not wait. The record does not change any more. */
  take<K extends RecordKind>(kind: K, record: RecordKinds[K]): void;
  /** Called between two reads of an input: may wait until what was taken has gone on its way. */
  drain?(): void | Promise<void>;
}

/** Keeps records up to a limit for each kind, or hands all of them on, and counts them. */
export class RecordStore {
  readonly kept: { [K in RecordKind]: RecordKinds[K][] } = {
    arp: [],
    udp: [],
    icmp: [],
    wireguard: [],
    openvpn: [],
    traceroutes: [],
    gateways: [],
    bgp: [],
    tunnels: [],
    tcp: [],
  };
  readonly counts: Record<RecordKind, number> = {
    arp: 0,
    udp: 0,
    icmp: 0,
    wireguard: 0,
    openvpn: 0,
    traceroutes: 0,
    gateways: 0,
    bgp: 0,
    tunnels: 0,
    tcp: 0,
  };
  private readonly most: number;
  private readonly wanted: ReadonlySet<RecordKind>;
  private readonly sink: RecordSink | undefined;

  /**
   * @param wanted kinds that are kept, or handed on; the others are counted only
   * @param most limit of what is kept of a kind
   * @param sink gets the records; then none is kept, and the limit does not apply
   */
  constructor(wanted: ReadonlySet<RecordKind>, most: number, sink?: RecordSink) {
    this.wanted = wanted;
    this.most = most;
    this.sink = sink;
  }

  /** `make` is called only if the record is kept or handed on. */
  add<K extends RecordKind>(kind: K, make: () => RecordKinds[K]): void {
    this.counts[kind]++;
    if (!this.wanted.has(kind)) return;
    if (this.sink) this.sink.take(kind, make());
    else if (this.kept[kind].length < this.most) this.kept[kind].push(make());
  }

  /**
   * A record without which the others of its kind say little, and of which there are few: where the limit is reached, the last one that is
   * `less` gives its place.
   */
  addFirst<K extends RecordKind>(kind: K, make: () => RecordKinds[K], isLess: (record: RecordKinds[K]) => boolean): void {
    const kept: RecordKinds[K][] = this.kept[kind];
    const isFull = this.sink === undefined && this.wanted.has(kind) && kept.length >= this.most;
    const at = isFull ? kept.findLastIndex(isLess) : -1;
    if (at < 0) {
      this.add(kind, make);
      return;
    }
    this.counts[kind]++;
    kept[at] = make();
  }

  /** How many records the limit leaves out, of all kinds. */
  get omitted(): number {
    if (this.sink) return 0;
    return recordKinds.reduce((sum, kind) => sum + Math.max(0, this.counts[kind] - this.most), 0);
  }
}
