import type { Host, Link, Prefix } from '../context/host.ts';
import { lookUp, type RouteDecision, type RouteQuery } from '../context/lookup.ts';
import { familyOf, network, prefixCovers, prefixText } from '../context/prefix.ts';
import { reversePath } from '../context/reverse-path.ts';
import { areStacked, networksOf } from '../context/stack.ts';
import { isIpv6Text } from '../net/ip.ts';
import type { Asymmetry, WayPair } from '../track/asymmetries.ts';
import type { InterfaceName } from '../track/interfaces.ts';
import type { Belonging } from '../track/on-link.ts';
import { compareStamps } from '../track/stamp.ts';
import type { Way } from '../track/ways.ts';
import { IpProtocol } from '../wire/packet.ts';
import { cardsRemedy } from './host-cards.ts';
import { explainChoice } from './host-choice.ts';
import { uplinkRemedy } from './host-uplink.ts';
import type { Confidence, Draft, FindingKind, Remedy, Severity } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, interfaceName, object, text } from './schemas.ts';
import { countText, FrameText, frameText, hedge, listText } from './text.ts';
import { ipCommand } from './uplink-rule.ts';

export interface AsymmetryDetails {
  in: InterfaceName | null;
  out: InterfaceName | null;
  protocol: string;
  packets: number;
}

const OWN_TABLE: Remedy = {
  text: 'Give the address a routing table of its own, which leads out by the interface that it is asked by (ADDRESS, GATEWAY, IFACE: of that interface; TABLE: a number that `ip route show table all` does not show)',
  commands: [
    'ip route add default via GATEWAY dev IFACE src ADDRESS table TABLE',
    'ip rule add from ADDRESS lookup main suppress_prefixlength 0 priority 99',
    'ip rule add from ADDRESS lookup TABLE priority 100',
  ],
};

const OWN_CARDS: Remedy = {
  text: 'Where a firewall or rp_filter minds: let each address leave by its own card (ADDRESS, SUBNET, GATEWAY, IFACE, TABLE: once for each card)',
  commands: [
    'ip route add SUBNET dev IFACE src ADDRESS table TABLE',
    'ip route add default via GATEWAY dev IFACE table TABLE',
    'ip rule add from ADDRESS lookup TABLE',
  ],
};

export const interfaceAsymmetry: FindingKind<AsymmetryDetails> = {
  kind: 'interface-asymmetry',
  brief: 'a host is asked by one interface and answers by another',
  severity: 'warning',
  subject: ['local', 'peer'],
  details: object({ in: interfaceName, out: interfaceName, protocol: text, packets: count }),
  means:
    'What comes to a host by one of its interfaces is answered by another one, with the right source address: the routing table looks only at where the answer goes. That is ' +
    'legal, and usual where two cards are in one subnet (notice). It is a fault to come where the address is not of the network by which the answer leaves: a provider that drops ' +
    'foreign sources (BCP 38), or a stateful firewall that sees half of each connection, makes the address look dead (warning).',
  provenBy: [
    'Packets of one flow come in by one interface; those that go back leave by another one, and never by the first.',
    'The host itself is an end of the flow: what comes in does not leave again, and what leaves has not come in, with these addresses or with others (NAT).',
    'Warning: the address is of another network than the interface by which the answers leave: as the host says (`--context`), or as its neighbours and its other addresses there show; or a SYN ' +
      'comes again although SYN and ACK have left.',
  ],
  seenFrom: [
    'The host itself with `-i any`, or a pcapng of several interfaces with directions: both ways, with the interface of each.',
    'Several Ethernet interfaces without directions: by the TTL, and only as possible.',
    'One card, or the client: an asymmetry looks like loss, or like nothing.',
  ],
  looksLike: [
    'A router’s transit, which may come and go by any of its cards, also with translated addresses.',
    'A bridge and its port, a bond and its member, a VLAN and its card: one packet seen twice.',
    'An answer with another source address (udp-reply-wrong-source): the source decides by which uplink it leaves.',
    'Two taps on one cable.',
  ],
  remedies: [OWN_TABLE, OWN_CARDS],
  references: ['RFC 2827 (BCP 38)', 'RFC 3704', 'Linux ip-sysctl: rp_filter', 'ip-rule(8)'],
};

/** Of a local address and two interfaces so many peers are findings of their own; the others are counted. */
const MOST_PEERS = 16;

/** All pairs of an own address and a peer that are asked by one interface and answered by another. */
export function* judgeAsymmetries(knowledge: Knowledge): Generator<{ local: string; draft: Draft<AsymmetryDetails> }> {
  const judged = ownOf(knowledge)
    .flatMap((asymmetry) => caseOf(asymmetry, knowledge) ?? [])
    .sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || compareFirst(a, b));
  const peers = new Map<string, number>();
  for (const each of judged) peers.set(groupOf(each), (peers.get(groupOf(each)) ?? 0) + 1);
  const told = new Map<string, number>();
  for (const each of judged) {
    const group = groupOf(each);
    const before = told.get(group) ?? 0;
    told.set(group, before + 1);
    const others = Math.max(0, (peers.get(group) ?? 0) - MOST_PEERS);
    if (before < MOST_PEERS) yield { local: each.asymmetry.local, draft: draft(each, knowledge, others) };
  }
}

const SEVERITIES: readonly Severity[] = ['warning', 'notice'];

/** A pair with all that its judgement rests on. */
interface Case {
  asymmetry: Asymmetry;
  in: Way;
  out: Way;
  host: Host | undefined;
  /** The interfaces as the host knows them. */
  linkIn: Link | undefined;
  linkOut: Link | undefined;
  home: Home;
  decision: RouteDecision | undefined;
  query: RouteQuery;
  severity: Severity;
  confidence: Confidence;
}

/** Whether the local address is of the network by which the answers leave, and how that is known. */
type Home = { is: 'inside' | 'unknown' } | { is: 'outside'; networks: Prefix[] } | Extract<Belonging, { is: 'outside' }>;

/** Those of which the observed host is an end. One that its TTL shows as forwarded is one only if the host says so. */
function ownOf({ ways, context: { observer } }: Knowledge): Asymmetry[] {
  const pairs = new Map<string, Asymmetry>();
  for (const each of ways.asymmetries) {
    const isOwn = observer ? observer.linksWith(each.local).length > 0 && observer.linksWith(each.peer).length === 0 : !each.isForwarded;
    if (!isOwn) continue;
    const key = `${each.local}|${each.peer}`;
    const known = pairs.get(key);
    // What the capture says of directions goes before what the TTL says.
    if (!known || (known.isInferred && !each.isInferred)) pairs.set(key, each);
    else if (known.isInferred === each.isInferred) known.addAll(each);
  }
  return [...pairs.values()];
}

function caseOf(asymmetry: Asymmetry, { ways, context: { observer: host } }: Knowledge): Case | undefined {
  const main = mainWays(asymmetry);
  if (!main) return undefined;
  const [wayIn, wayOut] = [ways.way(main.in), ways.way(main.out)];
  const linkIn = host && linkOf(host, wayIn);
  const linkOut = host && linkOf(host, wayOut);
  if (host && linkIn && linkOut && areStacked(host, linkIn, linkOut)) return undefined;
  const { local, isInferred, synsAgain } = asymmetry;
  const home = (host && linkOut && homeOf(host, linkOut, local)) ?? ways.belonging(main.out, local);
  const query = queryOf(asymmetry);
  const decision = host?.routes && lookUp(host, query);
  const severity = home.is === 'outside' || synsAgain > 0 ? 'warning' : 'notice';
  // Both ways are in the capture; that it matters is certain where the host says that the address is foreign there, and that it sends it there all the same.
  const isCertain = severity === 'warning' && home.is === 'outside' && 'networks' in home && agrees(decision, linkOut);
  const confidence = isInferred ? 'possible' : isCertain ? 'certain' : 'likely';
  return { asymmetry, in: wayIn, out: wayOut, host, linkIn, linkOut, home, decision, query, severity, confidence };
}

/** The ways of most packets; of as many those that came first. */
function mainWays({ ways }: Asymmetry): WayPair | undefined {
  let main: WayPair | undefined;
  for (const pair of ways.values()) if (!main || pair.packets > main.packets) main = pair;
  return main;
}

/** The interface of a way, as the host knows it: by its ifindex, or by its name. A VLAN that only the tag shows is none of them. */
function linkOf(host: Host, { interface: name, vlan, isIndexed }: Way): Link | undefined {
  if (!name || vlan !== null) return undefined;
  return isIndexed ? host.link(name.index) : name.name === null ? undefined : host.link(name.name);
}

function homeOf(host: Host, link: Link, local: string): Home | undefined {
  const networks = networksOf(host, link, local);
  if (networks.length === 0) return undefined;
  return networks.some((each) => prefixCovers(each, local)) ? { is: 'inside' } : { is: 'outside', networks: networks.map(network) };
}

/** What goes back, as the routing tables are asked for it: it has its source already. */
function queryOf({ local, peer, first }: Asymmetry): RouteQuery {
  const query = { destination: peer, source: local, protocol: first.protocol };
  const hasPorts = first.protocol === IpProtocol.Tcp || first.protocol === IpProtocol.Udp;
  return hasPorts ? { ...query, sourcePort: first.localPort, destinationPort: first.peerPort } : query;
}

/** Whether the host's own rules and routes send it by this interface. */
const agrees = (decision: RouteDecision | undefined, link: Link | undefined): boolean =>
  decision?.outcome === 'unicast' && decision.assumed.length === 0 && decision.nextHops.some(({ device }) => device === link?.name);

const compareFirst = (a: Case, b: Case): number => compareStamps(a.asymmetry.first.firstIn, b.asymmetry.first.firstIn);

const groupOf = ({ asymmetry, in: entered, out }: Case): string => `${asymmetry.local}|${entered.id}|${out.id}`;

function draft(each: Case, { context }: Knowledge, others: number): Draft<AsymmetryDetails> {
  const { asymmetry, severity, confidence } = each;
  const { local, peer, packetsOut, evidence, first } = asymmetry;
  const [wayIn, wayOut] = [wayText(each.in), wayText(each.out)];
  return {
    subject: { local, peer },
    path: 0,
    severity,
    confidence,
    title: isAskedByLocal(asymmetry)
      ? `${local} asks ${peer} by ${wayOut} and is ${hedge(confidence)}answered by ${wayIn}`
      : `${peer} reaches ${local} by ${wayIn} and is ${hedge(confidence)}answered by ${wayOut}`,
    details: {
      in: each.in.interface,
      out: each.out.interface,
      protocol: protocolName(mainProtocol(asymmetry) ?? first.protocol),
      packets: packetsOut,
    },
    count: packetsOut,
    evidence,
    because: [...seen(each), ...homeSentences(each), ...synSentences(asymmetry), ...hostSentences(each), ...othersSentences(local, others)],
    ruledOut: [
      'Packets on their way through this host: what comes in does not leave again, neither with these addresses nor, within a second, with others (NAT).',
      'One interface seen twice (a bridge and its port, a VLAN and its card, a bond): what comes in and what leaves have no interface in common.',
      'An answer with another source (udp-reply-wrong-source): both ways have the same addresses and ports.',
      ...(asymmetry.isInferred ? ['Two taps on one card: what comes in is for another MAC than the answers come from.'] : []),
    ],
    remedies: remediesOf(each, context.hosts),
  };
}

const isAskedByLocal = ({ askedByLocal, flows }: Asymmetry): boolean => askedByLocal * 2 > flows;

/** The protocol of most packets. */
const mainProtocol = ({ protocols }: Asymmetry): number | undefined => [...protocols].sort(([, a], [, b]) => b - a)[0]?.[0];

/** `wanA`, or the number where the name is not known; with the VLAN that only the tag shows. */
function wayText({ interface: name, vlan }: Way): string {
  const text = name === null ? 'the interface' : (name.name ?? `interface ${name.index}`);
  return vlan === null ? text : `${text} in VLAN ${vlan}`;
}

function seen({ asymmetry, in: entered, out }: Case): string[] {
  const { local, peer, first, flows, packetsOut, protocols, ways } = asymmetry;
  const [wayIn, wayOut] = [wayText(entered), wayText(out)];
  const what = flowText(first);
  const [comes, leaves] = [`comes in by ${wayIn}`, `leaves by ${wayOut}`];
  const areNumbers = [entered, out].some(({ interface: name, isIndexed }) => isIndexed && name?.name === null);
  const numbers = areNumbers ? ' (numbers as in `ip link`)' : '';
  const whole = first.askedByLocal
    ? `${FrameText(first.firstOut)}, from ${local} to ${peer} (${what}), ${leaves}; what comes back, ${frameText(first.firstIn)}, ${comes}${numbers}.`
    : `${FrameText(first.firstIn)}, from ${peer} to ${local} (${what}), ${comes}; what goes back, ${frameText(first.firstOut)}, ${leaves}${numbers}.`;
  const names = [...protocols.keys()].map(protocolName).map((name) => name.toUpperCase());
  const more = `${countText(packetsOut, 'packet')} of ${countText(flows, 'flow')} (${listText(names)}) ${packetsOut === 1 ? 'leaves' : 'leave'} so; none leaves by ${wayIn}.`;
  return ways.size === 1 ? [whole, more] : [whole, `${more.slice(0, -1)}. Some take other interfaces than these two.`];
}

function flowText({ protocol, localPort }: Asymmetry['first']): string {
  if (protocol === IpProtocol.Icmp || protocol === IpProtocol.Icmpv6) return 'ping';
  const name = protocolName(protocol).toUpperCase();
  return protocol === IpProtocol.Tcp || protocol === IpProtocol.Udp ? `${name} port ${localPort}` : name;
}

function homeSentences({ asymmetry: { local }, in: entered, out, home, host, linkIn }: Case): string[] {
  const [wayIn, wayOut] = [wayText(entered), wayText(out)];
  if (home.is === 'outside') {
    const risk = 'whoever drops foreign sources there (BCP 38, rp_filter), or keeps state of connections, breaks it';
    if ('networks' in home) {
      const owner = host?.linksWith(local)[0];
      const of = owner ? `${local} is an address of ${owner.name}, and` : `${local} is`;
      return [`${of} in no network of ${wayOut} (${listText(home.networks.map(prefixText))}), as ${host?.name} says: ${risk}.`];
    }
    if ('gateway' in home)
      return [
        `By ${wayOut} the host resolves ${home.gateway}, and nothing near ${local}: by what the capture shows, ${local} is of another network; ${risk}.`,
      ];
    return [
      `By ${wayOut} the host is reached at ${listText(home.reached)}, and at nothing near ${local}: by what the capture shows, ${local} is of another network; ${risk}.`,
    ];
  }
  if (home.is === 'unknown') return [`Whether ${local} is of the network of ${wayOut} is not known: an asymmetry alone is legal.`];
  const owner = host?.linksWith(local)[0];
  if (owner && linkIn && owner.name !== linkIn.name)
    return [`${local} is an address of ${owner.name}: it is the way in that is not its own. Both interfaces are in one network.`];
  return [
    `${local} is of the network of ${wayOut} too: two interfaces in one network always do that, and it is legal. Only who looks at the interface (${wayIn} or ${wayOut}) may mind.`,
  ];
}

function synSentences({ synsAgain, evidence }: Asymmetry): string[] {
  const again = evidence.firstOf('syn-again');
  if (synsAgain === 0 || !again) return [];
  const what = synsAgain === 1 ? 'a SYN comes again' : `a SYN comes again (${synsAgain} times in all)`;
  return [`${FrameText(again)}: ${what} although SYN and ACK have left: they do not arrive.`];
}

/** Why the host chooses this way, and what its rp_filter makes of what comes in. */
function hostSentences({ asymmetry, host, linkIn, linkOut, decision, query, out }: Case): string[] {
  if (!host || !decision || decision.outcome === 'unknown') return [];
  const when = host.time === null ? '' : ` (${host.time})`;
  const choice = agrees(decision, linkOut)
    ? explainChoice(host, query).sentences
    : [
        `As ${host.name} is set${when}, it would not leave by ${wayText(out)}${decision.nextHops.length === 0 ? '' : `, but by ${listText(decision.nextHops.flatMap(({ device }) => device ?? []))}`}: it was set otherwise then, or a mark or a socket bound to an interface chose.`,
      ];
  return [...choice, ...(linkIn ? filterSentences(host, linkIn, asymmetry) : [])];
}

/** Strict reverse path filtering would drop what comes in: it does not, so this is what keeps it working. */
function filterSentences(host: Host, link: Link, { local, peer }: Asymmetry): string[] {
  if (familyOf(local) === 6) return [];
  const { rpFilter, devices, verdict } = reversePath(host, { destination: local, source: peer, in: link.name });
  if (rpFilter === undefined || verdict === 'unknown' || devices.length === 0 || devices.includes(link.name)) return [];
  const back = `the way back to ${peer} is by ${listText(devices)}`;
  return [
    rpFilter === 1
      ? `rp_filter at ${link.name} is 1 (strict) now and ${back}: set so, the kernel drops what comes in.`
      : `rp_filter at ${link.name} is ${rpFilter}: with 1 (strict) the kernel would drop what comes in there, for ${back}.`,
  ];
}

const othersSentences = (local: string, others: number): string[] =>
  others === 0
    ? []
    : [
        `${countText(others, 'more peer')} of ${local} ${others === 1 ? 'goes' : 'go'} the same two ways, and ${others === 1 ? 'is' : 'are'} not listed.`,
      ];

function remediesOf(each: Case, hosts: readonly Host[]): Remedy[] {
  const { asymmetry, host, severity, confidence, linkIn, linkOut } = each;
  const { local, peer } = asymmetry;
  const general = severity === 'warning' ? forFamily(OWN_TABLE, local) : forFamily(OWN_CARDS, local);
  const more: Remedy[] = confidence === 'certain' ? [] : [nextCapture(each)];
  if (!host) return [general, ...more];
  if (severity === 'warning') return [uplinkRemedy(host, { address: local, to: peer, by: 'source' }, general, hosts), ...more];
  const beside = [linkIn, linkOut].flatMap((link) => (link ? ownAddress(link, local) : []));
  return [beside.length === 2 ? cardsRemedy(host, [...new Set(beside)], general) : general, ...more];
}

/** The address of a card in the network of `ip`: `ip` itself where the card has it. */
function ownAddress({ addresses }: Link, ip: string): string[] {
  const beside = addresses.filter((each) => prefixCovers({ ip: each.ip, length: each.prefixLength }, ip));
  const chosen = beside.find((each) => each.ip === ip) ?? beside[0];
  return chosen ? [chosen.ip] : [];
}

const forFamily = ({ text: what, commands }: Remedy, ip: string): Remedy => ({
  text: what,
  commands: isIpv6Text(ip) ? commands.map((command) => command.replace(/^ip /, 'ip -6 ')) : commands,
});

/** What would decide it. */
function nextCapture({ asymmetry: { local, peer, isInferred }, host }: Case): Remedy {
  if (isInferred)
    return {
      text: 'To be sure that one host does both, capture on it with the directions',
      commands: [`tcpdump -i any -y LINUX_SLL2 -w host.pcap 'host ${peer}'`],
    };
  const ask = `${ipCommand(local)} route get ${peer} from ${local}`;
  return host
    ? { text: 'To see which rule and route the host chooses now', commands: [ask] }
    : {
        text: 'To be certain, ask the host which way it takes, and hand its answers over with --context',
        commands: [ask, 'fluxcap context > context.json'],
      };
}

const PROTOCOLS = new Map<number, string>([
  [IpProtocol.Icmp, 'icmp'],
  [IpProtocol.Icmpv6, 'icmpv6'],
  [IpProtocol.Tcp, 'tcp'],
  [IpProtocol.Udp, 'udp'],
  [IpProtocol.Gre, 'gre'],
  [IpProtocol.Esp, 'esp'],
  [IpProtocol.Ah, 'ah'],
  [IpProtocol.Ipv4, 'ipip'],
  [IpProtocol.Ipv6, 'sit'],
  [132, 'sctp'],
]);

/** As /etc/protocols has it, or the number. */
const protocolName = (protocol: number): string => PROTOCOLS.get(protocol) ?? String(protocol);
