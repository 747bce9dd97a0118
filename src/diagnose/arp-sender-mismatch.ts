import { macText } from '../net/mac.ts';
import type { SenderMismatch } from '../track/trackers.ts';
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
  severity: 'warning',
  subject: ['mac', 'ip'],
  details: object({ ethernetSource: mac }),
  means:
    'An ARP packet names another MAC as its sender than the frame that carries it. Receivers believe the packet: they will send to a MAC that is not the one ' +
    'the frame came from. Linux does not compare the two.',
  provenBy: ['The link-layer source differs from the sender hardware address.'],
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

export function judgeMismatch(found: SenderMismatch, knowledge: Knowledge): Draft<MismatchDetails> {
  const sender = macText(found.mac);
  const ethernetSource = macText(found.ethernetSource);
  const excuse = excuseOf(found, knowledge);
  const first = found.evidence.first;
  return {
    subject: { mac: sender, ip: found.ip },
    segment: found.segment,
    path: found.path,
    severity: excuse ? 'info' : 'warning',
    confidence: 'likely',
    title: `ARP packets say that they are from ${sender} (${found.ip}), but ${ethernetSource} sends them`,
    details: { ethernetSource },
    count: found.count,
    evidence: found.evidence,
    because: [
      `${countText(found.count, 'ARP packet')}${first ? `, the first in ${frameText(first)},` : ''} ${found.count === 1 ? 'comes' : 'come'} from ${ethernetSource} and ${found.count === 1 ? 'names' : 'name'} ${sender} as the sender.`,
      ...(excuse ? [excuse] : []),
    ],
    ruledOut: excuse
      ? []
      : ['A virtual MAC: neither has the form of one.', 'A bridge that forwards for others: the source has one such sender only.'],
  };
}

function excuseOf(found: SenderMismatch, { mismatches, kinship, ownMacs }: Knowledge): string | undefined {
  if (virtualMac(found.mac) ?? virtualMac(found.ethernetSource))
    return 'One of them is a virtual router’s MAC: its master sends from its own card.';
  const senders = new Set([...mismatches.values()].filter((each) => each.ethernetSource === found.ethernetSource).map(({ mac }) => mac));
  if (senders.size >= FORWARDED_SENDERS)
    return `${macText(found.ethernetSource)} sends for ${senders.size} MACs: a bridge, repeater or access point.`;
  const between = kinship.between(found.mac, found.ethernetSource);
  if (between.crossings > 0 || between.names.length > 0) return 'Both MACs are one machine: another of its cards, as bonding chooses it.';
  if (ownMacs.has(found.mac) && ownMacs.has(found.ethernetSource)) return 'Both MACs are the capturing host’s own.';
  return undefined;
}
