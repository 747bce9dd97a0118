import type { Context } from '../context/context.ts';
import type { Host } from '../context/host.ts';
import { isIpv6Text } from '../net/ip.ts';
import type { WrongEcho } from '../track/icmp.ts';
import { uplinkRemedy } from './host-uplink.ts';
import type { Draft, FindingKind, Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, list, object, text } from './schemas.ts';
import { FrameText, listText } from './text.ts';
import { ipCommand } from './uplink-rule.ts';

export interface WrongEchoDetails {
  answeredFrom: { ip: string; packets: number }[];
  repliesWrong: number;
}

export const icmpReplyWrongSource: FindingKind<WrongEchoDetails> = {
  kind: 'icmp-reply-wrong-source',
  brief: 'a ping is answered from another address than the pinged one',
  severity: 'warning',
  subject: ['client', 'asked'],
  details: object({ answeredFrom: list(object({ ip: text, packets: count })), repliesWrong: count }),
  means:
    'A ping was answered from another address than the pinged one. Linux answers from the address that was asked, so this points at a NAT that translates only one direction, a load ' +
    'balancer, or another machine.',
  provenBy: ['An echo reply with identifier, sequence number and payload of the request, from an address that was not asked.'],
  seenFrom: ['The client, or the answering host with `-i any`.'],
  looksLike: [
    'A ping to broadcast, multicast or anycast: others answer.',
    'NAT seen on both of its sides: both addresses were asked.',
    'A virtual router that answers with its own address (notice).',
  ],
  remedies: remediesFor('CLIENT', 'ADDRESS'),
  references: ['RFC 792', 'RFC 1122 section 3.2.2.6'],
};

/** The addresses, or what stands for them. */
function remediesFor(client: string, asked: string): [look: Remedy, table: Remedy] {
  const ip = ipCommand(asked);
  return [
    {
      text: 'Which route, and which source, does the answer take; is it translated',
      commands: [`${ip} route get ${client}`, `${ip} rule`, isIpv6Text(asked) ? 'conntrack -L -f ipv6 -p icmpv6' : 'conntrack -L -p icmp'],
    },
    {
      text: 'Give the address a table of its own (GATEWAY, IFACE; TABLE: a free number)',
      commands: [`${ip} route add default via GATEWAY dev IFACE src ${asked} table TABLE`, `${ip} rule add from ${asked} lookup TABLE`],
    },
  ];
}

/** With a context: the host that has the pinged address, and whether it has the answering ones too. */
function answeringHost({ asked }: WrongEcho, from: readonly string[], context: Context): { host: Host; because: string } | undefined {
  const host = context.ownerOfAddress(asked)?.host;
  if (!host) return undefined;
  const others = from.filter((ip) => host.linksWith(ip).length === 0);
  const because =
    others.length === 0
      ? `${asked} and ${listText(from)} are addresses of ${host.name}. Linux answers a ping from the pinged address, whatever the routing says: a translation there (SNAT, masquerade) changed it.`
      : `${asked} is an address of ${host.name}, ${listText(others)} ${others.length === 1 ? 'is' : 'are'} not: another machine on the way answers or translates.`;
  return { host, because };
}

export function judgeWrongEcho(wrong: WrongEcho, { redundancy, context }: Knowledge): Draft<WrongEchoDetails> {
  const answeredFrom = [...wrong.answeredFrom].map(([ip, { packets }]) => ({ ip, packets }));
  const group = redundancy.groupOf(wrong.asked);
  const request = wrong.evidence.firstOf('request');
  const reply = wrong.evidence.firstOf('wrong-reply');
  const answering = answeringHost(
    wrong,
    answeredFrom.map(({ ip }) => ip),
    context,
  );
  const [look, table] = remediesFor(wrong.client, wrong.asked);
  const traffic = { address: wrong.asked, to: wrong.client, by: 'source' } as const;
  return {
    subject: { client: { ip: wrong.client }, asked: { ip: wrong.asked } },
    path: wrong.path,
    severity: group ? 'notice' : 'warning',
    confidence: 'likely',
    title: `${wrong.client} pings ${wrong.asked} and is very probably answered from ${listText(answeredFrom.map(({ ip }) => ip))}`,
    details: { answeredFrom, repliesWrong: wrong.repliesWrong },
    count: wrong.repliesWrong,
    evidence: wrong.evidence,
    because: [
      `${request ? `${FrameText(request)}: ${wrong.client} pings ${wrong.asked}. ` : ''}${reply ? FrameText(reply) : 'The reply'} has the same identifier, sequence number and payload, and comes from ${answeredFrom[0]?.ip}.`,
      ...(wrong.atServer ? ['Request and reply pass the capturing host, one in, the other out: the source was changed there.'] : []),
      ...(answering ? [answering.because] : []),
      ...(group
        ? [`${wrong.asked} is shared by ${group.protocol.toUpperCase()} group ${group.id}: its router answers with its own address.`]
        : []),
    ],
    ruledOut: [
      'A ping to all: the request went to one host.',
      'NAT seen on both sides: the client pinged one address only with these numbers.',
    ],
    remedies: [
      look,
      answering ? uplinkRemedy(answering.host, traffic, table, context.hosts) : table,
      {
        text: 'To be certain where it happens, capture on the pinged host',
        commands: [`tcpdump -i any -y LINUX_SLL2 -w host.pcap '${isIpv6Text(wrong.client) ? 'icmp6' : 'icmp'} and host ${wrong.client}'`],
      },
    ],
  };
}
