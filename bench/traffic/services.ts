import type { Action, Agenda } from './agenda.ts';
import { BEGIN_SEC } from './container.ts';
import { etherTypeOf, type Packets, Protocol, UDP_HEADER } from './packets.ts';
import type { Random } from './random.ts';
import { type Site, serverOf } from './site.ts';

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

const STUN_PORT = 3478;
const FIRST_STUN_SERVER = 12;
const STUN_SERVERS = 2;
const STUN_HEADER = 20;
const STUN_ADDRESS = 12;
const STUN_COOKIE = 0x2112_a442;

const SNMP_PORT = 161;
const FIRST_AGENT = 16;
const AGENTS = 8;
const SNMP_LENGTH = 40;

const RADIUS_PORT = 1812;
const FIRST_RADIUS_SERVER = 24;
const RADIUS_LENGTH = 38;
const Radius = { Request: 1, Accept: 2 } as const;

const Icmp = { EchoReply: 0, Echo: 8 } as const;
const Icmpv6 = { Echo: 128, EchoReply: 129 } as const;
const ECHO_PAYLOAD = 56;
const ICMP_HEADER = 8;

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

  stun(): void {
    const { random } = this;
    const client = this.site.host();
    const server = serverOf(FIRST_STUN_SERVER + random.below(STUN_SERVERS));
    const port = FIRST_CLIENT_PORT + random.below(CLIENT_PORTS);
    const id = random.word();
    this.udp(false, client, true, server, port, STUN_PORT, STUN_HEADER);
    this.stunHeader(0x0001, 0, id);
    this.packets.end();
    this.soon(this.stunAnswer, client, server, port, id);
  }

  snmp(): void {
    const { random } = this;
    const manager = this.site.host();
    const agent = serverOf(FIRST_AGENT + random.below(AGENTS));
    const port = FIRST_CLIENT_PORT + random.below(CLIENT_PORTS);
    const id = random.word();
    this.udp(false, manager, true, agent, port, SNMP_PORT, SNMP_LENGTH);
    this.snmpMessage(id, false);
    this.soon(this.snmpAnswer, manager, agent, port, id);
  }

  radius(): void {
    const { random } = this;
    const client = this.site.host();
    const server = serverOf(FIRST_RADIUS_SERVER);
    const port = FIRST_CLIENT_PORT + random.below(CLIENT_PORTS);
    const id = random.below(256);
    this.udp(false, client, true, server, port, RADIUS_PORT, RADIUS_LENGTH);
    this.radiusMessage(Radius.Request, id);
    this.soon(this.radiusAnswer, client, server, port, id);
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

  private readonly stunAnswer = (client: number, server: number, port: number, id: number): void => {
    const { out } = this.packets;
    this.udp(false, client, false, server, port, STUN_PORT, STUN_HEADER + STUN_ADDRESS);
    this.stunHeader(0x0101, STUN_ADDRESS, id);
    // XOR-MAPPED-ADDRESS (RFC 8489 section 14.2).
    out.u32(0x0020_0008);
    out.u16(1);
    out.u16(port ^ (STUN_COOKIE >>> 16));
    out.u32(client ^ STUN_COOKIE);
    this.packets.end();
  };

  private stunHeader(type: number, length: number, id: number): void {
    const { out } = this.packets;
    out.u16(type);
    out.u16(length);
    out.u32(STUN_COOKIE);
    out.u32(id);
    out.u32(~id);
    out.u32(Math.imul(id, 0x9e3779b1));
  }

  private readonly snmpAnswer = (manager: number, agent: number, port: number, id: number): void => {
    this.udp(false, manager, false, agent, port, SNMP_PORT, SNMP_LENGTH);
    this.snmpMessage(id, true);
  };

  /** SNMPv2c in BER (RFC 3416): a question for sysUpTime, or the answer. */
  private snmpMessage(id: number, isAnswer: boolean): void {
    const { out } = this.packets;
    // SEQUENCE, INTEGER 1, OCTET STRING of six.
    out.u16(0x3000 | (SNMP_LENGTH - 2));
    out.u8(2);
    out.u16(0x0101);
    out.u16(0x0406);
    out.text('public');
    out.u16((isAnswer ? 0xa200 : 0xa000) | (SNMP_LENGTH - 15));
    out.u16(0x0204);
    out.u32(id);
    // No error; one name, 1.3.6.1.2.1.1, and NULL.
    out.u32(0x0201_0002);
    out.u16(0x0100);
    out.u32(0x300b_3009);
    out.u16(0x0605);
    out.text('+\x06\x01\x02\x01');
    out.u16(0x0500);
    this.packets.end();
  }

  private readonly radiusAnswer = (client: number, server: number, port: number, id: number): void => {
    this.udp(false, client, false, server, port, RADIUS_PORT, RADIUS_LENGTH);
    this.radiusMessage(Radius.Accept, id);
  };

  /** Code, identifier, length and authenticator (RFC 2865 section 3), and one attribute: Reply-Message. */
  private radiusMessage(code: number, id: number): void {
    const { out } = this.packets;
    out.u8(code);
    out.u8(id);
    out.u16(RADIUS_LENGTH);
    out.payload(16);
    out.u16((18 << 8) | (RADIUS_LENGTH - 20));
    out.text('fluxcap  bench  '.slice(0, RADIUS_LENGTH - 22));
    this.packets.end();
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
