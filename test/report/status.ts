import { join } from 'node:path';
import { analyzeSources } from '../../src/analysis.ts';
import { MemorySource } from '../../src/capture/source.ts';
import type { Finding } from '../../src/diagnose/finding.ts';
import type { News } from '../../src/live/news.ts';
import type { LiveInputStatus, LiveStatus } from '../../src/live/status.ts';
import { readOctets, root } from '../tools/captures.ts';

/** 2026-11-21T21:37:55.123456Z. */
export const AT = 1_795_297_075.123456;

/** What is wrong in a bundled capture. */
export async function findingsOf(path: string): Promise<Finding[]> {
  const octets = readOctets(join(root, 'captures', path));
  return (await analyzeSources([{ path, open: () => new MemorySource(octets) }])).findings;
}

export const finding = (changes: Partial<Finding> = {}): Finding => ({
  id: 'arp-flux:192.0.2.1',
  kind: 'arp-flux',
  severity: 'warning',
  confidence: 'certain',
  title: '192.0.2.1 is answered by 2 MACs of one host; 8 of 8 first answers come from 02:00:00:00:00:0a',
  subject: { ip: '192.0.2.1' },
  details: {},
  encapsulation: [],
  related: [],
  first: '2026-11-21T21:30:00.000000Z',
  last: '2026-11-21T21:37:45.000000Z',
  count: 10,
  evidenceTotal: 31,
  evidence: [],
  because: [],
  ruledOut: [],
  remedies: [],
  references: [],
  ...changes,
});

export const news = (kind: News['kind'], changes: Partial<Finding> = {}, before?: Partial<Finding>, instead: string[] = []): News => ({
  kind,
  finding: finding(changes),
  at: AT,
  before: before && finding(before),
  instead,
});

export const input = (changes: Partial<LiveInputStatus> = {}): LiveInputStatus => ({
  path: 'any',
  backend: 'tcpdump',
  packets: 12_345,
  bytes: 2_345_678,
  drops: { kernel: 0, interface: 0 },
  done: false,
  problems: [],
  ...changes,
});

export const status = (changes: Partial<LiveStatus> = {}): LiveStatus => ({
  inputs: [input()],
  packets: 12_345,
  bytes: 2_345_678,
  elapsedSec: 754.2,
  at: AT,
  state: { arp: 12, udp: 345, wireguard: 0 },
  stateEvicted: 0,
  findings: [],
  ended: new Set(),
  ...changes,
});
