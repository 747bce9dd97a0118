import type { Host, NextHop, Rule } from '../context/host.ts';
import { lookUp, type RouteDecision, type RouteQuery } from '../context/lookup.ts';
import { familyOf } from '../context/prefix.ts';
import { tablesOf } from '../context/tables.ts';
import { ipWords } from '../net/ip.ts';
import type { Sent } from '../track/gateways.ts';

/** Interfaces by which a forwarded packet may have come in that are tried; a host with more is not judged. */
const MOST_INTERFACES = 32;

/** What the routing of a host makes of a packet that it sent by one of its cards. */
export interface Expected {
  decision: RouteDecision;
  /** The ways that the tables give it, by this card; each has a gateway. */
  hops: readonly NextHop[];
  /** Gateways that it may have for reasons that the frame does not show: marks, users, a socket bound to the card, the address before a NAT. */
  explained: readonly string[];
  /** Other gateways that routes name for the destination, which the host would use if the first one were not there. */
  spare: readonly string[];
  /** It was passed on: by which interface it came in is not to be seen. */
  isForwarded: boolean;
}

/**
 * Where a host should send a packet for a destination behind a gateway; undefined where its tables do not send it by this card to a gateway, or cannot tell.
 * @param devices names of the interfaces that have the card's MAC
 */
export function expectedHops(host: Host, sent: Sent, devices: readonly string[]): Expected | undefined {
  const query: RouteQuery = {
    destination: sent.destination,
    source: sent.source,
    protocol: sent.protocol,
    ...(sent.sourcePort > 0 ? { sourcePort: sent.sourcePort, destinationPort: sent.destinationPort } : {}),
  };
  const isForwarded = host.linksWith(sent.source).length === 0;
  const decisions = isForwarded ? forwarded(host, query) : [lookUp(host, query)];
  const [decision] = decisions;
  if (!decision || decisions.some(({ outcome }) => outcome !== 'unicast')) return undefined;
  const hops = decisions.flatMap(({ nextHops }) => nextHops);
  const byCard = hops.filter(({ device }) => device !== null && devices.includes(device));
  // By another card it is another question; on the link itself there is no gateway.
  if (byCard.length === 0 || byCard.some(({ gateway }) => gateway === null)) return undefined;
  const bound = isForwarded ? [] : devices.flatMap((out) => lookUp(host, { ...query, out }).nextHops);
  const hidden = hiddenTables(host, sent, isForwarded);
  return {
    decision,
    hops: byCard,
    explained: gatewaysOf([...bound, ...hidden.flatMap((table) => hopsOf(host, table, sent.destination))], devices),
    spare: gatewaysOf(
      [...tablesOf(host, familyOf(sent.destination)).tables.keys()].flatMap((table) => hopsOf(host, table, sent.destination)),
      devices,
    ),
    isForwarded,
  };
}

/** By whichever interface it came in. */
function forwarded(host: Host, query: RouteQuery): RouteDecision[] {
  const links = host.links.filter(({ isUp, type }) => isUp && type !== 'loopback');
  if (links.length > MOST_INTERFACES) return [];
  // Where an interface does not forward, it did not come in by it.
  return links.map(({ name }) => lookUp(host, { ...query, in: name })).filter(({ refused }) => refused === undefined);
}

const gatewaysOf = (hops: readonly NextHop[], devices: readonly string[]): string[] => [
  ...new Set(hops.flatMap(({ gateway, device }) => (gateway !== null && device !== null && devices.includes(device) ? gateway : []))),
];

/** Ways that a table has for the destination, the best ones first. */
const hopsOf = (host: Host, table: number, destination: string): NextHop[] =>
  [...(tablesOf(host, familyOf(destination)).tables.get(table)?.covering(ipWords(destination)) ?? [])].flatMap((routes) =>
    routes.flatMap(({ nextHops }) => nextHops),
  );

/** Tables to which rules lead that look at what a frame does not show. */
function hiddenTables(host: Host, sent: Sent, isForwarded: boolean): number[] {
  const { rules, tables } = tablesOf(host, familyOf(sent.destination));
  // What was passed on may have had another source before a NAT, and come in by any interface.
  const mayBeTranslated = isForwarded || host.links.some(({ name }) => host.effective('forwarding', name) !== 0);
  const hidden = rules
    .map(({ rule }) => rule)
    .filter((rule) => looksDeeper(rule) || (mayBeTranslated && (rule.from !== null || rule.in !== null)));
  // Behind a jump other rules count than those that were gone through.
  if (hidden.some(({ action }) => action === 'goto')) return [...tables.keys()];
  return hidden.flatMap(({ action, table }) => (action === 'table' ? table : []));
}

const looksDeeper = ({ mark, uids, tos, isL3mdev, out, tunnelId }: Rule): boolean =>
  mark !== null || uids !== null || tos !== 0 || isL3mdev || out !== null || tunnelId !== null;
