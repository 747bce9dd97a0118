import { canonicalIp } from '../../net/ip.ts';
import type { AddressesDocument, LinkDocument } from '../document.ts';
import { type Block, beginsWith, integer, type Parser, type Said, wordsOf } from './block.ts';
import type { Command } from './command.ts';

/** `ip address` and `ip link`, also with `-o`, `-d`, `-s`, of iproute2 (ip/ipaddress.c, print_linkinfo, print_addrinfo) and of BusyBox. */
export const ipLinks: Parser = {
  name: 'ip address',
  starts: (line) => HEADER.test(line) || ONE_LINE.test(line),
  open: (command) => new Links(command),
};

const HEADER = /^(\d+):\s+(\S+):\s+<([\w,-]*)>\s*(.*)$/;
/** `ip -o address`: the header is not there, but the name. */
const ONE_LINE = /^(\d+):\s+(\S+)\s+(inet6?\s.*)$/;

/** What `ip -d link` calls kinds of interfaces (`info_kind`). */
const KINDS = new Set(
  wordsOf(`amt bareudp batadv bond bridge can dsa dummy erspan fou geneve gre gretap gtp gue hsr ifb ip6erspan ip6gre ip6gretap ip6tnl ipip
    ipoib ipvlan ipvtap lowpan macsec macvlan macvtap netdevsim netkit nlmon openvswitch ovpn ppp rmnet sit team tun tunl vcan veth virt_wifi
    vlan vrf vti vti6 vxcan vxlan wireguard wwan xfrm`),
);
/** What may stand at the beginning of the rest of a broken line. */
const CONTINUES = beginsWith(
  `mtu qdisc master state mode group qlen brd peer scope link-netns\\w* promiscuity allmulti minmtu maxmtu addrgenmode num[tr]xqueues gso_\\w+
   tso_\\w+ gro_\\w+ dynamic secondary deprecated tentative noprefixroute mngtmpaddr temporary nodad preferred_lft permaddr`,
);
const OPEN = /\s(mtu|qdisc|master|state|mode|group|qlen|brd|peer|scope|preferred_lft|valid_lft|link-netnsid|metric)$/;
/** Counters of `-s`, names, and other things that no one asks for. */
const IGNORED = /^\s+(altname|alias|RX|TX|RX errors|TX errors|vf \d+|prog\/|bytes|link-netns|\d[\d\s]*$|statistics|parentbus|parentdev)/;

class Links implements Block {
  private readonly command: Command | undefined;
  /** An entry's lines: the header without its index and name, and what is indented below. */
  private readonly entries: { index: number; name: string; lines: string[]; isBare?: boolean }[] = [];

  constructor(command: Command | undefined) {
    this.command = command;
  }

  take(line: string): boolean {
    const header = HEADER.exec(line);
    if (header) {
      this.entries.push({ index: Number(header[1]), name: header[2] ?? '', lines: [`<${header[3]}> ${header[4]}`] });
      return true;
    }
    const single = ONE_LINE.exec(line);
    if (single) {
      const name = single[2] ?? '';
      if (this.entries.at(-1)?.name !== name) this.entries.push({ index: Number(single[1]), name, lines: [], isBare: true });
      this.entries.at(-1)?.lines.push(single[3] ?? '');
      return true;
    }
    const entry = this.entries.at(-1);
    if (!entry) return false;
    const text = line.trim();
    const before = entry.lines.at(-1) ?? '';
    if (/^(inet6?\s|link\/|valid_lft\s)/.test(text) || (/^\s/.test(line) && isDetail(text))) entry.lines.push(text);
    else if (CONTINUES.test(text) || OPEN.test(before) || (before.startsWith('inet ') && text === entry.name))
      entry.lines[entry.lines.length - 1] = `${before} ${text}`;
    else return IGNORED.test(line);
    return true;
  }

  end(): Said {
    const names = possibleNames(this.entries.map(({ name }) => name));
    const links: LinkDocument[] = [];
    const addresses: AddressesDocument[] = [];
    const misread: string[] = [];
    for (const { index, name: shown, lines, isBare } of this.entries) {
      // `ip -o address` shows the name alone.
      const { name, link } = isBare ? { name: shown, link: {} } : nameOf(shown, names);
      const found: LinkDocument = { ifindex: index, ifname: name, ...link };
      const infos: AddressesDocument['addr_info'] = [];
      for (const line of lines) {
        if (line.startsWith('<')) readHeader(line, found);
        else if (line.startsWith('link/')) readLinkLine(line, found);
        else if (line.startsWith('inet')) {
          const info = infoOf(line);
          if (info) infos.push(info);
          else misread.push(line);
        } else if (line.startsWith('valid_lft')) {
          const last = infos.at(-1);
          if (last) Object.assign(last, lifetimes(line));
        } else readDetail(line, found);
      }
      links.push(found);
      const { linkinfo: _, ...common } = found;
      addresses.push({ ...common, addr_info: infos });
    }
    const saysAddresses = addresses.some(({ addr_info }) => addr_info.length > 0) || this.command?.shows === 'address';
    const notes = this.command?.isFiltered ? [{ what: 'links', why: `"${this.command.text}" shows only some of them` }] : [];
    return { parts: [{ links: links.filter(({ flags }) => flags), ...(saysAddresses ? { addresses } : {}), notes }], misread };
  }
}

const isDetail = (text: string): boolean => {
  const first = wordsOf(text)[0] ?? '';
  return KINDS.has(first) || /^\w+_slave$/.test(first);
};

/**
 * `eth0.10@eth0`: an interface and the one below it; `@if3` lies in another namespace. An interface may have an `@` in its own name: that is
 * told by who else is there.
 */
function nameOf(shown: string, names: ReadonlySet<string>): { name: string; link: { link?: string | null } } {
  for (let at = shown.indexOf('@', 1); at > 0; at = shown.indexOf('@', at + 1)) {
    const name = shown.slice(0, at);
    const below = shown.slice(at + 1);
    if (below === 'NONE') return { name, link: { link: null } };
    if (/^if\d+$/.test(below)) return { name, link: {} };
    if (names.has(below)) return { name, link: { link: below } };
  }
  // Where nobody is called so, a listing of one interface or a name with an `@` are left: the first is far more usual.
  const [, name, below] = /^(.+)@([^@]*)$/.exec(shown) ?? [];
  if (name === undefined || below === undefined) return { name: shown, link: {} };
  return { name, link: names.size <= 2 ? { link: below } : {} };
}

/** What interfaces that are shown so may be called. */
function possibleNames(shown: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const each of shown) {
    names.add(each);
    for (let at = each.indexOf('@', 1); at > 0; at = each.indexOf('@', at + 1)) names.add(each.slice(0, at));
  }
  return names;
}

function readHeader(line: string, found: LinkDocument): void {
  const [, flags = '', rest = ''] = /^<([^>]*)>\s*(.*)$/.exec(line) ?? [];
  found.flags = flags.split(',').filter(Boolean);
  const words = wordsOf(rest);
  for (let i = 0; i + 1 < words.length; i += 2) {
    const value = words[i + 1] ?? '';
    if (words[i] === 'mtu') found.mtu = integer(value) ?? 0;
    else if (words[i] === 'state') found.operstate = value;
    else if (words[i] === 'master') found.master = value;
  }
}

/** ARPHRD_NONE, where BusyBox has no name for it. */
const TYPES: Readonly<Record<string, string>> = { '[65534]': 'none' };

function readLinkLine(line: string, found: LinkDocument): void {
  const [word = '', address] = wordsOf(line);
  const type = word.slice('link/'.length);
  found.link_type = TYPES[type] ?? type;
  if (address !== undefined && (/^[0-9a-f]{2}(:[0-9a-f]{2})+$/i.test(address) || canonicalIp(address) !== undefined))
    found.address = address.toLowerCase();
}

function readDetail(line: string, found: LinkDocument): void {
  const words = wordsOf(line);
  const first = words[0] ?? '';
  found.linkinfo ??= {};
  if (first.endsWith('_slave')) {
    found.linkinfo.info_slave_kind = first.slice(0, -'_slave'.length);
    return;
  }
  found.linkinfo.info_kind = first;
  const after = (word: string): string | undefined => words[words.indexOf(word) + 1];
  const data: Record<string, unknown> = {};
  if (first === 'vlan') Object.assign(data, { protocol: after('protocol'), id: integer(after('id')) });
  if (first === 'vrf') data.table = integer(after('table'));
  if (first === 'macvlan' || first === 'macvtap' || first === 'bond') data.mode = after('mode');
  if (first === 'vxlan' || first === 'geneve') data.id = integer(after('id'));
  if (Object.keys(data).length > 0) found.linkinfo.info_data = data;
}

const FLAGS = new Set(
  'secondary temporary deprecated tentative optimistic dadfailed nodad dynamic noprefixroute mngtmpaddr home autojoin stable-privacy permanent'.split(
    ' ',
  ),
);

/** `inet 192.0.2.1/24 brd 192.0.2.255 scope global secondary eth0`, as `ip -j` prints it. */
function infoOf(line: string): AddressesDocument['addr_info'][number] | undefined {
  const [family = '', first = '', ...words] = wordsOf(line);
  const [local = '', ownLength] = first.split('/');
  if (canonicalIp(local) === undefined) return undefined;
  let length = ownLength;
  const info: Record<string, unknown> = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (FLAGS.has(word)) info[word === 'stable-privacy' ? 'stable_privacy' : word] = true;
    else if (word === 'scope') info.scope = words[++i];
    else if (word === 'peer') {
      const [peer, peerLength] = (words[++i] ?? '').split('/');
      info.address = peer;
      length = peerLength ?? length;
    } else if (word === 'brd') info.broadcast = words[++i];
    else if (word === 'metric') info.metric = integer(words[++i]);
    else if (word === 'proto') info.protocol = words[++i];
    else if (/^(any|flags)$/.test(word)) i++;
    else if (family === 'inet') info.label = word;
  }
  const prefixlen = length === undefined ? (family === 'inet6' ? 128 : 32) : Number(length);
  return Number.isInteger(prefixlen) ? { family, local, prefixlen, ...info } : undefined;
}

/** "forever" is the greatest number of 32 bits. */
function lifetimes(line: string): Record<string, number> {
  const seconds = (word: string): number => {
    const [, value = ''] = new RegExp(`${word} (\\w+)`).exec(line) ?? [];
    return value === 'forever' ? 0xffff_ffff : Number.parseInt(value, 10) || 0;
  };
  return { valid_life_time: seconds('valid_lft'), preferred_life_time: seconds('preferred_lft') };
}

/** `ip -br address` and `ip -br link` (ip/ipaddress.c, print_linkinfo_brief). */
export const ipBrief: Parser = {
  name: 'ip -br address',
  starts: (line) => briefOf(line) !== undefined,
  open: () => new Brief(),
};

const STATES = /^(UP|DOWN|UNKNOWN|LOWERLAYERDOWN|DORMANT|TESTING|NOTPRESENT)$/;

class Brief implements Block {
  private readonly lines: string[] = [];

  take(line: string): boolean {
    if (briefOf(line)) this.lines.push(line);
    else if (this.lines.length > 0 && wordsOf(line).length > 0 && wordsOf(line).every(isBriefWord))
      this.lines[this.lines.length - 1] += ` ${line.trim()}`;
    else return false;
    return true;
  }

  end(): Said {
    const names = possibleNames(this.lines.map((line) => wordsOf(line)[0] ?? ''));
    const links: LinkDocument[] = [];
    const addresses: AddressesDocument[] = [];
    for (const line of this.lines) {
      const [shown = '', operstate = '', ...words] = wordsOf(line);
      const { name, link } = nameOf(shown, names);
      const found: LinkDocument = { ifname: name, ...link, operstate };
      const infos: AddressesDocument['addr_info'] = [];
      for (let i = 0; i < words.length; i++) {
        const word = words[i] ?? '';
        if (word.startsWith('<')) found.flags = word.slice(1, -1).split(',');
        else if (/^([0-9a-f]{2}:)+[0-9a-f]{2}$/.test(word))
          Object.assign(found, { address: word, link_type: name === 'lo' ? 'loopback' : 'ether' });
        else if (word === 'peer') {
          const [peer = '', length] = (words[++i] ?? '').split('/');
          const last = infos.at(-1);
          if (last) Object.assign(last, { address: peer, prefixlen: Number(length ?? last.prefixlen) });
        } else if (word === 'metric') i++;
        else {
          const info = infoOf(`${word.includes(':') ? 'inet6' : 'inet'} ${word}`);
          if (info) infos.push({ ...info, scope: scopeOf(info.local) });
        }
      }
      // It shows no flags besides addresses, but whether the interface works.
      if (!found.flags && operstate !== 'DOWN') found.flags = operstate === 'LOWERLAYERDOWN' ? ['UP'] : ['UP', 'LOWER_UP'];
      links.push(found);
      if (!line.includes('<')) addresses.push({ ...found, addr_info: infos });
    }
    return { parts: [{ links, ...(addresses.length > 0 ? { addresses } : {}) }], misread: [] };
  }
}

/** The scope that an address has where nobody gave it another. */
export const scopeOf = (ip: string): string => (ip.startsWith('127.') || ip === '::1' ? 'host' : /^fe[89ab]/.test(ip) ? 'link' : 'global');

const isBriefWord = (word: string): boolean =>
  canonicalIp(word.split('/')[0] ?? '') !== undefined || /^(peer|metric|\d+|<[A-Z_,-]+>|([0-9a-f]{2}:)+[0-9a-f]{2})$/.test(word);

function briefOf(line: string): string[] | undefined {
  const words = wordsOf(line);
  return !/^\s/.test(line) && words.length >= 2 && STATES.test(words[1] ?? '') && words.slice(2).every(isBriefWord) ? words : undefined;
}
