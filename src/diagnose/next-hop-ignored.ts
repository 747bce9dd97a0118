import { commonPrefixLength, isIpv6Text } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import { compareStamps, type Stamp } from '../track/stamp.ts';
import type { Hop, HopAddress, Traceroute } from '../track/traceroute/traceroute.ts';
import type { Findings } from './finding.ts';
import { type Confidence, confidences, type Draft, type FindingKind, lessSure, type Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { type Expectation, type ExpectedFrom, expectationOf } from './next-hop-expectation.ts';
import { count, list, object, oneOf, text, textOrNull } from './schemas.ts';
import { FrameText, frameText, hedge, listText } from './text.ts';
import {
  type Mechanism,
  OPENVPN_REMEDY,
  PREFIX_REMEDY,
  TINC_REMEDY,
  type TunnelChoice,
  tunnelChoice,
  WIREGUARD_REMEDY,
} from './tunnel-choice.ts';

export interface NextHopIgnoredDetails {
  /** The first of several of a multipath route. */
  expected: { ip: string; from: ExpectedFrom };
  observed: { ip: string; ttl: number };
  /** Of all traceroutes that show it. */
  probes: number;
  /** Next hops that there are for the destination, as far as that is known. */
  candidates: string[];
  decidingStep: string | null;
  /** No link-layer addresses, so no gateways. */
  link: 'layer3';
  /** What the expectation is about. */
  prefix: string;
  source: string;
  /** Name of the interface, where the context knows it. */
  interface: string | null;
  /** What chooses behind the interface, where the context knows it. */
  mechanism: Mechanism;
}

const CAPTURE_MORE: Remedy = {
  text: 'To be certain, read what the host’s routes say before the probes, then probe while capturing on the tunnel (DESTINATION, IFACE); or name the next hop: --expect-via',
  commands: [
    'fluxcap context > context.json',
    'tcpdump -i IFACE -w tunnel.pcap & mtr -rn -c 20 DESTINATION',
    'fluxcap tunnel.pcap --context context.json',
  ],
};

export const nextHopIgnored: FindingKind<NextHopIgnoredDetails> = {
  kind: 'next-hop-ignored',
  brief: 'a tunnel sends packets to another node than the next hop that the route names',
  severity: 'error',
  subject: ['destination'],
  details: object({
    expected: object({ ip: text, from: oneOf('context', 'bgp', 'option') }),
    observed: object({ ip: text, ttl: count }),
    probes: count,
    candidates: list(text),
    decidingStep: textOrNull,
    link: oneOf('layer3'),
    prefix: text,
    source: text,
    interface: textOrNull,
    mechanism: oneOf('tinc', 'wireguard', 'openvpn', 'unknown'),
  }),
  means:
    'A gateway has no meaning on a raw IP link (a tun device, WireGuard, GRE with several peers): packets there bear no MAC that could name it. The next hop of a route, and all that BGP did to ' +
    'choose it, selects the interface and nothing more; the tunnel then chooses by a table of its own, and here it chooses another node.',
  provenBy: [
    'A next hop is expected: by the host’s own routes (`--context`), by the user (`--expect-via`), or by BGP in the capture.',
    'A traceroute or mtr on an interface without link-layer addresses shows another one of the possible next hops on the way, and the expected one nowhere.',
  ],
  seenFrom: [
    'The tunnel interface of the router that holds the routes and sends the probes, or `-i any` there.',
    'Not outside of the tunnel, where probes are encrypted; not at a relay or an exit, for which the route of another router says nothing.',
  ],
  looksLike: [
    'A relay before the next hop: it is none of the possible next hops, or the expected one follows.',
    'The next hop answers nothing (filtered, rate-limited): then a hop before the other one is silent.',
    'Equal-cost paths: each of the next hops is right.',
    'A traceroute from before a change of the routes: they have to be older than the probes.',
    'The next hop answers from another of its addresses: the context, BGP identifiers and subnets of the tunnel tell which are one node.',
    'Loss at a hop whose later hops answer: it answers slowly, and is no fault.',
  ],
  remedies: [TINC_REMEDY, WIREGUARD_REMEDY, OPENVPN_REMEDY, PREFIX_REMEDY],
  references: [
    'RFC 4271 section 9.1',
    'tinc.conf(5): Mode, Subnet; tinc src/subnet.c',
    'wg(8): AllowedIPs; WireGuard white paper section 2',
    'OpenVPN 2.6 manual: --iroute',
  ],
};

/** Subnets are taken to be no narrower than this where nothing tells their width, and no wider than that. */
const USUAL = { 4: 24, 6: 64 } as const;
const WIDEST = { 4: 16, 6: 32 } as const;

/** What one traceroute shows. */
interface Judged {
  route: Traceroute;
  expectation: Expectation;
  /** The hop that got the packets; undefined where they went as they should. */
  observed: Observed | undefined;
}

interface Observed {
  ip: string;
  hop: Hop;
  address: HopAddress;
  /** It is one of the candidates; else it is merely the last one inside of the tunnel's network. */
  isCandidate: boolean;
  /** All hops up to the first one beyond the tunnel's network answered. */
  isGapless: boolean;
  /** Hops before it. */
  before: string[];
}

/** Traceroutes on links without gateways, against what routes say. */
export function diagnoseNextHops(knowledge: Knowledge, findings: Findings): void {
  const judged = new Map<string, Judged[]>();
  for (const route of knowledge.traceroutes.list) {
    const one = judge(route, knowledge);
    if (!one) continue;
    const key = `${route.path}|${route.source}|${route.destination}`;
    judged.set(key, [...(judged.get(key) ?? []), one]);
  }
  const byWay = new Map<string, string>();
  for (const all of judged.values()) {
    const made = draft(all, knowledge);
    if (!made) continue;
    const handle = findings.report(nextHopIgnored, made);
    // The same next hop, ignored in the same way for another destination: one story.
    const way = `${made.path} ${made.details.expected.ip} ${made.details.observed.ip}`;
    findings.relate(byWay.get(way) ?? handle, handle);
    if (!byWay.has(way)) byWay.set(way, handle);
  }
}

/** Undefined where nothing can be said. */
function judge(route: Traceroute, knowledge: Knowledge): Judged | undefined {
  if (!route.isLayer3 || route.hops.every(({ addresses }) => addresses.length === 0)) return undefined;
  const expectation = expectationOf(route, knowledge);
  if (!expectation) return undefined;
  const { nextHops, candidates, from } = expectation;
  // A next hop in no network of the tunnel is reached through another one: which, the path does not tell.
  if (from !== 'option' && new Set(candidates).size < 2) return undefined;
  if (nextHops.some((ip) => isIpv6Text(ip) !== isIpv6Text(route.destination)) || nextHops.includes(route.destination)) return undefined;
  const nodes = new Nodes(expectation, knowledge);
  const isExpected = ({ ip }: HopAddress): boolean => nextHops.some((each) => nodes.areOne(each, ip));
  if (route.hops.some(({ addresses }) => addresses.some(isExpected))) return { route, expectation, observed: undefined };
  const observed = observedOf(route, expectation, nodes);
  // The destination itself is beyond the last node; a refusal tells nothing of the way behind it.
  if (!observed || observed.ip === route.destination) return undefined;
  if (from === 'bgp' && !isBefore(route, observed, expectation.best?.until ?? null)) return undefined;
  return { route, expectation, observed };
}

/** Each hop up to the observed one answered before the routes changed. */
const isBefore = ({ hops }: Traceroute, { hop }: Observed, until: Stamp | null): boolean =>
  until === null || hops.every(({ ttl, addresses: [first] }) => ttl > hop.ttl || (first !== undefined && first.firstReply.at < until.at));

/** The first other candidate on the way; else the last hop in the tunnel's network before the path leaves it. */
function observedOf(
  { hops, source, destination }: Traceroute,
  { candidates, link, nextHops }: Expectation,
  nodes: Nodes,
): Observed | undefined {
  const [expected = ''] = nextHops;
  const isOther = (ip: string): boolean => candidates.some((each) => nodes.areOne(each, ip));
  const isInside = (ip: string): boolean => isOther(ip) || isInNetwork(ip, expected, source, link);
  const before: string[] = [];
  let found: Omit<Observed, 'isGapless'> | undefined;
  let isGapless = hops[0]?.ttl === 1;
  for (const hop of hops) {
    const [address] = hop.addresses;
    if (!address) {
      isGapless = false;
      if (!found?.isCandidate) found = undefined;
      before.push('*');
      continue;
    }
    const left = hop.addresses.find(({ ip }) => !isInside(ip));
    if (left ?? address.ip === destination) return found && { ...found, isGapless };
    const other = hop.addresses.find(({ ip }) => isOther(ip));
    if (!found?.isCandidate) {
      // Who is silent before it may be the expected one.
      if (!isGapless) return undefined;
      const at = other ?? address;
      found = { ip: at.ip, hop, address: at, isCandidate: other !== undefined, before: [...before] };
    }
    before.push(address.ip);
  }
  // It ends inside of the tunnel's network: who is behind it is not known.
  return found?.isCandidate ? { ...found, isGapless: false } : undefined;
}

/** Whether an address is in the network that the next hop and the probes' source share. */
function isInNetwork(ip: string, expected: string, source: string, link: Expectation['link']): boolean {
  if (isIpv6Text(ip) !== isIpv6Text(expected)) return false;
  const own = link?.addresses.find((each) => commonPrefixLength(each.ip, expected) >= each.prefixLength);
  if (own && own.prefixLength < (isIpv6Text(ip) ? 128 : 32)) return commonPrefixLength(own.ip, ip) >= own.prefixLength;
  const family = isIpv6Text(ip) ? 6 : 4;
  const shared = commonPrefixLength(source, expected);
  return shared >= WIDEST[family] && commonPrefixLength(expected, ip) >= Math.min(shared, USUAL[family]);
}

/** Which addresses are one node: by the context, its tunnels, and BGP. */
class Nodes {
  private readonly expectation: Expectation;
  private readonly knowledge: Knowledge;

  constructor(expectation: Expectation, knowledge: Knowledge) {
    this.expectation = expectation;
    this.knowledge = knowledge;
  }

  areOne(a: string, b: string): boolean {
    if (a === b) return true;
    const { context, bgp } = this.knowledge;
    const hosts = context.ownersOfAddress(a).map(({ host }) => host);
    if (context.ownersOfAddress(b).some(({ host }) => hosts.includes(host))) return true;
    return bgp.routerOf(a).includes(b) || this.ownTogether(a, b);
  }

  /** One owner of tinc, or one peer of WireGuard, has both. */
  private ownTogether(a: string, b: string): boolean {
    const { host } = this.expectation;
    const isOf = (prefixes: readonly string[], ip: string): boolean =>
      prefixes.some((each) => each === ip || each === `${ip}/${isIpv6Text(ip) ? 128 : 32}`);
    const tinc = host?.tinc.some(({ subnets }) => {
      const owner = subnets.find(({ subnet }) => isOf([subnet], a))?.owner;
      return subnets.some((each) => each.owner === owner && isOf([each.subnet], b));
    });
    const peers = host?.wireguard.flatMap((each) => each.peers.map(({ allowedIps }) => allowedIps.split(',').map((ip) => ip.trim()))) ?? [];
    return tinc === true || peers.some((prefixes) => isOf(prefixes, a) && isOf(prefixes, b));
  }
}

function draft(all: readonly Judged[], knowledge: Knowledge): Draft<NextHopIgnoredDetails> | undefined {
  const wrong = all.flatMap(({ observed, ...rest }) => (observed ? { ...rest, observed } : []));
  const surest = [...wrong].sort((a, b) => rankOf(a, knowledge) - rankOf(b, knowledge) || compareStamps(a.route.first, b.route.first))[0];
  if (!surest) return undefined;
  const { route, expectation, observed } = surest;
  const same = wrong.filter((each) => each.observed.ip === observed.ip);
  // By the expected one as well, at another time or for another flow: the routes changed, or both are right.
  const isMixed = wrong.length < all.length;
  const confidence = isMixed ? 'possible' : confidenceOf(surest, knowledge);
  const choice = tunnelChoice(expectation.host, expectation.link, route.destination, expectation.nextHops);
  const [expected = ''] = expectation.nextHops;
  const probes = same.reduce((sum, each) => sum + each.route.probes, 0);
  const who = expectation.host?.name ?? route.source;
  return {
    subject: { destination: route.destination },
    path: route.path,
    confidence,
    title: `What ${who} sends to ${route.destination} goes ${hedge(confidence)}through ${observed.ip}, although ${byWhat(expectation)} names ${listText(expectation.nextHops)}: the tunnel ignores the next hop`,
    details: {
      expected: { ip: expected, from: expectation.from },
      observed: { ip: observed.ip, ttl: observed.hop.ttl },
      probes,
      candidates: [...new Set([...expectation.candidates, observed.ip])],
      decidingStep: expectation.decidingStep,
      link: 'layer3',
      prefix: expectation.prefix,
      source: route.source,
      interface: expectation.link?.name ?? null,
      mechanism: choice.mechanism,
    },
    count: probes,
    evidence: evidenceOf(surest, same),
    because: becauseOf(surest, same, choice, isMixed),
    ruledOut: ruledOutOf(surest, isMixed),
    remedies: confidence === 'certain' ? choice.remedies : [...choice.remedies, captureMore(surest)],
  };
}

const rankOf = (judged: Judged & { observed: Observed }, knowledge: Knowledge): number =>
  confidences.indexOf(confidenceOf(judged, knowledge));

function confidenceOf({ expectation, observed }: Judged & { observed: Observed }, { drops }: Knowledge): Confidence {
  const { from, isFirm } = expectation;
  let confidence: Confidence = from === 'bgp' ? 'likely' : 'certain';
  if (!isFirm) confidence = lessSure(confidence);
  if (!observed.isGapless) confidence = lessSure(confidence);
  // That the expected one answers nowhere is an absence.
  if (drops) confidence = lessSure(confidence);
  // Who is no next hop that anybody told may be a relay: the one behind it did not answer, or does not count.
  return observed.isCandidate || (from === 'option' && observed.isGapless) ? confidence : 'possible';
}

const byWhat = ({ from }: Expectation): string => (from === 'option' ? '--expect-via' : from === 'bgp' ? 'BGP' : 'its route');

function evidenceOf({ expectation, route }: Judged, same: readonly (Judged & { observed: Observed })[]): Evidence {
  const evidence = new Evidence();
  const { best } = expectation;
  if (best && expectation.from !== 'option')
    for (const each of best.candidates)
      evidence.add(
        'update',
        each.announced,
        `${each.from} announces ${each.prefix} by ${each.nextHop ?? 'no next hop'}${medOf(each.attributes.med)}`,
      );
  for (const { observed } of same) {
    evidence.add('probe', observed.address.firstProbe, `TTL ${observed.hop.ttl} for ${route.destination}`);
    evidence.add('answer', observed.address.firstReply, `from ${observed.ip}`);
  }
  return evidence;
}

const medOf = (med: number | null): string => (med === null ? '' : ` with MED ${med}`);

function becauseOf(
  { route, expectation, observed }: Judged & { observed: Observed },
  same: readonly Judged[],
  choice: TunnelChoice,
  isMixed: boolean,
): string[] {
  const { hop, address, before, isCandidate } = observed;
  const probes = same.reduce((sum, each) => sum + each.route.probes, 0);
  return [
    expectedSentence(route, expectation),
    `${FrameText(address.firstProbe)}: a probe of ${route.source} to ${route.destination} with TTL ${hop.ttl}; ${frameText(address.firstReply)} is the answer, from ${observed.ip}${
      isCandidate ? ', which is another possible next hop' : ', the last one before the path leaves the network of the tunnel'
    }. ${capital(listText(expectation.nextHops))} ${expectation.nextHops.length > 1 ? 'are' : 'is'} not on the path (${probes} probes).`,
    ...relaySentence(before, expectation),
    `The probes are on ${expectation.link ? `${expectation.link.name}, ` : ''}a link without link-layer addresses, and a gateway has no meaning on a raw IP link: no packet says which one its route named.`,
    ...choice.because,
    ...(choice.chosen.includes(observed.ip) ? [`That is ${observed.ip}, as the probes show.`] : []),
    ...staleSentence(route, expectation),
    ...(isMixed ? ['Other probes went by the expected next hop: the routes changed meanwhile, or both ways are right.'] : []),
  ];
}

function relaySentence(before: readonly string[], { from }: Expectation): string[] {
  const relays = before.filter((ip) => ip !== '*');
  if (relays.length === 0) return [];
  const [are, what] = relays.length > 1 ? ['are', 'relays'] : ['is', 'a relay'];
  return [`${listText(relays)} before it ${are} ${from === 'option' ? '' : 'no possible next hop: '}${what} of the tunnel.`];
}

function expectedSentence(
  { destination, source }: Traceroute,
  { from, best, decision, host, nextHops, prefix, decidingStep }: Expectation,
): string {
  const hops = listText(nextHops);
  switch (from) {
    case 'option':
      return `By --expect-via, packets for ${prefix} go by ${hops}.`;
    case 'context': {
      const by = decision?.route ? ` (route \`${decision.route.text}\`)` : '';
      return `By the context, ${host?.name ?? source} reaches ${destination} through ${hops}${by}${decidingStep === null ? '' : `; BGP chose it by ${stepText(decidingStep)}`}.`;
    }
    case 'bgp': {
      const told = best?.candidates.map((each) => `${each.nextHop}${medOf(each.attributes.med)} (${frameText(each.announced)})`) ?? [];
      return `${source} was told ${prefix} by way of ${listText(told)}: it prefers ${hops}, by ${stepText(decidingStep ?? '')}${best?.until ? `, up to ${frameText(best.until)}` : ''}. What the capture cannot show (weight, policy of its own) could have it prefer another one.`;
    }
  }
}

const STEPS: Readonly<Record<string, string>> = {
  med: 'MED',
  'local-pref': 'local preference',
  'as-path': 'the length of the AS path',
  origin: 'ORIGIN',
  ebgp: 'eBGP before iBGP',
  weight: 'weight',
  'only-path': 'being the only path',
};
const stepText = (step: string): string => STEPS[step] ?? step.replaceAll('-', ' ');

function staleSentence({ first, last }: Traceroute, { from, isFirm, host, best }: Expectation): string[] {
  if (isFirm) return [];
  if (from === 'bgp')
    return [
      ...(best?.isComplete === false ? ['The capture does not show all of the sessions: other routes may be known.'] : []),
      ...(best?.until && best.until.at <= last.at
        ? [`${FrameText(best.until)} changes that choice: the probes before it count, as far as the routes were in use by then.`]
        : []),
    ];
  return [
    host?.time === null || !first.timed
      ? 'When the context was read is not known: routes may have changed since.'
      : 'The context was not read shortly before the probes: routes may have changed meanwhile.',
  ];
}

function ruledOutOf({ expectation, observed, route }: Judged & { observed: Observed }, isMixed: boolean): string[] {
  return [
    ...(observed.isGapless
      ? [
          `${listText(expectation.nextHops)} being silent: each hop up to ${observed.ip} answered, and the path leaves the tunnel behind it.`,
        ]
      : []),
    ...(isMixed ? [] : ['Equal-cost paths: no probe went by the expected next hop.']),
    ...(expectation.best
      ? [`A traceroute from before the routes: the probes (from ${frameText(route.first)}) are younger than the UPDATEs.`]
      : []),
  ];
}

function captureMore({ route, expectation }: Judged): Remedy {
  const fill = (command: string): string =>
    command.replace('DESTINATION', route.destination).replace('IFACE', expectation.link?.name ?? 'IFACE');
  const names = expectation.link ? '' : ' (IFACE: the tunnel)';
  return { text: CAPTURE_MORE.text.replace(' (DESTINATION, IFACE)', names), commands: CAPTURE_MORE.commands.map(fill) };
}

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
