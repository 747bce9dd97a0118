import { endpointText } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import type { Alternation } from '../track/wireguard/alternation.ts';
import type { Draft, FindingKind } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, endpoint, list, object } from './schemas.ts';
import { countText, FrameText, listText } from './text.ts';
import { uplinkRule } from './uplink-rule.ts';
import { type Alternating, confidenceOf, identitySentence, isInterleaved, KEY_ADVICE } from './wireguard-moves.ts';

export interface FlapDetails {
  endpoints: { ip: string; port: number }[];
  switches: number;
}

const details = object({ endpoints: list(endpoint), switches: count });

export const wireguardEndpointFlap: FindingKind<FlapDetails> = {
  kind: 'wireguard-endpoint-flap',
  brief: 'a peer sends by two uplinks in turns',
  severity: 'warning',
  subject: ['peer'],
  details,
  means:
    'A WireGuard peer sends in turns from two endpoints, with one live session: its packets leave by two uplinks, as with a multipath route. The other side answers now to the one, now to ' +
    'the other; packets overtake each other, and a firewall on the way sees half of the traffic.',
  provenBy: ['The source of one peer’s packets changes at least three times between the same two endpoints.'],
  seenFrom: ['The other side, or between.'],
  looksLike: ['Two devices with one key (wireguard-shared-key): each has sessions of its own.', 'A single drift or failover and its end.'],
  remedies: [
    {
      text: 'On the flapping host: one uplink for the tunnel (PORT: its listen port; ADDRESS, GATEWAY, IFACE: of that uplink)',
      commands: uplinkRule('PORT', 'ADDRESS'),
    },
  ],
  references: ['WireGuard white paper section 2.1', 'Linux ip-sysctl: fib_multipath_hash_policy'],
};

export const wireguardSharedKey: FindingKind<FlapDetails> = {
  kind: 'wireguard-shared-key',
  brief: 'two machines use one key',
  severity: 'error',
  subject: ['peer'],
  details,
  means:
    'Two machines use one WireGuard key (a configuration that was copied). The server knows one peer with one endpoint and one session: each handshake of one machine ends the session of ' +
    'the other, so both have a connection for a few seconds in turns.',
  provenBy: ['Handshakes of one key from two addresses interleave, each far sooner than a session needs new keys.'],
  seenFrom: ['The server, or before it.'],
  looksLike: [
    'Two peers with keys of their own: their handshakes are two minutes apart.',
    'One peer with two uplinks (wireguard-endpoint-flap): one session goes on.',
  ],
  remedies: [
    {
      text: 'Make a key for each machine, and give each a [Peer] section of its own on the server',
      commands: ['wg genkey | tee private.key | wg pubkey'],
    },
  ],
  references: ['WireGuard white paper section 2.1'],
};

export function judgeFlap({ moves, endpoints }: Alternating, { drops }: Knowledge): Draft<FlapDetails> {
  const [move] = moves;
  const { observer, pair } = move;
  const { peer } = moves.find((each) => each.peer !== null) ?? move;
  const evidence = new Evidence();
  for (const each of moves) evidence.add('move', each.stamp, `${each.trigger} from ${endpointText(each.to)}`);
  const proven = moves.some((each) => confidenceOf(each, drops) === 'certain');
  return {
    subject: peer === null ? { observer } : { peer },
    path: pair.path,
    confidence: proven ? 'certain' : 'likely',
    title: `${peer ? `WireGuard peer ${peer}` : `The WireGuard peer of ${endpointText(observer)}`} goes back and forth between ${listText(endpoints.map(endpointText))}`,
    details: { endpoints, switches: moves.length },
    count: moves.length,
    evidence,
    because: [
      `${countText(moves.length, 'change')} between ${listText(endpoints.map(endpointText))}, from ${FrameText(move.stamp).toLowerCase()} on.`,
      identitySentence(moves.find(({ identity }) => identity !== 'continuity') ?? move),
    ],
    ruledOut: ['Two machines with one key: the session goes on across the changes.', 'A single failover: it happens again and again.'],
    ...(proven ? {} : { remedies: [...wireguardEndpointFlap.remedies, KEY_ADVICE] }),
  };
}

export function judgeSharedKey(found: Alternation): Draft<FlapDetails> | undefined {
  if (!isInterleaved(found)) return undefined;
  const { observer, path, peer, endpoints, switches, evidence } = found;
  const names = [...endpoints.values()].map(({ endpoint: each }) => each);
  return {
    subject: peer === null ? { observer } : { peer },
    path,
    // Without a key two peers that happen to have one port look the same.
    confidence: peer === null ? 'possible' : 'likely',
    title: `${peer ? `The key of ${peer}` : 'One key'} is ${peer ? 'very probably' : 'possibly'} used by ${countText(names.length, 'machine')}: ${listText(names.map(endpointText))}`,
    details: { endpoints: names, switches },
    count: switches,
    evidence,
    because: [
      `${listText(names.map(endpointText))} complete handshakes with ${endpointText(observer)} in turns: ${countText(switches, 'time')} one follows another one's within a minute, where two minutes are usual.`,
      peer ? `mac1 of the responses names ${peer} each time.` : 'Whether they have one key is not to be seen without it.',
    ],
    ruledOut: ['One machine with two uplinks: each endpoint has sessions of its own.'],
    remedies: peer ? wireguardSharedKey.remedies : [...wireguardSharedKey.remedies, KEY_ADVICE],
  };
}
