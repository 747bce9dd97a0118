import type { Host } from '../context/host.ts';
import type { Machine } from '../diagnose/machines.ts';
import { endpointText } from '../net/ip.ts';
import { macText } from '../net/mac.ts';
import { timeText } from '../net/time.ts';
import { askerText, type Exchange, targetText, winnerOf } from '../track/exchange.ts';
import type { IcmpError } from '../track/icmp.ts';
import type { InterfaceName, ObservedInterface } from '../track/interfaces.ts';
import type { RecordKind, RecordKinds, RecordStore, WireguardRecord } from '../track/records.ts';
import type { Stamp } from '../track/stamp.ts';
import type { UdpConversation } from '../track/udp.ts';
import type { FullEndpoint } from '../track/wireguard/peers.ts';
import type { WrongSource } from '../track/wrong-sources.ts';
import { pathNames } from '../wire/encapsulation.ts';
import { indexText } from '../wire/wireguard.ts';
import { bgpPlace, bgpRecord } from './bgp.ts';
import { gatewayRecord } from './gateways.ts';
import { openVpnRecord } from './openvpn.ts';
import { tcpRecord } from './tcp.ts';
import { tracerouteRecord } from './traceroutes.ts';
import { tunnelRecord } from './tunnels.ts';

/** Records in the form of the JSON document: plain values, in the order of their first frames. */
export type JsonRecord = Record<string, unknown>;

type Makers = { [K in RecordKind]: (record: RecordKinds[K]) => JsonRecord };

/** The records of one kind that were kept, in the form of `show … --json`. */
export function recordsOf(store: RecordStore, kind: RecordKind): JsonRecord[] {
  return sorted(makeAll(store, kind));
}

/** One record in the same form. */
export const recordOf = <K extends RecordKind>(kind: K, record: RecordKinds[K]): JsonRecord => makers[kind](record);

const makeAll = <K extends RecordKind>(store: RecordStore, kind: K): Placed[] => {
  const kept: RecordKinds[K][] = store.kept[kind];
  const make = makers[kind];
  return kept.map((record) => ({ ...placeOf[kind](record), json: make(record) }));
};

interface Placed {
  input: number;
  frame: number;
  json: JsonRecord;
}

/** By first frame; inputs one after the other. */
const sorted = (records: Placed[]): JsonRecord[] => records.sort((a, b) => a.input - b.input || a.frame - b.frame).map(({ json }) => json);

const placeOf: { [K in RecordKind]: (record: RecordKinds[K]) => { input: number; frame: number } } = {
  arp: ({ first }) => first,
  udp: ({ input, firstFrame }) => ({ input, frame: firstFrame }),
  icmp: ({ stamp }) => stamp,
  traceroutes: ({ first }) => first,
  gateways: ({ first }) => first,
  bgp: bgpPlace,
  openvpn: ({ first }) => first,
  tunnels: ({ first }) => first,
  tcp: ({ first }) => first,
  wireguard: (record) => {
    if ('handshake' in record) return record.handshake.initiations[0] ?? record.handshake.latest;
    if ('cookie' in record) return record.cookie.stamp;
    return { input: record.session.input, frame: record.session.firstFrame };
  },
};

const makers: Makers = {
  arp: arpRecord,
  udp: udpRecord,
  icmp: icmpRecord,
  wireguard: wireguardRecord,
  traceroutes: tracerouteRecord,
  gateways: gatewayRecord,
  bgp: bgpRecord,
  openvpn: openVpnRecord,
  tunnels: tunnelRecord,
  tcp: tcpRecord,
};

function arpRecord(exchange: Exchange): JsonRecord {
  const { protocol, kind, first, vlans, requests, askerMac, replies, path } = exchange;
  const winner = winnerOf(exchange);
  return {
    protocol,
    kind,
    input: first.input,
    frame: first.frame,
    time: timeOf(first),
    interface: exchange.interface,
    vlan: vlans,
    encapsulation: pathNames(path),
    requests,
    asker: { mac: macOrNull(askerMac), ip: askerText(exchange) },
    target: targetText(exchange),
    replies: replies.map((reply) => ({
      frame: reply.stamp.frame,
      mac: macOrNull(reply.mac),
      latencyUs: reply.latencyUs,
      interface: reply.interface,
    })),
    winner: winner === null ? null : macOrNull(winner),
  };
}

function udpRecord({
  input,
  client,
  asked,
  path,
  protocol,
  requests,
  repliesRight,
  firstFrame,
  lastFrame,
  wrong,
}: UdpConversation): JsonRecord {
  return {
    input,
    client,
    asked,
    encapsulation: pathNames(path),
    protocol,
    requests,
    repliesRight,
    answeredFrom: [...wrong].sort((a, b) => a.first.at - b.first.at).map(wrongSource),
    firstFrame,
    lastFrame,
  };
}

const wrongSource = ({ from, packets, first, matchedBy }: WrongSource): JsonRecord => ({
  ip: from.ip,
  port: from.port,
  packets,
  firstFrame: first.frame,
  matchedBy,
});

const PROTOCOLS = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [47, 'gre'],
  [50, 'esp'],
  [51, 'ah'],
  [58, 'icmpv6'],
]);

function icmpRecord({ from, to, type, code, path, stamp, about }: IcmpError): JsonRecord {
  return {
    input: stamp.input,
    frame: stamp.frame,
    time: timeOf(stamp),
    encapsulation: pathNames(path),
    from,
    to,
    type,
    code,
    about: about && { protocol: PROTOCOLS.get(about.protocol) ?? about.protocol, source: about.source, destination: about.destination },
  };
}

function wireguardRecord(record: WireguardRecord): JsonRecord {
  if ('handshake' in record) {
    const { initiator, responder, senderIndex, receiverIndex, initiations, response, responseFrom, latencyUs, peer, path } =
      record.handshake;
    return {
      type: 'handshake',
      input: initiations[0]?.input ?? 0,
      encapsulation: pathNames(path),
      initiator: plain(initiator),
      responder: plain(responder),
      senderIndex: indexText(senderIndex),
      receiverIndex: receiverIndex === null ? null : indexText(receiverIndex),
      initiationFrames: initiations.map(({ frame }) => frame),
      responseFrame: response?.frame ?? null,
      responseFrom: responseFrom && plain(responseFrom),
      latencyUs,
      peer,
    };
  }
  if ('cookie' in record) {
    const { from, to, receiverIndex, path, stamp } = record.cookie;
    return {
      type: 'cookie',
      input: stamp.input,
      encapsulation: pathNames(path),
      from: plain(from),
      to: plain(to),
      receiverIndex: indexText(receiverIndex),
      frame: stamp.frame,
      time: timeOf(stamp),
    };
  }
  const { input, path, initiatorIndex, responderIndex, initiatorEndpoints, responderEndpoints, keepalives, dataPackets, dataBytes } =
    record.session;
  return {
    type: 'session',
    input,
    encapsulation: pathNames(path),
    initiatorIndex: initiatorIndex === null ? null : indexText(initiatorIndex),
    responderIndex: responderIndex === null ? null : indexText(responderIndex),
    initiatorEndpoints,
    responderEndpoints,
    keepalives,
    dataPackets,
    dataBytes,
  };
}

/** `show interfaces`. `observer` is the host that the capture is of, where a context says it: it knows addresses that the capture does not have. */
export const interfaceRecord = (
  { input, name, linktype, addresses, packets, in: received, out }: ObservedInterface,
  observer?: Host,
): JsonRecord => ({
  input,
  index: name?.index ?? null,
  name: name?.name ?? null,
  linktype,
  addresses: addresses.length > 0 ? addresses : addressesOf(observer, name),
  packets,
  in: received,
  out,
  encapsulation: [],
});

const addressesOf = (observer: Host | undefined, name: InterfaceName | null): string[] =>
  (name && linkOf(observer, name)?.addresses.map(({ ip }) => ip)) ?? [];

/** By ifindex and name: the id of an interface in pcapng is no ifindex. */
const linkOf = (observer: Host | undefined, { index, name }: InterfaceName) =>
  observer?.links.find((link) => link.index === index && (name === null || link.name === name));

/** `show hosts`. A host that only the context has counts to the first input. */
export const hostRecord = ({ first, path, macs, ips, local, interfaces, because }: Machine): JsonRecord => ({
  input: first?.input ?? 0,
  macs: macs.map(macText),
  ips,
  local,
  interfaces,
  because,
  encapsulation: pathNames(path),
});

const timeOf = (stamp: Stamp): string | null => (stamp.timed ? timeText(stamp) : null);
const macOrNull = (mac: number): string | null => (mac < 0 ? null : macText(mac));
const plain = ({ ip, port }: FullEndpoint): FullEndpoint => ({ ip, port });

/** An endpoint of a record, for a table. */
export const endpointOf = (value: unknown): string => endpointText(value as FullEndpoint);
