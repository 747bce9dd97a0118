import type { Context } from '../context/context.ts';
import { endpointText } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import type { WrongResponder } from '../track/wireguard/handshake.ts';
import { indexText } from '../wire/wireguard.ts';
import { chosenSource } from './chosen-source.ts';
import type { Draft, FindingKind } from './kind.ts';
import { count, list, object, text, textOrNull } from './schemas.ts';
import { FrameText, frameText, listText } from './text.ts';
import { uplinkRule } from './uplink-rule.ts';
import { byPort, tunnelHost } from './wireguard-hosts.ts';

export interface WrongResponderDetails {
  answeredFrom: { ip: string; port: number; packets: number }[];
  receiverIndex: string;
  peer: string | null;
}

export const wireguardReplyWrongSource: FindingKind<WrongResponderDetails> = {
  kind: 'wireguard-reply-wrong-source',
  brief: 'a handshake is answered from another address than the asked one',
  severity: 'error',
  subject: ['initiator', 'asked'],
  details: object({
    answeredFrom: list(object({ ip: text, port: { type: 'integer' }, packets: count })),
    receiverIndex: text,
    peer: textOrNull,
  }),
  means:
    'A WireGuard handshake was begun with one address and answered from another one. WireGuard itself accepts that, but the NAT and the firewall before the initiator know only the ' +
    'address that was asked, and drop what comes from the other one.',
  provenBy: [
    'The response’s receiver index is the initiation’s sender index, and its source is another address than the initiation’s destination.',
  ],
  seenFrom: ['The responder with `-i any`; the initiator, if nothing before it drops the response.'],
  looksLike: [
    'Roaming never happens between an initiation and its response.',
    'NAT seen on both sides: the initiation is seen on both legs too.',
  ],
  remedies: [
    {
      text: 'On the responder: let the routing choose the source by port (PORT: its listen port; ADDRESS, GATEWAY, IFACE: of the asked uplink; 101: a free table)',
      commands: uplinkRule('PORT', 'ADDRESS'),
    },
    { text: 'Or a WireGuard interface, or a network namespace, for each uplink', commands: [] },
  ],
  references: ['WireGuard white paper section 5.4.3', 'Linux drivers/net/wireguard/socket.c'],
};

/** Responses that turned out to be a drift, with data before and after, are told there. */
export function judgeWrongResponder(
  { initiator, asked, path, peer, responses, omitted }: WrongResponder,
  context: Context,
): Draft<WrongResponderDetails> | undefined {
  const [first] = responses;
  if (!first) return undefined;
  const evidence = new Evidence();
  const sources = new Map<string, { ip: string; port: number; packets: number }>();
  for (const { from, initiation, response } of responses) {
    evidence.add('initiation', initiation);
    evidence.add('wrong-response', response, `from ${endpointText(from)}`);
    const source = sources.get(endpointText(from)) ?? { ip: from.ip, port: from.port, packets: 0 };
    source.packets++;
    sources.set(endpointText(from), source);
  }
  const answeredFrom = [...sources.values()];
  const [general, ...others] = wireguardReplyWrongSource.remedies;
  const found = tunnelHost(context, asked);
  const chosen = chosenSource(context, asked.ip, [...new Set(answeredFrom.map(({ ip }) => ip))], {
    destination: initiator.ip,
    protocol: 17,
    sourcePort: asked.port,
    destinationPort: initiator.port,
    mark: Number(found?.tunnel?.fwmark) || 0,
  });
  return {
    subject: { initiator, asked },
    path,
    confidence: 'certain',
    title: `${initiator.ip} initiates WireGuard to ${endpointText(asked)} and is answered from ${listText(answeredFrom.map(({ ip }) => ip))}`,
    details: { answeredFrom, receiverIndex: indexText(first.receiverIndex), peer },
    count: responses.length + omitted,
    evidence,
    because: [
      `${FrameText(first.initiation)}: ${endpointText(initiator)} initiates to ${endpointText(asked)}. The response, ${frameText(first.response)}, comes from ${endpointText(first.from)}.`,
      `Its receiver index ${indexText(first.receiverIndex)} is the sender index of that initiation: it answers no other one.`,
      ...(first.atServer ? ['The response leaves the capturing host with this source: nothing on the way changed it.'] : []),
      ...(chosen?.sentences ?? []),
    ],
    ruledOut: [
      'Roaming: nobody moves between an initiation and its response.',
      'NAT seen on both sides: the initiation did not go to the other address.',
    ],
    remedies: [
      ...(general
        ? [byPort(found, asked.ip, initiator.ip, { text: general.text, commands: uplinkRule(asked.port, asked.ip) }, context.hosts)]
        : []),
      ...others,
    ],
  };
}
