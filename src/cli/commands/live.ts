import type { LiveBackend } from '../../capture/live.ts';
import type { Confidence, Severity } from '../../diagnose/kind.ts';
import { type Io, UsageError } from '../io.ts';
import { runLive } from '../live/run.ts';
import { parseCount, parseDuration, parseRing, parseSnaplen } from '../quantities.ts';
import { parseExpectVia, parseLocal, parseMaxRecords, parsePeers } from '../values.ts';

interface LiveOptions {
  interfaces: string[];
  backend: LiveBackend | 'auto';
  ssh?: string | undefined;
  filter?: string | undefined;
  snaplen: string;
  duration?: string | undefined;
  count?: string | undefined;
  ring: string;
  evidenceDir?: string | undefined;
  metrics?: string | undefined;
  json?: boolean | undefined;
  format: 'table' | 'json' | 'ndjson';
  records: boolean;
  maxRecords: string;
  minConfidence: Confidence;
  severity: Severity;
  failOn?: Severity | undefined;
  local?: string[] | undefined;
  wgPeer?: string[] | undefined;
  expectVia?: string[] | undefined;
  context?: string[] | undefined;
  ownContext: boolean;
  color: boolean;
  quiet: boolean;
}

/** Captures and prints what is wrong, as it happens. */
export async function live(io: Io, given: LiveOptions): Promise<number> {
  const format = given.json ? 'json' : given.format;
  if (given.records && format === 'table') throw new UsageError('--records needs --json or --format ndjson');
  const ring = parseRing(given.ring);
  if (given.evidenceDir !== undefined && ring === 0)
    throw new UsageError('--evidence-dir: with --ring 0 no packet is kept that could be written');
  const metrics = given.metrics === undefined ? undefined : (await import('../live/metrics.ts')).parseMetricsAddress(given.metrics);
  return runLive(io, {
    interfaces: given.interfaces,
    request: { backend: given.backend, ssh: given.ssh ?? null, filter: given.filter ?? '', snaplen: parseSnaplen(given.snaplen) },
    format,
    records: given.records,
    maxRecords: parseMaxRecords(given.maxRecords),
    shown: { severity: given.severity, minConfidence: given.minConfidence },
    failOn: given.failOn,
    local: parseLocal(given.local),
    wireguardPeers: parsePeers(given.wgPeer),
    expectVia: parseExpectVia(given.expectVia),
    contexts: given.context ?? [],
    ownContext: given.ownContext && given.ssh === undefined,
    color: given.color,
    quiet: given.quiet,
    durationSec: given.duration === undefined ? undefined : parseDuration('--duration', given.duration),
    mostPackets: given.count === undefined ? undefined : parseCount(given.count),
    ring,
    evidenceDir: given.evidenceDir,
    metrics,
  });
}
