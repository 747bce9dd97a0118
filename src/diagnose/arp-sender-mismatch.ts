import { type Mac, macText } from '../net/mac.ts';
import type { Mismatch } from '../track/mismatches.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import type { Draft, FindingKind } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { mac, object } from './schemas.ts';
import { countText, frameText } from './text.ts';

export interface MismatchDetails {
  ethernetSource: string;
}

export const arpSenderMismatch: FindingKind<MismatchDetails> = {
  kind: 'arp-sender-mismatch',
  brief: 'an ARP packet names another sender MAC than its frame',
  severity: 'warning',
  subject: ['mac', 'ip'],
  details: object({ ethernetSource: mac }),
  means:
    'An ARP packet names another MAC as its sender than the frame that carries it. Receivers believe the packet: they will send to a MAC that is not the one ' +
    'the frame came from. Linux does not compare the two. Or an answer goes to another MAC than the one it names as its target.',
  provenBy: [
    'The link-layer source differs from the sender hardware address, or the destination of a unicast answer from its target hardware address.',
  ],
  seenFrom: ['Anywhere on the segment; in LINUX_SLL2 the link-layer source is in the header.'],
  looksLike: [
    'A virtual router’s MAC in a frame of its master (info).',
    'A wireless bridge, repeater or access point that answers for its clients: one source with several senders (info).',
    'Bonding in mode balance-alb: another card of the same host (info).',
  ],
  remedies: [{ text: 'Find the port that the frames come from', commands: ['bridge fdb show | grep -i MAC'] }],
  references: ['RFC 826'],
};

/** Sources with this many different senders forward for others. */
const FORWARDED_SENDERS = 2;

/** @param behind of `standIns` */
export function judgeMismatch(found: Mismatch, behind: ReadonlyMap<Mac, ReadonlySet<Mac>>, knowledge: Knowledge): Draft<MismatchDetails> {
  const sender = macText(found.mac);
  const ethernetSource = macText(found.ethernetSource);
  const { named, actual } = namesOf(found);
  const excuse = excuseOf(named, actual, behind.get(actual) ?? new Set(), knowledge);
  const first = found.evidence.first;
  const packets = `${countText(found.count, 'ARP packet')}${first ? `, the first in ${frameText(first)},` : ''}`;
  const isOne = found.count === 1;
  return {
    subject: { mac: sender, ip: found.ip },
    segment: found.segment,
    path: found.path,
    severity: excuse ? 'info' : 'warning',
    confidence: 'likely',
    title: found.target
      ? `ARP answers of ${sender} (${found.ip}) say that they are for ${macText(named)}, but go to ${macText(actual)}`
      : `ARP packets say that they are from ${sender} (${found.ip}), but ${ethernetSource} sends them`,
    details: { ethernetSource },
    count: found.count,
    evidence: found.evidence,
    because: [
      found.target
        ? `${packets} ${isOne ? 'goes' : 'go'} to ${macText(actual)} and ${isOne ? 'names' : 'name'} ${macText(named)} as the target.`
        : `${packets} ${isOne ? 'comes' : 'come'} from ${ethernetSource} and ${isOne ? 'names' : 'name'} ${sender} as the sender.`,
      ...(excuse ? [excuse] : []),
    ],
    ruledOut: excuse
      ? []
      : [
          'A virtual MAC: neither has the form of one.',
          'A bridge that forwards for others: nothing shows that it has more than one behind it.',
        ],
  };
}

/** Why frames of the MAC `named` may be seen with `actual` instead. */
function excuseOf(named: Mac, actual: Mac, behind: ReadonlySet<Mac>, { kinship, ownMacs }: Knowledge): string | undefined {
  if (virtualMac(named) ?? virtualMac(actual)) return 'One of them is a virtual router’s MAC: its master sends from its own card.';
  if (behind.size >= FORWARDED_SENDERS) return `${macText(actual)} stands for ${behind.size} MACs: a bridge, repeater or access point.`;
  const between = kinship.between(named, actual);
  if (between.crossings > 0 || between.names.length > 0) return 'Both MACs are one machine: another of its cards, as bonding chooses it.';
  if (ownMacs.has(named) && ownMacs.has(actual)) return 'Both MACs are the capturing host’s own.';
  return undefined;
}

/** For each station the MACs for which its frames stand. */
export function standIns(found: Iterable<Mismatch>): Map<Mac, Set<Mac>> {
  const behind = new Map<Mac, Set<Mac>>();
  for (const mismatch of found) {
    const { named, actual } = namesOf(mismatch);
    behind.set(actual, (behind.get(actual) ?? new Set()).add(named));
  }
  return behind;
}

/** The MAC that the ARP packets give, and the one of their frames. */
const namesOf = ({ mac, ethernetSource, target }: Mismatch): { named: Mac; actual: Mac } =>
  target ? { named: target.mac, actual: target.destination } : { named: mac, actual: ethernetSource };
