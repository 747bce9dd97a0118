import { expect, it } from 'vitest';
import { applyCommands } from '../../src/context/apply.ts';
import type { Host } from '../../src/context/host.ts';
import { hostOf } from '../../src/context/model.ts';
import { prefixText } from '../../src/context/prefix.ts';
import { hindranceForNamespaces } from '../tools/netns.ts';
import { Dice, type Family, ipv4, ipv6, randomNetwork, randomRoute, randomRule } from '../tools/random-routing.ts';
import { RoutedHost } from '../tools/route-get.ts';

const SEED = Number(process.env.FLUXCAP_SEED ?? 1);
const SETS = 10;
const COMMANDS = 14;

const hindrance = hindranceForNamespaces(['sysctl']);

const ofFamily = <T extends { family: 4 | 6 }>(list: readonly T[] | undefined, family: Family): T[] =>
  (list ?? []).filter((each) => each.family === family.number);

/** All rules in their order, and all routes but those that come with addresses. Whether a way without a carrier counts as dead is for look-ups. */
function stateOf(host: Host, family: Family): { rules: string[]; routes: string[] } {
  const routes = ofFamily(host.routes, family).filter(({ table }) => table !== 255);
  return {
    rules: ofFamily(host.rules, family).map(({ text }) => text),
    routes: routes.map(({ table, text }) => `${text.replaceAll(' dead', '')} table ${table}`).sort(),
  };
}

function randomCommand(dice: Dice, family: Family, host: Host, addresses: readonly string[]): string {
  const kind = dice.next();
  if (kind < 0.3) return randomRule(dice, family, addresses);
  if (kind < 0.4) {
    const [, priority = '', selectors = ''] = /^(\d+): (.*)$/.exec(dice.pick(ofFamily(host.rules, family)).text) ?? [];
    return dice.chance(0.5) ? `rule del pref ${priority}` : `rule del ${selectors}`;
  }
  const routes = ofFamily(host.routes, family).filter(({ table, nextHopId }) => table !== 255 && nextHopId === null);
  if (kind < 0.5 && routes.length > 0) {
    const route = dice.pick(routes);
    const whole = dice.chance(0.5) && route.nextHops.length < 2;
    const from = route.from ? ` from ${prefixText(route.from)}` : '';
    const text = whole ? route.text.replace(/ (dead|linkdown)/g, '') : `${prefixText(route.prefix)}${from}`;
    return `route del ${text} table ${route.table}`;
  }
  const command = randomRoute(dice, family, addresses);
  // Nexthop objects are not in the model, and IPv6 makes one route of appended ones.
  if (command.includes(' nhid ')) return `route del ${dice.pick(family.prefixes)}`;
  return family.number === 6 || dice.chance(0.3) ? command.replace(/^route (append|prepend)/, 'route replace') : command;
}

it.skipIf(hindrance !== undefined).each([ipv4, ipv6])(
  `what commands do to the model they do to the kernel, IPv$number, seed ${SEED}${hindrance === undefined ? '' : ` (${hindrance})`}`,
  { timeout: 300_000 },
  async (family) => {
    const routed = new RoutedHost();
    const differences: string[] = [];
    let done = 0;
    let refused = 0;
    const run = (host: Host, command: string): Host => {
      const error = routed.batch([command], `-${family.number}`).errors.get(0);
      const after = hostOf(routed.document());
      let modelled: Host | undefined;
      let objection = '';
      try {
        modelled = applyCommands(host, [`ip -${family.number} ${command}`]);
      } catch (thrown) {
        objection = String(thrown);
      }
      const isAlike = (error === undefined) === (modelled !== undefined);
      if (!isAlike) differences.push(`${command}: the kernel says ${error ?? 'yes'}, the model ${objection || 'yes'}`);
      if (isAlike && modelled) {
        done++;
        const [expected, actual] = [stateOf(after, family), stateOf(modelled, family)];
        if (JSON.stringify(expected) !== JSON.stringify(actual)) differences.push(`${command}: ${JSON.stringify({ expected, actual })}`);
      } else refused++;
      return after;
    };
    try {
      if (family.number === 6) await routed.isReady();
      for (let set = 0; set < SETS; set++) {
        const dice = new Dice(SEED * 10_000 + set);
        const network = randomNetwork(dice, family, true);
        routed.become(network, family.number, true);
        let host = hostOf(routed.document());
        for (let i = 0; i < COMMANDS; i++) host = run(host, randomCommand(dice, family, host, network.addresses));
      }
    } finally {
      routed.delete();
    }
    expect(differences.slice(0, 5)).toEqual([]);
    expect(done).toBeGreaterThan((SETS * COMMANDS) / 2);
    expect(refused).toBeGreaterThan(5);
  },
);
