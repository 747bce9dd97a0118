import type { Action, Agenda } from './agenda.ts';
import { etherTypeOf, type Packets, Protocol, UDP_HEADER } from './packets.ts';
import type { Random } from './random.ts';
import type { Site } from './site.ts';

/** Type and code of an error by IP version (RFC 792, RFC 4443). */
const TIME_EXCEEDED = { v4: 11, v6: 3 } as const;
const UNREACHABLE = { v4: 3, v6: 1 } as const;
const PORT_UNREACHABLE = { v4: 3, v6: 4 } as const;
const ICMP_HEADER = 8;

const FIRST_PORT = 33_434;
/** Where nothing listens, and no traceroute begins. */
const CLOSED_PORT = FIRST_PORT - 1;
const CLIENT_PORT = 16_500;
const FIRST_CLIENT_PORT = 32_768;
const CLIENT_PORTS = 28_000;
const PAYLOAD = 32;
const PROBES = 3;
const HOPS = 8;
const ROUTERS = 0xc613_ff00 | 0;
const ANSWER_TTL = 56;
/** Within how many frames an answer comes, and after how many the next probe goes out. */
const SOON = 24;
const NEXT = 48;

/** Traceroutes as Linux has them by default: UDP to ports that go up, three probes a hop; and the errors that come back. */
export class Traceroute {
  private readonly packets: Packets;
  private readonly agenda: Agenda;
  private readonly site: Site;
  private readonly random: Random;
  private readonly v6Share: number;

  constructor(packets: Packets, agenda: Agenda, site: Site, random: Random, v6Share: number) {
    this.packets = packets;
    this.agenda = agenda;
    this.site = site;
    this.random = random;
    this.v6Share = v6Share;
  }

  /** Three probes for each hop, then the target itself. */
  begin(): void {
    this.trace(this.site.host(), this.site.server(), 0, this.random.chance(this.v6Share) ? 1 : 0, 0);
  }

  /** A datagram to a port where nothing listens. */
  unreachable(): void {
    const port = FIRST_CLIENT_PORT + this.random.below(CLIENT_PORTS);
    this.probe(false, this.site.host(), this.site.server(), 64, port, CLOSED_PORT);
  }

  private readonly trace: Action = (client, target, step, isV6) => {
    const ttl = 1 + Math.floor(step / PROBES);
    this.probe(isV6 === 1, client, target, ttl, CLIENT_PORT, FIRST_PORT + step);
    if (step + 1 < HOPS * PROBES) this.agenda.put(NEXT, this.trace, client, target, step + 1, isV6);
  };

  /** A UDP packet, and the ICMP error that comes back: from a router on the way, or from the target. */
  private probe(isV6: boolean, client: number, target: number, ttl: number, port: number, targetPort: number): void {
    const { packets } = this;
    packets.begin(client, true, etherTypeOf(isV6));
    const length = UDP_HEADER + PAYLOAD;
    packets.ip({ isV6, source: client, destination: target, protocol: Protocol.Udp, length, ttl });
    packets.udp(port, targetPort, PAYLOAD, isV6);
    packets.out.zeros(PAYLOAD);
    packets.end();
    const from = ttl < HOPS ? ROUTERS | ttl : target;
    const ports = port * 0x10000 + targetPort;
    const soon = 1 + this.random.below(SOON);
    this.agenda.put(soon, isV6 ? this.error6 : this.error4, client, target, from, ports, packets.lastIdent);
  }

  private readonly error4: Action = (client, target, from, ports, ident) => this.error(false, client, target, from, ports, ident);
  private readonly error6: Action = (client, target, from, ports, ident) => this.error(true, client, target, from, ports, ident);

  private error(isV6: boolean, client: number, target: number, from: number, ports: number, ident: number): void {
    const { packets } = this;
    const version = isV6 ? 'v6' : 'v4';
    const length = UDP_HEADER + PAYLOAD;
    const quoted = { isV6, source: client, destination: target, protocol: Protocol.Udp, length, ttl: 1, ident };
    packets.begin(client, false, etherTypeOf(isV6));
    packets.ip({
      isV6,
      source: from,
      destination: client,
      protocol: isV6 ? Protocol.Icmpv6 : Protocol.Icmp,
      length: ICMP_HEADER + packets.quoteLength(isV6),
      ttl: ANSWER_TTL,
    });
    if (from === target) packets.icmp(isV6, UNREACHABLE[version], PORT_UNREACHABLE[version]);
    else packets.icmp(isV6, TIME_EXCEEDED[version], 0);
    packets.out.u32(0);
    packets.quote(quoted, Math.floor(ports / 0x10000), ports & 0xffff);
    packets.end();
  }
}
