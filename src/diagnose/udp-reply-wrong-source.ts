import { commonPrefixLength, type Endpoint, endpointText, isIpv6Text } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import type { MatchStrength, WrongSource } from '../track/wrong-sources.ts';
import { type ChosenSource, chosenSource } from './chosen-source.ts';
import { otherAddresses, uplinkRemedy } from './host-uplink.ts';
import { type Confidence, confidences, type Draft, type FindingKind, lessSure, type Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, list, object, oneOf, text, textOrNull } from './schemas.ts';
import { countText, FrameText, hedge, listText } from './text.ts';
import { uplinkRule } from './uplink-rule.ts';

export interface WrongReplyDetails {
  answeredFrom: { ip: string; port: number; packets: number }[];
  clientPorts: number;
  requests: number;
  repliesRight: number;
  repliesWrong: number;
  protocol: string | null;
  matchedBy: string;
  pattern: 'fixed' | 'rotating';
  rejected: number;
}

const port = { type: 'integer', minimum: 0 } as const;

export const udpReplyWrongSource: FindingKind<WrongReplyDetails> = {
  kind: 'udp-reply-wrong-source',
  brief: 'a UDP service answers from another address than the asked one',
  severity: 'error',
  subject: ['client', 'asked'],
  details: object({
    answeredFrom: list(object({ ip: text, port, packets: count })),
    clientPorts: count,
    requests: count,
    repliesRight: count,
    repliesWrong: count,
    protocol: textOrNull,
    matchedBy: text,
    pattern: oneOf('fixed', 'rotating'),
    rejected: count,
  }),
  means:
    'A UDP service was asked at one of its addresses and answered from another one. The client, or a firewall or NAT before it, drops what comes from an address that ' +
    'was never asked: the service looks dead. A server socket that is not bound to an address leaves the choice of the source to the routing table, which looks only at where ' +
    'the answer goes: on a host with several uplinks that is often another uplink. Rules like `ip rule from ADDRESS` do not help, for there is no source yet when they are ' +
    'looked up. TCP is not affected: an accepted connection has its address.',
  provenBy: [
    'An answer with the identifier of the request (DNS id and question, NTP timestamp, OpenVPN session, SNMP request id, STUN transaction …) from an address that was not asked.',
    'Without one: to a client port that waits for exactly one server comes, within two seconds, a packet from that server’s port at another address; surer where the client rejects it ' +
      'by ICMP, where it repeats the request’s octets, or where request and answer pass the same host.',
  ],
  seenFrom: [
    'The server with `-i any`: request in, answer out with another source.',
    'The client: the answer from an address that it did not ask, if nothing before it drops it.',
    'Behind a NAT or firewall the client sees only silence: capture on the server.',
  ],
  looksLike: [
    'NAT seen on both of its sides; a service address and its backends (Kubernetes): both were asked.',
    'Queries to multicast or broadcast (mDNS, SSDP, LLMNR, DHCP): anyone may answer.',
    'TFTP answers from another port; STUN on request, ICE, Teredo and relays from another address.',
    'Two servers asked the same at once: both answers are right.',
    'WireGuard, whose peers may move (see wireguard-endpoint-drift).',
  ],
  remedies: [
    {
      text: 'Let the service answer from the address that was asked: bind it to each address, or use its option for several addresses',
      commands: [],
    },
    {
      text: 'Or choose the uplink by port, on Linux 4.17 and newer (PORT; ADDRESS, GATEWAY, IFACE: of the uplink that is asked; 101: a table that `ip rule` and `ip route show table all` do not show)',
      commands: uplinkRule('PORT', 'ADDRESS'),
    },
    {
      text: 'Connection marks do not mend it: they bring answers back to the interface of the request, but an answer with the wrong source is a new connection to them',
      commands: [],
    },
  ],
  references: ['ip(7): IP_PKTINFO', 'ip-rule(8)', 'RFC 1122 section 4.1.3.5', 'RFC 5452 section 9.1'],
};

/** All wrong sources of one client address and one asked server, over all ports of the client. */
export function* wrongReplies(knowledge: Knowledge): Generator<Draft<WrongReplyDetails>> {
  const groups = new Map<string, WrongSource[]>();
  for (const wrong of knowledge.udp.wrong.list) {
    const key = `${wrong.client.ip}|${endpointText(wrong.asked)}|${wrong.path}`;
    groups.set(key, [...(groups.get(key) ?? []), wrong]);
  }
  for (const group of groups.values()) {
    const draft = judge(group, knowledge);
    if (draft) yield draft;
  }
}

function judge(group: WrongSource[], knowledge: Knowledge): Draft<WrongReplyDetails> | undefined {
  const inOrder = [...group].sort((a, b) => a.first.at - b.first.at || a.first.frame - b.first.frame);
  const [first] = inOrder;
  if (!first) return undefined;
  const best = strongest(inOrder);
  const { client, asked, path } = first;
  const { clientPorts, requests, repliesRight } = knowledge.udp.totalsOf(client.ip, asked, path);
  const repliesWrong = inOrder.reduce((sum, { packets }) => sum + packets, 0);
  const another = isRare(inOrder, requests) ? inOrder.find(({ from }) => isServerOf(client, from, path, knowledge)) : undefined;
  const answeredFrom = sources(inOrder);
  const addresses = [...new Set(answeredFrom.map(({ ip }) => ip))];
  const { protocol, matchedBy } = best.wrong;
  // The answers of TFTP come from any port.
  const ports = matchedBy === TFTP ? {} : { sourcePort: asked.port, destinationPort: client.port };
  const chosen = chosenSource(knowledge.context, asked.ip, addresses, { destination: client.ip, protocol: UDP, ...ports });
  const confidence = another ? 'possible' : confidenceOf(inOrder, best.strength, chosen?.agrees === true, knowledge);
  const pattern = addresses.length > 1 || repliesRight > 0 ? 'rotating' : 'fixed';
  const rejected = inOrder.reduce((sum, wrong) => sum + wrong.rejected, 0);
  const evidence = new Evidence();
  for (const wrong of inOrder) evidence.addAll(wrong.evidence);
  return {
    subject: { client, asked },
    path,
    severity: matchedBy === 'sip-branch' ? 'warning' : 'error',
    confidence,
    title: `${client.ip} asks ${endpointText(asked)}${protocol ? ` (${nameOf(protocol)})` : ''} and is ${hedge(confidence)}answered from ${listText(addresses)}`,
    details: {
      answeredFrom,
      clientPorts: Math.max(clientPorts, new Set(inOrder.map((wrong) => wrong.client.port)).size),
      requests: Math.max(
        requests,
        inOrder.reduce((sum, { cases }) => sum + cases, 0),
      ),
      repliesRight,
      repliesWrong,
      protocol,
      matchedBy,
      pattern,
      rejected,
    },
    count: repliesWrong,
    evidence,
    because: because(inOrder, best, { repliesRight, pattern, rejected, sources: addresses.length, another, chosen }),
    ruledOut: ruledOut(best.wrong),
    remedies: [
      ...remedies(protocol, client, asked, chosen, path, knowledge),
      ...(confidence === 'certain' ? [] : surer(inOrder, asked, addresses)),
    ],
  };
}

/** An answer from elsewhere to fewer than one in so many requests: the capture misses a packet now and then, too. */
const RARELY = 1 / 20;
/** Missed packets lie apart; several answers as near to each other as this are a fault that came and went. */
const NEAR_SEC = 60;
const SEVERAL = 3;

/** Few wrong answers among many requests, and none of them seen on both of its ways at the answering host. */
function isRare(group: WrongSource[], requests: number): boolean {
  const wrong = group.reduce((sum, { packets }) => sum + packets, 0);
  if (wrong >= requests * RARELY || group.some(({ atServer }) => atServer)) return false;
  const span = Math.max(...group.map(({ last }) => last.at)) - Math.min(...group.map(({ first }) => first.at));
  return wrong < SEVERAL || span > (wrong - 1) * NEAR_SEC;
}

/** Whether the client asks the wrong source things of its own, and is answered: a resolver beside the other one. */
function isServerOf(client: Endpoint, from: Required<Endpoint>, path: number, { udp }: Knowledge): boolean {
  const { requests, repliesRight } = udp.totalsOf(client.ip, from, path);
  return requests > 0 && repliesRight > 0;
}

const STRENGTHS: readonly MatchStrength[] = ['exact', 'ports-certain', 'weak', 'ports-likely', 'ports-possible'];
const CONFIDENCE: Record<MatchStrength, Confidence> = {
  exact: 'certain',
  'ports-certain': 'certain',
  weak: 'likely',
  'ports-likely': 'likely',
  'ports-possible': 'possible',
};
/** Coincidences of ports do not repeat themselves. */
const CASES_THAT_CONFIRM = 3;

interface Best {
  wrong: WrongSource;
  strength: MatchStrength;
}

function strongest(group: WrongSource[]): Best {
  for (const strength of STRENGTHS) {
    const wrong = group.find(({ strengths }) => strengths.has(strength));
    if (wrong) return { wrong, strength };
  }
  throw new Error('a wrong source without a match');
}

/** @param isRouted the routing of the asked host gives these very sources: no other conversation is needed to explain them */
function confidenceOf(group: WrongSource[], strength: MatchStrength, isRouted: boolean, { drops }: Knowledge): Confidence {
  const matched = CONFIDENCE[strength];
  const confidence = isRouted ? surerBy(matched) : matched;
  if (!strength.startsWith('ports')) return confidence;
  const cases = group.reduce((sum, wrong) => sum + (wrong.matchedBy === 'ports' ? wrong.cases : 0), 0);
  const raised = cases >= CASES_THAT_CONFIRM ? surerBy(confidence) : confidence;
  if (strength === 'ports-certain') return raised;
  // Where the snaplen cut the payload, it might have told another story.
  const believed = raised === 'certain' && group.some(({ truncated }) => truncated) ? 'likely' : raised;
  // That the client never spoke to the source itself rests on absence; a rejection does not.
  return drops ? lessSure(believed) : believed;
}

/** One level up. */
const surerBy = (confidence: Confidence): Confidence => confidences[Math.max(0, confidences.indexOf(confidence) - 1)] ?? confidence;

/** Each wrong source with its packets, in the order of appearance. A TFTP server has a port for each transfer: there the address counts, with its first port. */
function sources(group: WrongSource[]): WrongReplyDetails['answeredFrom'] {
  const found = new Map<string, { ip: string; port: number; packets: number }>();
  for (const { from, matchedBy, packets } of group) {
    const key = matchedBy === TFTP ? from.ip : endpointText(from);
    const known = found.get(key) ?? { ip: from.ip, port: from.port, packets: 0 };
    known.packets += packets;
    found.set(key, known);
  }
  return [...found.values()];
}

const TFTP = 'tftp-transfer';
/** IP protocol number. */
const UDP = 17;

const PROTOCOL_NAMES: Record<string, string> = {
  dns: 'DNS',
  ntp: 'NTP',
  snmp: 'SNMP',
  radius: 'RADIUS',
  stun: 'STUN',
  sip: 'SIP',
  tftp: 'TFTP',
  dhcp: 'DHCP',
  ike: 'IKE',
  quic: 'QUIC',
  l2tp: 'L2TP',
  openvpn: 'OpenVPN',
};
const nameOf = (protocol: string): string => PROTOCOL_NAMES[protocol] ?? protocol;

const MATCHES: Record<string, string> = {
  'dns-id': 'the id and the question of the query',
  'ntp-origin': 'the request’s transmit timestamp as its origin timestamp',
  'snmp-request-id': 'the request id',
  'radius-id': 'the request’s identifier',
  'stun-transaction': 'the transaction id',
  'sip-branch': 'the branch of the request',
  'tftp-transfer': 'the transfer that the client began',
  'dhcp-xid': 'the transaction id, and the asked server’s address as its server identifier',
  'ike-spi': 'the initiator’s SPI and the message id',
  'quic-cid': 'the connection id that the client chose',
  'l2tp-tunnel': 'the tunnel id that the client chose',
  'openvpn-session': 'the client’s session id',
};

interface Course {
  repliesRight: number;
  pattern: 'fixed' | 'rotating';
  rejected: number;
  sources: number;
  another: WrongSource | undefined;
  chosen: ChosenSource | undefined;
}

function because(
  group: WrongSource[],
  { wrong, strength }: Best,
  { repliesRight, pattern, rejected, sources: many, another, chosen }: Course,
): string[] {
  const request = wrong.evidence.firstOf('request');
  const reply = wrong.evidence.firstOf('wrong-reply') ?? wrong.first;
  const sentences = [
    `${request ? `${FrameText(request)}: ${endpointText(wrong.client)} asks ${endpointText(wrong.asked)}. ` : ''}${FrameText(reply)} comes from ${endpointText(wrong.from)} instead.`,
    connection(wrong, strength),
  ];
  if (group.some(({ atServer }) => atServer)) {
    sentences.push(
      'Both pass the capturing host, the request coming in and the answer going out untranslated: the answering host itself chose the source.',
    );
  } else if (!chosen) {
    const where = group.some(({ atClient }) => atClient) ? 'This is what the client received. ' : '';
    sentences.push(
      `${where}Why the server chose the source is not in the packets: a socket that is not bound to an address is the usual cause.`,
    );
  }
  if (chosen) sentences.push(...chosen.sentences);
  if (another) {
    sentences.push(
      `${another.client.ip} asks ${endpointText(another.from)} too, and nearly all that it asks is answered by whom it asked or by nobody: this is consistent with a repeated question that the capture missed.`,
    );
  } else if (pattern === 'rotating') {
    sentences.push(
      repliesRight > 0
        ? `Other answers come from the right address (${repliesRight}): the source changes from answer to answer or from one client port to the next, as with several default routes.`
        : `The source changes among ${countText(many, 'address', 'addresses')} and is never the asked one.`,
    );
  }
  if (rejected > 0)
    sentences.push(`The client rejects it: ${countText(rejected, 'ICMP port unreachable', 'ICMP port unreachables')} quote the answer.`);
  if (isPrivacyAddress(wrong))
    sentences.push('Both addresses are of one /64: the server answers from a temporary (privacy) address (RFC 6724 rule 7).');
  return sentences;
}

function connection({ matchedBy, asked, from, client }: WrongSource, strength: MatchStrength): string {
  if (matchedBy !== 'ports') {
    const carries = MATCHES[matchedBy] ?? 'the request’s identifier';
    if (strength === 'weak' && matchedBy === 'openvpn-session')
      return 'The client’s session id is encrypted (tls-crypt); a server’s reset to this port within two seconds of the client’s is its answer.';
    return `It carries ${carries}, which was sent to ${endpointText(asked)} alone.`;
  }
  return `Port ${client.port} of the client waited for ${endpointText(asked)} alone, and never sent anything to ${endpointText(from)}: the packet answers that request.`;
}

const isPrivacyAddress = ({ asked, from }: WrongSource): boolean => isIpv6Text(asked.ip) && commonPrefixLength(asked.ip, from.ip) >= 64;

function ruledOut({ matchedBy }: WrongSource): string[] {
  const statements = [
    'NAT seen on both of its sides: the request would have been seen on its way to the answering address too, and was not.',
    'A question to all, which anyone may answer: it went to one address, no multicast or broadcast.',
    'An answer from another port only: the address differs.',
  ];
  if (matchedBy === 'ports') statements.push('Another peer of the client: it never sent anything there.');
  return statements;
}

/** What each service has against it. */
const SERVICE_REMEDIES: Record<string, readonly Remedy[]> = {
  openvpn: [
    {
      text: 'A line in the server’s configuration, so that it answers from the address that was asked. Or an instance for each address (local ADDRESS). `float` at the client only hides it',
      commands: ['multihome'],
    },
  ],
  dns: [
    { text: 'unbound: a line in unbound.conf', commands: ['interface-automatic: yes'] },
    { text: 'BIND: each address by its name in named.conf (ADDRESS …)', commands: ['listen-on { ADDRESS; ADDRESS; };'] },
    { text: 'dnsmasq: a line in dnsmasq.conf', commands: ['bind-dynamic'] },
  ],
  ntp: [
    { text: 'ntpd: a line for each address in ntp.conf', commands: ['interface listen ADDRESS'] },
    { text: 'chronyd: a line in chrony.conf', commands: ['bindaddress ADDRESS'] },
  ],
  snmp: [{ text: 'snmpd: one agent address for each of the host’s, in snmpd.conf', commands: ['agentAddress udp:ADDRESS:161'] }],
  radius: [{ text: 'FreeRADIUS: a listen section for each address, or a build with udpfromto', commands: ['ipaddr = ADDRESS'] }],
  tftp: [{ text: 'tftpd-hpa: an instance for each address', commands: ['in.tftpd --listen --address ADDRESS:69 --secure FOLDER'] }],
};

function remedies(
  protocol: string | null,
  client: Endpoint,
  asked: Required<Endpoint>,
  chosen: ChosenSource | undefined,
  path: number,
  { context, udp }: Knowledge,
): Remedy[] {
  const [general, byPort, marks] = udpReplyWrongSource.remedies;
  const service = (protocol === null ? undefined : SERVICE_REMEDIES[protocol]) ?? [general];
  // The answers of TFTP come from any port.
  if (protocol === 'tftp') return [...service, marks].filter((each) => each !== undefined);
  const filled: Remedy | undefined = byPort && { text: byPort.text, commands: uplinkRule(asked.port, asked.ip) };
  const made = (): Remedy | undefined => {
    if (!chosen || !filled) return filled;
    const others = otherAddresses(chosen.host, asked.ip);
    const alsoAsked = udp.askedOf(others, asked.port, path);
    if (alsoAsked.length > 0)
      return {
        text: `No rule by port mends it on ${chosen.host.name}: port ${asked.port} is asked at ${listText(alsoAsked)} too, and would be answered from ${asked.ip} then`,
        commands: [],
      };
    const remedy = uplinkRemedy(
      chosen.host,
      { address: asked.ip, to: client.ip, by: { protocol: UDP, port: asked.port } },
      filled,
      context.hosts,
    );
    // That the capture shows nobody who asks elsewhere does not mean that there is none.
    return others.length === 0 || remedy.host === undefined
      ? remedy
      : {
          ...remedy,
          text: `${remedy.text}. Only if nobody asks port ${asked.port} at ${listText(others)}: that would be answered from ${asked.ip} then, too`,
        };
  };
  return [...service, made(), marks].filter((each) => each !== undefined);
}

/** What would make it certain; at the server itself with whole packets, nothing more would. */
function surer(group: WrongSource[], asked: Required<Endpoint>, from: readonly string[]): Remedy[] {
  if (group.some(({ atServer, truncated }) => atServer && !truncated)) return [];
  const hosts = [asked.ip, ...from].map((ip) => `host ${ip}`).join(' or ');
  // The answers of TFTP come from any port.
  const service = group.some(({ matchedBy }) => matchedBy === TFTP) ? 'udp' : `udp port ${asked.port}`;
  return [
    {
      text: 'To be certain, capture on the server, on all interfaces and whole packets (-s 0), while a client asks',
      commands: [`tcpdump -i any -y LINUX_SLL2 -s 0 -w server.pcap '${service} and (${hosts})'`],
    },
  ];
}
