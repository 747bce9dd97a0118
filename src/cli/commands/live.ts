import type { Argv, CommandModule, Options } from 'yargs';
import { type LiveBackend, liveBackends } from '../../capture/live.ts';
import type { Confidence, Severity } from '../../diagnose/kind.ts';
import { namesOf, type Usage } from '../arguments.ts';
import { type Io, UsageError } from '../io.ts';
import * as options from '../options.ts';
import { parseCount, parseDuration, parseRing, parseSnaplen } from '../quantities.ts';

/** All interfaces at once. */
const ANY = 'any';
/**
 * As small as the diagnoses allow: headers, nested tunnels and the transaction of every protocol that is followed lie within the first kilobyte; what is matched by ports
 * alone is surer where a whole packet of an Ethernet was seen.
 */
const USUAL_SNAPLEN = 2048;

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

const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const satisfies Options;

/** What the command line of `live` may have. */
export const liveUsage: Usage = {
  options: {
    backend: {
      choices: ['auto', ...liveBackends],
      default: 'auto',
      requiresArg: true,
      describe:
        'What captures: a helper program that has the rights, libpcap in this process (as root), or the cap package; auto: the first of tcpdump, dumpcap, libpcap that works',
    },
    ssh: text('Capture on this host, as ssh(1) calls it, with tcpdump or dumpcap there; the connection itself is left out'),
    filter: text('What is captured, in the language of pcap-filter(7): "not port 22"'),
    snaplen: { ...text('Octets of each packet; 0: whole packets'), default: String(USUAL_SNAPLEN) },
    duration: text('End after this time: 90s, 10m, 1h30m'),
    count: text('End after this many packets'),
    'evidence-dir': text('Write a pcapng for each new finding into this folder: its frames, with comments, and those around them'),
    ring: { ...text('Memory for the latest packets, of which --evidence-dir writes'), default: '64MiB' },
    metrics: text('Serve Prometheus metrics at HOST:PORT; on loopback where only a port is given'),
    json: options.json,
    format: {
      ...options.reportFormat,
      describe:
        'table: a view on a terminal, else a line for each finding and its updates; json: one document at the end; ndjson: objects as things happen',
    },
    records: options.records,
    'max-records': options.maxRecords,
    'min-confidence': options.minConfidence,
    severity: options.severity,
    'fail-on': options.failOn,
    local: options.local,
    'wg-peer': options.wgPeer,
    'expect-via': options.expectVia,
    context: options.context,
    'own-context': {
      type: 'boolean',
      default: true,
      describe:
        'Ask this host what it says of itself, as `fluxcap context` does, now and every ten seconds; --no-own-context leaves it out',
    },
    color: options.color,
    quiet: options.quiet,
  },
  refusal: (words) => {
    if (words.length === 0) return 'no interface was named: expected interfaces, or any for all of them; `fluxcap interfaces` lists them';
    const twice = words.find((word, i) => words.indexOf(word) !== i);
    if (twice !== undefined) return `"${twice}" is named twice`;
    return words.includes(ANY) && words.length > 1 ? `"${ANY}" stands for all interfaces: name it alone` : undefined;
  },
};

/** Captures and prints what is wrong, as it happens. `done` gets the exit status. */
export const live = (io: Io, done: (exit: number) => void): CommandModule<object, LiveOptions> => ({
  command: 'live <interfaces..>',
  describe: 'Watch interfaces, or any, and print what goes wrong as it happens',
  builder: (yargs) =>
    yargs
      .positional('interfaces', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'Interfaces of this machine, or any for all of them',
      })
      .options(liveUsage.options) as unknown as Argv<LiveOptions>,
  handler: async (given) => {
    const format = given.json ? 'json' : given.format;
    if (given.records && format === 'table') throw new UsageError('--records needs --json or --format ndjson');
    const ring = parseRing(given.ring);
    if (given.evidenceDir !== undefined && ring === 0)
      throw new UsageError('--evidence-dir: with --ring 0 no packet is kept that could be written');
    const metrics = given.metrics === undefined ? undefined : (await import('../live/metrics.ts')).parseMetricsAddress(given.metrics);
    const { runLive } = await import('../live/run.ts');
    const exit = await runLive(io, {
      interfaces: namesOf(given.interfaces),
      request: { backend: given.backend, ssh: given.ssh ?? null, filter: given.filter ?? '', snaplen: parseSnaplen(given.snaplen) },
      format,
      records: given.records,
      maxRecords: options.parseMaxRecords(given.maxRecords),
      shown: { severity: given.severity, minConfidence: given.minConfidence },
      failOn: given.failOn,
      local: options.parseLocal(given.local),
      wireguardPeers: options.parsePeers(given.wgPeer),
      expectVia: options.parseExpectVia(given.expectVia),
      contexts: namesOf(given.context ?? []),
      ownContext: given.ownContext && given.ssh === undefined,
      color: given.color,
      quiet: given.quiet,
      durationSec: given.duration === undefined ? undefined : parseDuration('--duration', given.duration),
      mostPackets: given.count === undefined ? undefined : parseCount(given.count),
      ring,
      evidenceDir: given.evidenceDir,
      metrics,
    });
    done(exit);
  },
});
