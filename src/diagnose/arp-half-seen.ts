import type { Owner } from '../context/context.ts';
import type { Host, Link, LinkAddress } from '../context/host.ts';
import { commonPrefixLength } from '../net/ip.ts';
import { macText } from '../net/mac.ts';
import { Evidence } from '../track/evidence.ts';
import type { Address, Claim } from '../track/neighbourhood.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import { type ArpFluxDetails, DELIVERED, fluxRemedies } from './arp-flux.ts';
import { ageSentence, contradictsAnswer, trustAt } from './context-age.ts';
import { sysctlNow } from './host-sysctls.ts';
import type { Confidence, Draft } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { hasOnCard, isNoCard, lowestOf, nameOfCard } from './one-machine.ts';
import { countText, frameText, hedge, listText } from './text.ts';

/**
 * ARP flux of which one half is to be seen: only one card answers, and it is not the one that has the address. Without the context that is what every host with
 * several addresses does; with it, it is a card that takes another one's frames: the other one is down, does not answer (arp_ignore, arp_filter), or is not in sight.
 * @param isDelivered frames for the address are seen to arrive at the wrong card
 */
export function* judgeHalfSeen(address: Address, knowledge: Knowledge, isDelivered: boolean): Generator<Draft<ArpFluxDetails>> {
  if (address.protocol !== 'arp' || address.doubles || knowledge.context.hosts.length === 0) return;
  if (knowledge.redundancy.groupOf(address.ip)) return;
  for (const claim of address.claims.values()) {
    const owner = claim.answers > 0 ? ownerBehind(claim, address, knowledge) : undefined;
    const trust = owner && claim.firstAnswer ? trustAt(owner.host, claim.firstAnswer, knowledge) : undefined;
    if (owner && trust) yield draft(address, claim, owner, isDelivered, trust);
  }
}

interface Behind extends Owner {
  /** The card that has the address. */
  having: Link;
}

/** The host whose other card has the address; undefined where the answer is right, or the context does not tell. */
function ownerBehind({ mac }: Claim, { ip, claims }: Address, { context }: Knowledge): Behind | undefined {
  const answering = virtualMac(mac) ? undefined : context.ownerOfMac(mac);
  if (!answering || hasOnCard(answering.host, mac, ip)) return undefined;
  const { host, link } = answering;
  if (contradictsAnswer(host, link)) return undefined;
  const having = host.linksWith(ip);
  const [only] = having;
  // On no card, it is nobody's; on several, whose it is cannot be told.
  if (!only || having.length > 1 || isNoCard(only)) return undefined;
  if (lowestOf(host, only) === lowestOf(host, link) || only.master === link.name || link.master === only.name) return undefined;
  // Where both answer, though to different questions, the address may have been moved from one to the other.
  if (only.mac > 0 && claims.has(only.mac)) return undefined;
  return isSameNetwork(only, link, ip) ? { host, link, having: only } : undefined;
}

/** Both cards are in one network: else nobody asks here for the other one's address but by mistake. */
const isSameNetwork = (having: Link, answering: Link, ip: string): boolean =>
  answering.addresses.some((own) => covers(own, ip)) ||
  having.addresses.some((own) => own.ip === ip && answering.addresses.some((each) => covers(own, each.ip)));

const covers = ({ ip, prefixLength }: LinkAddress, other: string): boolean => commonPrefixLength(ip, other) >= prefixLength;

const isDown = ({ isUp, hasCarrier }: Link): boolean => !isUp || !hasCarrier;

/** Rules of the host that look at the interface: they wait for what never comes. */
const rulesAt = ({ rules }: Host, link: Link): string[] =>
  (rules ?? []).filter((rule) => rule.in === link.name).map(({ text }) => `\`${text}\``);

function draft(
  address: Address,
  claim: Claim,
  { host, link, having }: Behind,
  isDelivered: boolean,
  confidence: Confidence,
): Draft<ArpFluxDetails> {
  const { ip } = address;
  const missed = rulesAt(host, having);
  const evidence = new Evidence();
  if (claim.firstAnswer) evidence.add('foreign-answer', claim.firstAnswer);
  if (claim.lastAnswer) evidence.add('foreign-answer', claim.lastAnswer);
  const frames = claim.firstAnswer ? ` (the first: ${frameText(claim.firstAnswer)})` : '';
  return {
    subject: { ip },
    segment: address.segment,
    path: address.path,
    // As long as the card is down, that is what keeps the address in reach.
    severity: !isDown(having) && isDelivered ? 'error' : isDown(having) && missed.length === 0 ? 'notice' : 'warning',
    confidence,
    title: `${ip} is ${hedge(confidence)}answered by ${link.name} of ${host.name}, but it is an address of ${having.name}`,
    details: {
      macs: [{ mac: macText(claim.mac), answers: claim.answers, firstAnswers: claim.firstAnswers, interface: nameOfCard(link) }],
      requests: address.requests,
      winner: macText(claim.mac),
      sharedIps: [ip],
    },
    count: claim.answers,
    evidence,
    because: [
      `${countText(claim.answers, 'answer')} for ${ip}${frames} ${claim.answers === 1 ? 'comes' : 'come'} from ${macText(claim.mac)}, and from no other MAC.`,
      `By the context, that is ${link.name} of ${host.name}, and ${ip} is an address of its ${having.name}${having.mac > 0 ? ` (${macText(having.mac)})` : ''}: frames for it arrive at the wrong card.`,
      isDown(having)
        ? `${having.name} is down; Linux keeps the address as long as it is configured, and answers for it on any card (RFC 1122 section 3.3.4.2).`
        : `${having.name} is up: it does not answer itself (arp_ignore, arp_filter), or its answers do not pass where the capture was taken.`,
      ...(missed.length > 0
        ? [`${host.name} has rules for what comes in by ${having.name}: ${listText(missed)}. They do not match it.`]
        : []),
      ...(isDelivered ? [DELIVERED] : []),
      ...(confidence === 'certain' ? [] : [ageSentence(host)]),
      ...sysctlNow(host, [link.name, having.name], ['arp_ignore', 'arp_filter']),
    ],
    ruledOut: [
      'Two hosts with one address: nobody else answers for it.',
      'Proxy ARP: the host answers for an address of its own.',
      'VRRP, HSRP, CARP and GLBP: no virtual MAC answers, and no such router announces the address.',
    ],
    remedies: fluxRemedies(host, [link, having], ip),
  };
}
