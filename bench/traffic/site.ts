import type { Random } from './random.ts';

/** LINKTYPE_ numbers (https://www.tcpdump.org/linktypes.html) of the captures. */
export const Link = { Ethernet: 1, Raw: 101, Sll2: 276 } as const;

/** A network of the site, captured at one interface of its gateway. */
export interface Net {
  /** The second octet of its IPv4 addresses: 10.NUMBER.0.0/16. */
  number: number;
  link: number;
  /** 802.1Q id, 0 where it is untagged. */
  vlan: number;
  /** pcapng interface id; for LINUX_SLL2, the interface's index. */
  interface: number;
  /** How much of the traffic is here, of the weights of all. */
  weight: number;
}

/**
 * The place where the traffic is: hosts behind a gateway, and a world beyond it. A host is its IPv4 address, 10.NET.HOST, a server beyond the gateway
 * one of 198.18.0.0/15 (RFC 2544); everything else that they have is made of that number.
 */
export class Site {
  readonly nets: readonly Net[];
  private readonly random: Random;
  private readonly weights: number;

  constructor(nets: readonly Net[], random: Random) {
    this.nets = nets;
    this.random = random;
    this.weights = nets.reduce((sum, { weight }) => sum + weight, 0);
  }

  netOf(host: number): Net {
    const net = this.nets[(host >>> 16) & 0xff];
    if (!net) throw new Error(`no net has the host ${host >>> 0}`);
    return net;
  }

  /** Any host. */
  host(): number {
    let left = this.random.unit() * this.weights;
    const net = this.nets.find(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    return hostOf(net?.number ?? 0, FIRST_CLIENT + this.random.below(CLIENTS));
  }

  /** Any host of a net in which addresses are resolved, or undefined where there is none. */
  neighbour(): number | undefined {
    const host = this.host();
    return this.netOf(host).link === Link.Raw ? undefined : host;
  }

  server(): number {
    return SERVERS | this.random.below(SERVER_COUNT);
  }
}

const FIRST_CLIENT = 256;
const CLIENTS = 1000;
const SERVERS = 0xc612_0000 | 0;
const SERVER_COUNT = 1 << 17;
const GATEWAY = 1;

export const hostOf = (net: number, number: number): number => (10 << 24) | (net << 16) | number;
export const gatewayOf = (host: number): number => (host & 0xffff_0000) | GATEWAY;
/** A server by its number, for those that have a task of their own. */
export const serverOf = (number: number): number => SERVERS | number;
