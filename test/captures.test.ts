import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { run } from '../src/cli/main.ts';
import type { AnalysisDocument } from '../src/core.ts';
import { analysisSchema } from '../src/report/schema.ts';
import { bundledCaptures, root } from './tools/captures.ts';
import { collectingIo } from './tools/io.ts';

/*
 * What must be found in the bundled captures of real software, and that nothing else is: the statements of their READMEs. Golden files hold the rest,
 * to be read when they change; `npx vitest run -u` writes them anew.
 */
const OPENVPN = 'udp-reply-wrong-source:203.0.113.10|198.51.100.18';
const DNS = ['error certain udp-reply-wrong-source:203.0.113.10|198.51.100.18:53'];
const FLUX = ['warning certain arp-flux:192.0.2.1', 'warning certain arp-flux:192.0.2.2'];
const ROAMED = 'info certain wireguard-roaming:198.51.100.2:51820|203.0.113.10:35588|192.0.2.130:35588';
const FAILED_OVER = ['info likely arp-address-moved:192.0.2.1'];
const DRIFTED = '198.51.100.2:12345|198.51.100.18:12345';

/** Severity, confidence and id of every finding; captures that are not here must give none. */
const FINDINGS: Record<string, readonly string[]> = {
  'arp-duplicate-address/client': ['error likely arp-duplicate-address:192.0.2.5'],
  'arp-duplicate-address/host': ['error certain arp-duplicate-address:192.0.2.5'],
  'arp-duplicate-address/hub-host': ['error certain arp-duplicate-address:192.0.2.5'],
  'arp-flux/client': FLUX,
  'arp-flux/gateway': FLUX,
  'dns-wrong-source/client': DNS,
  'dns-wrong-source/router': DNS,
  'dns-wrong-source/server': DNS,
  'openvpn-wrong-source/client': [`error certain ${OPENVPN}:1194`],
  'openvpn-wrong-source/router': [`error certain ${OPENVPN}:1194`],
  'openvpn-wrong-source/server': [`error certain ${OPENVPN}:1194`],
  'openvpn-wrong-source/tls-crypt-client': [`error likely ${OPENVPN}:1195`],
  'openvpn-wrong-source/tls-crypt-server': [`error likely ${OPENVPN}:1195`],
  'vrrp-failover/plain-cable': FAILED_OVER,
  'vrrp-failover/plain-stop': FAILED_OVER,
  'wireguard-drift/l1': [
    `error certain wireguard-endpoint-drift:203.0.113.10:12345|${DRIFTED}`,
    'notice likely wireguard-handshake-unanswered:198.51.100.18|203.0.113.10:12345',
  ],
  'wireguard-drift/l2': [
    `error likely wireguard-endpoint-drift:192.168.1.2:12345|${DRIFTED}`,
    'notice likely wireguard-handshake-unanswered:192.168.1.2|198.51.100.2:12345',
  ],
  'wireguard-roaming/roamer': [ROAMED],
  'wireguard-roaming/server': [ROAMED, 'info certain wireguard-nat-rebind:198.51.100.2:51820|192.0.2.20:29856|192.0.2.20:44146'],
};

/** What names change, given with `--wg-peer`. */
const WITH_KEYS: Record<string, readonly string[]> = {
  'wireguard-drift/l1': FINDINGS['wireguard-drift/l1'] ?? [],
  'wireguard-drift/l2': (FINDINGS['wireguard-drift/l2'] ?? []).map((each) => each.replace('error likely', 'error certain')),
  'wireguard-roaming/roamer': ['info certain wireguard-roaming:roamer|203.0.113.10:35588|192.0.2.130:35588'],
  'wireguard-roaming/server': [
    'info certain wireguard-roaming:roamer|203.0.113.10:35588|192.0.2.130:35588',
    'info certain wireguard-nat-rebind:homer|192.0.2.20:29856|192.0.2.20:44146',
  ],
};

const ajv = new Ajv2020({ allErrors: true, strict: false });
const isDocument = ajv.compile(analysisSchema());

const nameOf = (path: string): string => `${basename(dirname(path))}/${basename(path).replace(/\.pcap.*$/, '')}`;

async function analyze(path: string, ...options: string[]): Promise<{ text: string; document: AnalysisDocument }> {
  const io = collectingIo();
  const at = process.cwd();
  process.chdir(root);
  const exit = await run([path, '--json', '--severity', 'info', '--min-confidence', 'possible', ...options], io);
  process.chdir(at);
  expect({ exit, problems: io.stderr }).toEqual({ exit: 0, problems: '' });
  return { text: io.stdout, document: JSON.parse(io.stdout) as AnalysisDocument };
}

const told = ({ findings }: AnalysisDocument): string[] =>
  findings.map(({ severity, confidence, id }) => `${severity} ${confidence} ${id}`).sort();

const captures = bundledCaptures();

it('states only captures that are there', () => {
  const names = new Set(captures.map(nameOf));
  expect(Object.keys(FINDINGS).filter((name) => !names.has(name))).toEqual([]);
});

describe.each(captures)('%s', (path) => {
  const name = nameOf(path);

  it('shows what happened, and nothing else', async () => {
    const { document } = await analyze(path);
    expect(told(document)).toEqual([...(FINDINGS[name] ?? [])].sort());
  });

  it('gives the golden JSON, as the schema says', async () => {
    const { text, document } = await analyze(path, '--records');
    if (!isDocument(document)) expect.fail(JSON.stringify(isDocument.errors, undefined, 2));
    await expect(text).toMatchFileSnapshot(join(root, 'test', 'golden', `${name.replace('/', '-')}.json`));
  });
});

const keysOf = (path: string): string => join(root, dirname(path), 'peers.txt');

it.each(captures.filter((path) => existsSync(keysOf(path))))('%s: knows the peers by their keys', async (path) => {
  const peers = readFileSync(keysOf(path), 'utf8').trim().split('\n');
  const { document } = await analyze(path, ...peers.flatMap((peer) => ['--wg-peer', peer]));
  expect(told(document)).toEqual([...(WITH_KEYS[nameOf(path)] ?? [])].sort());
});
