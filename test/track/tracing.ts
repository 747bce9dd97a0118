/** Traceroutes made of named fields: probes, and who answers them. */
import { analyzeSources, MemorySource } from '../../src/core.ts';
import type { Traceroute } from '../../src/track/traceroute/traceroute.ts';
import {
  be16,
  echoReply,
  echoRequest,
  type IpOptions,
  type NetworkPacket,
  octets,
  portUnreachable,
  RawCapture,
  rst,
  TcpFlags,
  tcp,
  timeExceeded,
  udp,
  zeros,
} from '../craft/index.ts';

export const SOURCE = '192.0.2.10';
export const TARGET = '203.0.113.20';
export const HOPS = ['192.0.2.1', '198.51.100.2', '198.51.100.9'];
export const SOURCE6 = '2001:db8:1::10';
export const TARGET6 = '2001:db8:2::20';
export const HOPS6 = ['2001:db8:1::1', '2001:db8:a::2', '2001:db8:b::2'];

export interface Ends {
  from: string;
  to: string;
}

const ENDS: Ends = { from: SOURCE, to: TARGET };
export const ENDS6: Ends = { from: SOURCE6, to: TARGET6 };

/** The probe number `n` of a run, from 1, and what the destination says to it. */
export interface Prober {
  probe: (ttl: number, n: number, ends?: Ends) => NetworkPacket;
  answer: (ttl: number, n: number, probe: NetworkPacket, ends?: Ends) => NetworkPacket;
}

const at = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
const refused = (_ttl: number, _n: number, quoted: NetworkPacket, { from, to }: Ends = ENDS): NetworkPacket =>
  portUnreachable({ from: to, to: from, quoted });

/** traceroute -I, mtr: one id, sequences that rise. */
export const byEcho = (id = 77, options: IpOptions = {}): Prober => ({
  probe: (ttl, n, ends = ENDS) => echoRequest({ ...ends, id, seq: n, ttl, ...options }),
  answer: (_ttl, n, _probe, { from, to } = ENDS) => echoReply({ from: to, to: from, id, seq: n }),
});

/** traceroute: ports that rise, another source port each time. */
export const byPorts: Prober = {
  probe: (ttl, n, { from, to } = ENDS) => udp({ from: at(from, 40_000 + n), to: at(to, 33_433 + n), payload: octets(zeros(32)), ttl }),
  answer: refused,
};

/** Paris: the same ports, a checksum of its own by what is in it. */
export const byChecksum: Prober = {
  probe: (ttl, n, { from, to } = ENDS) =>
    udp({ from: at(from, 50_000), to: at(to, 33_434), payload: octets(be16(n), zeros(10)), ttl, ident: 0 }),
  answer: refused,
};

/** Dublin: the same ports, an IP-ID of its own. */
export const byIdent: Prober = {
  probe: (ttl, n, { from, to } = ENDS) =>
    udp({ from: at(from, 12_345), to: at(to, 33_434), payload: octets(zeros(12)), ttl, ident: 1000 + n, df: false }),
  answer: refused,
};

/** traceroute -U to a service that answers. */
export const byService: Prober = {
  probe: (ttl, n, { from, to } = ENDS) => udp({ from: at(from, 45_000 + n), to: at(to, 53), payload: octets(zeros(32)), ttl }),
  answer: (_ttl, n, _probe, { from, to } = ENDS) => udp({ from: at(to, 53), to: at(from, 45_000 + n), payload: octets(zeros(12)) }),
};

/** traceroute -T, mtr --tcp: a source port and a sequence of its own. */
export const bySyn: Prober = {
  probe: (ttl, n, { from, to } = ENDS) =>
    tcp({ from: at(from, 46_000 + n), to: at(to, 443), flags: TcpFlags.Syn, seq: 7000 * n, mss: 1460, ttl }),
  answer: (_ttl, n, _probe, { from, to } = ENDS) => rst(at(to, 443), at(from, 46_000 + n), 7000 * n),
};

/** tcptraceroute: nothing differs but the IP-ID. */
export const bySynIdent: Prober = {
  probe: (ttl, n, { from, to } = ENDS) =>
    tcp({ from: at(from, 46_000), to: at(to, 80), flags: TcpFlags.Syn, seq: 7000, ttl, ident: 500 + n, df: false }),
  answer: (_ttl, _n, _probe, { from, to } = ENDS) => rst(at(to, 80), at(from, 46_000), 7000),
};

export interface Trip {
  prober: Prober;
  ends?: Ends;
  /** Addresses of the routers; null for one that is silent. A function: by probe. */
  hops?: readonly (string | null)[] | ((ttl: number, n: number) => string | null | undefined);
  /** How often each TTL is probed: traceroute probes it so often before it goes on, mtr goes through all TTLs and again. */
  rounds?: number;
  isMtr?: boolean;
  /** Highest TTL; that of the destination unless said. */
  last?: number;
  /** Seconds until the next probe. */
  interval?: number;
  /** Seconds of the way to the hop and back. */
  rtt?: (ttl: number, n: number) => number;
  /** The number of the first probe. */
  first?: number;
}

/** What is done with each packet, in the order of time: unless said it is sent on the captured link. */
export type Sender = (packet: NetworkPacket, isProbe: boolean) => void;

export function trace(
  capture: { wait(seconds: number): unknown; send?: unknown },
  { prober, ends = ENDS, hops = ends === ENDS6 ? HOPS6 : HOPS, rounds = 3, isMtr = false, interval = 0.05, ...trip }: Trip,
  send: Sender = (packet) => (capture as RawCapture).send(packet),
): void {
  const hopOf = typeof hops === 'function' ? hops : (ttl: number): string | null | undefined => hops[ttl - 1];
  const last = trip.last ?? (typeof hops === 'function' ? 4 : hops.length + 1);
  const ttls = Array.from({ length: last * rounds }, (_, i) => (isMtr ? (i % last) + 1 : Math.floor(i / rounds) + 1));
  for (const [i, ttl] of ttls.entries()) {
    const n = i + (trip.first ?? 1);
    const probe = prober.probe(ttl, n, ends);
    const hop = hopOf(ttl, n);
    const rtt = trip.rtt?.(ttl, n) ?? ttl / 1000;
    send(probe, true);
    if (hop !== null) {
      capture.wait(rtt);
      // Behind the last router is the destination.
      send(hop === undefined ? prober.answer(ttl, n, probe, ends) : timeExceeded({ from: hop, to: ends.from, quoted: probe }), false);
    }
    capture.wait(hop === null ? interval : interval - rtt);
  }
}

/** The traceroutes in a capture. */
export async function traceroutesOf({ bytes }: { readonly bytes: Uint8Array }): Promise<Traceroute[]> {
  const { traceroutes } = await analysisOf(bytes);
  return traceroutes;
}

export async function analysisOf(bytes: Uint8Array): Promise<{ traceroutes: Traceroute[]; stateEvicted: number }> {
  const analysis = await analyzeSources([{ path: 'capture', open: () => new MemorySource(bytes) }], { records: new Set(['traceroutes']) });
  const traceroutes = [...analysis.records.kept.traceroutes].sort((a, b) => a.first.frame - b.first.frame);
  return { traceroutes, stateEvicted: analysis.stats.stateEvicted };
}

/** On a link without link layer. */
export const traced = (trip: Trip): Promise<Traceroute[]> => {
  const capture = new RawCapture();
  trace(capture, trip);
  return traceroutesOf(capture);
};

/** TTL, and who answered how often. */
export const pathOf = ({ hops }: Traceroute): [number, ...string[]][] =>
  hops.map(({ ttl, addresses }) => [ttl, ...addresses.map(({ ip, replies }) => `${ip} ${replies}`)]);
