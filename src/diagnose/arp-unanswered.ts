import { isPublicIp } from '../net/ip.ts';
import { type Mac, macText } from '../net/mac.ts';
import type { Address, Unanswered } from '../track/neighbourhood.ts';
import type { Draft, FindingKind } from './kind.ts';
import { lessSure } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, list, number, object, text } from './schemas.ts';
import { countText, FrameText, frameText, listText } from './text.ts';

export interface UnansweredDetails {
  requests: number;
  askers: string[];
  spanSeconds: number;
}

export const arpUnanswered: FindingKind<UnansweredDetails> = {
  kind: 'arp-unanswered',
  brief: 'nobody answers for an address that is asked for again and again',
  severity: 'notice',
  endsByAbsence: true,
  subject: ['ip'],
  details: object({ requests: count, askers: list(text), spanSeconds: number }),
  means:
    'Nobody answers for an address that is asked for again and again: the machine is off, the address wrong, or the route or mask that leads there is.',
  provenBy: ['At least three requests stay without an answer, while the same asker gets answers for other addresses in the same capture.'],
  seenFrom: ['The asker itself, or a tap. Elsewhere on a switch the answers are not to be seen, and nothing is said.'],
  looksLike: [
    'A scan: one asker, many addresses.',
    'Probes before an address is taken (sender 0.0.0.0): silence is what they hope for.',
    'A capture of one direction: nothing is answered.',
  ],
  remedies: [
    { text: 'Is the address on this link at all? What does the asker think', commands: ['ip route get ADDRESS', 'ip neigh show ADDRESS'] },
    {
      text: 'An address of another network needs a gateway: correct the mask, or the route that has none',
      commands: ['ip route replace NETWORK via GATEWAY dev IFACE'],
    },
  ],
  references: ['RFC 826', 'Linux ip-sysctl: neigh/mcast_solicit'],
};

const FEWEST_REQUESTS = 3;
/** An asker that looks for more silent addresses than this is scanning. */
const SCAN_TARGETS = 16;
/** Requests this late may be answered after the end. */
const END_SEC = 2;

/** Networks, by segment, in which somebody answers. */
export const answeredNetworks = (addresses: readonly Address[]): Set<string> =>
  new Set(addresses.filter(({ claims, protocol }) => protocol === 'arp' && claims.size > 0).map(networkOf));

/** With its segment: of the usual 24 bits. */
const networkOf = ({ segment, ip }: Pick<Address, 'segment' | 'ip'>): string => `${segment}/${ip.slice(0, ip.lastIndexOf('.'))}`;

/** @param networks of `answeredNetworks` */
export function judgeUnanswered(
  address: Address,
  networks: ReadonlySet<string>,
  knowledge: Knowledge,
): Draft<UnansweredDetails> | undefined {
  const { unanswered } = address;
  if (!unanswered || address.protocol !== 'arp') return undefined;
  const askers = [...unanswered.askers].filter(([mac, { own }]) => hearsAnswers(address.segment, mac, own, knowledge));
  const requests = askers.reduce((sum, [, asker]) => sum + asker.requests, 0);
  const exchanges = askers.reduce((sum, [, asker]) => sum + asker.exchanges, 0);
  if (requests < FEWEST_REQUESTS || knowledge.end - unanswered.first.at < END_SEC) return undefined;
  // Who answers later, or speaks meanwhile, is there: its answers went past this capture.
  const isThere = [...address.claims.values(), ...(address.askedWith?.values() ?? [])].some(({ last }) => last.at >= unanswered.first.at);
  if (isThere) return undefined;
  // A request so late may be answered after the end.
  const isEnough = !unanswered.third || knowledge.end - unanswered.third.at >= END_SEC;
  const names = askers.map(([mac, { ip }]) => ip ?? macText(mac));
  const offLink = offLinkSentence(address, unanswered, networks);
  const silent = [...address.claims.values()].map(({ last }) => last).sort((a, b) => b.at - a.at)[0];
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path: address.path,
    confidence: knowledge.drops || !isEnough ? lessSure('likely') : 'likely',
    title: `Nobody answers for ${address.ip}, asked for ${countText(requests, 'time')} by ${listText(names)}`,
    details: { requests: exchanges, askers: names, spanSeconds: seconds(unanswered) },
    count: exchanges,
    evidence: unanswered.evidence,
    because: [
      `${FrameText(unanswered.first)} to ${frameText(unanswered.last)} ask for ${address.ip}; no answer follows.`,
      `${listText(names)} gets answers to other questions in this capture, so answers are to be seen.`,
      ...(silent ? [`It was there before: ${frameText(silent)} still answers for it.`] : []),
      ...(offLink ? [offLink] : []),
    ],
    ruledOut: ['A scan: the asker has few unanswered questions.', 'Probes: the requests name their sender.'],
    remedies: [
      ...arpUnanswered.remedies.map((remedy) => ({
        ...remedy,
        commands: remedy.commands.map((each) => each.replace('ADDRESS', address.ip)),
      })),
      {
        text: 'To be certain, capture on the machine that should have the address',
        commands: [`tcpdump -i any -y LINUX_SLL2 -w host.pcap 'arp host ${address.ip}'`],
      },
    ],
  };
}

const seconds = ({ first, last }: Unanswered): number => Math.max(0, Math.round((last.at - first.at) * 1e6) / 1e6);

/** Answers to this asker come by where the capture was taken, and it is no scanner. */
function hearsAnswers(segment: number, mac: Mac, own: boolean, { neighbourhood }: Knowledge): boolean {
  const station = neighbourhood.stationOf(segment, mac);
  if (!station || station.unansweredTargets.length >= SCAN_TARGETS) return false;
  if (station.answeredExchanges > 0) return neighbourhood.hearing.hearsAnswersTo(segment, mac);
  // The host's own questions are certain to be answered within view; something must come in at all.
  return own && neighbourhood.hasOtherStation(segment, mac);
}

function offLinkSentence(address: Address, { askers }: Unanswered, networks: ReadonlySet<string>): string | undefined {
  const own = [...askers.values()].flatMap(({ ip }) => ip ?? []);
  const isNear = own.some((ip) => networkOf({ segment: address.segment, ip }) === networkOf(address));
  if (isNear || networks.has(networkOf(address))) return undefined;
  const what = isPublicIp(address.ip) ? 'a public address' : 'of another network than the asker';
  return `${address.ip} is ${what}, and no address near it is on this segment: a route without a gateway, or a wrong mask, makes a host ask for it here.`;
}
