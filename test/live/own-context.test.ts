import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIVE_PROGRAMS } from '../../scripts/programs.js';
import { documentOf, FLUXCAP, hindranceForLive, Watch, withoutIPv6 } from '../tools/live-run.ts';
import { Namespace } from '../tools/netns.ts';

/*
 * What `fluxcap live` makes of what its own machine says: a gateway with two cards in one subnet, and a client that sends what is for the second card to the first one.
 *
 *    client 192.0.2.10 ── toA ────── ethA 192.0.2.1  gateway
 *                      ── toB ────── ethB 192.0.2.2
 */
const why = hindranceForLive([...LIVE_PROGRAMS.filter((each) => !each.startsWith('ssh')), 'ping']);
const MAC_A = '02:00:00:00:00:0a';

describe.skipIf(why !== undefined)(`the own context of fluxcap live${why === undefined ? '' : ` (${why})`}`, () => {
  let client: Namespace;
  let gateway: Namespace;

  beforeAll(() => {
    client = new Namespace();
    gateway = new Namespace();
    for (const each of [client, gateway]) withoutIPv6(each);
    for (const [own, card, address, mac] of [
      ['toA', 'ethA', '192.0.2.1', MAC_A],
      ['toB', 'ethB', '192.0.2.2', '02:00:00:00:00:0b'],
    ] as const) {
      client.ip('link', 'add', own, 'type', 'veth', 'peer', 'name', card, 'netns', gateway.name);
      gateway.ip('link', 'set', card, 'address', mac, 'up');
      gateway.ip('address', 'add', `${address}/24`, 'dev', card);
      client.ip('link', 'set', own, 'up');
    }
    client.ip('address', 'add', '192.0.2.10/24', 'dev', 'toA');
    for (const address of ['192.0.2.1', '192.0.2.2'])
      client.ip('neighbour', 'replace', address, 'lladdr', MAC_A, 'dev', 'toA', 'nud', 'permanent');
  });

  afterAll(() => {
    client?.delete();
    gateway?.delete();
  });

  const watch = async (...args: string[]) => {
    const run = await new Watch(gateway, [process.execPath, FLUXCAP, 'live', 'any', '--json', ...args]).listens();
    client.run('ping', '-c', '5', '-i', '0.2', '-W', '1', '192.0.2.1');
    // Its answers leave by the first card's route: no matter.
    client.run('ping', '-c', '5', '-i', '0.2', '-W', '1', '192.0.2.2');
    expect(await run.endBy('SIGINT')).toEqual({ status: 0, signal: null });
    return documentOf(run.out);
  };

  it('tells which card an address belongs to, and what to set on this machine', { timeout: 60_000 }, async () => {
    const { findings } = await watch();
    const wrong = findings.filter(({ kind }) => kind === 'wrong-interface-delivery');
    expect(wrong).toMatchObject([
      {
        id: 'wrong-interface-delivery:192.0.2.2',
        severity: 'error',
        confidence: 'certain',
        details: { expected: { interface: { name: 'ethB' } }, actual: { interface: { name: 'ethA' } } },
      },
    ]);
    const own = wrong.flatMap(({ remedies }) => remedies).filter(({ host }) => host !== undefined);
    expect(own.flatMap(({ commands }) => commands).join('\n')).toContain('net.ipv4.conf.all.arp_ignore=1');
  });

  it('does not without it', { timeout: 60_000 }, async () => {
    const { findings } = await watch('--no-own-context');
    expect(findings.filter(({ kind }) => kind === 'wrong-interface-delivery')).toEqual([]);
  });
});
