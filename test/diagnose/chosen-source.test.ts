import { describe, expect, it } from 'vitest';
import { analyzeSources } from '../../src/analysis.ts';
import type { ContextDocument } from '../../src/context/document.ts';
import { MemorySource } from '../../src/core.ts';
import type { Finding } from '../../src/diagnose/finding.ts';
import { message } from '../craft/index.ts';
import { scenarios } from '../scenarios/index.ts';
import { analysisOptionsOf } from '../scenarios/options.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { serverContext } from '../scenarios/udp-context.ts';
import { ASKED, atServer, CLIENT, talk, WRONG } from '../scenarios/udp-stage.ts';
import { hostOfWords } from '../tools/hosts.ts';

async function found(octets: Uint8Array, context?: ContextDocument): Promise<Finding> {
  const { findings } = await analyzeSources(
    [{ path: 'capture', open: () => new MemorySource(octets) }],
    analysisOptionsOf(context ? { context } : {}),
  );
  return findings[0] ?? expect.fail('nothing is found');
}

const scenarioOf = (kind: string, name: RegExp): Scenario =>
  scenarios.find((each) => each.kind === kind && name.test(each.name)) ?? expect.fail(`no scenario ${name}`);

/** The capture of a scenario, and its finding with a context. */
const told = (kind: string, name: RegExp, context?: ContextDocument): Promise<Finding> => {
  const scenario = scenarioOf(kind, name);
  return found(scenario.capture(), context ?? scenario.options?.context);
};

const said = ({ because }: Finding): string => because.join(' ');
const hosts = ({ remedies }: Finding): (string | undefined)[] => remedies.map(({ host }) => host);

describe('the source that the answering host’s routing gives', () => {
  const WRONG_SOURCE = 'udp-reply-wrong-source';

  it('is named where it is the one that was seen, with the rule that would mend it', async () => {
    const finding = await told(WRONG_SOURCE, /context: its routing gives that source/);
    expect(said(finding)).toContain(
      'On server the rule `32766: from all lookup main` decides what goes to 192.0.2.10, by the route `default via 203.0.113.1 dev wan2`: out by wan2 via 203.0.113.1 with the source 203.0.113.7. ' +
        'The rule `32765: from 198.51.100.7 lookup 101` comes before it and does not match: the source is not chosen yet when the rules are looked up. That agrees with what was seen: 203.0.113.7.',
    );
    expect(finding.remedies.find(({ host }) => host !== undefined)?.commands).toEqual([
      'ip rule add from 0.0.0.0/32 ipproto udp sport 4000 iif lo lookup main suppress_prefixlength 0 priority 99',
      'ip rule add from 0.0.0.0/32 ipproto udp sport 4000 iif lo lookup 101 priority 100',
    ]);
  });

  it('is no explanation where another one was seen', async () => {
    const changed = await told(WRONG_SOURCE, /context: its routing gives the asked address/);
    expect(said(changed)).toContain(
      'It does not explain the answers from 203.0.113.7: server said this at 2026-01-01T00:00:00Z, and its routing was another one then, or the program chooses that address itself.',
    );
    // As it is set now there is nothing to do.
    expect(hosts(changed)).not.toContain('server');
    expect(changed.remedies.some(({ text }) => text.includes('already leaves by wan1 with 198.51.100.7'))).toBe(true);
    expect(said(await told(WRONG_SOURCE, /context: it does not have that source/))).toContain(
      '203.0.113.7 is no address of server: something translates what it sends, or its addresses were other ones then.',
    );
  });

  it('is not asked of a host that is not known', async () => {
    const other = await told(WRONG_SOURCE, /context: it says nothing of the asked address/);
    const without = await found(scenarioOf(WRONG_SOURCE, /context: it says nothing of the asked address/).capture());
    expect({ because: other.because, remedies: other.remedies }).toEqual({ because: without.because, remedies: without.remedies });
  });

  it('is not mended by port where the port is asked at another address of the host, too', async () => {
    const capture = atServer();
    const dialogue = { request: message('status of pump 4711?'), reply: message('OK, all is well') };
    talk(capture, { client: `${CLIENT.ip}:40000`, asked: `${ASKED}:4000`, from: `${WRONG}:4000`, ...dialogue });
    capture.wait(3);
    talk(capture, { client: '192.0.2.11:40000', asked: `${WRONG}:4000`, ...dialogue });
    capture.wait(3);
    const finding = await found(capture.bytes, serverContext());
    expect(hosts(finding)).not.toContain('server');
    expect(finding.remedies.map(({ text }) => text)).toContain(
      'No rule by port mends it on server: port 4000 is asked at 203.0.113.7 too, and would be answered from 198.51.100.7 then',
    );
  });

  it('does not matter to pings, which Linux answers from the pinged address: something translates', async () => {
    const finding = await told('icmp-reply-wrong-source', /^server on any$/, serverContext({ rules: [] }));
    expect(said(finding)).toContain(
      '198.51.100.7 and 203.0.113.7 are addresses of server. Linux answers a ping from the pinged address, whatever the routing says: a translation there (SNAT, masquerade) changed it.',
    );
    expect(finding.remedies.find(({ host }) => host === 'server')?.commands).toEqual([
      'ip rule add from 198.51.100.7 lookup main suppress_prefixlength 0 priority 99',
      'ip rule add from 198.51.100.7 lookup 101 priority 100',
    ]);
    const others = await told('icmp-reply-wrong-source', /^server on any$/, serverContext({ addresses: [`wan1 ${ASKED}/24`] }));
    expect(said(others)).toContain('203.0.113.7 is not: another machine on the way answers or translates.');
  });
});

describe('a WireGuard peer that drifts, with its own context', () => {
  const PEER_KEY = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
  const wireguard = [
    {
      interface: 'wg7',
      publicKey: 'BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB=',
      listenPort: 51820,
      fwmark: 'off',
      peers: [{ publicKey: PEER_KEY, endpoint: null, allowedIps: '', latestHandshake: 0, persistentKeepalive: 'off' }],
    },
  ];

  it('gets commands with its interface, port, table and gateway; and so does who followed it', async () => {
    const scenario = scenarios.find(({ kind, role }) => kind === 'wireguard-endpoint-drift' && role === 'incident') ?? expect.fail();
    const plain = await found(scenario.capture());
    const { from, to, observer } = plain.subject as Record<string, { ip: string; port: number }>;
    if (!from || !to || !observer) expect.fail('no endpoints');
    const drifting = hostOfWords({
      addresses: [`wan1 ${from.ip}/28`, `wan2 ${to.ip}/28`],
      routes: [`default via ${gatewayOf(to.ip)} dev wan2`, `default via ${gatewayOf(from.ip)} dev wan1`].map(
        (text, i) => `${text}${i === 0 ? '' : ' metric 10'}`,
      ),
      more: { wireguard: wireguard.map((each) => ({ ...each, listenPort: from.port })) },
    }).document;
    const followingTunnel = {
      ...wireguard[0],
      interface: 'wg1',
      publicKey: PEER_KEY,
      peers: [{ publicKey: wireguard[0]?.publicKey, endpoint: `${to.ip}:${to.port}` }],
    };
    const following = hostOfWords({
      name: 'site',
      addresses: ['eth0 10.1.1.1/24'],
      more: { wireguard: [followingTunnel] as never },
    }).document;
    const finding = await found(scenario.capture(), { schema: 1, hosts: [drifting, following] });
    expect(said(finding)).toContain(`That agrees with what was seen: ${to.ip}.`);
    const [byPort, byMark, back] = finding.remedies;
    expect(byPort?.commands).toEqual([
      `ip route replace default via ${gatewayOf(from.ip)} dev wan1 src ${from.ip} table 101`,
      `ip rule add from 0.0.0.0/32 ipproto udp sport ${from.port} iif lo lookup main suppress_prefixlength 0 priority 99`,
      `ip rule add from 0.0.0.0/32 ipproto udp sport ${from.port} iif lo lookup 101 priority 100`,
    ]);
    expect(byMark?.commands[0]).toBe('wg set wg7 fwmark 0x51');
    expect(back).toMatchObject({
      host: 'site',
      commands: [`wg set wg1 peer ${wireguard[0]?.publicKey} endpoint ${from.ip}:${from.port}`],
      undo: [`wg set wg1 peer ${wireguard[0]?.publicKey} endpoint ${to.ip}:${to.port}`],
    });
  });
});

const gatewayOf = (ip: string): string => ip.replace(/\d+$/, (last) => String(Number(last) + 1));
