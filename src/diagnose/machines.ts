import type { Host } from '../context/host.ts';
import { compareIps } from '../net/ip.ts';
import { type Mac, macText } from '../net/mac.ts';
import type { InterfaceName, ObservedInterface } from '../track/interfaces.ts';
import type { Address, Claim } from '../track/neighbourhood.ts';
import type { Stamp } from '../track/stamp.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import { type MultiAnswer, multiAnswers } from './arp-answers.ts';
import type { Knowledge } from './knowledge.ts';
import { nameOfCard, type Oneness, onenessOf, relationOf } from './one-machine.ts';
import { countText, frameText, listText } from './text.ts';

/** What belongs to one machine, and why. */
export interface Machine {
  /** Input and frame in which it is seen first; null where no frame shows it. */
  first: { input: number; frame: number } | null;
  /** Path of the tunnels in which it was seen, as `Packet.path`. */
  path: number;
  macs: Mac[];
  ips: string[];
  /** The machine at which the capture was taken. */
  local: boolean;
  interfaces: InterfaceName[];
  because: string[];
}

export interface MachineSources {
  knowledge: Knowledge;
  interfaces: readonly ObservedInterface[];
  /** Addresses of the observed host that the user gave. */
  local: readonly string[];
}

/** Answers that come later than this, where others come at once, are those of a proxy (Linux proxy_delay). */
const LATE_US = 10_000;
/** So many late ones, or so many addresses that it never uses itself, are not chance. */
const FEWEST_LATE = 2;
const FEWEST_UNUSED = 8;

/**
 * The machines that the capture and the context show, in the order of their first frames: MACs with their addresses, joined where something says that they are
 * one machine. Made when it is asked for.
 */
export function machinesOf(sources: MachineSources): Machine[] {
  const { knowledge } = sources;
  const book = new Book();
  for (const address of knowledge.neighbourhood.list) book.note(address);
  for (const host of knowledge.context.hosts) joinHost(book, host);
  joinOwn(book, sources);
  joinAnswers(book, knowledge);
  for (const [name, macs] of knowledge.kinship.sharedNames) {
    const known = macs.filter((mac) => virtualMac(mac) === undefined && book.has(mac));
    // Clones give one name; the context knows better.
    const areApart = relationOf(known, knowledge.context)?.isOne === false;
    if (known.length > 1 && !areApart) book.join(known, `${listText(known.map(macText))} give the same name: ${name}.`);
  }
  const sought = new Set(knowledge.neighbourhood.list.flatMap(({ ip, soughtByHost }) => (soughtByHost ? ip : [])));
  const machines = [...book.groups].map((group) => machineOf(group, sources, sought));
  const masters = tellMasters(machines, knowledge);
  const ownerless = book.virtual.filter(({ mac }) => !masters.has(groupName(mac))).map(virtualMachine);
  return [...machines, ...ownerless]
    .filter(({ macs, ips, because }) => macs.length + ips.length > 0 && because.length > 0)
    .sort(compareMachines);
}

/** More machines than this are forged. */
const MOST_MACHINES = 16_384;

/** What was known before the capture's clock stepped back, and what is known now: machines with a MAC in common are one. */
export function mergeMachines(before: readonly Machine[], now: readonly Machine[]): readonly Machine[] {
  if (before.length === 0) return now;
  const merged = [...before];
  const places = new Map(before.flatMap((machine, i) => namesFor(machine).map((name) => [name, i] as const)));
  for (const machine of now) {
    const i = namesFor(machine).flatMap((name) => places.get(name) ?? [])[0];
    const known = i === undefined ? undefined : merged[i];
    if (i !== undefined && known) merged[i] = joined(known, machine);
    else if (merged.length < MOST_MACHINES) merged.push(machine);
  }
  return merged;
}

const namesFor = ({ macs, path, local }: Machine): string[] => [...macs.map((mac) => keyOf(mac, path)), ...(local ? ['local'] : [])];

const joined = (known: Machine, machine: Machine): Machine => ({
  first: known.first ?? machine.first,
  path: known.path,
  macs: [...new Set([...known.macs, ...machine.macs])].sort((a, b) => a - b),
  ips: [...new Set([...known.ips, ...machine.ips])].sort(compareIps),
  local: known.local || machine.local,
  interfaces: known.interfaces.length > 0 ? known.interfaces : machine.interfaces,
  because: [...new Set([...known.because, ...machine.because])],
});

/** What is known of one MAC. */
interface Entry {
  mac: Mac;
  path: number;
  first: Stamp | undefined;
  /** Addresses that it answers for or announces, and those that it asks with. */
  claims: { address: Address; claim: Claim }[];
  asks: { address: Address; first: Stamp }[];
}

/** MACs that are one machine. */
interface Group {
  entries: Entry[];
  host: Host | undefined;
  isLocal: boolean;
  because: string[];
}

/** All MACs, joined by and by. Tunnels are worlds of their own: the same MAC in another one is another machine. */
class Book {
  readonly groups = new Set<Group>();
  private readonly entries = new Map<string, Entry>();
  private readonly groupOf = new Map<Entry, Group>();

  /** MACs that several machines take in turns. */
  get virtual(): Entry[] {
    return [...this.entries.values()].filter((entry) => !this.groupOf.has(entry));
  }

  has(mac: Mac): boolean {
    return this.entries.has(keyOf(mac, 0));
  }

  /** Who claims the address, and who asks with it. */
  note(address: Address): void {
    for (const claim of address.claims.values()) {
      if (claim.answers + claim.announcements === 0 || claim.mac <= 0) continue;
      const entry = this.entry(claim.mac, address.path);
      entry.claims.push({ address, claim });
      if (!entry.first || claim.first.at < entry.first.at) entry.first = claim.first;
    }
    for (const { mac, first } of address.askedWith?.values() ?? []) {
      if (mac <= 0) continue;
      const entry = this.entry(mac, address.path);
      entry.asks.push({ address, first });
      if (!entry.first || first.at < entry.first.at) entry.first = first;
    }
  }

  /** They are one machine; outside of tunnels. */
  join(macs: readonly Mac[], because: string, path = 0): Group {
    const groups = new Set(macs.map((mac) => this.group(this.entry(mac, path))));
    const [into = this.newGroup([]), ...others] = groups;
    for (const other of others) {
      into.entries.push(...other.entries);
      into.because.push(...other.because);
      into.host ??= other.host;
      into.isLocal ||= other.isLocal;
      for (const entry of other.entries) this.groupOf.set(entry, into);
      this.groups.delete(other);
    }
    if (because !== '') into.because.push(because);
    return into;
  }

  private entry(mac: Mac, path: number): Entry {
    const key = keyOf(mac, path);
    const known = this.entries.get(key);
    if (known) return known;
    const entry: Entry = { mac, path, first: undefined, claims: [], asks: [] };
    this.entries.set(key, entry);
    if (virtualMac(mac) === undefined) this.newGroup([entry]);
    return entry;
  }

  private group(entry: Entry): Group {
    return this.groupOf.get(entry) ?? this.newGroup([entry]);
  }

  private newGroup(entries: Entry[]): Group {
    const group: Group = { entries, host: undefined, isLocal: false, because: [] };
    for (const entry of entries) this.groupOf.set(entry, group);
    this.groups.add(group);
    return group;
  }
}

const keyOf = (mac: Mac, path: number): string => `${path}/${mac}`;

/** What a host of the context says of itself. */
function joinHost(book: Book, host: Host): void {
  const links = host.links.filter(({ mac, type }) => mac > 0 && type !== 'loopback' && virtualMac(mac) === undefined);
  const named = links.map(({ mac, name }) => `${macText(mac)} (${name})`);
  const macs = [...new Set(links.map(({ mac }) => mac))];
  if (macs.length === 0) return;
  book.join(macs, `The context says so: ${host.name} has ${listText(named)}.`).host = host;
}

/** The capturing host: it sends with these MACs. Frames of machines that it is a bridge for leave it, too; but they came in before. */
function joinOwn(book: Book, { knowledge, interfaces, local }: MachineSources): void {
  const { context, neighbourhood, ownMacs } = knowledge;
  const others = new Set(neighbourhood.stationList.filter(({ comesIn }) => comesIn).map(({ mac }) => mac));
  const sending = ownMacs.list.filter((mac) => virtualMac(mac) === undefined && !others.has(mac));
  const observer = context.observer;
  const ofObserver = observer?.links.map(({ mac }) => mac).filter((mac) => mac > 0 && virtualMac(mac) === undefined) ?? [];
  // Where the context has the observer, what leaves it with other MACs is of its guests.
  const macs = observer ? sending.filter((mac) => ofObserver.includes(mac)) : sending;
  const hasAddresses = local.length > 0 || interfaces.some(({ addresses }) => addresses.length > 0);
  if (macs.length + ofObserver.length === 0 && !hasAddresses) return;
  const because = macs.length > 0 ? `It is the capturing host: frames with ${listText(macs.map(macText))} leave it.` : '';
  const group = book.join([...new Set([...ofObserver, ...macs])], because);
  group.isLocal = true;
  if (local.length > 0) group.because.push(`${listText(local)} ${local.length > 1 ? 'are' : 'is'} its address as given (--local).`);
}

/** Who answers together, and is one machine by what it answers. */
function joinAnswers(book: Book, knowledge: Knowledge): void {
  const stories = new Map<string, { multi: MultiAnswer; oneness: Oneness | undefined; ips: string[] }>();
  for (const multi of multiAnswers(knowledge, 'arp')) {
    const { claims, virtual, address, doubles, relation } = multi;
    const oneness = virtual.length > 0 || relation ? undefined : onenessOf(multi);
    if (virtual.length > 0 || relation?.isOne === false || (!oneness && !doubles.atHost)) continue;
    const key = `${address.path} ${claims.map(({ mac }) => mac).sort((a, b) => a - b)} ${oneness?.confidence}`;
    const story = stories.get(key);
    if (story) story.ips.push(address.ip);
    else stories.set(key, { multi, oneness, ips: [address.ip] });
  }
  for (const { multi, oneness, ips } of stories.values()) {
    const { address, claims, doubles } = multi;
    if (doubles.atHost) {
      const [first, second] = doubles.atHost.replies;
      const frames = `${frameText(first.stamp)} and ${frameText(second.stamp)}`;
      book.join(
        [first.mac, second.mac],
        `Both ${frames} leave the capturing host and answer one question for ${address.ip}.`,
        address.path,
      );
    } else if (oneness) {
      const macs = claims.map(({ mac }) => mac);
      const hedged = oneness.confidence === 'certain' ? '' : ' Very probably they are one machine.';
      const together = `${listText(macs.map(macText))} answer together for ${listText(ips.sort(compareIps))}.`;
      book.join(macs, `${together} ${oneness.because.join(' ')}${hedged}`, address.path);
    }
  }
}

/** What tells addresses that a MAC has from those that it answers for others. */
class Habits {
  private readonly asked: ReadonlySet<string>;
  private readonly late: number;
  private readonly prompt: number;
  private readonly unused: number;

  constructor({ claims, asks }: Entry) {
    this.asked = new Set(asks.map(({ address }) => address.ip));
    this.late = claims.filter(({ claim }) => isLate(claim)).length;
    this.prompt = claims.length - this.late;
    this.unused = claims.filter(({ address }) => !this.asked.has(address.ip)).length;
  }

  /** Why an address that it answers for is not its own: as the end of a sentence; undefined where it is. */
  foreignBy({ address, claim }: Entry['claims'][number], { host }: Group, sought: ReadonlySet<string>): string | undefined {
    if (host) return host.linksWith(address.ip).length > 0 ? undefined : `${host.name} has it on no interface`;
    if (claim.own > 0 && sought.has(address.ip)) return 'the capturing host asks for it itself, as for a neighbour';
    if (this.asked.has(address.ip) || claim.announcements > 0) return undefined;
    if (isLate(claim) && this.prompt > 0 && this.late >= FEWEST_LATE)
      return 'its answers come late, as those of a proxy, while it answers at once for others';
    return this.unused >= FEWEST_UNUSED ? `it answers for ${this.unused} addresses that it never uses itself` : undefined;
  }
}

const isLate = ({ latencyUsSum, answers }: Claim): boolean => answers > 0 && latencyUsSum / answers > LATE_US;

function machineOf(group: Group, { interfaces, local }: MachineSources, sought: ReadonlySet<string>): Machine {
  const { host, isLocal } = group;
  const entries = group.entries.sort((a, b) => a.mac - b.mac);
  const ips = new Set<string>(
    host?.links.filter(({ type }) => type !== 'loopback').flatMap(({ addresses }) => addresses.map(({ ip }) => ip)),
  );
  if (isLocal) for (const ip of [...local, ...interfaces.flatMap(({ addresses }) => addresses)]) ips.add(ip);
  const because = [...group.because, ...entries.flatMap((entry) => usesOf(entry, group, ips, sought))];
  const [first] = entries.flatMap((entry) => entry.first ?? []).sort((a, b) => a.input - b.input || a.frame - b.frame);
  return {
    first: first ?? null,
    path: entries[0]?.path ?? 0,
    macs: entries.map(({ mac }) => mac),
    ips: [...ips].sort(compareIps),
    local: isLocal,
    interfaces: host
      ? host.links.filter(({ type }) => type !== 'loopback').flatMap((link) => nameOfCard(link) ?? [])
      : isLocal
        ? ownNames(interfaces)
        : [],
    because: [...new Set(because)],
  };
}

/** Interfaces by which the capturing host sends, where the capture names them. */
const ownNames = (interfaces: readonly ObservedInterface[]): InterfaceName[] =>
  interfaces.flatMap(({ name, out }) => (name && name.name !== 'any' && out > 0 ? [name] : [])).sort((a, b) => a.index - b.index);

/** Puts the addresses that a MAC has into `ips`, and says what shows them, and what it answers for besides. */
function usesOf(entry: Entry, group: Group, ips: Set<string>, sought: ReadonlySet<string>): string[] {
  const name = macText(entry.mac);
  const own: Entry['claims'] = [];
  const foreign = new Map<string, string[]>();
  const sentences: string[] = [];
  const habits = new Habits(entry);
  for (const each of entry.claims) {
    const { address, claim } = each;
    const why = habits.foreignBy(each, group, sought);
    // What two have at the same time, or a host says that it has, did not move.
    const stays = address.doubles !== undefined || address.contested !== undefined || group.host !== undefined;
    const successor = stays ? undefined : address.runs.at(-1);
    if (why !== undefined) foreign.set(why, [...(foreign.get(why) ?? []), address.ip]);
    else if (successor && successor.mac !== entry.mac) {
      sentences.push(
        `${name} had ${address.ip} up to ${frameText(claim.last)}; from ${frameText(successor.first)} on it is at ${macText(successor.mac)}.`,
      );
    } else own.push(each);
  }
  const asking = entry.asks.filter(({ address }) => !own.some((each) => each.address === address));
  const asks = asking.filter(({ address }) => answerersBeside(entry, address).length === 0);
  for (const { address } of [...own, ...asks]) if (!group.host) ips.add(address.ip);
  const answered = own.filter(({ claim }) => claim.answers > 0);
  const announced = own.filter(({ claim }) => claim.answers === 0);
  if (answered.length > 0) sentences.push(`${name} answers for ${namesOf(answered)}${ofFirst(answered[0]?.claim.firstAnswer)}.`);
  if (announced.length > 0) sentences.push(`${name} announces ${namesOf(announced)}${ofFirst(announced[0]?.claim.first)}.`);
  if (asks.length > 0) sentences.push(`${name} asks with ${namesOf(asks)}${ofFirst(asks[0]?.first)}.`);
  for (const { address, first } of asking) {
    const others = answerersBeside(entry, address).filter((mac) => !group.entries.some((each) => each.mac === mac));
    if (others.length > 0)
      sentences.push(`${name} asks with ${address.ip}${ofFirst(first)}, which ${listText(others.map(macText))} answers for.`);
  }
  for (const [why, those] of foreign)
    sentences.push(
      `${name} answers for ${listText(those.sort(compareIps))} too, which ${those.length > 1 ? 'are' : 'is'} not its own (proxy ARP): ${why}.`,
    );
  for (const { address } of answered) {
    const rivals = [...(address.doubles?.macs ?? [])]
      .filter((mac) => !group.entries.some((each) => each.mac === mac))
      .sort((a, b) => a - b);
    if (rivals.length > 0) sentences.push(`${address.ip} is answered by ${listText(rivals.map(macText))}, too.`);
  }
  return sentences;
}

/** Other MACs that answer for the address. */
const answerersBeside = ({ mac }: Entry, { claims }: Address): Mac[] =>
  [...claims.values()].flatMap((claim) => (claim.mac !== mac && claim.answers > 0 ? [claim.mac] : [])).sort((a, b) => a - b);

const namesOf = (items: readonly { address: Address }[]): string => listText(items.map(({ address }) => address.ip).sort(compareIps));
const ofFirst = (stamp: Stamp | undefined): string => (stamp ? ` (${frameText(stamp)})` : '');

/** Which machine speaks as a group's master. Gives the names of the groups whose masters are known. */
function tellMasters(machines: readonly Machine[], { redundancy }: Knowledge): Set<string> {
  const known = new Set<string>();
  for (const { protocol, id, virtualIps, masters } of redundancy.routers.values()) {
    for (const { ip, mac, advertisements } of masters.values()) {
      const machine = machines.find(({ ips, macs }) => ips.includes(ip) || (mac !== null && macs.includes(mac)));
      if (!machine) continue;
      if (!machine.ips.includes(ip)) machine.ips = [...machine.ips, ip].sort(compareIps);
      known.add(`${protocol === 'carp' ? 'vrrp' : protocol}/${id}`);
      const shared = virtualIps.length > 0 ? `, which shares ${listText([...virtualIps].sort(compareIps))}` : '';
      const sentence = `It speaks as the master of ${protocol.toUpperCase()} group ${id}${shared} (${countText(advertisements, 'advertisement')}).`;
      if (!machine.because.includes(sentence)) machine.because.push(sentence);
    }
  }
  return known;
}

/** As `tellMasters` names groups: CARP's MACs have the form of VRRP's. */
function groupName(mac: Mac): string {
  const virtual = virtualMac(mac);
  return `${virtual?.protocol}/${virtual?.id}`;
}

/** A virtual MAC of which it is not known whose it is by now. */
function virtualMachine({ mac, path, first, claims }: Entry): Machine {
  const virtual = virtualMac(mac);
  const group = `${virtual?.protocol.toUpperCase()}${virtual?.id === null ? '' : ` group ${virtual?.id}`}`;
  return {
    first: first ?? null,
    path,
    macs: [mac],
    ips: [...new Set(claims.map(({ address }) => address.ip))].sort(compareIps),
    local: false,
    interfaces: [],
    because: [
      `${macText(mac)} is a virtual MAC of ${group}, and no machine of its own: whoever is active in the group answers with it. Which machine that is, the capture does not show.`,
    ],
  };
}

const compareMachines = (a: Machine, b: Machine): number =>
  (a.first?.input ?? Number.MAX_SAFE_INTEGER) - (b.first?.input ?? Number.MAX_SAFE_INTEGER) ||
  (a.first?.frame ?? 0) - (b.first?.frame ?? 0) ||
  (a.macs[0] ?? 0) - (b.macs[0] ?? 0);
