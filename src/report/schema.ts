import { liveBackends } from '../capture/live.ts';
import { problemKinds } from '../capture/problem.ts';
import { confidences, type FindingKind, type Schema, severities } from '../diagnose/kind.ts';
import { findingKinds } from '../diagnose/kinds.ts';
import {
  count,
  endpoint,
  interfaceName,
  list,
  macOrNull,
  number,
  numberOrNull,
  object,
  text,
  textOrNull,
  truth,
} from '../diagnose/schemas.ts';
import { DECIDING_STEPS } from '../track/bgp/route.ts';
import { openVpnModes, openVpnStates } from '../track/openvpn/session.ts';
import { recordKinds } from '../track/records.ts';
import { tunnelProtocols } from '../track/tunnels/tunnel.ts';
import { SCHEMA_VERSION } from '../version.ts';
import { ownType } from './ndjson.ts';

/** A value that may be null too. */
const orNull = (schema: Schema): Schema => ({ oneOf: [schema, { type: 'null' }] });
const endpointOrNull = orNull(endpoint);
const time = textOrNull;
const natural: Schema = { type: 'integer', minimum: 1 };
const naturalOrNull: Schema = { type: ['integer', 'null'] };
const index: Schema = { type: 'string', pattern: '^0x[0-9a-f]{8}$' };
const indexOrNull: Schema = orNull(index);

const problem = object({
  kind: { enum: problemKinds },
  lost: truth,
  offset: numberOrNull,
  frame: numberOrNull,
  message: text,
});

const input = object({
  path: text,
  format: { enum: ['pcap', 'pcapng', null] },
  compression: { enum: ['gzip', 'zstd', 'lz4', null] },
  linktypes: list(text),
  packets: count,
  bytes: count,
  first: time,
  last: time,
  interfaces: list(object({ id: count, name: textOrNull, linktype: text, snaplen: count })),
  drops: object({ kernel: numberOrNull, interface: numberOrNull }),
  problems: list(problem),
});

/** What was made for a host of the context has more than the general advice. */
const remedy: Schema = {
  ...object({ text, commands: list(text) }),
  properties: { text, commands: list(text), host: text, now: list(text), keep: list(text), undo: list(text), checked: text },
};

/** A finding of one kind; `details` may gain fields without a new schema version. */
const findingOf = ({ kind, details, means }: FindingKind): Schema => ({
  ...object({
    id: { type: 'string', pattern: `^${kind}:` },
    kind: { enum: [kind] },
    severity: { enum: severities },
    confidence: { enum: confidences },
    title: text,
    subject: { type: 'object' },
    details: { ...details, additionalProperties: true },
    encapsulation: list(text),
    related: list(text),
    first: time,
    last: time,
    count,
    evidenceTotal: count,
    evidence: list({
      ...object({ input: count, frame: natural, role: text }),
      properties: { input: count, frame: natural, role: text, note: text },
    }),
    because: list(text),
    ruledOut: list(text),
    remedies: list(remedy),
    references: list(text),
  }),
  description: means,
});

const arpRecord = object({
  protocol: { enum: ['arp', 'ndp'] },
  kind: { enum: ['request', 'probe', 'announcement', 'unsolicited-reply'] },
  input: count,
  frame: natural,
  time,
  interface: interfaceName,
  vlan: list(count),
  encapsulation: list(text),
  requests: count,
  asker: object({ mac: macOrNull, ip: textOrNull }),
  target: text,
  replies: list(object({ frame: natural, mac: macOrNull, latencyUs: number, interface: interfaceName })),
  winner: macOrNull,
});

const udpRecord = object({
  input: count,
  client: endpoint,
  asked: endpoint,
  encapsulation: list(text),
  protocol: textOrNull,
  requests: count,
  repliesRight: count,
  answeredFrom: list(object({ ip: text, port: count, packets: count, firstFrame: natural, matchedBy: text })),
  firstFrame: natural,
  lastFrame: natural,
});

const icmpRecord = object({
  input: count,
  frame: natural,
  time,
  encapsulation: list(text),
  from: text,
  to: text,
  type: count,
  code: count,
  about: orNull(object({ protocol: { type: ['string', 'integer'] }, source: endpoint, destination: endpoint })),
});

const visited = list(object({ ip: text, port: count, firstFrame: natural, lastFrame: natural, packets: count }));
const wireguardRecord: Schema = {
  oneOf: [
    object({
      type: { enum: ['handshake'] },
      input: count,
      encapsulation: list(text),
      initiator: endpoint,
      responder: endpoint,
      senderIndex: index,
      receiverIndex: indexOrNull,
      initiationFrames: list(natural),
      responseFrame: naturalOrNull,
      responseFrom: endpointOrNull,
      latencyUs: numberOrNull,
      peer: textOrNull,
    }),
    object({
      type: { enum: ['session'] },
      input: count,
      encapsulation: list(text),
      initiatorIndex: indexOrNull,
      responderIndex: indexOrNull,
      initiatorEndpoints: visited,
      responderEndpoints: visited,
      keepalives: count,
      dataPackets: count,
      dataBytes: count,
    }),
    object({
      type: { enum: ['cookie'] },
      input: count,
      encapsulation: list(text),
      from: endpoint,
      to: endpoint,
      receiverIndex: index,
      frame: natural,
      time,
    }),
  ],
};

const tracerouteRecord = object({
  input: count,
  encapsulation: list(text),
  source: text,
  destination: text,
  protocol: { enum: ['icmp', 'udp', 'tcp'] },
  firstFrame: natural,
  lastFrame: natural,
  probes: count,
  hops: list(
    object({
      ttl: natural,
      addresses: list(
        object({
          ip: text,
          replies: count,
          rttMs: orNull(object({ min: number, avg: number, max: number })),
          replyTtl: count,
          refusal: textOrNull,
          mpls: list(object({ label: count, trafficClass: count, ttl: count })),
        }),
      ),
      sent: count,
      lost: count,
      ecmp: { type: 'boolean' },
      mtu: numberOrNull,
    }),
  ),
  reached: { type: 'boolean' },
});

const gatewayRecord = object({
  input: count,
  encapsulation: list(text),
  destination: text,
  mac: macOrNull,
  ip: textOrNull,
  interface: interfaceName,
  packets: count,
  bytes: count,
  firstFrame: natural,
});

const bgpState: Schema = { enum: ['connect', 'open-sent', 'open-confirm', 'established', 'idle'] };

const bgpRecord: Schema = {
  oneOf: [
    object({
      type: { enum: ['session'] },
      input: count,
      encapsulation: list(text),
      a: text,
      b: text,
      asA: numberOrNull,
      asB: numberOrNull,
      idA: textOrNull,
      idB: textOrNull,
      holdTime: numberOrNull,
      state: orNull(object({ state: bgpState, frame: natural })),
      states: list(object({ state: bgpState, frame: natural, time: textOrNull })),
      established: count,
      resets: count,
      attempts: count,
      refusal: orNull(object({ from: text, kind: { enum: ['rst', 'icmp'] }, text, frame: natural })),
      ttlExceeded: orNull(object({ from: text, sender: text, frame: natural })),
      notifications: list(object({ from: text, code: count, subcode: count, text, message: textOrNull, frame: natural })),
      updates: list(count),
      retransmissions: list(count),
      partial: truth,
      firstFrame: natural,
      lastFrame: natural,
    }),
    object({
      type: { enum: ['route'] },
      input: count,
      encapsulation: list(text),
      from: text,
      to: text,
      family: text,
      prefix: text,
      rd: textOrNull,
      pathId: numberOrNull,
      nextHop: textOrNull,
      asPath: list(count),
      asPathText: text,
      origin: { enum: ['igp', 'egp', 'incomplete', null] },
      med: numberOrNull,
      localPref: numberOrNull,
      communities: list(text),
      extendedCommunities: list(text),
      largeCommunities: list(text),
      atomicAggregate: truth,
      aggregator: orNull(object({ as: count, ip: text })),
      originatorId: textOrNull,
      clusterList: list(text),
      ignored: { enum: ['own-as', 'own-originator-id', 'own-cluster-id', 'own-next-hop', null] },
      assumed: truth,
      frame: natural,
      ended: { enum: ['withdrawn', 'replaced', 'session', null] },
      endedFrame: naturalOrNull,
      withdrawnFrame: naturalOrNull,
    }),
    object({
      type: { enum: ['best'] },
      input: count,
      encapsulation: list(text),
      router: list(text),
      family: text,
      prefix: text,
      rd: textOrNull,
      from: text,
      nextHop: textOrNull,
      decidingStep: { enum: [...DECIDING_STEPS, null] },
      candidates: list(object({ from: text, nextHop: textOrNull, pathId: numberOrNull })),
      complete: truth,
      frame: natural,
      untilFrame: naturalOrNull,
    }),
  ],
};

const openVpnRecord = object({
  input: count,
  encapsulation: list(text),
  client: endpoint,
  server: endpoint,
  transport: { enum: ['udp', 'tcp'] },
  mode: { enum: openVpnModes },
  digest: { enum: ['MD5', 'SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512', null] },
  clientSession: textOrNull,
  serverSession: textOrNull,
  state: { enum: openVpnStates },
  hasBeginning: truth,
  opcodes: { type: 'object', additionalProperties: natural },
  resets: count,
  resetFrames: list(natural),
  serverResets: count,
  serverResetFrames: list(natural),
  controlRepeats: object({ fromClient: count, fromServer: count, largest: count }),
  answeredFrom: list(object({ ip: text, port: count, packets: count, firstFrame: natural, named: truth })),
  refusal: orNull(object({ from: text, reason: text, frame: natural })),
  alert: orNull(object({ from: { enum: ['client', 'server'] }, level: count, description: count, frame: natural })),
  dataFromClient: count,
  dataFromServer: count,
  dataBytes: count,
  renegotiations: count,
  floats: list(object({ from: endpoint, to: endpoint, frame: natural })),
  firstFrame: natural,
  lastFrame: natural,
});

const tunnelEnd = object({ ip: text, port: numberOrNull });
const tunnelName = {
  protocol: { enum: tunnelProtocols },
  a: tunnelEnd,
  b: tunnelEnd,
  id: { type: ['string', 'integer', 'null'] },
};
const tunnelRecord = object({
  input: count,
  encapsulation: list(text),
  ...tunnelName,
  pair: indexOrNull,
  packets: count,
  bytes: count,
  packetsFromA: count,
  packetsFromB: count,
  maxOuter: count,
  maxInner: numberOrNull,
  innerMtu: numberOrNull,
  assumed: textOrNull,
  fragments: count,
  fragmented: count,
  offloaded: truth,
  depth: count,
  inside: orNull(object(tunnelName)),
  holds: list(text),
  firstFrame: natural,
  lastFrame: natural,
});

const tcpRecord = object({
  input: count,
  encapsulation: list(text),
  a: endpoint,
  b: endpoint,
  mss: list(numberOrNull),
  packets: count,
  bytes: count,
  retransmissions: count,
  stuck: orNull(
    object({
      from: { enum: ['a', 'b'] },
      size: natural,
      retransmissions: natural,
      frame: natural,
      acked: orNull(object({ frame: natural, size: natural })),
    }),
  ),
  largest: list(object({ sent: count, acked: count })),
  end: { enum: ['fin', 'rst', null] },
  firstFrame: natural,
  lastFrame: natural,
});

const records: Record<(typeof recordKinds)[number], Schema> = {
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

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';

const stats = object({
  decoded: count,
  undecoded: count,
  malformed: count,
  truncatedPackets: count,
  records: object(Object.fromEntries(recordKinds.map((kind) => [kind, count]))),
  recordsOmitted: count,
  stateEvicted: count,
});

const summary = object({ ...Object.fromEntries(severities.map((severity) => [severity, count])), hidden: count });

/** JSON Schema (draft 2020-12) of the document that `analyze --json` prints; `$defs` has each record too, as `show … --json` prints them. */
export function analysisSchema(): Schema & Record<string, unknown> {
  const document = object({
    fluxcap: text,
    schema: { enum: [SCHEMA_VERSION] },
    inputs: list(input),
    findings: list({ oneOf: findingKinds.map(({ kind }) => ({ $ref: `#/$defs/${kind}` })) }),
    summary,
    stats,
  });
  const recordLists = Object.fromEntries(recordKinds.map((kind) => [kind, list({ $ref: `#/$defs/record-${kind}` })]));
  return {
    $schema: DRAFT,
    title: 'fluxcap analyze --json',
    ...document,
    properties: { ...document.properties, records: object(recordLists) },
    $defs: Object.fromEntries([
      ...findingKinds.map((kind) => [kind.kind, findingOf(kind)]),
      ...recordKinds.map((kind) => [`record-${kind}`, records[kind]]),
    ]),
  };
}

const word = (value: string): Schema => ({ enum: [value] });
const marked: Schema = { enum: [true] };
const updateMarks = { ended: marked, withdrawn: marked, instead: list(text) };

/** An object that begins with these properties, of which some may be missing. */
const beginning = (properties: Record<string, Schema>, { required, ...rest }: Schema, optional: readonly string[] = []): Schema => ({
  ...rest,
  properties: { ...properties, ...rest.properties },
  required: [...Object.keys(properties).filter((name) => !optional.includes(name)), ...(required ?? [])],
});

/** A record's own `type` has another name: `type` tells the lines apart. */
function recordLineOf(kind: (typeof recordKinds)[number]): Schema {
  const renamed = (name: string): string => (name === 'type' ? ownType(kind) : name);
  const forms = records[kind].oneOf ?? [records[kind]];
  const lines = forms.map(({ properties = {}, required = [], ...rest }) =>
    beginning(
      { type: word('record'), record: word(kind) },
      {
        ...rest,
        properties: Object.fromEntries(Object.entries(properties).map(([name, schema]) => [renamed(name), schema])),
        required: required.map(renamed),
      },
    ),
  );
  return { oneOf: lines };
}

/** JSON Schema (draft 2020-12) of one line of `--format ndjson`. */
export function lineSchema(): Schema & Record<string, unknown> {
  const lines: Record<string, Schema> = {
    input: beginning({ type: word('input'), input: count, backend: { enum: liveBackends } }, input, ['backend']),
    ...Object.fromEntries(recordKinds.map((kind) => [`record-${kind}`, recordLineOf(kind)])),
    ...Object.fromEntries(findingKinds.map((kind) => [kind.kind, beginning({ type: word('finding'), time }, findingOf(kind), ['time'])])),
    ...Object.fromEntries(
      findingKinds.map((kind) => [
        `${kind.kind}-update`,
        beginning({ type: word('finding-update'), time, ...updateMarks }, findingOf(kind), Object.keys(updateMarks)),
      ]),
    ),
    summary: object({ type: word('summary'), fluxcap: text, schema: { enum: [SCHEMA_VERSION] }, summary, stats }),
  };
  return {
    $schema: DRAFT,
    title: 'A line of fluxcap --format ndjson',
    oneOf: Object.keys(lines).map((name) => ({ $ref: `#/$defs/${name}` })),
    $defs: lines,
  };
}
