import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyze } from '../src/index.ts';
import { ipv4Text } from '../src/net/ip.ts';
import { macText } from '../src/net/mac.ts';
import { Encapsulation, encapsulationName } from '../src/wire/encapsulation.ts';
import { isIcmpError, QuotedPacket } from '../src/wire/icmp.ts';
import { isDecodedLinktype } from '../src/wire/linktype.ts';
import { NdpView } from '../src/wire/ndp.ts';
import { Inner, IpProtocol, type Packet } from '../src/wire/packet.ts';
import { TcpFlag, tcpMss } from '../src/wire/tcp.ts';
import { indexText, receiverIndex, senderIndex, WireguardType, wireguardType } from '../src/wire/wireguard.ts';
import { hasPublicCaptures, publicCaptures, readOctets } from './tools/captures.ts';
import { eachFrame, eachPacket, openOctets } from './tools/walk.ts';

/*
 * What tshark says of real captures of other projects (written down in expected.json beside them) against what fluxcap reads. The captures are not
 * part of the project: without them these tests are skipped, and say so.
 */

type Counts = Record<string, number>;

interface Expected {
  container: { format: string; linktypes: number[]; interfaces?: number };
  packets: number;
  capturedBytes: number;
  wireBytes: number;
  first: string;
  last: string;
  timeWentBack?: number;
  slicedPackets?: number;
  readers: { tshark: number };
  ipDepth: number;
  vlanDepth: number;
  udpPackets: number;
  protocols: Counts;
  arp?: {
    requests: number;
    perTarget: Counts;
    replies: number;
    answeredBy: Record<string, Counts>;
    gratuitous: Record<string, Counts>;
    probes: Counts;
  };
  ndp?: { advertisedTargets: number };
  icmp?: Counts;
  tcpMss?: Counts;
  fragments?: { v4: number; v6: number };
  interfaces?: Counts;
  fhrp?: Counts;
  wireguard?: {
    types: Counts;
    initiations: { frame: number; src: string; dst: string; sender: string }[];
    responses: { frame: number; src: string; dst: string; sender: string; receiver: string }[];
    data: { receiver: string; flows: { src: string; dst: string; packets: number; firstFrame: number; lastFrame: number }[] }[];
    endpointChanges: unknown[];
  };
  timeExceeded?: { count: number };
  bgp?: {
    sessions: Counts;
    opens: { src: string; dst: string; hold: string; as4: string }[];
    routes: TsharkRoute[];
  };
  udpReplyOther?: { cases: { client: string; asked: string; finding: string }[] };
  /** Frames with each, and ends with ids: `[["192.0.2.1>192.0.2.2", "0x0800", "0x00000007"]]`; of GRE with its protocol type. */
  tunnels?: Counts;
  tunnelIds?: Record<string, string[][]>;
}

interface TsharkRoute {
  from: string;
  prefix: string;
  nextHop: string;
  med: number | null;
  localPref: number | null;
  asPath: number[];
  origin: string;
  originatorId: string | null;
  frame: number;
}

const expected: Record<string, Expected> = hasPublicCaptures ? JSON.parse(readFileSync(join(publicCaptures, 'expected.json'), 'utf8')) : {};
const all = Object.entries(expected).map(([name, entry]) => ({ name, expected: entry }));
/** Files whose packets are decoded; of damaged ones nothing but robustness is asked. */
const sound = all.filter(
  ({ name, expected: { container } }) => !name.startsWith('malformed/') && container.linktypes.every(isDecodedLinktype),
);

const where = describe.skipIf(!hasPublicCaptures);
const octetsOf = (name: string): Uint8Array => readOctets(join(publicCaptures, name));

where('real captures of other projects (skipped where the folder beside the checkout is missing)', () => {
  it('are there', () => expect(all.length).toBeGreaterThan(200));

  describe('frames: number, times, lengths', () => {
    // tshark gives custom blocks of damaged files lengths; packets and times are all that is asked of those.
    it.each(all.filter(({ expected: { readers } }) => readers.tshark === 0))('$name', async ({ name, expected: wanted }) => {
      const input = await openOctets(octetsOf(name));
      const seen = { packets: 0, capturedBytes: 0, wireBytes: 0, slicedPackets: 0 };
      await eachFrame(input, ({ caplen, origlen }) => {
        seen.packets++;
        seen.capturedBytes += caplen;
        seen.wireBytes += origlen;
        if (caplen < origlen) seen.slicedPackets++;
      });
      const { packets, capturedBytes, wireBytes, slicedPackets = 0 } = wanted;
      expect(seen.packets).toBe(packets);
      if (!name.startsWith('malformed/')) expect(seen).toEqual({ packets, capturedBytes, wireBytes, slicedPackets });
      expect(input.format).toBe(wanted.container.format.split(' ')[0]);
      expect(new Set(input.interfaces.map(({ linktype }) => linktype))).toEqual(new Set(wanted.container.linktypes));
      if (wanted.container.interfaces !== undefined) expect(input.interfaces.length).toBe(wanted.container.interfaces);
      // A fraction of more than a second is carried over by us and written as it is by tshark.
      if (input.problems.list.some(({ kind }) => kind === 'bad-time')) return;
      expect(input.first && secondsText(input.first.sec, input.first.nsec)).toBe(wanted.first);
      expect(input.last && secondsText(input.last.sec, input.last.nsec)).toBe(wanted.last);
    });
  });

  describe('what is in the packets', () => {
    it.each(sound)('$name', async ({ name, expected: wanted }) => {
      const seen = await survey(octetsOf(name));
      expect(seen.arp).toEqual(
        wanted.arp ? pick(wanted.arp, ['requests', 'perTarget', 'replies', 'answeredBy', 'gratuitous', 'probes']) : NO_ARP,
      );
      expect(seen.icmp).toEqual(wanted.icmp ?? {});
      expect(seen.udpPackets).toBe(wanted.udpPackets);
      expect(seen.vlanDepth).toBe(wanted.vlanDepth);
      expect(seen.ipDepth).toBe(wanted.ipDepth);
      // tshark counts the options of segments that ICMP errors quote, too.
      if (seen.quotedTcp === 0) expect(seen.mss).toEqual(wanted.tcpMss ?? {});
      else expect(Object.keys(seen.mss)).toEqual(Object.keys(wanted.tcpMss ?? {}));
      expect(seen.fragments).toEqual(wanted.fragments ?? { v4: 0, v6: 0 });
      expect(seen.advertisedTargets).toBe(wanted.ndp?.advertisedTargets ?? 0);
      expect(seen.vrrp).toBe(wanted.fhrp?.vrrp ?? 0);
      expect(seen.timeExceeded).toBe(wanted.timeExceeded?.count ?? 0);
      for (const protocol of ['ip', 'ipv6', 'arp', 'udp', 'tcp', 'icmp', 'icmpv6', 'vlan'] as const) {
        if (NEEDS_REASSEMBLY[name] === protocol) continue;
        expect(seen.protocols[protocol] ?? 0, protocol).toBe(wanted.protocols[protocol] ?? 0);
      }
    });
  });

  describe('tunnels: frames with each, their ends and ids', () => {
    it.each(sound)('$name', async ({ name, expected: { tunnels = {}, tunnelIds = {} } }) => {
      const seen = await tunnelsOf(octetsOf(name));
      // IKE holds no packet.
      const { isakmp: _, ...wanted } = tunnels;
      if (GTP_CONTROL.has(name)) delete wanted.gtp;
      expect(seen.frames).toEqual(wanted);
      for (const protocol of ['gre', 'vxlan', 'geneve', 'esp'] as const) {
        const ends = (tunnelIds[protocol] ?? []).map((id) => [id[0], Number(id.at(-1) || Number.NaN)].join(' '));
        expect([...(seen.ids[protocol] ?? [])].sort(), protocol).toEqual([...new Set(ends)].sort());
      }
    });
  });

  describe('WireGuard messages and sessions', () => {
    it.each(all.filter(({ expected: { wireguard } }) => wireguard))('$name', async ({ name, expected: { wireguard } }) => {
      const seen = await wireguardOf(octetsOf(name));
      expect(seen.initiations).toEqual(wireguard?.initiations.map(({ frame, src, dst, sender }) => ({ frame, src, dst, sender })));
      expect(seen.responses).toEqual(
        wireguard?.responses.map(({ frame, src, dst, sender, receiver }) => ({ frame, src, dst, sender, receiver })),
      );
      const { records } = await analyze(join(publicCaptures, name), { records: true });
      const sessions = (records?.wireguard ?? []).filter(({ type }) => type === 'session');
      const flows = sessions.flatMap((session) => flowsOf(session));
      expect(flows.sort(byFirstFrame)).toEqual(
        (wireguard?.data ?? [])
          .flatMap(({ receiver, flows: of }) =>
            of.map(({ src, packets, firstFrame, lastFrame }) => ({ receiver, src, packets, firstFrame, lastFrame })),
          )
          .sort(byFirstFrame),
      );
    });
  });

  describe('BGP sessions and routes', () => {
    it.each(all.filter(({ expected: { bgp } }) => bgp))('$name', async ({ name, expected: { bgp } }) => {
      const { records } = await analyze(join(publicCaptures, name), { records: true });
      const seen = (records?.bgp ?? []) as Record<string, unknown>[];
      const sessions = seen.filter(({ type }) => type === 'session');
      const pairs = Object.keys(bgp?.sessions ?? {}).map((pair) => pair.split(' ').sort());
      expect(sessions.map(({ a, b }) => [a, b].sort()).sort()).toEqual(pairs.sort());
      for (const { src, dst, as4 } of bgp?.opens ?? []) {
        const session = sessions.find(({ a, b }) => (a === src && b === dst) || (a === dst && b === src));
        expect(session?.a === src ? session.asA : session?.asB, `AS of ${src}`).toBe(Number(as4));
      }
      const routes = seen.filter(({ type }) => type === 'route');
      expect(sortedRoutes(routes.map((route) => pick(route, ROUTE_FIELDS)))).toEqual(sortedRoutes((bgp?.routes ?? []).map(routeOfTshark)));
    });
  });

  describe('packets per interface', () => {
    it.each(sound.filter(({ expected: { interfaces } }) => interfaces))('$name', async ({ name, expected: { interfaces } }) => {
      const seen: Counts = {};
      await eachFrame(await openOctets(octetsOf(name)), ({ source, linktype }) => {
        if (linktype >= 0) add(seen, String(source.id));
      });
      expect(seen).toEqual(interfaces);
    });
  });

  describe('no false alarm, no crash, and true problems', () => {
    it.each(all)('$name', async ({ name, expected: { container } }) => {
      const { inputs, findings } = await analyze(join(publicCaptures, name), { severity: 'notice', minConfidence: 'likely' });
      const kinds = findings.map(({ kind }) => kind);
      expect(kinds).not.toContain('udp-reply-wrong-source');
      expect(
        kinds.filter((kind) => !GENUINE.has(kind) && !GENUINE_IN[name]?.includes(kind)),
        'findings that nobody has looked at',
      ).toEqual([]);
      const problems = inputs[0]?.problems.map(({ kind }) => kind) ?? [];
      if (container.linktypes.some((linktype) => !isDecodedLinktype(linktype))) expect(problems).toContain('unsupported-linktype');
      else if (!name.startsWith('malformed/')) expect(problems.filter((kind) => kind !== 'time-went-back')).toEqual([]);
    });
  });
});

/**
 * Kinds whose findings in these captures were checked frame by frame: silent hosts that are asked for, a WireGuard port that rejects, and BGP sessions that
 * end by a NOTIFICATION.
 */
const GENUINE = new Set(['arp-unanswered', 'wireguard-handshake-unanswered', 'bgp-session-reset']);

/** The same of single captures: an IKE_AUTH of 3500 octets, three times in fragments, and no answer. */
const GENUINE_IN: Record<string, readonly string[]> = {
  'mtu-frag/ipsec_client.pcap': ['ike-negotiation-failed'],
};

/** A header that is itself cut into fragments: only whoever puts them together sees it. */
const NEEDS_REASSEMBLY: Record<string, string> = { 'mtu-frag/frag-ppp-ip-tcp-syn.pcap': 'tcp' };

/** Messages of GTP's control plane, on port 2123, in which no packet is; tshark calls them by the same name. */
const GTP_CONTROL = new Set(['tunnel/GtpV1PacketTest.pcap', 'tunnel/gtp_c.pcap', 'tunnel/gtp_false_positive.pcapng']);

/** Encapsulations as expected.json names them. */
const TUNNEL_NAMES: Record<string, string> = {
  sit: '6in4',
  '4in6': 'ip-in-ipv6',
  '6in6': 'ip-in-ipv6',
  'gtp-u': 'gtp',
  pppoe: 'pppoes',
};

const ROUTE_FIELDS = ['from', 'prefix', 'nextHop', 'med', 'localPref', 'asPath', 'origin', 'originatorId', 'frame'];
const ORIGINS = ['igp', 'egp', 'incomplete'];
/** What tshark counts to the length of a VPN's prefix: a label, and the route distinguisher. */
const VPN_BITS = 24 + 64;

function routeOfTshark({
  from,
  prefix,
  nextHop,
  med,
  localPref,
  asPath,
  origin,
  originatorId,
  frame,
}: TsharkRoute): Record<string, unknown> {
  const [ip = '', length = ''] = prefix.split('/');
  const isVpn = nextHop.startsWith('RD+');
  return {
    from,
    prefix: `${ip}/${Number(length) - (isVpn ? VPN_BITS : 0)}`,
    nextHop: nextHop.replace('RD+', ''),
    med,
    localPref,
    asPath,
    origin: ORIGINS[Number(origin)],
    originatorId,
    frame,
  };
}

const sortedRoutes = (routes: Record<string, unknown>[]): string[] => routes.map((route) => JSON.stringify(route)).sort();

const NO_ARP = { requests: 0, perTarget: {}, replies: 0, answeredBy: {}, gratuitous: {}, probes: {} };

const secondsText = (sec: number, nsec: number): string => `${sec}.${String(nsec).padStart(9, '0')}`;
const byFirstFrame = (a: { firstFrame: number }, b: { firstFrame: number }): number => a.firstFrame - b.firstFrame;
const pick = <T extends object, K extends keyof T>(value: T, keys: K[]): Pick<T, K> =>
  Object.fromEntries(keys.map((key) => [key, value[key]])) as Pick<T, K>;

function add(counts: Counts, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function addUnder(counts: Record<string, Counts>, outer: string, key: string): void {
  counts[outer] ??= {};
  add(counts[outer], key);
}

interface Survey {
  arp: typeof NO_ARP;
  icmp: Counts;
  udpPackets: number;
  vlanDepth: number;
  ipDepth: number;
  mss: Counts;
  fragments: { v4: number; v6: number };
  advertisedTargets: number;
  vrrp: number;
  timeExceeded: number;
  quotedTcp: number;
  protocols: Counts;
}

async function survey(octets: Uint8Array): Promise<Survey> {
  const seen: Survey = {
    arp: structuredClone(NO_ARP),
    icmp: {},
    udpPackets: 0,
    vlanDepth: 0,
    ipDepth: 0,
    mss: {},
    fragments: { v4: 0, v6: 0 },
    advertisedTargets: 0,
    vrrp: 0,
    timeExceeded: 0,
    quotedTcp: 0,
    protocols: {},
  };
  const targets = new Set<string>();
  const inFrame = new Map<number, Set<string>>();
  const depths = new Map<number, number>();
  const quote = new QuotedPacket();
  const ndp = new NdpView();
  await eachPacket(octets, (packet) => {
    const protocols = inFrame.get(packet.frame) ?? new Set();
    inFrame.set(packet.frame, protocols);
    if (packet.vlanCount > 0) protocols.add('vlan');
    seen.vlanDepth = Math.max(seen.vlanDepth, packet.vlanCount);
    if (packet.hasArp) countArp(packet, seen.arp);
    if (packet.etherType === 0x0806) protocols.add('arp');
    if (packet.version === 0) return;
    depths.set(packet.frame, (depths.get(packet.frame) ?? 0) + 1);
    protocols.add(packet.version === 4 ? 'ip' : 'ipv6');
    if (packet.isFragment) seen.fragments[packet.version === 4 ? 'v4' : 'v6']++;
    if (packet.protocol === IpProtocol.Vrrp) seen.vrrp++;
    if (packet.transport === IpProtocol.Udp) {
      seen.udpPackets++;
      protocols.add('udp');
    } else if (packet.transport === IpProtocol.Tcp) {
      protocols.add('tcp');
      const mss = packet.tcpFlags & TcpFlag.Syn ? tcpMss(packet) : undefined;
      if (mss !== undefined) add(seen.mss, String(mss));
    } else if (packet.transport === IpProtocol.Icmp || packet.transport === IpProtocol.Icmpv6) {
      countIcmp(packet, seen, protocols, quote);
      if (packet.transport === IpProtocol.Icmpv6 && ndp.place(packet) && !ndp.isSolicitation) targets.add(ndp.target);
    }
  });
  for (const protocols of inFrame.values()) for (const protocol of protocols) add(seen.protocols, protocol);
  seen.ipDepth = Math.max(0, ...depths.values());
  seen.advertisedTargets = targets.size;
  return seen;
}

/** Frames by tunnel, and `ends id` of those that have ids; NaN where a tunnel goes without. */
async function tunnelsOf(octets: Uint8Array): Promise<{ frames: Counts; ids: Record<string, Set<string>> }> {
  const frames: Record<string, Set<number>> = {};
  const ids: Record<string, Set<string>> = {};
  const note = (name: string, { frame }: Packet): void => {
    frames[name] = (frames[name] ?? new Set()).add(frame);
  };
  const noteId = (name: string, { sourceIp, destinationIp }: Packet, id: number): void => {
    ids[name] = (ids[name] ?? new Set()).add(`${sourceIp}>${destinationIp} ${id}`);
  };
  await eachPacket(octets, (packet) => {
    const { view, espAt, ahAt, protocol, inner, innerHasId, innerTunnelId } = packet;
    if (espAt >= 0) {
      note('esp', packet);
      noteId('esp', packet, view.getUint32(espAt));
    }
    if (ahAt >= 0) note('ah', packet);
    if (protocol === IpProtocol.Gre) {
      note('gre', packet);
      // tshark has no key where PPTP has length and call id; nor do ERSPAN's session ids count as such.
      const hasKey = innerHasId && packet.innerEncapsulation === Encapsulation.Gre && inner !== Inner.Ppp;
      noteId('gre', packet, hasKey ? innerTunnelId : Number.NaN);
    }
    if (inner === Inner.None || packet.innerEncapsulation === Encapsulation.Gre) return;
    const encapsulation = encapsulationName(packet.innerEncapsulation);
    const name = TUNNEL_NAMES[encapsulation] ?? encapsulation;
    note(name, packet);
    if (innerHasId && packet.version !== 0) noteId(name, packet, innerTunnelId);
  });
  return { frames: Object.fromEntries(Object.entries(frames).map(([name, { size }]) => [name, size])), ids };
}

function countArp(packet: Packet, seen: typeof NO_ARP): void {
  const arp = seen as Survey['arp'] & {
    perTarget: Counts;
    answeredBy: Record<string, Counts>;
    gratuitous: Record<string, Counts>;
    probes: Counts;
  };
  const { oper, spa, tpa, sha } = packet.arp;
  if (spa === tpa && spa !== 0) addUnder(arp.gratuitous, ipv4Text(spa), macText(sha));
  else if (oper === 1 && spa === 0) add(arp.probes, ipv4Text(tpa));
  else if (oper === 1) {
    arp.requests++;
    // Written with the VLAN where there is one.
    const vlan = packet.vlanCount > 0 ? `@${packet.vlans[packet.vlanCount - 1]}` : '';
    add(arp.perTarget, `${ipv4Text(tpa)}${vlan}`);
  } else if (oper === 2) {
    arp.replies++;
    addUnder(arp.answeredBy, ipv4Text(spa), macText(sha));
  }
}

function countIcmp(packet: Packet, seen: Survey, protocols: Set<string>, quote: QuotedPacket): void {
  const isV6 = packet.transport === IpProtocol.Icmpv6;
  protocols.add(isV6 ? 'icmpv6' : 'icmp');
  const { icmpType, icmpCode } = packet;
  add(seen.icmp, isV6 ? `icmpv6 ${icmpType}` : icmpType === 3 ? `icmp 3/${icmpCode}` : `icmp ${icmpType}`);
  if (icmpType === (isV6 ? 3 : 11)) seen.timeExceeded++;
  // tshark counts what an error quotes as protocols of its frame.
  if (!isIcmpError(packet) || !quote.place(packet)) return;
  protocols.add(quote.version === 4 ? 'ip' : 'ipv6');
  if (quote.fragmentOffset > 0) return;
  if (quote.protocol === IpProtocol.Udp) protocols.add('udp');
  else if (quote.protocol === IpProtocol.Tcp) {
    protocols.add('tcp');
    seen.quotedTcp++;
  } else if (quote.protocol === IpProtocol.Icmp) protocols.add('icmp');
  else if (quote.protocol === IpProtocol.Icmpv6) protocols.add('icmpv6');
}

interface Message {
  frame: number;
  src: string;
  dst: string;
  sender: string;
}

async function wireguardOf(octets: Uint8Array): Promise<{ initiations: Message[]; responses: (Message & { receiver: string })[] }> {
  const initiations: Message[] = [];
  const responses: (Message & { receiver: string })[] = [];
  await eachPacket(octets, (packet) => {
    if (packet.transport !== IpProtocol.Udp) return;
    const type = wireguardType(packet);
    if (type !== WireguardType.Initiation && type !== WireguardType.Response) return;
    const message = {
      frame: packet.frame,
      src: `${packet.sourceIp}:${packet.sourcePort}`,
      dst: `${packet.destinationIp}:${packet.destinationPort}`,
      sender: indexText(senderIndex(packet)),
    };
    if (type === WireguardType.Initiation) initiations.push(message);
    else responses.push({ ...message, receiver: indexText(receiverIndex(packet, type)) });
  });
  return { initiations, responses };
}

/** A session's data by receiver index, as tshark counts it. */
function flowsOf(
  session: Record<string, unknown>,
): { receiver: unknown; src: string; packets: number; firstFrame: number; lastFrame: number }[] {
  const of = (receiver: unknown, endpoints: unknown) =>
    (endpoints as { ip: string; port: number; packets: number; firstFrame: number; lastFrame: number }[]).map(
      ({ ip, port, packets, firstFrame, lastFrame }) => ({
        receiver,
        src: `${ip}:${port}`,
        packets,
        firstFrame,
        lastFrame,
      }),
    );
  return [...of(session.responderIndex, session.initiatorEndpoints), ...of(session.initiatorIndex, session.responderEndpoints)];
}
