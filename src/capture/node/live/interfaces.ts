import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { ANY, indexOf, SYS_NET } from './targets.ts';

/** An interface of this machine, and `any`. */
export interface HostInterface {
  /** ifindex; null for `any`, and where the system does not say it. */
  index: number | null;
  name: string;
  /** LINKTYPE_ name of what a capture of it has; null where that is not known. */
  linktype: string | null;
  /** With the length of the prefix: `192.0.2.1/24`. */
  addresses: string[];
  mac: string | null;
  /** Whether it is switched on: what is down cannot be captured from. */
  state: 'up' | 'down' | 'unknown';
  /** Whether something is plugged in; null where that cannot be said, as of an interface that is down. */
  carrier: boolean | null;
}

/** Bit 0 of an interface's flags: IFF_UP. */
const IFF_UP = 1;
const NO_MAC = '00:00:00:00:00:00';

/**
 * What libpcap makes of ARPHRD_ numbers (Linux if_arp.h; libpcap pcap-linux.c, map_arphrd_to_dlt). Others are captured "cooked".
 */
const LINKTYPES: Readonly<Record<number, string>> = {
  /** ETHER, and LOOPBACK, which looks like it. */
  1: 'ETHERNET',
  772: 'ETHERNET',
  /** CISCO. */
  513: 'C_HDLC',
  /** RAWIP, TUNNEL, SIT, NONE (tun, WireGuard). */
  519: 'RAW',
  768: 'RAW',
  776: 'RAW',
  65534: 'RAW',
  /** CAN. */
  280: 'CAN_SOCKETCAN',
  32: 'IPOIB',
  801: 'IEEE802_11',
  802: 'IEEE802_11_PRISM',
  803: 'IEEE802_11_RADIOTAP',
};
const COOKED = 'LINUX_SLL';
const ALL = 'LINUX_SLL2';

/** The interfaces of this machine by index, and `any` at the end. */
export function hostInterfaces(): HostInterface[] {
  const addresses = addressesByName();
  const names = namesInSys() ?? [...addresses.keys()];
  const interfaces = names.map((name) => describe(name, addresses.get(name) ?? []));
  interfaces.sort((a, b) => (a.index ?? 0) - (b.index ?? 0) || (a.name < b.name ? -1 : 1));
  return [...interfaces, { index: null, name: ANY, linktype: ALL, addresses: [], mac: null, state: 'up', carrier: null }];
}

function namesInSys(): string[] | null {
  try {
    // Some entries are no interfaces: bonding_masters.
    return readdirSync(SYS_NET).filter((name) => indexOf(name) !== null);
  } catch {
    return null;
  }
}

function describe(name: string, addresses: string[]): HostInterface {
  const type = sys(name, 'type');
  const flags = sys(name, 'flags');
  const mac = sys(name, 'address');
  const carrier = sys(name, 'carrier');
  return {
    index: indexOf(name),
    name,
    linktype: type === null ? null : (LINKTYPES[Number(type)] ?? COOKED),
    addresses,
    // Tunnels have an IP address there.
    mac: mac === null || mac === NO_MAC || mac.length !== NO_MAC.length ? null : mac,
    state: flags === null ? 'unknown' : (Number(flags) & IFF_UP) === 0 ? 'down' : 'up',
    carrier: carrier === null ? null : carrier === '1',
  };
}

/** What the kernel says of an interface; null where it does not. */
function sys(name: string, attribute: string): string | null {
  try {
    return readFileSync(`${SYS_NET}/${name}/${attribute}`, 'utf8').trim();
  } catch {
    return null;
  }
}

interface Link {
  ifname?: string;
  addr_info?: { local?: string; prefixlen?: number }[];
}

/** From `ip`, which knows interfaces without a carrier too; where it is missing, from Node. */
function addressesByName(): Map<string, string[]> {
  const { status, stdout } = spawnSync('ip', ['-j', 'address', 'show'], { encoding: 'utf8', timeout: 5000, maxBuffer: 64 << 20 });
  try {
    if (status === 0) {
      const links = JSON.parse(stdout) as Link[];
      return new Map(links.map(({ ifname = '', addr_info = [] }) => [ifname, addr_info.flatMap(withPrefix)]));
    }
  } catch {
    // An ip that knows no JSON, as that of busybox.
  }
  const known = Object.entries(networkInterfaces());
  return new Map(known.map(([name, addresses = []]) => [name, addresses.flatMap(({ cidr, address }) => cidr ?? address)]));
}

const withPrefix = ({ local, prefixlen }: { local?: string; prefixlen?: number }): string[] =>
  local === undefined || prefixlen === undefined ? [] : [`${local}/${prefixlen}`];
