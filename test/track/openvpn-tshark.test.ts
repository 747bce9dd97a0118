import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OpenVpnSession } from '../../src/track/openvpn/session.ts';
import { bundledCaptures, hasPublicCaptures, publicCaptures, readOctets, root } from '../tools/captures.ts';
import { openVpnSessions } from '../tools/openvpn.ts';

/*
 * A second opinion: tshark's dissector of OpenVPN. It reads tls-auth with SHA1 and nothing else (what is wrapped otherwise it takes for that, so that of those only the
 * opcodes can be compared), and not by more than one port unless told.
 */
const hasTshark = spawnSync('tshark', ['--version']).status === 0;
const DATA_V1 = 6;
const DATA_V2 = 9;

/** Packets by opcode, both directions together. */
type Counts = Record<string, number>;

const countsOf = ({ opcodes }: OpenVpnSession): Counts => Object.fromEntries([...opcodes].map(([opcode, count]) => [`${opcode}`, count]));

/** By `client server`, from tshark; copies on several interfaces are counted once by their bytes. */
function tsharkCounts(path: string, ports: readonly number[]): Map<string, Counts> {
  const decode = ports.flatMap((port) => ['-d', `udp.port==${port},openvpn`, '-d', `tcp.port==${port},openvpn`]);
  const fields = ['ip.src', 'ipv6.src', 'udp.srcport', 'tcp.srcport', 'ip.dst', 'ipv6.dst', 'udp.dstport', 'tcp.dstport', 'openvpn.opcode'];
  const args = [
    '-r',
    path,
    '-n',
    ...decode,
    '-Y',
    'openvpn',
    '-T',
    'fields',
    '-E',
    'separator=/t',
    ...fields.flatMap((field) => ['-e', field]),
  ];
  const lines = execFileSync('tshark', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n');
  const flows = new Map<string, Counts>();
  for (const line of lines.filter((each) => each !== '')) {
    const [ip4 = '', ip6 = '', udp = '', tcp = '', to4 = '', to6 = '', toUdp = '', toTcp = '', opcodes = ''] = line.split('\t');
    const ends = [`${ip4 || ip6} ${udp || tcp}`, `${to4 || to6} ${toUdp || toTcp}`].sort().join(' ');
    const counts = flows.get(ends) ?? {};
    for (const opcode of opcodes.split(',')) counts[Number(opcode)] = (counts[Number(opcode)] ?? 0) + 1;
    flows.set(ends, counts);
  }
  return flows;
}

const endsOf = ({ client, server }: OpenVpnSession): string =>
  [`${client.ip} ${client.port}`, `${server.ip} ${server.port}`].sort().join(' ');

/** One sighting a packet, and one session between two endpoints. */
const COMPARED = bundledCaptures().filter((path) =>
  /openvpn-(multihome|modes|wrong-key|port-closed)\/(tls-crypt-)?(client|udp|tcp|certificate-client)\.pcap$/.test(path),
);

describe.skipIf(!hasTshark)('tshark counts the same opcodes (skipped without tshark)', () => {
  it.each(COMPARED)('%s', async (path) => {
    const sessions = (await openVpnSessions(readOctets(join(root, path)))).filter(({ opcodes }) => opcodes.size > 0);
    const expected = tsharkCounts(path, [...new Set(sessions.map(({ server }) => server.port))]);
    expect(sessions.length).toBeGreaterThan(0);
    for (const session of sessions)
      expect({ ends: endsOf(session), ...countsOf(session) }).toEqual({ ends: endsOf(session), ...expected.get(endsOf(session)) });
  });
});

interface ExpectedFlow {
  transport: string;
  src: string;
  dst: string;
  opcodes: Record<string, number>;
  sessions: string[];
}

const expectedOf = (path: string): ExpectedFlow[] =>
  (JSON.parse(readFileSync(join(publicCaptures, 'expected.json'), 'utf8')) as Record<string, { openvpn: { flows: ExpectedFlow[] } }>)[path]
    ?.openvpn.flows ?? [];

const decimal = (session: string | null): string => (session === null ? '' : BigInt(`0x${session}`).toString());

describe.skipIf(!hasPublicCaptures)('public captures (skipped where the folder beside the checkout is missing)', () => {
  it.each(['openvpn/openvpn_udp_tls-auth.pcap', 'openvpn/pcap--openvpn.pcap', 'wireguard/openvpn_tcp_single.pcap'])('%s', async (path) => {
    const sessions = await openVpnSessions(readOctets(join(publicCaptures, path)));
    const flows = expectedOf(path);
    expect(flows.length).toBeGreaterThan(0);
    for (const { transport, src, dst, opcodes, sessions: ids } of flows) {
      const isOurs = ({ client, server }: OpenVpnSession): boolean =>
        [src, dst].includes(`${client.ip}:${client.port}`) && [src, dst].includes(`${server.ip}:${server.port}`);
      const [session, ...others] = sessions.filter(isOurs);
      expect(others).toEqual([]);
      if (!session) expect.fail(`no session between ${src} and ${dst}`);
      expect(session.transport).toBe(transport);
      const isFromClient = src === `${session.client.ip}:${session.client.port}`;
      expect(decimal(isFromClient ? session.clientSession : session.serverSession)).toBe(ids[0]);
      // Both directions are one record; data is told by direction.
      const back = flows.find((each) => each.src === dst && each.dst === src);
      const both: Counts = {};
      for (const counts of [opcodes, back?.opcodes ?? {}])
        for (const [opcode, count] of Object.entries(counts)) both[`${Number(opcode)}`] = (both[`${Number(opcode)}`] ?? 0) + count;
      expect(countsOf(session)).toEqual(both);
      const data = (opcodes[`0x0${DATA_V1}`] ?? 0) + (opcodes[`0x0${DATA_V2}`] ?? 0);
      expect(isFromClient ? session.dataFromClient : session.dataFromServer).toBe(data);
    }
  });
});

/** Captures in which a session has the mode of a static key. */
async function withStaticKey(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const sessions = await openVpnSessions(readOctets(path));
    if (sessions.some(({ mode }) => mode === 'static-key')) found.push(path);
  }
  return found;
}

describe('a static key', () => {
  it('is found in the captures that have one, and in no other', async () => {
    const found = (await withStaticKey(bundledCaptures().map((path) => join(root, path)))).map((path) => relative(root, path));
    expect(found).toEqual(expect.arrayContaining(['captures/site-to-site/rr-wan.pcap', 'captures/site-to-site/rr.pcap']));
    expect(found.filter((path) => !/captures\/(site-|openvpn-modes|pmtu-openvpn|bgp-mtu)/.test(path))).toEqual([]);
  });

  it.skipIf(!hasPublicCaptures)('is not seen in what looks alike (skipped where the folder beside the checkout is missing)', async () => {
    const paths = ['udp-lookalike', 'udp', 'tunnel', 'wireguard', 'openvpn', 'dhcp'].flatMap((folder) =>
      readdirSync(join(publicCaptures, folder)).map((name) => join(publicCaptures, folder, name)),
    );
    expect(await withStaticKey(paths)).toEqual([]);
  });
});
