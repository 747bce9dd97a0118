import type { Options } from 'yargs';
import { liveBackends } from '../../capture/live.ts';
import type { Usage } from '../arguments.ts';
import * as options from '../options.ts';

/** All interfaces at once. */
const ANY = 'any';
/**
 * As small as the diagnoses allow: headers, nested tunnels and the transaction of every protocol that is followed lie within the first kilobyte; what is matched by ports
 * alone is surer where a whole packet of an Ethernet was seen.
 */
const USUAL_SNAPLEN = 2048;

const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const satisfies Options;

/** What the command line of `live` may have. */
export const liveUsage: Usage = {
  synopsis: 'live <interfaces..>',
  describe: 'Watch interfaces, or any, and print what goes wrong as it happens',
  positionals: {
    interfaces: {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'Interfaces of this machine, or any for all of them',
    },
  },
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
