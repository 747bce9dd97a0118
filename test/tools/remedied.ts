import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../src/diagnose/finding.ts';
import { bundledCaptures } from './captures.ts';
import { analyzeAll } from './statements.ts';

/** An incident that is made again with its remedy applied. */
export interface Remedied {
  /** What it is called. */
  name: string;
  /** Below captures/. */
  folder: string;
  /** Findings of this kind say what mends it. */
  kind: string;
  /** Of each host the first remedy, or all of them, one after the other. */
  which: 'first' | 'all';
  /** At this host alone. */
  at?: string;
  /** A line of a program's configuration instead of commands: of the remedy whose text begins so, into this file. */
  line?: { of: string; file: string };
}

/**
 * The incidents whose remedies are commands for their hosts. Not among them: arp-duplicate-address (one of two hosts must get another address, and
 * which one is for people to say), and the exits of a VPN (next-hop-…), whose remedies are of tinc, or for WireGuard interfaces and keys that are others in each run.
 */
export const remediedIncidents: readonly Remedied[] = [
  // At the other end the tunnel begins anew, with another name and other keys.
  { name: 'wireguard-drift, remedied', folder: 'wireguard-drift', kind: 'wireguard-endpoint-drift', which: 'first', at: 'l1' },
  { name: 'openvpn-wrong-source, remedied', folder: 'openvpn-wrong-source', kind: 'udp-reply-wrong-source', which: 'first' },
  { name: 'udp-wrong-source, remedied', folder: 'udp-wrong-source', kind: 'udp-reply-wrong-source', which: 'first' },
  // Its port is asked at two addresses: no rule mends that, the server's own option does.
  {
    name: 'dns-wrong-source, remedied',
    folder: 'dns-wrong-source',
    kind: 'udp-reply-wrong-source',
    which: 'first',
    line: { of: 'unbound:', file: 'unbound.conf' },
  },
  { name: 'interface-asymmetry, remedied', folder: 'interface-asymmetry', kind: 'interface-asymmetry', which: 'first' },
  { name: 'arp-flux, remedied', folder: 'arp-flux', kind: 'arp-flux', which: 'first' },
  { name: 'arp-flux, remedied with rules', folder: 'arp-flux', kind: 'arp-flux', which: 'all' },
  { name: 'arp-foreign-source, remedied', folder: 'arp-foreign-source', kind: 'arp-foreign-source', which: 'first' },
  { name: 'arp-virtual-ip, remedied', folder: 'arp-virtual-ip', kind: 'vip-answered-by-realserver', which: 'first' },
];

/** What is found in the bundled captures of a folder, with their context. */
export async function findingsOf(folder: string, directory = join('captures', folder)): Promise<Finding[]> {
  const captures = bundledCaptures().filter((path) => path.startsWith(`captures/${folder}/`));
  const found = await Promise.all(captures.map((path) => analyzeAll(path.split('/').at(-1) ?? '', directory, 'context.json')));
  return found.flatMap(({ document }) => document.findings);
}

/** Whether a finding is one of those that the remedy is for. */
export const isMended = ({ kind, remedies }: Finding, { kind: wanted, line }: Remedied): boolean =>
  kind === wanted && (line !== undefined || remedies.some(({ host }) => host !== undefined));

/** Writes the commands that were printed for an incident into `into`: a script for each host, as captures/lab.sh runs them. Gives the hosts. */
export function writeRemedies(findings: readonly Finding[], remedied: Remedied, into: string): string[] {
  const scripts = new Map<string, Set<string>>();
  mkdirSync(into, { recursive: true });
  for (const finding of findings.filter((each) => isMended(each, remedied))) {
    const { line } = remedied;
    const lines = line ? finding.remedies.filter(({ text }) => text.startsWith(line.of)).flatMap(({ commands }) => commands) : [];
    if (line && lines.length > 0) writeFileSync(join(into, line.file), `${lines.join('\n')}\n`);
    const seen = new Set<string>();
    for (const { host, commands } of finding.remedies) {
      if (host === undefined || (remedied.at ?? host) !== host || (remedied.which === 'first' && seen.has(host))) continue;
      seen.add(host);
      // Several findings may ask for the same.
      const script = scripts.get(host) ?? new Set();
      for (const command of commands) script.add(command);
      scripts.set(host, script);
    }
  }
  for (const [host, commands] of scripts) writeFileSync(join(into, `${host}.sh`), `${[...commands].join('\n')}\n`);
  return [...scripts.keys()];
}

export const isIncident = ({ severity }: Finding): boolean => severity === 'error' || severity === 'warning';
