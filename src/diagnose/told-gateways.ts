import { commonPrefixLength, isIpv6Text } from '../net/ip.ts';
import { type Mac, macText } from '../net/mac.ts';
import type { BestPath } from '../track/bgp/route.ts';
import { Evidence } from '../track/evidence.ts';
import type { Redirect, Refusal, Sent } from '../track/gateways.ts';
import { compareStamps } from '../track/stamp.ts';
import { expectedVia } from './expectations.ts';
import type { Addresses, GatewayMismatchDetails, Witness } from './gateway-mismatch.ts';
import { type Confidence, type Draft, lessSure, type Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { CLEAR_STEPS } from './next-hop-expectation.ts';
import { areOneMachine } from './one-machine.ts';
import { countText, FrameText, frameText, hedge, listText } from './text.ts';

/*
 * Frames against the gateways that the user names (`--expect-via`) or that BGP in the capture chooses, where no context has the routes of who sends.
 */

/** Frames that go to another gateway than was said. */
export interface Told {
  sent: Sent;
  from: 'option' | 'bgp';
  prefix: string;
  gateway: string;
  witness: Witness;
  other: { ip: string; witness: Witness } | undefined;
  best: BestPath | undefined;
  /** An address of who sends, where one is known. */
  sender: string;
  redirect: Redirect | undefined;
  refusal: Refusal | undefined;
  confidence: Confidence;
}

/** A router needs a moment until its packets take a way that it has just been told. */
const SETTLED_SEC = 1;
/** So many destinations are told one by one that take the same wrong way. */
const MOST_TOLD = 16;

interface Expected {
  from: 'option' | 'bgp';
  prefix: string;
  nextHops: readonly string[];
  best: BestPath | undefined;
}

/** What is wrong with where these frames go, by what was said; undefined where nothing was, or it cannot be told (yet), `early` where frames that follow may tell. */
export function compareToTold(sent: Sent, book: Addresses, knowledge: Knowledge): Told | 'right' | 'early' | undefined {
  const { gateways, ownMacs, context } = knowledge;
  // What others send is their own affair, where it is known which frames are the capturing host's.
  if (ownMacs.list.length > 0 && !ownMacs.has(sent.from)) return 'right';
  const expected = byOption(sent, knowledge) ?? byBgp(sent, book, knowledge);
  if (!expected) return undefined;
  const { nextHops, from, best } = expected;
  // The gateway itself sends it on; or the destination is on the link.
  if ([...nextHops, sent.destination].some((ip) => book.mayBe(sent.to, ip) || isOf(sent.from, ip, book, knowledge))) return 'right';
  const [gateway = ''] = nextHops;
  // Of `default` everything is expected, neighbours too.
  if (nextHops.some((ip) => areNeighbours(ip, sent.destination))) return 'right';
  const known = nextHops.flatMap((ip) => book.witnesses(ip).map((witness) => ({ ip, witness })))[0];
  if (!known || known.witness.mac === sent.to) return undefined;
  if (best && sent.last.at - best.since.at < SETTLED_SEC) return 'early';
  // The same packets go to the gateway as well: somebody passes them on to it, or the route changed.
  const others = gateways.sentElsewhere(sent, true);
  if (others.some(({ to }) => nextHops.some((ip) => book.mayBe(to, ip)))) return undefined;
  const other = book.addressOf(sent.to, sent.from);
  const redirect = gateways.redirectFor(sent.source, sent.destination);
  const isWitnessed = known.witness.claim !== undefined && other?.witness.claim !== undefined;
  let confidence: Confidence = isWitnessed && from === 'option' ? 'certain' : 'likely';
  // Whose route it is that the user means is not known where several hosts send.
  if (from === 'option' && others.length > 0) confidence = lessSure(confidence);
  if (!other) confidence = 'possible';
  if (from === 'bgp' && !best?.candidates.some(({ nextHop }) => nextHop === other?.ip)) confidence = 'possible';
  // What is passed on may be routed by its source.
  if (from === 'bgp' && !book.uses(sent.from, sent.source) && !best?.router.includes(sent.source)) confidence = 'possible';
  return {
    sent,
    from,
    prefix: expected.prefix,
    gateway: known.ip || gateway,
    witness: known.witness,
    other,
    best,
    sender: context.ownerOfMac(sent.from)?.host.name ?? senderOf(sent, book),
    redirect: redirect && redirect.stamp.at <= sent.last.at ? redirect : undefined,
    refusal: gateways.refusalFor(sent.source, sent.destination),
    confidence,
  };
}

/** The sender by an address of its own: that of the packet, if it is that; else its MAC. */
const senderOf = ({ from, source }: Sent, book: Addresses): string =>
  book.uses(from, source) ? source : (book.addressOf(from, from)?.ip ?? book.askerOf(from) ?? macText(from));

/** Addresses of one subnet, as wide as they usually are. */
const areNeighbours = (a: string, b: string): boolean => commonPrefixLength(a, b) >= (isIpv6Text(a) ? 64 : 24);

/** Whether the machine with the MAC has the address. */
const isOf = (mac: Mac, ip: string, book: Addresses, { context }: Knowledge): boolean =>
  book.witnesses(ip).some((witness) => areOneMachine(witness.mac, mac, context) === true);

function byOption({ destination }: Sent, { expectVia }: Knowledge): Expected | undefined {
  const all = expectedVia(expectVia, destination);
  const [first] = all;
  return first && { from: 'option', prefix: first.prefix, nextHops: all.map(({ nextHop }) => nextHop), best: undefined };
}

/** By the routes that the sender was told: one of its addresses speaks BGP. Only where nothing later than what the packets show could decide. */
function byBgp(sent: Sent, book: Addresses, knowledge: Knowledge): Expected | undefined {
  for (const ip of book.speakersAt(sent.from)) {
    const best = knowledge.bgp.bestFor(ip, sent.destination, sent.first.at);
    if (!best || best.route.nextHop === null) continue;
    const isChanged = best.until !== null && best.until.at <= sent.last.at;
    if (isChanged || !best.isComplete || best.route.isAssumed || !CLEAR_STEPS.has(best.decidingStep)) return undefined;
    return { from: 'bgp', prefix: best.prefix, nextHops: [best.route.nextHop], best };
  }
  return undefined;
}

/** What takes the same way is one story. */
export function draftsOfTold(all: readonly Told[]): Draft<GatewayMismatchDetails>[][] {
  const byWay = new Map<string, Told[]>();
  for (const told of [...all].sort((a, b) => compareStamps(a.sent.first, b.sent.first))) {
    const key = `${told.sent.from} ${told.gateway} ${told.sent.to}`;
    const same = byWay.get(key) ?? [];
    const known = same.find(({ sent }) => sent.destination === told.sent.destination);
    if (known) {
      const last = compareStamps(told.sent.last, known.sent.last) > 0 ? told.sent.last : known.sent.last;
      known.sent = { ...known.sent, packets: known.sent.packets + told.sent.packets, last };
    } else same.push(told);
    byWay.set(key, same);
  }
  return [...byWay.values()].map((same) =>
    same.slice(0, MOST_TOLD).map((each, i) => draftOf(each, i === 0 ? Math.max(0, same.length - MOST_TOLD) : 0)),
  );
}

function draftOf(told: Told, untold: number): Draft<GatewayMismatchDetails> {
  const { sent, from, gateway, witness, other, redirect, refusal, confidence, sender } = told;
  const evidence = new Evidence();
  if (witness.claim)
    evidence.add('gateway-answer', witness.claim.firstAnswer ?? witness.claim.first, `${gateway} is at ${macText(witness.mac)}`);
  if (other?.witness.claim)
    evidence.add('other-answer', other.witness.claim.firstAnswer ?? other.witness.claim.first, `${other.ip} is at ${macText(sent.to)}`);
  if (redirect) evidence.add('redirect', redirect.stamp);
  if (refusal) evidence.add('refusal', refusal.stamp, refusal.reason);
  evidence.add('sent', sent.first);
  evidence.add('sent', sent.last);
  const whose = other ? `${other.ip} (${macText(sent.to)})` : macText(sent.to);
  return {
    subject: { destination: sent.destination },
    path: 0,
    severity: redirect && redirect.by === gateway ? 'notice' : 'warning',
    confidence,
    title: `${sender} sends what is for ${sent.destination} to ${whose}, ${hedge(confidence)}although ${from === 'option' ? '--expect-via' : 'BGP'} names ${gateway}`,
    details: {
      expected: { ip: gateway, mac: macText(witness.mac) },
      observed: { ip: other?.ip ?? null, mac: macText(sent.to) },
      expectedFrom: from,
      host: sender,
      interface: null,
      packets: sent.packets,
      cause: redirect ? 'redirect' : 'unknown',
    },
    count: sent.packets,
    evidence,
    because: [
      `${FrameText(sent.first)}${sent.packets > 1 ? ` and ${sent.packets - 1} more up to ${frameText(sent.last)}` : ''}: ${sender} sends from ${sent.source} to ${sent.destination}, to the MAC ${macText(sent.to)}.`,
      expectedSentence(told),
      witness.claim
        ? `${FrameText(witness.claim.firstAnswer ?? witness.claim.first)} shows ${gateway} at ${macText(witness.mac)}.`
        : `The context has ${gateway} at ${macText(witness.mac)}.`,
      otherSentence(told),
      ...(redirect
        ? [
            `${FrameText(redirect.stamp)}: ${redirect.by} tells ${sent.source} by an ICMP redirect to use ${redirect.gateway} for ${sent.destination}.`,
          ]
        : ['No ICMP redirect for it is in the capture: the routes of the sender are others, or its neighbour entry is out of date.']),
      ...(refusal
        ? [
            `${FrameText(refusal.stamp)}: ${refusal.by} tells ${sent.source} that ${sent.destination} is not reached by it (ICMP ${refusal.reason}).`,
          ]
        : []),
      ...(untold > 0 ? [`${countText(untold, 'more destination')} take the same way.`] : []),
    ],
    ruledOut: [
      'A virtual router: the MAC is that of none that has the gateway’s address.',
      'Two cards of the gateway (arp-flux): the MACs are not known to be one machine.',
      'Somebody who passes it on to the gateway: no such frame goes to the gateway.',
    ],
    remedies: remediesOf(told),
  };
}

function expectedSentence({ from, prefix, gateway, best }: Told): string {
  if (from === 'option') return `By --expect-via, packets for ${prefix} go by ${gateway}.`;
  const told = best?.candidates.map(
    (each) => `${each.nextHop}${each.attributes.med === null ? '' : ` with MED ${each.attributes.med}`} (${frameText(each.announced)})`,
  );
  return `It was told ${prefix} by way of ${listText(told ?? [])}: it prefers ${gateway}, by ${(best?.decidingStep ?? '').replaceAll('-', ' ')}${best?.until ? `, up to ${frameText(best.until)}` : ''}. What the capture cannot show (weight, policy of its own) could have it prefer another one.`;
}

function otherSentence({ other, sent }: Told): string {
  if (!other) return `Whose MAC ${macText(sent.to)} is, the capture does not show.`;
  const { claim } = other.witness;
  return `${claim ? `${FrameText(claim.firstAnswer ?? claim.first)} shows` : 'The context shows'} ${macText(sent.to)} at another machine: ${other.ip}.`;
}

function remediesOf({ sent, gateway, redirect, confidence }: Told): Remedy[] {
  return [
    {
      text: 'See what the sender makes of it: which route, and which MAC it has for the gateway (IFACE)',
      commands: [`ip route get ${sent.destination} from ${sent.source}`, `ip neigh show ${gateway} dev IFACE`],
    },
    redirect
      ? {
          text: 'Where it shall not heed redirects (its own routes decide), turn them off and forget what was learned',
          commands: ['sysctl -w net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.IFACE.accept_redirects=0', 'ip route flush cache'],
        }
      : { text: 'Let it learn the gateway’s MAC anew', commands: [`ip neigh flush to ${gateway} dev IFACE`] },
    ...(confidence === 'certain'
      ? []
      : [
          {
            text: 'To be certain, capture with the answers of both gateways in it, and read the context meanwhile',
            commands: [`tcpdump -e -i IFACE -w gateway.pcap 'arp or icmp or host ${sent.destination}'`, 'fluxcap context > context.json'],
          },
        ]),
  ];
}
