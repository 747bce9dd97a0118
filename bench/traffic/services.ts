import type { Action, Agenda } from './agenda.ts';
import { BEGIN_SEC } from './container.ts';
import { EtherType, etherTypeOf, type Packets, Protocol, UDP_HEADER } from './packets.ts';
import type { Random } from './random.ts';
import { gatewayOf, type Site, serverOf } from './site.ts';

const DNS_PORT = 53;
const NTP_PORT = 123;
const FIRST_RESOLVER = 1;
const RESOLVERS = 4;
const FIRST_NTP_SERVER = 8;
const NTP_SERVERS = 4;
const FIRST_CLIENT_PORT = 32_768;
const CLIENT_PORTS = 28_000;
const ANSWER_TTL = 56;
/** Within how many frames an answer comes. */
const SOON = 24;

const DNS_HEADER = 12;
const DNS_ANSWER = 16;
/** `host12345.example.net` as labels, then type and class. */
const QUESTION = 10 + 8 + 4 + 1 + 4;

const NTP_LENGTH = 48;
/** Seconds from 1900 to 1970. */
const NTP_EPOCH = 2_208_988_800;

const Arp = { Request: 1, Reply: 2 } as const;

const Icmp = { EchoReply: 0, Unreachable: 3, Echo: 8, TimeExceeded: 11 } as const;
const Icmpv6 = { Echo: 128, EchoReply: 129 } as const;
const PORT_UNREACHABLE = 3;
const ECHO_PAYLOAD = 56;
const ICMP_HEADER = 8;
const QUOTE = 28;

const TRACEROUTE_PORT = 33_434;
const TRACEROUTE_CLIENT_PORT = 16_500;
const TRACEROUTE_PAYLOAD = 32;
const PROBES = 3;
const HOPS = 8;
const ROUTERS = 0xc613_ff00 | 0;

/** What hosts ask for now and then: addresses, names, time, whether someone is there. Every question is answered soon. */
export class Services {
  private readonly packets: Packets;
  private readonly agenda: Agenda;
  private readonly site: Site;
  private readonly random: Random;
  private readonly v6Share: number;
  private echoes = 0;

  constructor(packets: Packets, agenda: Agenda, site: Site, random: Random, v6Share: number) {
    this.packets = packets;
    this.agenda = agenda;
    this.site = site;
    this.random = random;
    this.v6Share = v6Share;
  }

  dns(): void {
    const { random } = this;
    const client = this.site.host();
    const server = serverOf(FIRST_RESOLVER + random.below(RESOLVERS));
    const port = FIRST_CLIENT_PORT + random.below(CLIENT_PORTS);
    const query = random.word();
    const isV6 = this.isV6();
    this.udp(isV6, client, true, server, port, DNS_PORT, DNS_HEADER + QUESTION);
    this.dnsMessage(query, false);
    this.packets.end();
    this.soon(this.dnsAnswer, client, server, port, query, isV6 ? 1 : 0);
  }

  ntp(): void {
    const { random, packets } = this;
    const client = this.site.host();
    const server = serverOf(FIRST_NTP_SERVER + random.below(NTP_SERVERS));
    const port = FIRST_CLIENT_PORT + random.below(CLIENT_PORTS);
    const fraction = random.word();
    this.udp(false, client, true, server, port, NTP_PORT, NTP_LENGTH);
    packets.out.u32(0x2300_06e9);
    packets.out.zeros(36);
    packets.out.u32(this.ntpSeconds());
    packets.out.u32(fraction);
    packets.end();
    this.soon(this.ntpAnswer, client, server, port, this.ntpSeconds(), fraction);
  }

  /** A host asks for its gateway, or the gateway for a host. On a net without a link layer it is a ping instead. */
  arp(): void {
    const host = this.site.neighbour();
    const fromHost = this.random.chance(0.5);
    if (host === undefined) {
      this.echo();
      return;
    }
    const gateway = gatewayOf(host);
    this.arpMessage(host, Arp.Request, fromHost, fromHost ? host : gateway, fromHost ? gateway : host);
    this.soon(this.arpAnswer, host, fromHost ? 1 : 0);
  }

  echo(): void {
    const { site } = this;
    const client = site.host();
    const server = site.server();
    const isV6 = this.isV6();
    const number = ++this.echoes;
    this.echoMessage(isV6, client, server, true, number);
    this.soon(this.echoAnswer, client, server, number, isV6 ? 1 : 0);
  }

  /** A datagram to a port where nothing listens. */
  unreachable(): void {
    const port = FIRST_CLIENT_PORT + this.random.below(CLIENT_PORTS);
    this.probe(this.site.host(), this.site.server(), 64, port, TRACEROUTE_PORT - 1);
  }

  /** Three probes for each hop, then the target itself. */
  traceroute(): void {
    this.trace(this.site.host(), this.site.server(), 0);
  }

  private readonly trace = (client: number, target: number, step: number): void => {
    const ttl = 1 + Math.floor(step / PROBES);
    this.probe(client, target, ttl, TRACEROUTE_CLIENT_PORT, TRACEROUTE_PORT + step);
    if (step + 1 < HOPS * PROBES) this.agenda.put(2 * SOON, this.trace, client, target, step + 1);
  };

  /** A UDP packet without checksum, and the ICMP error that comes back: from a router on the way, or from the target. */
  private probe(client: number, target: number, ttl: number, port: number, targetPort: number): void {
    const { packets } = this;
    packets.begin(client, true, EtherType.Ipv4);
    const length = UDP_HEADER + TRACEROUTE_PAYLOAD;
    packets.ip({ isV6: false, source: client, destination: target, protocol: Protocol.Udp, length, ttl });
    packets.udp(port, targetPort, TRACEROUTE_PAYLOAD, false);
    packets.out.zeros(TRACEROUTE_PAYLOAD);
    packets.end();
    this.soon(this.error, client, target, ttl < HOPS ? ROUTERS | ttl : target, port * 0x10000 + targetPort, packets.lastIdent);
  }

  private readonly error = (client: number, target: number, from: number, ports: number, ident: number): void => {
    const { packets } = this;
    packets.begin(client, false, EtherType.Ipv4);
    packets.ip({ isV6: false, source: from, destination: client, protocol: Protocol.Icmp, length: ICMP_HEADER + QUOTE, ttl: ANSWER_TTL });
    if (from === target) packets.icmp(false, Icmp.Unreachable, PORT_UNREACHABLE);
    else packets.icmp(false, Icmp.TimeExceeded, 0);
    packets.out.u32(0);
    const length = UDP_HEADER + TRACEROUTE_PAYLOAD;
    const quoted = { isV6: false, source: client, destination: target, protocol: Protocol.Udp, length, ttl: 1, ident };
    packets.quote(quoted, Math.floor(ports / 0x10000), ports & 0xffff);
    packets.end();
  };

  private readonly dnsAnswer = (client: number, server: number, port: number, query: number, isV6: number): void => {
    this.udp(isV6 === 1, client, false, server, port, DNS_PORT, DNS_HEADER + QUESTION + DNS_ANSWER);
    this.dnsMessage(query, true);
    this.packets.end();
  };

  /** `query` is id and name. */
  private dnsMessage(query: number, isAnswer: boolean): void {
    const { out } = this.packets;
    out.u16(query & 0xffff);
    out.u16(isAnswer ? 0x8180 : 0x0100);
    out.u16(1);
    out.u16(isAnswer ? 1 : 0);
    out.u32(0);
    const name = 10_000 + ((query >>> 16) % 90_000);
    out.u8(9);
    out.text('host');
    for (let digit = 10_000; digit >= 1; digit /= 10) out.u8(0x30 + (Math.floor(name / digit) % 10));
    out.u8(7);
    out.text('example');
    out.u8(3);
    out.text('net');
    out.u8(0);
    out.u32(0x0001_0001);
    if (!isAnswer) return;
    out.u16(0xc00c);
    out.u32(0x0001_0001);
    out.u32(300);
    out.u16(4);
    out.u32(serverOf(query >>> 16));
  }

  private readonly ntpAnswer = (client: number, server: number, port: number, seconds: number, fraction: number): void => {
    const { out } = this.packets;
    this.udp(false, client, false, server, port, NTP_PORT, NTP_LENGTH);
    out.u32(0x2402_06e9);
    out.zeros(8);
    out.text('TIME');
    out.u32(seconds);
    out.u32(0);
    out.u32(seconds);
    out.u32(fraction);
    out.u32(this.ntpSeconds());
    out.u32(fraction + 1);
    out.u32(this.ntpSeconds());
    out.u32(fraction + 2);
    this.packets.end();
  };

  private ntpSeconds(): number {
    return NTP_EPOCH + BEGIN_SEC + Math.floor(this.packets.elapsed / 1e9);
  }

  private readonly arpAnswer = (host: number, hostAsked: number): void => {
    const gateway = gatewayOf(host);
    this.arpMessage(host, Arp.Reply, hostAsked === 0, hostAsked ? gateway : host, hostAsked ? host : gateway);
  };

  private arpMessage(host: number, oper: number, fromHost: boolean, sender: number, target: number): void {
    const { packets } = this;
    const { out } = packets;
    const isRequest = oper === Arp.Request;
    packets.begin(host, fromHost, EtherType.Arp, isRequest);
    out.u32(0x0001_0800);
    out.u16(0x0604);
    out.u16(oper);
    packets.mac(sender);
    out.u32(sender);
    if (isRequest) out.zeros(6);
    else packets.mac(target);
    out.u32(target);
    packets.end();
  }

  private readonly echoAnswer = (client: number, server: number, number: number, isV6: number): void =>
    this.echoMessage(isV6 === 1, client, server, false, number);

  private echoMessage(isV6: boolean, client: number, server: number, isRequest: boolean, number: number): void {
    const { packets } = this;
    packets.begin(client, isRequest, etherTypeOf(isV6));
    packets.ip({
      isV6,
      source: isRequest ? client : server,
      destination: isRequest ? server : client,
      protocol: isV6 ? Protocol.Icmpv6 : Protocol.Icmp,
      length: ICMP_HEADER + ECHO_PAYLOAD,
      ttl: isRequest ? 64 : ANSWER_TTL,
    });
    if (isV6) packets.icmp(true, isRequest ? Icmpv6.Echo : Icmpv6.EchoReply, 0);
    else packets.icmp(false, isRequest ? Icmp.Echo : Icmp.EchoReply, 0);
    packets.out.u32(number);
    // As ping fills it: the same in both directions.
    for (let i = 0; i < ECHO_PAYLOAD; i += 4) packets.out.u32(i === 0 ? number * 7919 : 0x1011_1213 + i * 0x0101_0101);
    packets.end();
  }

  /** Everything up to the payload of a datagram between a client and a server. */
  private udp(
    isV6: boolean,
    client: number,
    fromClient: boolean,
    server: number,
    clientPort: number,
    serverPort: number,
    length: number,
  ): void {
    const { packets } = this;
    packets.begin(client, fromClient, etherTypeOf(isV6));
    packets.ip({
      isV6,
      source: fromClient ? client : server,
      destination: fromClient ? server : client,
      protocol: Protocol.Udp,
      length: UDP_HEADER + length,
      ttl: fromClient ? 64 : ANSWER_TTL,
    });
    packets.udp(fromClient ? clientPort : serverPort, fromClient ? serverPort : clientPort, length);
  }

  private soon(action: Action, a: number, b: number, c = 0, d = 0, e = 0): void {
    this.agenda.put(1 + this.random.below(SOON), action, a, b, c, d, e);
  }

  private isV6(): boolean {
    return this.random.chance(this.v6Share);
  }
}
