import { macText } from '../net/mac.ts';
import { COEXISTENCE, overlapSecondsOf, type VirtualRouter } from '../track/redundancy.ts';
import type { Draft, FindingKind } from './kind.ts';
import { list, macOrNull, number, object, text } from './schemas.ts';
import { countText, frameText, listText } from './text.ts';

export interface SplitBrainDetails {
  masters: { ip: string; mac: string | null; priority: number }[];
  overlapSeconds: number;
}

export const vrrpSplitBrain: FindingKind<SplitBrainDetails> = {
  kind: 'vrrp-split-brain',
  brief: 'two routers are active for one virtual address',
  severity: 'error',
  subject: ['virtualRouter'],
  details: object({ masters: list(object({ ip: text, mac: macOrNull, priority: number })), overlapSeconds: number }),
  means:
    'Two routers are active for one virtual address at the same time: they do not hear each other, or do not agree. Frames go to either of them, the switch’s ' +
    'table flaps, connections break.',
  provenBy: [
    'Two senders advertise the same group in turns, each within three advertisement intervals of the other, more often than a handover does.',
  ],
  seenFrom: ['Anywhere on the segment where both are heard.'],
  looksLike: ['A handover: the old master falls silent, or a preferred one takes over at once. The speaker changes once or twice.'],
  remedies: [
    {
      text: 'Do the routers hear each other? Multicast 224.0.0.18 and protocol 112 must pass between them',
      commands: ["tcpdump -ni IFACE 'ip proto 112'", 'nft list ruleset | grep -i vrrp'],
    },
    { text: 'Same version, interval, authentication and virtual addresses on both; different groups for different pairs', commands: [] },
  ],
  references: ['RFC 9568 section 6.4', 'RFC 3768'],
};

export function judgeSplitBrain(router: VirtualRouter): Draft<SplitBrainDetails> | undefined {
  if (router.mostChanges < COEXISTENCE) return undefined;
  const masters = [...router.masters.values()];
  const overlapSeconds = Math.round(overlapSecondsOf(router) * 1e3) / 1e3;
  const name = `${router.protocol.toUpperCase()} group ${router.id}`;
  const first = router.evidence.first;
  const last = router.evidence.last;
  const names = listText(masters.map(({ ip, priority }) => `${ip} (priority ${priority})`));
  return {
    subject: { virtualRouter: { protocol: router.protocol, id: router.id } },
    segment: router.segment,
    path: router.path,
    confidence: 'likely',
    title: `${name} has ${countText(masters.length, 'master')} at once: ${listText(masters.map(({ ip }) => ip))}`,
    details: {
      masters: masters.map(({ ip, mac, priority }) => ({ ip, mac: mac === null ? null : macText(mac), priority })),
      overlapSeconds,
    },
    count: 1,
    evidence: router.evidence,
    because: [
      `${names} advertise ${name} in turns${first && last ? `, between ${frameText(first)} and ${frameText(last)}` : ''}: up to ${countText(router.mostChanges, 'change')} of speaker in a row, each within three advertisement intervals (of ${router.intervalSec} s).`,
      `They are active together for ${overlapSeconds} s; a backup that hears its master is silent.`,
    ],
    ruledOut: ['A handover: the speaker changes more than twice.', 'Two groups: protocol and number are the same, on one segment.'],
  };
}
