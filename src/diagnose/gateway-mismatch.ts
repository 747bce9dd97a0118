import type { Host, Neighbour, NextHop } from '../context/host.ts';
import { commonPrefixLength, compareIps } from '../net/ip.ts';
import { type Mac, macText } from '../net/mac.ts';
import { durationText, secondsOf } from '../net/time.ts';
import { Evidence } from '../track/evidence.ts';
import type { Redirect, Sent } from '../track/gateways.ts';
import type { Address, Claim } from '../track/neighbourhood.ts';
import { compareStamps } from '../track/stamp.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import { expectedVia } from './expectations.ts';
import type { Findings } from './finding.ts';
import type { Confidence, Draft, FindingKind, Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import type { ExpectedFrom } from './next-hop-expectation.ts';
import { type Expected, expectedHops } from './next-hops.ts';
import { areOneMachine, linksOfMac } from './one-machine.ts';
import { count, mac, object, oneOf, text, textOrNull } from './schemas.ts';
import { countText, FrameText, frameText, hedge, listText } from './text.ts';
import { compareToTold, draftsOfTold, type Told } from './told-gateways.ts';

/** Why frames go to another MAC, as far as is to be seen: a router said so, the host's neighbour table is wrong, or neither is shown. */
export type MismatchCause = 'redirect' | 'neighbour' | 'unknown';

export interface GatewayMismatchDetails {
  expected: { ip: string; mac: string };
  observed: { ip: string | null; mac: string };
  /** What says so: the host's routes, the user, or BGP in the capture. */
  expectedFrom: ExpectedFrom;
  /** Who sends, by which interface; null where the context does not know it. */
  host: string;
  interface: string | null;
  packets: number;
  cause: MismatchCause;
}

const IS_THERE = {
  text: 'See what the host makes of it: which route, and which MAC it has for the gateway (DESTINATION, SOURCE, GATEWAY, IFACE)',
  commands: ['ip route get DESTINATION from SOURCE', 'ip neigh show GATEWAY dev IFACE'],
};
const FORGET = { text: 'Let it learn the gateway’s MAC anew', commands: ['ip neigh flush to GATEWAY dev IFACE'] };

export const gatewayMismatch: FindingKind<GatewayMismatchDetails> = {
  kind: 'gateway-mismatch',
  brief: 'frames go to the MAC of another gateway than the route says',
  severity: 'warning',
  subject: ['destination'],
  details: object({
    expected: object({ ip: text, mac }),
    observed: object({ ip: textOrNull, mac }),
    expectedFrom: oneOf('context', 'option', 'bgp'),
    host: text,
    interface: textOrNull,
    packets: count,
    cause: oneOf('redirect', 'neighbour', 'unknown'),
  }),
  means:
    'The host’s routes name a gateway for the destination, but its frames carry the MAC of another machine: they take another way than the tables say, past ' +
    'what the gateway does for them (filters, NAT, tunnels), or nowhere.',
  provenBy: [
    'By the host’s own rules and routes (`--context`), by what the user says (`--expect-via`), or by BGP in the capture, the destination is behind one gateway; the gateway’s MAC is ' +
      'in its ARP answers; the frames go to another MAC, which answers for another address.',
  ],
  seenFrom: ['The sending card, or a mirror of its segment, with Ethernet headers.', 'Not `-i any`: LINUX_SLL2 has no destination MAC.'],
  looksLike: [
    'A virtual router: its MAC is not that of the machine behind it.',
    'Multipath routes: each of their gateways is right.',
    'Rules by mark, user or interface, a socket bound to an interface, NAT: the frame does not show them; where they lead to the gateway that is used, nothing is said.',
    'ARP flux of the gateway: the other MAC is its own (arp-flux).',
    'A route that changed between the capture and the context.',
    'A route that BGP told just now: frames that end within a second of it are none that ignore it.',
  ],
  remedies: [IS_THERE, FORGET],
  references: ['RFC 792', 'RFC 4861 section 8', 'Linux ip-sysctl: accept_redirects, send_redirects'],
};

/** A context that is read again and again may be as old as this, and one more reading. */
const REFRESH_SEC = 60;
/** Within this time before and after, routes are taken to be those of the context. */
const NEAR_SEC = 600;
/** So many destinations are told one by one that take the same wrong way. */
const MOST_TOLD = 16;

/** Where frames go, against where the routes of their hosts, the user, or BGP send them. */
export function diagnoseGateways(knowledge: Knowledge, findings: Findings): void {
  for (const drafts of judgeGateways(knowledge)) tell(drafts, findings);
}

/** What takes the same way is one story. */
function tell(drafts: readonly Draft<GatewayMismatchDetails>[], findings: Findings): void {
  const [first, ...others] = drafts.map((each) => findings.report(gatewayMismatch, each));
  for (const other of others) findings.relate(first ?? other, other);
}

/** Findings by the way that their packets take, and should take. */
function judgeGateways(knowledge: Knowledge): Draft<GatewayMismatchDetails>[][] {
  const { gateways, context, neighbourhood, expectVia } = knowledge;
  if (!gateways.isActive) return [];
  const book = new Addresses(knowledge);
  const found: Mismatch[] = [];
  const told: Told[] = [];
  const isKnown = (from: Mac): boolean =>
    expectVia.length > 0 || context.ownerOfMac(from) !== undefined || book.speakersAt(from).length > 0;
  // Routes are judged as they stood at the first packet, of BGP at the first one since it told of the destination: what it says later changes nothing.
  gateways.judge(neighbourhood.news + context.version, isKnown, (sent) => {
    const isSaid = expectedVia(expectVia, sent.destination).length > 0;
    const mismatched = isSaid || !context.ownerOfMac(sent.from)?.host.routes ? compareToTold(sent, book, knowledge) : undefined;
    if (mismatched === 'right') return isSaid ? RIGHT : 'unknown';
    if (mismatched === 'early') return 'open';
    if (mismatched) told.push(mismatched);
    if (mismatched || isSaid) return mismatched ? 'open' : 'unknown';
    const verdict = compare(sent, book, knowledge);
    if (verdict === RIGHT) return RIGHT;
    if (verdict) found.push(verdict);
    // A redirect that is younger than the frames may tell of those that follow.
    return verdict || gateways.redirectFor(sent.source, sent.destination) ? 'open' : 'unknown';
  });
  const byWay = new Map<string, Mismatch[]>();
  for (const mismatch of found.sort((a, b) => compareStamps(a.first, b.first))) {
    const { sent } = mismatch;
    // The context of a live run lags behind: what began just now may follow a route that is new.
    if (context.isOwn && mismatch.last.at - mismatch.first.at < REFRESH_SEC) continue;
    const key = `${mismatch.host.name} ${mismatch.gateway} ${sent.to}`;
    const same = byWay.get(key) ?? [];
    const known = same.find((each) => each.sent.destination === sent.destination);
    if (known) {
      known.packets += mismatch.packets;
      if (compareStamps(mismatch.last, known.last) > 0) known.last = mismatch.last;
    } else same.push(mismatch);
    byWay.set(key, same);
  }
  const byRoutes = [...byWay.values()]
    .filter(([first]) => first && !isRouteChange(first, knowledge))
    .map((same) => same.slice(0, MOST_TOLD).map((each, i) => draft(each, i === 0 ? same.length - MOST_TOLD : 0)));
  return [...byRoutes, ...draftsOfTold(told)];
}

/** All went to one gateway first, and all to the other one since, wherever it was to go: the route was changed, and the context is of the other time. */
function isRouteChange({ sent, host, gatewayMac, redirect, entry }: Mismatch, { gateways }: Knowledge): boolean {
  if (redirect || entry) return false;
  // What is for the gateways themselves, and for neighbours, tells nothing.
  const isBeyond = (destination: string): boolean =>
    !host.links.some(({ addresses }) => addresses.some(({ ip, prefixLength }) => commonPrefixLength(ip, destination) >= prefixLength));
  const right = gateways.timesOf(sent, gatewayMac, isBeyond);
  const other = gateways.timesOf(sent, sent.to, isBeyond);
  return right !== undefined && other !== undefined && (right.last <= other.first || other.last <= right.first);
}

interface Mismatch {
  sent: Sent;
  host: Host;
  device: string;
  expected: Expected;
  /** The gateway of the route, its MAC, and what shows it. */
  gateway: string;
  gatewayMac: Mac;
  witness: Witness;
  /** Whose MAC the frames carry, as far as is known. */
  other: { ip: string; witness: Witness } | undefined;
  otherHost: Host | undefined;
  redirect: Redirect | undefined;
  /** What the host itself has for the gateway, where that is the MAC of the frames. */
  entry: Neighbour | undefined;
  packets: number;
  first: Sent['first'];
  last: Sent['last'];
}

/** What shows that an address has a MAC: an answer or announcement in the capture, or the context. */
export interface Witness {
  mac: Mac;
  claim: Claim | undefined;
}

const RIGHT = 'right';

/** What is wrong with where these frames go; undefined where it cannot be told (yet). */
function compare(sent: Sent, book: Addresses, knowledge: Knowledge): Mismatch | typeof RIGHT | undefined {
  const { context, gateways } = knowledge;
  const owner = context.ownerOfMac(sent.from);
  if (!owner) return undefined;
  const { host } = owner;
  const links = linksOfMac(host, sent.from);
  const devices = links.map(({ name }) => name);
  // Look-ups do not know VRFs.
  if (links.some(({ master }) => host.link(master ?? '')?.kind === 'vrf')) return RIGHT;
  const expected = expectedHops(host, sent, devices);
  if (!expected) return RIGHT;
  const gatewaysByTables = [...expected.hops.flatMap(({ gateway }) => gateway ?? []), ...expected.explained];
  if (gatewaysByTables.some((ip) => book.mayBe(sent.to, ip))) return RIGHT;
  const hop = firstKnown(expected.hops, book, host);
  if (!hop) return undefined;
  const { gateway, witness } = hop;
  // As its own table has it, and nobody says otherwise.
  if (witness.mac === sent.to) return undefined;
  const redirect = redirectOf(gateways.redirectFor(sent.source, sent.destination), sent);
  const entry = neighbourOf(host, devices, gateway, sent.to);
  // Both ways in turn: the route changed, or something else decides that is not to be seen.
  if (!redirect && !entry && gateways.sentElsewhere(sent).some((each) => book.mayBe(each.to, gateway))) return undefined;
  const otherOwner = context.ownerOfMac(sent.to);
  return {
    sent,
    host,
    device: hop.device,
    expected,
    gateway,
    gatewayMac: witness.mac,
    witness,
    other: book.addressOf(sent.to, sent.from),
    otherHost: otherOwner?.host,
    redirect,
    entry,
    packets: sent.packets,
    first: sent.first,
    last: sent.last,
  };
}

/** The first of the gateways whose MAC is known by others than the host that sends: its own neighbour table may be what is wrong. */
function firstKnown(
  hops: readonly NextHop[],
  book: Addresses,
  host: Host,
): { gateway: string; device: string; witness: Witness } | undefined {
  for (const { gateway, device } of hops) {
    if (gateway === null || device === null) continue;
    const [witness] = book.witnesses(gateway);
    const own = witness ? undefined : host.neighbours?.find((each) => each.ip === gateway && each.device === device && isValid(each));
    const known = witness ?? (own && { mac: own.mac, claim: undefined });
    if (known) return { gateway, device, witness: known };
  }
  return undefined;
}

const isValid = ({ mac: of, states }: Neighbour): boolean =>
  of > 0 && !states.some((state) => state === 'FAILED' || state === 'INCOMPLETE');

const neighbourOf = ({ neighbours }: Host, devices: readonly string[], ip: string, to: Mac): Neighbour | undefined =>
  neighbours?.find((each) => each.ip === ip && devices.includes(each.device) && each.mac === to && isValid(each));

/** A redirect that came before the frames ended. */
const redirectOf = (redirect: Redirect | undefined, { last }: Sent): Redirect | undefined =>
  redirect && redirect.stamp.at <= last.at ? redirect : undefined;

/** Which MACs addresses have, by the capture and by the context. Made for each judgement, when something has to be looked up. */
export class Addresses {
  private readonly knowledge: Knowledge;
  private byIp: Map<string, Address[]> | undefined;
  private speakers: readonly string[] | undefined;
  private readonly speakersOf = new Map<Mac, readonly string[]>();

  constructor(knowledge: Knowledge) {
    this.knowledge = knowledge;
  }

  /** Who has the address: those that answered for it or announced it first, then hosts of the context that have it. */
  witnesses(ip: string): Witness[] {
    const claims = this.of(ip)
      .flatMap(({ claims: all }) => [...all.values()])
      .filter(({ answers, announcements }) => answers + announcements > 0)
      .sort((a, b) => b.answers - a.answers || a.mac - b.mac);
    const hosts = this.knowledge.context.ownersOfAddress(ip).filter(({ link }) => link.mac > 0);
    return [...claims.map((claim) => ({ mac: claim.mac, claim })), ...hosts.map(({ link }) => ({ mac: link.mac, claim: undefined }))];
  }

  /** Whether frames to this MAC reach who has the address: it is its own, another one of the same machine, or that of its virtual router. */
  mayBe(to: Mac, ip: string): boolean {
    const { context, redundancy } = this.knowledge;
    const group = redundancy.groupOf(ip);
    const virtual = virtualMac(to);
    if (group && virtual && virtual.id === group.id) return true;
    return this.witnesses(ip).some(
      (witness) =>
        witness.mac === to ||
        areOneMachine(witness.mac, to, context) === true ||
        this.isMaster(witness.mac, to) ||
        this.isMaster(to, witness.mac) ||
        this.answerTogether(witness.mac, to),
    );
  }

  /** An address of the machine with this MAC: one that it answers for in the capture, else one that the context has; the lowest one of the sender's networks first. */
  addressOf(of: Mac, sender: Mac): { ip: string; witness: Witness } | undefined {
    const { context, neighbourhood } = this.knowledge;
    const claimed = neighbourhood.list
      .flatMap(({ ip, claims }) => ({ ip, claim: claims.get(of) }))
      .flatMap(({ ip, claim }) => (claim && claim.answers + claim.announcements > 0 ? [{ ip, witness: { mac: of, claim } }] : []));
    const owner = context.ownerOfMac(of);
    const told = owner ? owner.link.addresses.map(({ ip }) => ({ ip, witness: { mac: of, claim: undefined } })) : [];
    const isSeen = ({ ip }: { ip: string }): boolean =>
      context.ownerOfMac(sender)?.link.addresses.some((own) => own.ip.includes(':') === ip.includes(':')) ?? false;
    const byFamily = (a: { ip: string }, b: { ip: string }): number => Number(isSeen(b)) - Number(isSeen(a)) || compareIps(a.ip, b.ip);
    return [...claimed.sort(byFamily), ...told.sort(byFamily)][0];
  }

  /** Whether the MAC asks with the address, answers for it, or announces it. */
  uses(of: Mac, ip: string): boolean {
    return this.of(ip).some(({ claims, askedWith }) => claims.has(of) || askedWith?.has(of));
  }

  /** The address with which the MAC asks for others. */
  askerOf(of: Mac): string | undefined {
    return this.knowledge.neighbourhood.list.find(({ askedWith }) => askedWith?.has(of))?.ip;
  }

  /** Addresses of the machine with this MAC that speak BGP. */
  speakersAt(of: Mac): readonly string[] {
    const known = this.speakersOf.get(of);
    if (known) return known;
    this.speakers ??= [...new Set(this.knowledge.bgp.sessions.filter(({ path }) => path === 0).flatMap(({ a, b }) => [a.ip, b.ip]))];
    const own = this.speakers.filter((ip) => this.uses(of, ip));
    this.speakersOf.set(of, own);
    return own;
  }

  private of(ip: string): readonly Address[] {
    if (!this.byIp) {
      this.byIp = new Map();
      for (const address of this.knowledge.neighbourhood.list) this.byIp.set(address.ip, [...(this.byIp.get(address.ip) ?? []), address]);
    }
    return this.byIp.get(ip) ?? [];
  }

  /** The virtual MAC's group has the machine with the other MAC as a master. */
  private isMaster(virtual: Mac, real: Mac): boolean {
    const group = virtualMac(virtual);
    if (!group) return false;
    return [...this.knowledge.redundancy.routers.values()]
      .filter(({ id }) => id === group.id)
      .some(({ masters }) =>
        [...masters.values()].some(({ ip, mac: of }) => of === real || this.of(ip).some(({ claims }) => claims.has(real))),
      );
  }

  /** Both answered one question: whatever that is, it is told as such (arp-flux, arp-duplicate-address). */
  private answerTogether(a: Mac, b: Mac): boolean {
    return this.knowledge.neighbourhood.list.some(({ doubles }) => doubles?.macs.has(a) && doubles.macs.has(b));
  }
}

function causeOf({ redirect, entry }: Mismatch): MismatchCause {
  if (redirect) return 'redirect';
  return entry ? 'neighbour' : 'unknown';
}

/** Seconds between the frames and the moment at which the context was read; 0 where it was read meanwhile, undefined where it does not say when. */
function distanceOf({ host, first, last }: Mismatch): number | undefined {
  if (host.time === null || !first.timed || !last.timed) return undefined;
  const at = secondsOf(host.time);
  if (Number.isNaN(at)) return undefined;
  return at < first.at ? at - first.at : at > last.at ? at - last.at : 0;
}

function confidenceOf(mismatch: Mismatch): Confidence {
  const { expected, witness, other, otherHost, entry, redirect } = mismatch;
  const distance = distanceOf(mismatch);
  const isNear = distance !== undefined && Math.abs(distance) <= NEAR_SEC;
  const isSpare = other !== undefined && expected.spare.includes(other.ip);
  // Nobody is known to have the MAC, or another route leads to it: it may be the gateway's after all, or the route was another one.
  if (!redirect && !entry && (other === undefined || isSpare) && otherHost === undefined) return 'possible';
  const isWitnessed = witness.claim !== undefined && other?.witness.claim !== undefined;
  const isClear = isNear && !isSpare && !expected.isForwarded && expected.decision.assumed.length === 0;
  return isWitnessed && isClear ? 'certain' : 'likely';
}

function draft(mismatch: Mismatch, untold: number): Draft<GatewayMismatchDetails> {
  const { sent, host, device, gateway, gatewayMac, witness, other, redirect, packets, first, last, expected } = mismatch;
  const confidence = confidenceOf(mismatch);
  const cause = causeOf(mismatch);
  const evidence = new Evidence();
  if (witness.claim)
    evidence.add('gateway-answer', witness.claim.firstAnswer ?? witness.claim.first, `${gateway} is at ${macText(gatewayMac)}`);
  if (other?.witness.claim)
    evidence.add('other-answer', other.witness.claim.firstAnswer ?? other.witness.claim.first, `${other.ip} is at ${macText(sent.to)}`);
  if (redirect) evidence.add('redirect', redirect.stamp);
  evidence.add('sent', first);
  evidence.add('sent', last);
  const whose = other ? `${other.ip} (${macText(sent.to)})` : macText(sent.to);
  return {
    subject: { destination: sent.destination },
    path: 0,
    // The router of the route itself said that the other one is nearer.
    severity: redirect && redirect.by === gateway ? 'notice' : 'warning',
    confidence,
    title: `${host.name} sends what is for ${sent.destination} to ${whose}, ${hedge(confidence)}although its route names ${gateway}`,
    details: {
      expected: { ip: gateway, mac: macText(gatewayMac) },
      observed: { ip: other?.ip ?? null, mac: macText(sent.to) },
      expectedFrom: 'context',
      host: host.name,
      interface: device,
      packets,
      cause,
    },
    count: packets,
    evidence,
    because: [
      `${FrameText(first)}${packets > 1 ? ` and ${packets - 1} more up to ${frameText(last)}` : ''}: ${host.name} sends from ${sent.source} to ${sent.destination}, by ${device} to the MAC ${macText(sent.to)}.`,
      routeSentence(mismatch),
      witness.claim
        ? `${FrameText(witness.claim.firstAnswer ?? witness.claim.first)} shows ${gateway} at ${macText(gatewayMac)}.`
        : `The context has ${gateway} at ${macText(gatewayMac)}.`,
      ...otherSentence(mismatch),
      ...causeSentences(mismatch),
      ...timeSentence(mismatch),
      ...(other && expected.spare.includes(other.ip)
        ? [`${host.name} has a route by ${other.ip}, too, that is not chosen: at that time it may have been.`]
        : []),
      ...(untold > 0 ? [`${countText(untold, 'more destination')} take the same way.`] : []),
    ],
    ruledOut: [
      'A multipath route: none of its gateways has the MAC.',
      'A virtual router: the MAC is that of none that has the gateway’s address.',
      'Rules by mark, user or interface: none of them leads to the gateway that is used.',
      'Two cards of the gateway (arp-flux): the MACs are not known to be one machine.',
    ],
    remedies: remediesOf(mismatch, confidence),
  };
}

function routeSentence({ host, expected, gateway, sent }: Mismatch): string {
  const { decision, hops, isForwarded } = expected;
  const others = hops.flatMap((hop) => (hop.gateway !== null && hop.gateway !== gateway ? [hop.gateway] : []));
  const by = `${decision.rule ? `rule \`${decision.rule.text}\`, ` : ''}route \`${decision.route?.text ?? ''}\``;
  const way = others.length > 0 ? `${gateway} or ${listText([...new Set(others)])}` : gateway;
  return `By the context, ${host.name} reaches ${sent.destination} through ${way} (${by})${isForwarded ? '; it passes the packets on, whichever interface they came in by' : ''}.`;
}

function otherSentence({ other, otherHost, sent }: Mismatch): string[] {
  if (!other) return [`Whose MAC ${macText(sent.to)} is, neither the capture nor the context shows.`];
  const { claim } = other.witness;
  const by = claim ? `${FrameText(claim.firstAnswer ?? claim.first)} shows` : 'The context shows';
  return [`${by} ${macText(sent.to)} at another machine: ${other.ip}${otherHost ? ` of ${otherHost.name}` : ''}.`];
}

function causeSentences({ host, device, gateway, redirect, entry, sent }: Mismatch): string[] {
  const sentences: string[] = [];
  if (redirect) {
    const settings = ['all', device].flatMap((name) => {
      const value = host.sysctl('accept_redirects', name, sent.destination.includes(':') ? 'ipv6' : 'ipv4');
      return value === undefined ? [] : [`${value} for ${name}`];
    });
    sentences.push(
      `${FrameText(redirect.stamp)}: ${redirect.by} tells ${sent.source} by an ICMP redirect to use ${redirect.gateway} for ${sent.destination}${settings.length > 0 ? `; accept_redirects is ${listText(settings)}` : ''}.`,
    );
  }
  if (entry)
    sentences.push(
      `${host.name} itself has ${gateway} at ${macText(entry.mac)} on ${device}${entry.states.length > 0 ? ` (${entry.states.join(', ')})` : ''}: its entry is wrong.`,
    );
  if (!redirect && !entry)
    sentences.push(
      'No ICMP redirect is in the capture, and no rule by mark leads there: an entry of its neighbour table that is out of date, or a route that has changed since.',
    );
  return sentences;
}

function timeSentence(mismatch: Mismatch): string[] {
  const distance = distanceOf(mismatch);
  if (distance === undefined) return ['When the context was read is not known: routes may have changed since.'];
  if (Math.abs(distance) <= NEAR_SEC) return [];
  return [
    `The context was read ${durationText(Math.abs(distance))} ${distance > 0 ? 'after' : 'before'} these frames: routes may have changed meanwhile.`,
  ];
}

function remediesOf({ sent, device, gateway, entry, redirect }: Mismatch, confidence: Confidence): Remedy[] {
  const remedies: Remedy[] = [
    {
      text: IS_THERE.text.replace(/ \([A-Z, ]*\)$/, ''),
      commands: [`ip route get ${sent.destination} from ${sent.source}`, `ip neigh show ${gateway} dev ${device}`],
    },
  ];
  if (redirect) {
    remedies.push({
      text: 'Where the host shall not heed redirects (its own routes decide), turn them off and forget what was learned; on the router, IFACE: do not send them',
      commands: [
        `sysctl -w net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.${device.replaceAll('.', '/')}.accept_redirects=0`,
        'ip route flush cache',
        'sysctl -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.IFACE.send_redirects=0',
      ],
    });
  } else if (entry?.states.includes('PERMANENT')) {
    remedies.push({
      text: 'Take the fixed entry away; whoever set it (a script, ifupdown, an agent) will set it again',
      commands: [`ip neigh del ${gateway} dev ${device}`],
    });
  } else {
    remedies.push({ text: FORGET.text, commands: [`ip neigh flush to ${gateway} dev ${device}`] });
  }
  if (confidence !== 'certain')
    remedies.push({
      text: 'To be certain, capture with the answers of both gateways in it, and read the context meanwhile',
      commands: [`tcpdump -e -i ${device} -w gateway.pcap 'arp or icmp or host ${sent.destination}'`, 'fluxcap context > context.json'],
    });
  return remedies;
}
