import type { Link, LinkAddress } from '../context/host.ts';
import { commonPrefixLength, compareIps, isLinkLocalIp, isPublicIp } from '../net/ip.ts';
import { macText } from '../net/mac.ts';
import { Evidence } from '../track/evidence.ts';
import type { InterfaceName } from '../track/interfaces.ts';
import type { Address, AskedWith, Claim } from '../track/neighbourhood.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import { KNOWLEDGE_SEC } from './arp-answers.ts';
import { sysctlNow, sysctlRemedy } from './host-sysctls.ts';
import type { Confidence, Draft, FindingKind, Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { hasOnCard, isNoCard, linksOfMac, lowestOf, nameOfCard } from './one-machine.ts';
import { interfaceName, list, object, text, textOrNull } from './schemas.ts';
import { countText, FrameText, hedge, listText } from './text.ts';

export interface ForeignSourceDetails {
  interface: InterfaceName | null;
  /** MAC or interface that the address belongs to, as far as the capture shows it. */
  owner: string | null;
  targets: string[];
}

const ASK_RIGHT = { text: 'Ask with an address of the sending card', commands: ['sysctl -w net.ipv4.conf.all.arp_announce=2'] };
const CHOOSE_RIGHT = { text: 'And see that routes choose the right source (src) in the first place', commands: ['ip route get TARGET'] };

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
    'With the context: another card of the asking host has the address, and the asking one has one in the target’s subnet.',
  ],
  seenFrom: ['Anywhere on the segment: requests go to all.', 'The host itself with `-i any`: certain.'],
  looksLike: [
    'Probes (sender 0.0.0.0), announcements.',
    'An address that moved, two cards that both answer (arp-flux).',
    'Unnumbered and point-to-point links, cloud gateways, a router’s second subnet: there is no better address.',
    'A virtual router’s address asked from its master’s own MAC.',
    'An address on lo or a dummy: no card has it, unless another machine does (the virtual address of a load balancer).',
    'A DHCP relay, which speaks to its server with its address towards the clients: the server’s answer goes there.',
  ],
  remedies: [ASK_RIGHT, CHOOSE_RIGHT],
  references: ['Linux ip-sysctl: arp_announce', 'Linux net/ipv4/arp.c: arp_solicit'],
};

/** A subnet is taken to be no wider than this where nothing tells its width. */
const USUAL_PREFIX = 24;

/** All askers that use `address` as their own and are not its owner. */
export function* judgeForeignSource(address: Address, knowledge: Knowledge): Generator<Draft<ForeignSourceDetails>> {
  if (address.protocol !== 'arp') return;
  for (const asked of address.askedWith?.values() ?? []) {
    if (isExempt(address, asked, knowledge)) continue;
    const told = byContext(address, asked, knowledge);
    const proof = told ?? ownedByAnother(address, asked, knowledge) ?? ofAnotherSubnet(address, asked, knowledge);
    if (proof !== undefined && proof !== HARMLESS) yield draft(address, asked, proof);
  }
}

interface Proof {
  confidence: Confidence;
  owner: string | null;
  because: string[];
  /** The card that asks, as its host calls it, and who that is; undefined where only the capture shows it. */
  card?: InterfaceName | null;
  asker?: string;
  /** Instead of the kind's own. */
  remedies?: Remedy[];
}

/** The context shows that there is nothing wrong about it. */
const HARMLESS = 'harmless';

/** What the host that asks says of the address: which of its cards has it, and which address of the asking card would have been right. */
function byContext({ ip }: Address, asked: AskedWith, { context }: Knowledge): Proof | typeof HARMLESS | undefined {
  const asker = context.ownerOfMac(asked.mac);
  if (!asker) return undefined;
  const { host, link } = asker;
  const having = host.linksWith(ip);
  if (having.length === 0) return undefined;
  // A macvlan and its parent are one card: what is sent to either arrives.
  const isOwn = hasOnCard(host, asked.mac, ip) || having.some((each) => lowestOf(host, each) === lowestOf(host, link));
  if (isOwn) return HARMLESS;
  const owner = having.find((each) => !isNoCard(each));
  const rival = context.ownersOfAddress(ip).find((each) => each.host !== host && !isNoCard(each.link));
  // Nobody's frames go wrong for an address that no card has, unless another machine has it (the virtual address of a load balancer).
  if (!owner && !rival) return HARMLESS;
  const better = betterAddress(linksOfMac(host, asked.mac), asked.targets);
  if (!better) return HARMLESS;
  // What waits for the answer may have to have this source (a DHCP relay): only where it passes is there something to be said about it.
  const isNear = commonPrefixLength(ip, better.target) >= better.own.prefixLength;
  if (!isNear && !asked.out && asked.answered === 0) return HARMLESS;
  const names = having.map(({ name }) => name);
  const because = [
    `By the context, ${macText(asked.mac)} is ${link.name} of ${host.name}, and ${ip} is an address of its ${listText(names)}; ${link.name} itself has ${better.own.ip} in the subnet of ${better.target}.`,
    ...(owner || !rival ? [] : [`${rival.host.name} has ${ip} on its card ${rival.link.name}: frames for it belong there.`]),
    ...sysctlNow(host, [link.name], ['arp_announce']),
  ];
  const remedies = [
    sysctlRemedy(host, [link.name], { arp_announce: 2 }, ASK_RIGHT, ['arp_ignore', 'rp_filter']),
    { ...CHOOSE_RIGHT, commands: [`ip route get ${better.target}`] },
  ];
  return {
    confidence: 'certain',
    owner: (owner ?? having[0])?.name ?? null,
    because,
    card: nameOfCard(link),
    asker: `${link.name} of ${host.name}`,
    remedies,
  };
}

/** An address of the asking card in the subnet of a target, as the kernel would choose it with arp_announce=2. */
function betterAddress(links: readonly Link[], targets: readonly string[]): { own: LinkAddress; target: string } | undefined {
  for (const target of targets) {
    for (const { addresses } of links) {
      const own = addresses.find(({ ip, prefixLength }) => ip !== target && commonPrefixLength(ip, target) >= prefixLength);
      if (own) return { own, target };
    }
  }
  return undefined;
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
  const own = new Set([...station.answered.map(({ ip }) => ip), ...station.askedWith]);
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

function draft(
  address: Address,
  asked: AskedWith,
  { confidence, owner, because, card, asker, remedies }: Proof,
): Draft<ForeignSourceDetails> {
  const targets = [...asked.targets].sort(compareIps);
  return {
    subject: { ip: address.ip, mac: macText(asked.mac) },
    segment: address.segment,
    path: address.path,
    confidence,
    title: `${macText(asked.mac)} ${asker ? `(${asker}) ` : ''}asks by ARP with ${address.ip}, ${hedge(confidence)}an address of ${asker ? `its ${owner}` : 'another card'}`,
    details: { interface: card ?? asked.interface, owner, targets },
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
      ? { ...(remedies ? { remedies } : {}) }
      : {
          remedies: [
            ...arpForeignSource.remedies,
            { text: 'To be certain, look on the asking host which card has the address', commands: [`ip -br addr show to ${address.ip}`] },
          ],
        }),
  };
}
