import type { Agenda } from './agenda.ts';
import { BROADCAST, EtherType, groupMac, type Packets, Protocol } from './packets.ts';
import type { Random } from './random.ts';
import { gatewayOf, type Site } from './site.ts';

const SOON = 24;
const Arp = { Request: 1, Reply: 2 } as const;

/** ICMPv6 types of NDP (RFC 4861 section 4). */
const Ndp = { Solicitation: 135, Advertisement: 136 } as const;
const NDP_LENGTH = 24;
const MAC_OPTION = 8;
const SOURCE_MAC = 0x0101;
const TARGET_MAC = 0x0201;
const ROUTER = 0x8000_0000;
const SOLICITED_AND_OVERRIDE = 0x6000_0000;
/** Nobody has forwarded it. */
const UNFORWARDED = 255;

/** Group and number of the router within its net (RFC 9568). */
const VRRP_GROUP = 0xe000_0012 | 0;
const VRRP_LENGTH = 12;
const VRID = 1;
const PRIORITY = 200;
/** One second, in hundredths. */
const VRRP_INTERVAL = 100;
const VIRTUAL = 254;

const OSPF_GROUP = 0xe000_0005 | 0;
/** A hello that names no neighbour (RFC 2328, A.3.2). */
const OSPF_LENGTH = 44;
const OSPF_HELLO = 0x0201;

/** What stations of a link say to each other: ARP, NDP, and how routers make themselves known. */
export class Neighbours {
  private readonly packets: Packets;
  private readonly agenda: Agenda;
  private readonly site: Site;
  private readonly random: Random;

  constructor(packets: Packets, agenda: Agenda, site: Site, random: Random) {
    this.packets = packets;
    this.agenda = agenda;
    this.site = site;
    this.random = random;
  }

  /** A host asks for its gateway, or the gateway for a host; false on a net without a link layer. */
  arp(): boolean {
    const host = this.site.neighbour();
    if (host === undefined) return false;
    const fromHost = this.random.chance(0.5);
    const gateway = gatewayOf(host);
    this.arpMessage(host, Arp.Request, fromHost, fromHost ? host : gateway, fromHost ? gateway : host);
    this.soon(this.arpAnswer, host, fromHost);
    return true;
  }

  /** As above; whether a neighbour that is known is still there (RFC 4861 section 7.3.1): such a question goes to it alone. */
  ndp(): boolean {
    const host = this.site.neighbour();
    if (host === undefined) return false;
    const fromHost = this.random.chance(0.5);
    this.ndpMessage(host, fromHost, true);
    this.soon(this.ndpAnswer, host, fromHost);
    return true;
  }

  /** The gateway says that it has the virtual address of its net. */
  vrrp(): boolean {
    const gateway = this.fromGateway(Protocol.Vrrp, VRRP_GROUP, VRRP_LENGTH, UNFORWARDED);
    if (gateway === undefined) return false;
    const { out } = this.packets;
    this.packets.open(6);
    out.u8(0x31);
    out.u8(VRID);
    out.u8(PRIORITY);
    out.u8(1);
    out.u16(VRRP_INTERVAL);
    out.u16(0);
    out.u32((gateway & 0xffff_ff00) | VIRTUAL);
    this.packets.end();
    return true;
  }

  /** The gateway looks for other routers. */
  ospf(): boolean {
    const gateway = this.fromGateway(Protocol.Ospf, OSPF_GROUP, OSPF_LENGTH, 1);
    if (gateway === undefined) return false;
    const { out } = this.packets;
    this.packets.open(12, false);
    out.u16(OSPF_HELLO);
    out.u16(OSPF_LENGTH);
    out.u32(gateway);
    out.u32(0);
    out.zeros(12);
    out.u32(0xffff_0000);
    // Every ten seconds; priority 1; dead after 40.
    out.u32(0x000a_0201);
    out.u32(40);
    out.u32(gateway);
    out.u32(0);
    this.packets.end();
    return true;
  }

  /** The headers of a packet from the gateway of some net to a group; undefined where there is no link layer. */
  private fromGateway(protocol: number, group: number, length: number, ttl: number): number | undefined {
    const host = this.site.neighbour();
    if (host === undefined) return undefined;
    const gateway = gatewayOf(host);
    this.packets.begin(host, false, EtherType.Ipv4, groupMac(group));
    this.packets.ip({ isV6: false, source: gateway, destination: group, protocol, length, ttl });
    return gateway;
  }

  private readonly arpAnswer = (host: number, hostAsked: number): void => {
    const gateway = gatewayOf(host);
    this.arpMessage(host, Arp.Reply, hostAsked === 0, hostAsked ? gateway : host, hostAsked ? host : gateway);
  };

  private arpMessage(host: number, oper: number, fromHost: boolean, sender: number, target: number): void {
    const { packets } = this;
    const { out } = packets;
    const isRequest = oper === Arp.Request;
    if (isRequest) packets.begin(host, fromHost, EtherType.Arp, BROADCAST);
    else packets.begin(host, fromHost, EtherType.Arp);
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

  private readonly ndpAnswer = (host: number, hostAsked: number): void => this.ndpMessage(host, hostAsked === 0, false);

  private ndpMessage(host: number, fromHost: boolean, isSolicitation: boolean): void {
    const { packets } = this;
    const { out } = packets;
    const gateway = gatewayOf(host);
    const source = fromHost ? host : gateway;
    const destination = fromHost ? gateway : host;
    packets.begin(host, fromHost, EtherType.Ipv6);
    packets.ip({ isV6: true, source, destination, protocol: Protocol.Icmpv6, length: NDP_LENGTH + MAC_OPTION, ttl: UNFORWARDED });
    packets.icmp(true, isSolicitation ? Ndp.Solicitation : Ndp.Advertisement, 0);
    out.u32(isSolicitation ? 0 : SOLICITED_AND_OVERRIDE | (fromHost ? 0 : ROUTER));
    packets.address6(isSolicitation ? destination : source);
    out.u16(isSolicitation ? SOURCE_MAC : TARGET_MAC);
    packets.mac(source);
    packets.end();
  }

  private soon(action: (host: number, hostAsked: number) => void, host: number, hostAsked: boolean): void {
    this.agenda.put(1 + this.random.below(SOON), action, host, hostAsked ? 1 : 0);
  }
}
