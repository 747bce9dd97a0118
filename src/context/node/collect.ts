import { existsSync, readFileSync } from 'node:fs';
import { hostname, release } from 'node:os';
import { assemble } from '../assemble.ts';
import type { HostDocument } from '../document.ts';
import type { Note, Part } from '../part.ts';
import { partOfJson } from '../text/json.ts';
import { readOutputs } from '../text/outputs.ts';
import { readIp } from './ip.ts';
import { parsedJson } from './printed.ts';
import { complaint, LIMITS, type Limits, run } from './run.ts';
import { readSysctls } from './sysctls.ts';
import { readTinc } from './tinc.ts';

export interface CollectOptions extends Partial<Limits> {
  /** Where tinc has its networks. */
  tincFolder?: string;
  /** Only what the kernel knows of interfaces, routes, neighbours and settings: to ask again and again. */
  isBrief?: boolean;
}

/**
 * What this machine says of itself, or the network namespace that this process is in. Whatever is not there is left out; what could not be read, and
 * matters, is named in `unread`. Needs Linux; never throws because of what programs do. Private and preshared keys are dropped where they are parsed
 * (text/wireguard.ts): neither the document nor its messages have them.
 */
export async function collectContext(options: CollectOptions = {}): Promise<HostDocument> {
  const limits: Limits = { ...LIMITS, ...options };
  const [ip, sysctls, others] = await Promise.all([
    readIp(limits),
    readSysctls(),
    options.isBrief ? [] : readOthers(limits, options.tincFolder),
  ]);
  const identity: Part = { hostname: hostname(), kernel: release(), time: new Date().toISOString() };
  const settings: Part =
    Object.keys(sysctls).length > 0 ? { sysctls } : { notes: [{ what: 'sysctls', why: '/proc/sys/net cannot be read' }] };
  return ofThisMachine(assemble([identity, ...ip, settings, ...others]));
}

/** What programs know beside the kernel. */
async function readOthers(limits: Limits, tincFolder: string | undefined): Promise<Part[]> {
  const parts = await Promise.all([
    readWireguard(limits),
    readFrr(limits),
    readBird(limits),
    readTinc(limits, tincFolder),
    readFirewall(limits),
  ]);
  return parts.flat();
}

/** Where `wg` was not there to ask, that matters only to a machine with such interfaces; and of processes it lists those of other namespaces too. */
function ofThisMachine(host: HostDocument): HostDocument {
  const { links, unread = [] } = host;
  const names = new Set(links?.map(({ ifname }) => ifname));
  const isOwn = ({ interface: name }: { interface: string }): boolean => names.size === 0 || names.has(name);
  const hasWireguard =
    links?.some(({ linkinfo, ifname }) => linkinfo?.info_kind === 'wireguard' || existsSync(`/var/run/wireguard/${ifname}.sock`)) ?? true;
  const own = host.wireguard?.filter(isOwn);
  if (own && own.length > 0) host.wireguard = own;
  else delete host.wireguard;
  const kept = unread.filter(({ what }) => what !== WIREGUARD || hasWireguard);
  if (kept.length > 0) host.unread = kept;
  else delete host.unread;
  return host;
}

const WIREGUARD = 'wireguard';

async function readWireguard(limits: Limits): Promise<Part> {
  const ran = await run('wg', ['show', 'all', 'dump'], limits);
  const notes: Note[] = [];
  if (ran.failure !== undefined) return { notes: [{ what: WIREGUARD, why: ran.why }] };
  // What it says of each interface that it could not ask; where it could, the rest stands.
  if (ran.stderr.trim() !== '' || ran.status !== 0) notes.push({ what: WIREGUARD, why: complaint('wg', { ...ran, stdout: '' }) });
  const parts = ran.stdout.trim() === '' ? [] : readOutputs(`# wg show all dump\n${ran.stdout}`, 'wg').parts;
  return { wireguard: parts.flatMap((part) => part.wireguard ?? []), notes: [...notes, ...parts.flatMap((part) => part.notes ?? [])] };
}

/** Where FRR's daemons listen for vtysh. */
const FRR_SOCKETS = ['/run/frr/bgpd.vty', '/var/run/frr/bgpd.vty'];

async function readFrr(limits: Limits): Promise<Part[]> {
  const isThere = FRR_SOCKETS.some((path) => existsSync(path));
  const families = await Promise.all(
    ['ipv4', 'ipv6'].map(async (family): Promise<Part> => {
      const what = `BGP of FRR, ${family}`;
      const ran = await run('vtysh', ['-c', `show bgp ${family} unicast json`], limits);
      // Without a daemon there is nothing to tell.
      if (ran.failure !== undefined) return isThere ? { notes: [{ what, why: ran.why }] } : {};
      const value = parsedJson(ran.stdout);
      const part = value === undefined ? undefined : partOfJson(value, undefined);
      if (part?.bgp) return Object.keys(part.bgp.routes).length > 0 || family === 'ipv4' ? part : {};
      // A daemon without BGP says so in JSON, too.
      return isThere && value === undefined ? { notes: [{ what, why: complaint('vtysh', ran) }] } : {};
    }),
  );
  return families;
}

const BIRD_SOCKETS = ['/run/bird/bird.ctl', '/var/run/bird/bird.ctl', '/run/bird.ctl', '/var/run/bird.ctl'];

async function readBird(limits: Limits): Promise<Part> {
  const isThere = BIRD_SOCKETS.some((path) => existsSync(path));
  const ran = await run('birdc', ['-r', 'show', 'route', 'all'], limits);
  if (ran.failure !== undefined) return isThere ? { notes: [{ what: 'routes of BIRD', why: ran.why }] } : {};
  if (ran.status !== 0 || !/^\S+\/\d+\s/m.test(ran.stdout)) {
    return isThere && ran.status !== 0 ? { notes: [{ what: 'routes of BIRD', why: complaint('birdc', ran) }] } : {};
  }
  const { parts } = readOutputs(`# birdc show route all\n${ran.stdout}`, 'birdc');
  return parts.find((part) => part.bgp) ?? {};
}

/** nft shows what iptables-nft made, too; but not what iptables-legacy did. */
async function readFirewall(limits: Limits): Promise<Part> {
  const nft = await run('nft', ['-j', 'list', 'ruleset'], limits);
  const notes: Note[] = [];
  let found: Part = {};
  if (nft.failure === undefined && nft.status === 0) found = partOfJson(parsedJson(nft.stdout) ?? null, undefined) ?? {};
  else if (nft.failure !== 'missing') notes.push({ what: 'nftables', why: nft.failure === undefined ? complaint('nft', nft) : nft.why });
  const hasLegacy = legacyTables() !== '';
  // Of what iptables-nft made it shows little more than the names.
  if (found.nftables !== undefined && !hasLegacy && !/"xt":/.test(nft.failure === undefined ? nft.stdout : '')) return found;
  for (const program of hasLegacy ? ['iptables-legacy-save', 'iptables-save'] : ['iptables-save']) {
    const ran = await run(program, [], limits);
    if (ran.failure === 'missing') continue;
    if (ran.failure !== undefined || ran.status !== 0) {
      if (hasLegacy || nft.failure === 'missing')
        notes.push({ what: 'iptables', why: ran.failure === undefined ? complaint(program, ran) : ran.why });
      break;
    }
    found = { ...found, ...readOutputs(`# iptables-save\n${ran.stdout}`, program).parts.find((part) => part.iptables) };
    break;
  }
  return { ...found, notes };
}

/** Names of the tables that iptables-legacy has made; the kernel lists them to root only. */
function legacyTables(): string {
  try {
    return readFileSync('/proc/net/ip_tables_names', 'utf8').trim();
  } catch {
    return '';
  }
}
