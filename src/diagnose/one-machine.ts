import type { Context } from '../context/context.ts';
import type { Host, Link } from '../context/host.ts';
import { type Mac, macText } from '../net/mac.ts';
import { durationText } from '../net/time.ts';
import type { InterfaceName } from '../track/interfaces.ts';
import type { MultiAnswer } from './arp-answers.ts';
import { capitalised, FrameText, frameText, listText } from './text.ts';

/*
 * Whether MACs are one machine: the one place that says so. The context knows; without it, what they answer for, in which order and how soon, what enters by
 * one of them and leaves by another, and names.
 */

/** A MAC with the interface that has it; both undefined where the context does not know it. */
export interface Card {
  mac: Mac;
  host: Host | undefined;
  link: Link | undefined;
}

/** What the context says of some MACs together. */
export interface Relation {
  /** All of them are interfaces of one host; else they are of two machines at least. */
  isOne: boolean;
  /** The host of the first of them that is known. */
  host: Host;
  cards: Card[];
  /** How it follows, in a sentence. */
  because: string;
}

/**
 * Whether the MACs are one host's, as the context has it; undefined where it does not say. A host lists all its interfaces: a MAC that is none of them is another
 * machine's.
 */
export function relationOf(macs: readonly Mac[], context: Context): Relation | undefined {
  if (context.hosts.length === 0) return undefined;
  const cards = macs.map((mac): Card => ({ mac, host: undefined, link: undefined, ...context.ownerOfMac(mac) }));
  const known = cards.filter(({ host }) => host !== undefined);
  const host = known[0]?.host;
  // A MAC that several hosts of the context have says nothing.
  const isAmbiguous = cards.some((card) => !card.host && context.hosts.some((each) => each.linkOfMac(card.mac) !== undefined));
  if (!host || isAmbiguous) return undefined;
  const isOne = cards.every((card) => card.host === host);
  return { isOne, host, cards, because: isOne ? sentenceOfOne(host, cards) : sentenceOfSeveral(host, cards) };
}

/** Whether the context says that two MACs are one host's, or that they are not; undefined where it does not say. */
export const areOneMachine = (a: Mac, b: Mac, context: Context): boolean | undefined =>
  a === b ? true : relationOf([a, b], context)?.isOne;

const sentenceOfOne = (host: Host, cards: readonly Card[]): string =>
  `By the context, ${cards.length === 2 ? 'both' : 'all'} are interfaces of one host, ${host.name}: ${listText(cards.map(cardText))}.`;

function sentenceOfSeveral(host: Host, cards: readonly Card[]): string {
  const known = cards.filter((card) => card.host !== undefined);
  const named = known.map(({ mac, host: owner, link }) => `${macText(mac)} is ${link?.name} of ${owner?.name}`);
  const strangers = cards.filter((card) => card.host === undefined).map(({ mac }) => macText(mac));
  const are = strangers.length > 1 ? 'are' : 'is';
  const stranger = strangers.length > 0 ? `; ${listText(strangers)} ${are} none of the interfaces of ${host.name}` : '';
  return `By the context, ${listText(named)}${stranger}.`;
}

const cardText = ({ mac, link }: Card): string => `${macText(mac)} is ${link?.name}`;

/** The interface as findings name it, where the context knows the MAC. */
export const nameOfCard = (link: Link): InterfaceName | null => (link.index < 0 ? null : { index: link.index, name: link.name });

/** Interfaces with this MAC: a VLAN has that of its parent, a bond that of its members. */
export const linksOfMac = (host: Host, mac: Mac): Link[] => host.links.filter((link) => link.mac === mac && link.type !== 'loopback');

/** Whether the host has the address on an interface with this MAC. */
export const hasOnCard = (host: Host, mac: Mac, ip: string): boolean =>
  linksOfMac(host, mac).some(({ addresses }) => addresses.some((each) => each.ip === ip));

/** Whether the interface is no card: nobody's frames arrive by it, so an address on it belongs to none. */
export const isNoCard = ({ type, kind }: Link): boolean => type === 'loopback' || kind === 'dummy';

/** The lowest interface, by which frames come in: of a macvlan or a VLAN its parent. */
export function lowestOf(host: Host, link: Link): Link {
  let lowest = link;
  // As deep as names go in a loop-free stack; forged ones end here too.
  for (let depth = 0; depth < 8 && lowest.parent !== null; depth++) lowest = host.link(lowest.parent) ?? { ...lowest, parent: null };
  return lowest;
}

/** Whether all of them are one card: macvlans or VLANs, and their parent. */
export const areOneCard = ({ host, cards }: Pick<Relation, 'host' | 'cards'>): boolean =>
  new Set(cards.map(({ link }) => link && lowestOf(host, link).name)).size === 1;

/** Whether they are members of one bond or team, or that and its members: whichever of them answers, frames arrive at the bond. */
export function areOneBond({ host, cards }: Pick<Relation, 'host' | 'cards'>): boolean {
  const bonds = cards.map(({ link }) => (link?.kind === 'bond' || link?.kind === 'team' ? link.name : (link?.master ?? null)));
  const [bond] = bonds;
  const kind = host.link(bond ?? '')?.kind;
  return (kind === 'bond' || kind === 'team') && bonds.every((each) => each === bond);
}

/** What makes the MACs that answered together one machine, and how sure that is. */
export interface Oneness {
  confidence: 'certain' | 'likely';
  because: string[];
}

/** Rounds that agree in order and distance, from which on no other reading is left. */
const CERTAIN_ROUNDS = 10;

/** Whether the MACs that answered together are one machine; undefined where nothing says so. */
export function onenessOf(multi: MultiAnswer): Oneness | undefined {
  const { relation } = multi;
  if (relation) return relation.isOne ? { confidence: 'certain', because: [relation.because] } : undefined;
  const { isBlock, isSteady, isClose, kinship, rounds, shared, ownAddresses } = multi;
  const isKin = kinship.crossings > 0 || kinship.names.length > 0;
  const isCertain = isBlock && (isKin || (isSteady && isClose && rounds >= CERTAIN_ROUNDS));
  const isLikely = isBlock ? isSteady || isClose : isKin && [...ownAddresses.values()].every((ips) => ips.length === 0);
  if (!isCertain && !isLikely) return undefined;
  const because: string[] = [];
  if (isBlock) because.push(`Each of these MACs answers for the same ${shared.length} addresses: ${listText(shared)}, and for no other.`);
  if (isSteady) because.push(`In ${Math.round(multi.steadyShare * rounds)} of ${rounds} rounds the same MAC comes first.`);
  if (isClose)
    because.push(
      `The answers follow each other within ${durationText(multi.gapMost)} in all ${rounds} rounds: they come from one machine's handlers.`,
    );
  because.push(...kinshipSentences(multi));
  return { confidence: isCertain ? 'certain' : 'likely', because };
}

export function kinshipSentences({ kinship }: Pick<MultiAnswer, 'kinship'>): string[] {
  const sentences: string[] = [];
  const { request, answer, crossings, what, names } = kinship;
  if (crossings > 0 && request && answer) {
    sentences.push(
      `${capitalised(what)} (${frameText(request)}, ${frameText(answer)}) enter by one of the MACs and leave by another: they are one machine.`,
    );
  }
  if (names.length > 0) sentences.push(`Both MACs give the same name: ${listText(names)}.`);
  return sentences;
}

/** Signs in the capture that the MACs that answered together are two machines. */
export function signsOfTwoMachines(multi: MultiAnswer): string[] {
  const { claims, ownAddresses, namedApart, reactedApart, shared, doubles, address, rounds } = multi;
  const signs: string[] = [];
  const haveOwn = claims.every(({ mac }) => (ownAddresses.get(mac)?.length ?? 0) > 0);
  if (haveOwn && shared.length <= 1) {
    for (const { mac } of claims) signs.push(`${macText(mac)} alone answers for ${listText(ownAddresses.get(mac) ?? [])}.`);
  }
  if (namedApart) signs.push('DHCP or LLDP give the two MACs different names.');
  if (reactedApart)
    signs.push(`${FrameText(reactedApart)} is the second answer to one SYN, by another TCP than the first one, from the other MAC.`);
  const announcer = claims.find(({ announcements, answers }) => announcements > 0 && answers === 0);
  if (rounds === 0 && announcer && doubles.exchanges > 0) {
    signs.push(`${macText(announcer.mac)} announces ${address.ip}, and another MAC answers that it has it.`);
  }
  return signs;
}
