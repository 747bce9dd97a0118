import { Direction } from '../frame.ts';
import { Evidence } from '../track/evidence.ts';
import type { SecurityAssociation } from '../track/ipsec/associations.ts';
import { SILENT_PACKETS, SILENT_SEC, type Silence } from '../track/ipsec/silences.ts';
import type { Stamp } from '../track/stamp.ts';
import { indexText } from '../wire/wireguard.ts';
import type { Findings } from './finding.ts';
import { type Confidence, type Draft, type FindingKind, lessSure, type Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, number, object, text, textOrNull } from './schemas.ts';
import { countText, durationText, FrameText, frameText, hedge } from './text.ts';

export interface OneWayDetails {
  spi: string;
  packets: number;
  /** How long nothing came back. */
  silentSeconds: number;
  protocol: string;
  packetsBack: number;
  /** Of the silent end, by its sequence numbers, while nothing of it came by. */
  missed: number;
  needAnswer: number;
  answeredFrom: string | null;
}

export const ipsecOneWay: FindingKind<OneWayDetails> = {
  kind: 'ipsec-one-way',
  brief: 'ESP goes one way, and nothing comes back',
  severity: 'warning',
  subject: ['initiator', 'responder'],
  details: object({
    spi: text,
    packets: count,
    silentSeconds: number,
    protocol: text,
    packetsBack: count,
    missed: count,
    needAnswer: count,
    answeredFrom: textOrNull,
  }),
  means:
    'Two gateways have an IPsec tunnel, one of them sends through it, and for a long while nothing comes back, though both directions pass this place. The answers take another way, leave without encryption, ' +
    'or are dropped: ESP is neither TCP nor UDP, and some firewalls let IKE pass and not ESP.',
  provenBy: [
    `${SILENT_PACKETS} packets of ESP or AH one way, for ${SILENT_SEC} s or longer, and none the other way under whatever SPI; both directions are seen here at other times, or of IKE.`,
    'And either what is inside can be read and needs answers (TCP, echo requests) of more than one host, or the sequence numbers show, once it is heard again, that the silent end sent all the while, about as much as fits that time.',
    'Where neither is so, it is only possible: encryption hides whether what is inside needs an answer.',
  ],
  seenFrom: [
    'Either gateway, on its uplink, and any place between that both directions pass.',
    'A place that only one direction passes proves nothing, and nothing is said.',
  ],
  looksLike: [
    'One-way UDP or multicast inside: syslog, flow records, video. Nobody can tell it from a fault as long as it is encrypted (possible).',
    'New keys: both SPIs change, and the new pair carries both ways.',
    'A standby tunnel that carries only keepalives.',
    'A single host inside that is off, and is asked again and again (possible).',
    'A cluster that fails over: its sequence numbers jump on, without packets between.',
    'The same packets before and after a NAT.',
  ],
  remedies: [
    {
      text: 'On the silent gateway: do packets arrive, and do its answers go into the tunnel? Counters of both directions',
      commands: ['swanctl --list-sas', 'ip -s xfrm state', 'ip xfrm policy'],
    },
  ],
  references: ['RFC 4301 section 4.4', 'RFC 4303', 'RFC 3948', 'strongSwan swanctl.conf: encap'],
};

/** Of packets that can be read so many need an answer before its absence means something. */
const FEWEST_NEEDING = 10;
/** A gap of its sequence numbers that a sender really sent: a cluster that fails over jumps ahead, by hundreds or thousands. */
const FEWEST_MISSED = 5;
/** Who answers sends about as much as it gets. */
const MOST_MISSED_EACH = 2;
/** Or as much as before, if that was long enough to know how much it sends. */
const MOST_OF_RATE = 3;
const FEWEST_FOR_RATE = 20;
const FEWEST_SEC_FOR_RATE = 5;
/** Who sent less before was hardly talking. */
const FEWEST_BEFORE = 3;

/** Tunnels of which one end is not heard. */
function oneWayTunnels(knowledge: Knowledge): Draft<OneWayDetails>[] {
  const { associations } = knowledge;
  return associations.silences.flatMap((silence) => judgeOneWay(silence, knowledge) ?? []);
}

/** Reports them; a tunnel on both sides of a NAT is one story. */
export function diagnoseOneWay(knowledge: Knowledge, findings: Findings): void {
  const bySpi = new Map<string, string>();
  for (const draft of oneWayTunnels(knowledge)) {
    const handle = findings.report(ipsecOneWay, draft);
    const { spi } = draft.details;
    findings.relate(bySpi.get(spi) ?? handle, handle);
    bySpi.set(spi, handle);
  }
}

function judgeOneWay(silence: Silence, knowledge: Knowledge): Draft<OneWayDetails> | undefined {
  const { associations, drops } = knowledge;
  const { source, destination, path, packets, needing, before, recovered, first, last, spi } = silence;
  const ike = ikeBothWays(silence, knowledge);
  const elsewhere = associations.heardFromElsewhere(source, destination, first.at, last.at);
  // Of a place that only one direction passes nothing can be said.
  if (before === 0 && recovered === null && !ike && !elsewhere) return undefined;
  const isMissed = silence.missed >= FEWEST_MISSED && before >= FEWEST_BEFORE && silence.missed <= mostMissed(silence, knowledge);
  const missed = isMissed ? silence.missed : 0;
  const isProven = isMissed || (needing >= FEWEST_NEEDING && silence.asksSeveral);
  const sure: Confidence = isProven ? 'likely' : 'possible';
  const confidence = drops ? lessSure(sure) : sure;
  const association = associations.list.find(
    (each) => each.spi === spi && each.source.ip === source && each.destination.ip === destination,
  );
  const evidence = new Evidence();
  evidence.add('sent', first);
  evidence.add('sent', last);
  if (ike) evidence.add('ike-answer', ike);
  if (elsewhere) evidence.add('from-elsewhere', elsewhere.first);
  if (recovered) evidence.add('heard-again', recovered);
  const back = associations.list
    .filter((each) => each.source.ip === destination && each.destination.ip === source && each.path === path)
    .reduce((sum, each) => sum + each.packets, 0);
  const protocol = association?.protocol ?? 'esp';
  return {
    subject: { initiator: { ip: source }, responder: { ip: destination } },
    path,
    severity: recovered ? 'notice' : 'warning',
    confidence,
    title: `${source} ${hedge(confidence)}hears nothing from ${destination} through IPsec: ${countText(packets, 'packet')} one way${durationText(first, last)}, none back${recovered ? ', then it recovers' : ''}`,
    details: {
      spi: indexText(spi),
      packets,
      silentSeconds: Math.round((last.at - first.at) * 1e6) / 1e6,
      protocol,
      packetsBack: back,
      missed,
      needAnswer: needing,
      answeredFrom: elsewhere?.source ?? null,
    },
    count: 1,
    evidence,
    because: [
      `${countText(packets, 'packet')} of ${protocol} (SPI ${indexText(spi)}) ${packets === 1 ? 'goes' : 'go'} from ${source} to ${destination} from ${frameText(first)} to ${frameText(last)}${durationText(first, last)}, and none of ESP or AH comes back in that time.`,
      ...bothSeen(silence, ike),
      ...(needing > 0
        ? [
            `What is inside can be read: ${countText(needing, 'packet')} of it ${needing === 1 ? 'needs' : 'need'} an answer (TCP, echo requests)${silence.asksSeveral ? '' : ', all of one host inside, which may be off'}.`,
          ]
        : []),
      ...(recovered && missed > 0
        ? [
            `${FrameText(recovered)}: ${destination} is heard again, and its sequence number is ${missed} further on: it sent all the while, and that did not arrive here.`,
          ]
        : []),
      ...(recovered && missed === 0 ? [`${FrameText(recovered)}: ${destination} is heard again.`] : []),
      ...(elsewhere
        ? [
            `${FrameText(elsewhere.first)}: ${source} gets ESP from ${elsewhere.source}, to which it sends none: perhaps ${destination} answers by another uplink.`,
          ]
        : []),
      ...(protocol === 'esp' && ike && !recovered ? ['IKE gets through, which is UDP; ESP is protocol 50, and is filtered apart.'] : []),
      ...(association && isAtItsEnd(association, associations.list)
        ? ['The packets arrive at the capturing host, so what is missing is its own answer.']
        : []),
    ],
    ruledOut: [
      'New keys: packets are counted under whatever SPI.',
      'A capture of one direction: the other one is seen here, too.',
      ...(isProven ? ['One-way traffic inside, which needs no answer.'] : []),
    ],
    remedies: remediesFor(source, destination, association, isProven),
  };
}

/** So many packets the silent end may have sent meanwhile: as many as it got, or by the rate at which it sent before. */
function mostMissed({ source, destination, path, packets, before, first, last }: Silence, { associations }: Knowledge): number {
  const byPackets = packets * MOST_MISSED_EACH;
  const since = Math.min(
    ...associations.list
      .filter((each) => each.source.ip === destination && each.destination.ip === source && each.path === path)
      .map((each) => each.first.at),
  );
  const span = first.at - since;
  if (before < FEWEST_FOR_RATE || span < FEWEST_SEC_FOR_RATE) return byPackets;
  return Math.max(byPackets, (before / span) * (last.at - first.at) * MOST_OF_RATE);
}

/** The packets come in at the capturing host, and do not leave it again, not with another address (NAT) either. */
const isAtItsEnd = (association: SecurityAssociation, all: readonly SecurityAssociation[]): boolean =>
  association.direction === Direction.In && !all.some((each) => each !== association && each.spi === association.spi);

/** Why it would be seen here if something came back. */
const bothSeen = ({ before, destination, source }: Silence, ike: Stamp | undefined): string[] => [
  ...(before > 0 ? [`Before, ${countText(before, 'packet')} from ${destination} to ${source} passed here.`] : []),
  ...(ike ? [`IKE is answered here, too (${frameText(ike)}).`] : []),
];

/** An answer of IKE from the silent end, seen here. */
function ikeBothWays({ source, destination, path }: Silence, { ike }: Knowledge): Stamp | undefined {
  for (const session of ike.list) {
    if (session.path !== path) continue;
    const ends = [session.initiator.ip, session.responder.ip];
    if (!ends.includes(source) || !ends.includes(destination)) continue;
    for (const { response } of session.exchanges) if (response) return response;
  }
  return undefined;
}

const remediesFor = (source: string, destination: string, association: SecurityAssociation | undefined, isProven: boolean): Remedy[] => [
  {
    text: `At ${destination}: do the packets arrive, and do its answers go into the tunnel? Compare the counters of both directions`,
    commands: ['swanctl --list-sas', 'ip -s xfrm state', 'ip xfrm policy'],
  },
  {
    text: `At ${destination}: by which way would ESP to ${source} leave, and do its policies come before masquerading`,
    commands: [`ip route get ${source}`, 'nft list ruleset | grep -i masquerade'],
  },
  ...(association?.protocol === 'esp'
    ? [
        {
          text: 'Where a firewall on the way drops protocol 50: put ESP into UDP, as behind NAT; lines of the connection in swanctl.conf',
          commands: ['encap = yes'],
        },
      ]
    : []),
  ...(isProven
    ? []
    : [
        {
          text: `To decide, capture at ${destination}, outside and inside of the tunnel at once`,
          commands: [`tcpdump -i any -y LINUX_SLL2 -s 0 -w responder.pcap 'host ${source} or net INNER'`],
        },
      ]),
];
