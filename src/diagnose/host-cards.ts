import type { Host, Link, LinkAddress } from '../context/host.ts';
import { lookUp } from '../context/lookup.ts';
import { familyOf, network, prefixCovers, prefixText } from '../context/prefix.ts';
import { type Attempt, applied, forHost, KEEP_ROUTING, NotMade } from './host-remedy.ts';
import { farAway, routeSamples, sameWay, withFewRoutes } from './host-samples.ts';
import { freePriorities, freeTables, RESERVED_TABLES } from './host-tables.ts';
import type { Remedy } from './kind.ts';
import { listText } from './text.ts';
import { ipCommand } from './uplink-rule.ts';

/**
 * Tables of their own for addresses of several cards in one network: what has an address leaves by its own card there, and by it to the gateway
 * too. Everything else keeps its way.
 */
export function cardsRemedy(host: Host, addresses: readonly string[], general: Remedy): Remedy {
  return forHost(host, JSON.stringify(['cards', addresses]), general, () => make(withFewRoutes(host, addresses[0] ?? ''), addresses));
}

interface Card {
  link: Link;
  own: LinkAddress;
  subnet: string;
  table: number;
  gateway: string | null;
}

function make(host: Host, addresses: readonly string[]): Attempt {
  if (host.routes === undefined) throw new NotMade('its routes were not read');
  if (host.rules === undefined) throw new NotMade('its rules were not read');
  const [first] = addresses;
  if (first === undefined) throw new NotMade('no address is known');
  if (!host.rules.some((rule) => rule.family === familyOf(first))) throw new NotMade('its rules were not read');
  const ip = ipCommand(first);
  const tables = freeTables(host);
  const cards = addresses.map((address) => cardOf(host, address, tables.next().value ?? 0));
  const wrong = cards.filter((card) => !leavesByItself(host, card));
  if (wrong.length === 0) throw new NotMade('as it is set each address already leaves by its own card');
  const [priority] = freePriorities(host, familyOf(first), undefined, 3 * cards.length);
  if (priority === undefined) throw new NotMade('no priorities are free before its rules');
  const routes = cards.flatMap(({ own, subnet, link, table, gateway }) => [
    `${subnet} dev ${link.name} src ${own.ip} table ${table}`,
    ...(gateway === null ? [] : [`default via ${gateway} dev ${link.name} src ${own.ip} table ${table}`]),
  ]);
  const rules = cards
    .flatMap(({ own, subnet, table, gateway }) => [
      `from ${own.ip} to ${subnet} lookup ${table}`,
      ...(gateway === null ? [] : [`from ${own.ip} lookup main suppress_prefixlength 0`, `from ${own.ip} lookup ${table}`]),
    ])
    .map((rule, i) => `${rule} priority ${priority + i}`);
  const commands = [...routes.map((each) => `${ip} route add ${each}`), ...rules.map((each) => `${ip} rule add ${each}`)];
  const after = applied(host, commands);
  for (const card of cards)
    if (!leavesByItself(after, card)) throw new NotMade(`what has the source ${card.own.ip} would still not leave by ${card.link.name}`);
  checkOthers(host, after, cards);
  const byCard = listText(cards.map(({ own, link }) => `${own.ip} by ${link.name}`));
  const leaves = listText(cards.map(({ own, link, table }) => `what has the source ${own.ip} leaves by ${link.name} (table ${table})`));
  return {
    host: host.name,
    text: `On ${host.name}: send what has one of these addresses by its own card, ${byCard}. The ARP settings do not choose the card`,
    now: wrong.map(({ own, link }) => {
      const { rule, route } = lookUp(host, { source: own.ip, destination: sampleOf(host, own) });
      const why = rule && route ? `the rule \`${rule.text}\` and the route \`${route.text}\`` : 'no rule and no route';
      return `What has the source ${own.ip}, of ${link.name}, is decided by ${why}.`;
    }),
    commands,
    keep: [...KEEP_ROUTING],
    undo: [...rules.map((each) => `${ip} rule del ${each}`).reverse(), ...routes.map((each) => `${ip} route del ${each}`).reverse()],
    checked: `With these commands ${leaves}. Everything else keeps its way.`,
  };
}

function cardOf(host: Host, address: string, table: number): Card {
  const [link, ...others] = host.linksWith(address).filter(({ type }) => type !== 'loopback');
  const own = link?.addresses.find(({ ip }) => ip === address);
  if (!link || !own || others.length > 0) throw new NotMade(`not exactly one of its interfaces has ${address}`);
  const subnet = network({ ip: address, length: own.prefixLength });
  const family = familyOf(address);
  const gateways = (host.routes ?? [])
    .filter((route) => route.family === family && route.type === 'unicast' && route.prefix.length === 0 && RESERVED_TABLES.has(route.table))
    .flatMap(({ nextHops }) => nextHops.flatMap(({ gateway }) => gateway ?? []))
    .filter((gateway) => prefixCovers(subnet, gateway));
  return { link, own, subnet: prefixText(subnet), table, gateway: gateways[0] ?? null };
}

function leavesByItself(host: Host, { own, link, gateway }: Card): boolean {
  const far = gateway === null ? undefined : farAway(host, familyOf(own.ip));
  return [sampleOf(host, own), far]
    .flatMap((destination) => (destination === undefined ? [] : lookUp(host, { source: own.ip, destination })))
    .every(({ outcome, nextHops }) => outcome === 'unicast' && nextHops.every(({ device }) => device === link.name));
}

function sampleOf(host: Host, { ip, prefixLength }: LinkAddress): string {
  const subnet = prefixText(network({ ip, length: prefixLength }));
  const sample = routeSamples(host, familyOf(ip)).find(({ text }) => text === subnet);
  if (!sample) throw new NotMade(`it has no route to ${subnet}`);
  return sample.destination;
}

/** What has another source keeps its way everywhere, what has one of the addresses everywhere but in their network and by the default route. */
function checkOthers(host: Host, after: Host, cards: readonly Card[]): void {
  const [card] = cards;
  if (!card) return;
  for (const { destination, text } of routeSamples(host, familyOf(card.own.ip))) {
    if (!sameWay(lookUp(host, { destination }), lookUp(after, { destination })))
      throw new NotMade(`what goes to ${text} would take another way then, too`);
    for (const { own, subnet } of cards) {
      const query = { source: own.ip, destination };
      const before = lookUp(host, query);
      if (text === subnet || before.route?.prefix.length === 0) continue;
      if (!sameWay(before, lookUp(after, query))) throw new NotMade(`what goes from ${own.ip} to ${text} would take another way then, too`);
    }
  }
}
