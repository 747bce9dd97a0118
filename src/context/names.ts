/** Names of numbers in what iproute2 prints (its files rt_tables, rt_scopes, and /etc/protocols): the few that are the same everywhere. */

export const TABLE_DEFAULT = 253;
export const TABLE_MAIN = 254;
export const TABLE_LOCAL = 255;

const TABLES: Readonly<Record<string, number>> = { unspec: 0, default: TABLE_DEFAULT, main: TABLE_MAIN, local: TABLE_LOCAL };

/** Tables that only have a name here: their numbers stand in the host's rt_tables, which no output shows. */
const NAMED = 2 ** 32;

/**
 * Number of a routing table. A name that only its host knows gets a number that no table has, 2^32 or more, made of the name (FNV-1a): the
 * same name of two hosts is the same number.
 */
export function tableNumber(name: string | number): number {
  if (typeof name === 'number') return name;
  const known = TABLES[name];
  if (known !== undefined) return known;
  if (/^(\d+|0x[0-9a-f]+)$/i.test(name)) return Number(name);
  let hash = 0x811c9dc5;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return NAMED + hash;
}

/** `0x08`: as iproute2 prints a TOS. */
export const tosText = (tos: number): string => `0x${tos.toString(16).padStart(2, '0')}`;

/** `main`, `local`, `default`, or the number. */
export const tableText = (table: number): string => Object.keys(TABLES).find((name) => TABLES[name] === table) ?? String(table);

const SCOPES: Readonly<Record<string, number>> = { global: 0, universe: 0, site: 200, link: 253, host: 254, nowhere: 255 };

export const SCOPE_GLOBAL = 0;
export const SCOPE_LINK = 253;
export const SCOPE_HOST = 254;

/** Number of a scope: the greater, the nearer; global where the name is not known. */
export const scopeNumber = (scope: string): number => SCOPES[scope] ?? (/^\d+$/.test(scope) ? Number(scope) : SCOPE_GLOBAL);

const PROTOCOLS: Readonly<Record<string, number>> = {
  ip: 0,
  icmp: 1,
  igmp: 2,
  ggp: 3,
  ipencap: 4,
  tcp: 6,
  egp: 8,
  igp: 9,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  eigrp: 88,
  ospf: 89,
  etherip: 97,
  encap: 98,
  pim: 103,
  ipcomp: 108,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
};

/** Older and other names for them. */
const ALIASES: Readonly<Record<string, string>> = { hopopt: 'ip', ipip: 'ipencap', icmpv6: 'ipv6-icmp' };

/** Number of an IP protocol (IANA protocol-numbers); undefined where the name is not known. */
export function protocolNumber(name: string | number): number | undefined {
  if (typeof name === 'number') return name;
  const text = name.toLowerCase().replace(/^ipproto-/, '');
  return /^\d+$/.test(text) ? Number(text) : PROTOCOLS[ALIASES[text] ?? text];
}

/** The name that iproute2 prints for it, or the number. */
export function protocolText(name: string | number): string {
  const number = protocolNumber(name);
  return Object.keys(PROTOCOLS).find((each) => PROTOCOLS[each] === number) ?? String(name);
}

const TOS: Readonly<Record<string, number>> = {
  default: 0,
  lowcost: 2,
  mincost: 2,
  reliability: 4,
  throughput: 8,
  lowdelay: 16,
  cs1: 0x20,
  af11: 0x28,
  af12: 0x30,
  af13: 0x38,
  cs2: 0x40,
  af21: 0x48,
  af22: 0x50,
  af23: 0x58,
  cs3: 0x60,
  af31: 0x68,
  af32: 0x70,
  af33: 0x78,
  cs4: 0x80,
  af41: 0x88,
  af42: 0x90,
  af43: 0x98,
  cs5: 0xa0,
  ef: 0xb8,
  cs6: 0xc0,
  cs7: 0xe0,
};

/** The octet that `tos 0x10`, `tos 16`, `lowdelay` or `AF11` (rt_dsfield) means; 0 where it is none of them. */
export function tosNumber(tos: string | number): number {
  if (typeof tos === 'number') return tos;
  const known = TOS[tos.toLowerCase()];
  // iproute2 reads and prints them in hexadecimal, with 0x or without.
  return known ?? (/^(0x)?[0-9a-f]+$/i.test(tos) ? Number.parseInt(tos, 16) : 0);
}
