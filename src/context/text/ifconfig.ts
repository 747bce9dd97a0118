import { parseIpv4 } from '../../net/ip.ts';
import { parseMac } from '../../net/mac.ts';
import type { AddressesDocument, LinkDocument } from '../document.ts';
import { type Block, integer, type Parser, type Said } from './block.ts';
import { scopeOf } from './ip-links.ts';

/** `ifconfig`, of net-tools from 2.0 on, and as it was before and as BusyBox prints it. */
export const ifconfig: Parser = {
  name: 'ifconfig',
  starts: (line) => NEW.test(line) || OLD.test(line),
  open: () => new Interfaces(),
};

/** `eth0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500` */
const NEW = /^(\S+?):\s+flags=\d+<([\w,]*)>(.*)$/;
/** `eth0      Link encap:Ethernet  HWaddr 02:00:00:00:00:0A` */
const OLD = /^(\S+)\s+Link encap:(.+?)(?:\s{2,}HWaddr\s+(\S+))?\s*$/;

interface Entry {
  label: string;
  link: LinkDocument;
  infos: AddressesDocument['addr_info'];
}

class Interfaces implements Block {
  private readonly entries: Entry[] = [];

  take(line: string): boolean {
    const begun = beginning(line);
    if (begun) {
      this.entries.push(begun);
      return true;
    }
    const entry = this.entries.at(-1);
    if (!entry || !/^\s/.test(line)) return false;
    return read(line.trim(), entry);
  }

  end(): Said {
    const links = new Map<string, LinkDocument>();
    const addresses = new Map<string, AddressesDocument>();
    for (const { label, link, infos } of this.entries) {
      // `eth0:1` is a further address of eth0.
      const name = label.replace(/:[^:]*$/, '');
      if (!links.has(name)) links.set(name, { ...link, ifname: name });
      const known = addresses.get(name) ?? { ...links.get(name), ifname: name, addr_info: [] };
      known.addr_info.push(...infos);
      addresses.set(name, known);
    }
    return { parts: [{ links: [...links.values()], addresses: [...addresses.values()] }], misread: [] };
  }
}

function beginning(line: string): Entry | undefined {
  const [, name, flags = '', rest = ''] = NEW.exec(line) ?? [];
  if (name !== undefined) {
    const mtu = integer(/\bmtu (\d+)/.exec(rest)?.[1]);
    return { label: name, link: { ifname: name, flags: flagsOf(flags.split(',')), ...(mtu === undefined ? {} : { mtu }) }, infos: [] };
  }
  const [, old, encapsulation = '', hardware] = OLD.exec(line) ?? [];
  if (old === undefined) return undefined;
  const link: LinkDocument = { ifname: old, link_type: typeOf(encapsulation) };
  if (hardware !== undefined && link.link_type === 'ether') link.address = hardware.toLowerCase();
  return { label: old, link, infos: [] };
}

/** `RUNNING` is what `ip` calls LOWER_UP: IFF_RUNNING, the cable is in. */
const flagsOf = (flags: readonly string[]): string[] => flags.filter(Boolean).map((flag) => (flag === 'RUNNING' ? 'LOWER_UP' : flag));

const typeOf = (words: string): string =>
  words.startsWith('Local Loopback')
    ? 'loopback'
    : words.startsWith('Ethernet')
      ? 'ether'
      : words.startsWith('Point-to-Point')
        ? 'ppp'
        : 'none';

function read(text: string, { label, link, infos }: Entry): boolean {
  const v4 = /^inet (?:addr:)?(\d\S*)(.*)$/.exec(text);
  const v6 = /^inet6 (?:addr:\s*)?([0-9a-f:.]+)(?:\/(\d+)|\s+prefixlen (\d+))/i.exec(text);
  if (v4) {
    const [, mask] = /(?:netmask |Mask:)([\d.]+)/.exec(v4[2] ?? '') ?? [];
    const [, peer] = /(?:destination |P-t-P:)([\d.]+)/.exec(v4[2] ?? '') ?? [];
    const prefixlen = lengthOfMask(mask ?? '255.255.255.255');
    const local = v4[1] ?? '';
    if (parseIpv4(local) === undefined || prefixlen === undefined) return false;
    infos.push({ family: 'inet', local, ...(peer && peer !== local ? { address: peer } : {}), prefixlen, scope: scopeOf(local), label });
  } else if (v6) {
    const local = (v6[1] ?? '').toLowerCase();
    infos.push({ family: 'inet6', local, prefixlen: Number(v6[2] ?? v6[3]), scope: scopeOf(local) });
  } else if (/^ether\s/.test(text)) {
    const address = text.split(/\s+/)[1] ?? '';
    link.link_type = 'ether';
    if (parseMac(address) !== undefined) link.address = address.toLowerCase();
  } else if (/^loop\b/.test(text)) link.link_type = 'loopback';
  else if (/^(unspec|tunnel|sit|ppp|infiniband)\b/.test(text)) link.link_type = text.startsWith('ppp') ? 'ppp' : 'none';
  else if (/\bMTU:\d+\s+Metric:/.test(text)) {
    link.flags = flagsOf((text.split(/\s{2,}|\s(?=MTU:)/)[0] ?? '').split(/\s+/));
    link.mtu = integer(/MTU:(\d+)/.exec(text)?.[1]) ?? 0;
  } else return /^(RX|TX|collisions|Interrupt|device|Memory|Base address|options=|media|status|nd6)/.test(text);
  return true;
}

/** How many bits of a mask are set; undefined where they are not in a row. */
export function lengthOfMask(mask: string): number | undefined {
  const value = parseIpv4(mask);
  if (value === undefined) return undefined;
  const length = Math.clz32(~value);
  return value === (length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0) ? length : undefined;
}
