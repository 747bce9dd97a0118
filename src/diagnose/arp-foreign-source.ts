import { commonPrefixLength, compareIps, isLinkLocalIp, isPublicIp } from '../net/ip.ts';
import { macText } from '../net/mac.ts';
import { Evidence } from '../track/evidence.ts';
import type { InterfaceName } from '../track/interfaces.ts';
import type { Address, AskedWith, Claim } from '../track/neighbourhood.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import { KNOWLEDGE_SEC } from './arp-answers.ts';
import type { Confidence, Draft, FindingKind } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { interfaceName, list, object, text, textOrNull } from './schemas.ts';
import { countText, FrameText, hedge, listText } from './text.ts';

export interface ForeignSourceDetails {
  interface: InterfaceName | null;
  /** MAC or interface that the address belongs to, as far as the capture shows it. */
  owner: string | null;
  targets: string[];
}

export const arpForeignSource: FindingKind<ForeignSourceDetails> = {
  kind: 'arp-foreign-source',
  brief: 'a host asks by ARP with the address of another of its cards',
  severity: 'warning',
  subject: ['ip', 'mac'],
  details: object({ interface: interfaceName, owner: textOrNull, targets: list(text) }),
  means:
    'A host asks by ARP with a sender address that belongs to another of its cards (Linux takes the source of the packet that waits, arp_announce=0). Whoever is ' +
    'asked learns that address with the wrong card’s MAC, and sends its frames there: often the true beginning of traffic that enters by the wrong card.',
  provenBy: [
    'Another MAC answers for the sender address before and after, and the asking one never does.',
    'The sender address is of another subnet than the target, while the asker has one of the target’s.',
    'At the host: the request leaves by one interface, the address is answered for on another.',
  ],
  seenFrom: ['Anywhere on the segment: requests go to all.', 'The host itself with `-i any`: certain.'],
  looksLike: [
    'Probes (sender 0.0.0.0), announcements.',
    'An address that moved, two cards that both answer (arp-flux).',
    'Unnumbered and point-to-point links, cloud gateways, a router’s second subnet: there is no better address.',
    'A virtual router’s address asked from its master’s own MAC.',
    'A DHCP relay, which speaks to its server with its address towards the clients: the server’s answer goes there.',
  ],
  remedies: [
    { text: 'Ask with an address of the sending card', commands: ['sysctl -w net.ipv4.conf.all.arp_announce=2'] },
    { text: 'And see that routes choose the right source (src) in the first place', commands: ['ip route get TARGET'] },
  ],
  references: ['Linux ip-sysctl: arp_announce', 'Linux net/ipv4/arp.c: arp_solicit'],
};

/** A subnet is taken to be no wider than this where nothing tells its width. */
const USUAL_PREFIX = 24;

/** All askers that use `address` as their own and are not its owner. */
export function* judgeForeignSource(address: Address, knowledge: Knowledge): Generator<Draft<ForeignSourceDetails>> {
  if (address.protocol !== 'arp') return;
  for (const asked of address.askedWith?.values() ?? []) {
    const proof = isExempt(address, asked, knowledge)
      ? undefined
      : (ownedByAnother(address, asked, knowledge) ?? ofAnotherSubnet(address, asked, knowledge));
    if (proof) yield draft(address, asked, proof);
  }
}

interface Proof {
  confidence: Confidence;
  owner: string | null;
  because: string[];
}

function isExempt(address: Address, asked: AskedWith, { redundancy, udp }: Knowledge): boolean {
  const claims = [...address.claims.keys()];
  return (
    virtualMac(asked.mac) !== undefined ||
    claims.includes(asked.mac) ||
    claims.some((mac) => virtualMac(mac) !== undefined) ||
    redundancy.groupOf(address.ip) !== undefined ||
    address.doubles !== undefined ||
    isLinkLocalIp(address.ip) ||
    address.ip === CLOUD_GATEWAY ||
    [...asked.targets].every((target) => udp.relaysDhcp(address.ip, target))
  );
}

/** Asks for public addresses on behalf of a provider's fabric. */
const CLOUD_GATEWAY = '172.31.1.1';

function ownedByAnother(address: Address, asked: AskedWith, knowledge: Knowledge): Proof | undefined {
  const elsewhere = asked.out ? ownClaimsElsewhere(address, knowledge) : [];
  const owner = [...address.claims.values(), ...elsewhere].find((claim) => claim.mac !== asked.mac && answersAround(claim, asked));
  if (!owner?.firstAnswer || !owner.lastAnswer) return undefined;
  const atHost = asked.out && owner.own > 0;
  const because = [
    `${macText(owner.mac)} answers for ${address.ip}, in ${FrameText(owner.firstAnswer).toLowerCase()} and in ${FrameText(owner.lastAnswer).toLowerCase()}; ${macText(asked.mac)} never does.`,
  ];
  if (atHost) because.push('Both leave the capturing host, by different interfaces: it uses the address of one card on another.');
  return { confidence: atHost ? 'certain' : 'likely', owner: macText(owner.mac), because };
}

/** The capturing host's own answers for the address on other segments: a card of another network has it. */
const ownClaimsElsewhere = ({ ip, segment }: Address, { neighbourhood }: Knowledge): Claim[] =>
  neighbourhood.list
    .filter((each) => each.ip === ip && each.protocol === 'arp' && each.segment !== segment)
    .flatMap(({ claims }) => [...claims.values()].filter(({ own }) => own > 0));

/** It answered for the address before and after the requests, not too long ago. */
function answersAround({ firstAnswer, lastAnswer, own }: Claim, { first, last, out }: AskedWith): boolean {
  if (!firstAnswer || !lastAnswer) return false;
  // At the host itself one answer is enough: nobody else's can be meant.
  if (own > 0 && out) return first.at - lastAnswer.at <= KNOWLEDGE_SEC && firstAnswer.at - last.at <= KNOWLEDGE_SEC;
  return (
    firstAnswer.at <= last.at &&
    first.at - firstAnswer.at <= KNOWLEDGE_SEC &&
    lastAnswer.at >= first.at &&
    lastAnswer.at - last.at <= KNOWLEDGE_SEC
  );
}

function ofAnotherSubnet(address: Address, asked: AskedWith, { neighbourhood }: Knowledge): Proof | undefined {
  const station = neighbourhood.stationOf(address.segment, asked.mac);
  if (!station) return undefined;
  const own = new Set([...station.answered.keys(), ...station.askedWith]);
  own.delete(address.ip);
  const better = [...asked.targets].flatMap((target) =>
    [...own]
      .filter((ip) => ip !== target)
      .filter((ip) => commonPrefixLength(ip, target) >= USUAL_PREFIX && commonPrefixLength(address.ip, target) < USUAL_PREFIX)
      // A public address that is routed to a host in a private network has no card there.
      .filter(() => !isPublicIp(address.ip) || isPublicIp(target))
      .map((ip) => ({ ip, target })),
  )[0];
  if (!better) return undefined;
  const because = [
    `${macText(asked.mac)} asks for ${better.target} with ${address.ip}, although it has ${better.ip} in the target’s own subnet.`,
  ];
  return { confidence: 'likely', owner: null, because };
}

function evidenceOf({ requests, last }: AskedWith): Evidence {
  const evidence = new Evidence();
  for (const stamp of [...requests, last]) evidence.add('request', stamp);
  return evidence;
}

function draft(address: Address, asked: AskedWith, { confidence, owner, because }: Proof): Draft<ForeignSourceDetails> {
  const targets = [...asked.targets].sort(compareIps);
  return {
    subject: { ip: address.ip, mac: macText(asked.mac) },
    segment: address.segment,
    path: address.path,
    confidence,
    title: `${macText(asked.mac)} asks by ARP with ${address.ip}, ${hedge(confidence)}an address of another card`,
    details: { interface: asked.interface, owner, targets },
    count: asked.exchanges,
    evidence: evidenceOf(asked),
    because: [
      `${FrameText(asked.first)}: ${macText(asked.mac)} asks for ${listText(targets)} and gives ${address.ip} as its own address (${countText(asked.exchanges, 'exchange')}).`,
      ...because,
      `Whoever was asked now has ${address.ip} at ${macText(asked.mac)}.`,
    ],
    ruledOut: [
      'A probe or an announcement: the sender address is set, and is not the target.',
      'A move, or two answers (arp-flux): the asking MAC never answers for the address.',
      'A virtual router: no virtual MAC, no advertisement of the address.',
    ],
    ...(confidence === 'certain'
      ? {}
      : {
          remedies: [
            ...arpForeignSource.remedies,
            { text: 'To be certain, look on the asking host which card has the address', commands: [`ip -br addr show to ${address.ip}`] },
          ],
        }),
  };
}
