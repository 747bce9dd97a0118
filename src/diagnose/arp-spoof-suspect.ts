import { compareIps } from '../net/ip.ts';
import { type Mac, macText } from '../net/mac.ts';
import { type Address, CLAIM_ROW_SEC, type ClaimRow, type Unsolicited } from '../track/neighbourhood.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import { withMore } from './arp-answers.ts';
import type { Draft, FindingKind } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { relationOf } from './one-machine.ts';
import { count, list, mac, object, text } from './schemas.ts';
import { countText, FrameText, frameText, hedge, listText } from './text.ts';

export interface SpoofDetails {
  previousMac: string;
  targets: string[];
  relayed: number;
}

export const arpSpoofSuspect: FindingKind<SpoofDetails> = {
  kind: 'arp-spoof-suspect',
  brief: 'a station claims, unasked and repeatedly, an address that another one has',
  severity: 'warning',
  subject: ['ip', 'mac'],
  details: object({ previousMac: mac, targets: list(text), relayed: count }),
  means:
    'A station tells others, unasked and again and again, that it has an address which another one has: their traffic goes to it, and perhaps through it.',
  provenBy: [
    'Unasked answers for an address that another MAC has, repeated in less than ten seconds, while the owner is still there.',
    'For both ends of a conversation, or with packets that go in at the station and come out again, from or to the owner: then it is more than a guess.',
  ],
  seenFrom: ['A victim, or a tap that sees the unicast answers.'],
  looksLike: [
    'Failover: announced once, and the old owner is silent from then on.',
    'Proxy ARP, virtual routers, bonding.',
    'A security scanner that answers for everything.',
  ],
  remedies: [
    { text: 'Find the station: the switch knows its port', commands: ['bridge fdb show | grep -i MAC'] },
    {
      text: 'Until then, fix the gateway’s entry on the victims (GATEWAY, MAC: its true one)',
      commands: ['ip neigh replace GATEWAY lladdr MAC dev IFACE nud permanent'],
    },
    { text: 'On the switch: dynamic ARP inspection, port security', commands: [] },
  ],
  references: ['RFC 826', 'RFC 5227 section 5'],
};

const FEWEST_CLAIMS = 3;

/** Stations that pull the address to them. */
export function* judgeSpoof(address: Address, knowledge: Knowledge): Generator<Draft<SpoofDetails>> {
  for (const found of address.unsolicited?.values() ?? []) {
    const draft = judge(address, found, knowledge);
    if (draft) yield draft;
  }
}

function judge(address: Address, found: Unsolicited, knowledge: Knowledge): Draft<SpoofDetails> | undefined {
  if (found.longest.count < FEWEST_CLAIMS || virtualMac(found.mac)) return undefined;
  if (knowledge.redundancy.groupOf(address.ip)) return undefined;
  const owner = [...address.claims.values()].find(
    (claim) => claim.mac !== found.mac && claim.answers + claim.announcements > 0 && claim.first.at < found.last.at,
  );
  if (!owner || virtualMac(owner.mac)) return undefined;
  // One machine may say of its address what it likes.
  const relation = relationOf([found.mac, owner.mac], knowledge.context);
  if (relation?.isOne) return undefined;
  // A new router passes packets on too, but not from and to the owner of its address.
  const relayed = knowledge.relay.relayedBy(found.mac, owner.mac);
  const other = otherEnd(address, found, knowledge);
  const ownerIsThere = isHeardDuring(found.longest, owner.mac, address);
  if (!relayed?.packets && !other && !ownerIsThere) return undefined;
  const confidence = relayed?.packets ? 'certain' : other ? 'likely' : 'possible';
  const station = macText(found.mac);
  const targets = [...found.targets].sort(compareIps);
  return {
    subject: { ip: address.ip, mac: station },
    segment: address.segment,
    path: address.path,
    confidence,
    title: `${station} ${hedge(confidence)}draws the traffic for ${address.ip} to itself; ${macText(owner.mac)} has the address`,
    details: { previousMac: macText(owner.mac), targets, relayed: relayed?.packets ?? 0 },
    count: found.count,
    evidence: withMore(found.evidence, relayed?.evidence.frames ?? []),
    because: [
      `${countText(found.count, 'answer')} that nobody asked for, from ${frameText(found.first)} to ${frameText(found.last)}, say that ${address.ip} is at ${station}${targets.length > 0 ? `; they go to ${listText(targets)}` : ''}.`,
      `${FrameText(owner.first)} shows the address at ${macText(owner.mac)}${ownerIsThere ? `, ${frameText(owner.last)} still does` : ''}.`,
      ...(relation ? [relation.because] : []),
      ...(other ? [`The same station tells ${address.ip} that it is ${other}: it stands between the two.`] : []),
      ...(relayed?.packets
        ? [
            `${countText(relayed.packets, 'packet')} went in at ${station} and came out again, on the way from or to ${macText(owner.mac)}: it passes on what it draws to itself.`,
          ]
        : []),
    ],
    ruledOut: ['Failover: the claims are repeated, and no router announces the address.', 'A virtual MAC: it has the form of none.'],
    ...(confidence === 'certain'
      ? {}
      : {
          remedies: [
            ...arpSpoofSuspect.remedies,
            {
              text: 'To be certain, capture at the station’s switch port whether the traffic comes out again',
              commands: [`tcpdump -e -w port.pcap ether host ${station}`],
            },
          ],
        }),
  };
}

/** Whether the owner claims its address too while the claims go on, or shortly after. */
const isHeardDuring = ({ first, last }: ClaimRow, owner: Mac, { runs }: Address): boolean =>
  runs.some((run) => run.mac === owner && run.last.at > first && run.first.at < last + CLAIM_ROW_SEC);

/** A victim of the claim for whose address the same station makes the same claim towards the other side. */
function otherEnd(address: Address, found: Unsolicited, { neighbourhood }: Knowledge): string | undefined {
  return [...found.targets].find((victim) => {
    const mirrored = neighbourhood.addressOf(address.segment, 'arp', victim)?.unsolicited?.get(found.mac);
    return (mirrored?.count ?? 0) >= FEWEST_CLAIMS - 1 && mirrored?.targets.has(address.ip);
  });
}
