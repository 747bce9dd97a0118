import type { Exchange } from './exchange.ts';
import type { IcmpError } from './icmp.ts';
import type { UdpConversation } from './udp.ts';
import type { CookieReply, Handshake } from './wireguard/handshake.ts';
import type { Session } from './wireguard/sessions.ts';

/** What happened, by kind, as the trackers tell it. Reports make their own form of it. */
export interface RecordKinds {
  arp: Exchange;
  udp: UdpConversation;
  icmp: IcmpError;
  wireguard: WireguardRecord;
}

export type WireguardRecord = { handshake: Handshake } | { session: Session } | { cookie: CookieReply };

export type RecordKind = keyof RecordKinds;
export const recordKinds: readonly RecordKind[] = ['arp', 'udp', 'wireguard', 'icmp'];

/** Keeps records up to a limit for each kind, and counts them all. */
export class RecordStore {
  readonly kept: { [K in RecordKind]: RecordKinds[K][] } = { arp: [], udp: [], icmp: [], wireguard: [] };
  readonly counts: Record<RecordKind, number> = { arp: 0, udp: 0, icmp: 0, wireguard: 0 };
  private readonly most: number;
  private readonly wanted: ReadonlySet<RecordKind>;

  /** @param wanted kinds that are kept; the others are counted only */
  constructor(wanted: ReadonlySet<RecordKind>, most: number) {
    this.wanted = wanted;
    this.most = most;
  }

  /** `make` is called only if the record is kept. */
  add<K extends RecordKind>(kind: K, make: () => RecordKinds[K]): void {
    this.counts[kind]++;
    if (this.wanted.has(kind) && this.kept[kind].length < this.most) this.kept[kind].push(make());
  }

  /** How many records the limit leaves out, of all kinds. */
  get omitted(): number {
    return recordKinds.reduce((sum, kind) => sum + Math.max(0, this.counts[kind] - this.most), 0);
  }
}
