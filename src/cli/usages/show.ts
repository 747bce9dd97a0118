import type { Usage } from '../arguments.ts';
import * as options from '../options.ts';

/** What can be shown. */
export const KINDS = [
  'arp',
  'udp',
  'wireguard',
  'openvpn',
  'icmp',
  'tcp',
  'traceroutes',
  'gateways',
  'bgp',
  'tunnels',
  'hosts',
  'interfaces',
] as const;

/** What the command line of `show` may have. */
export const showUsage: Usage = {
  synopsis: 'show <kind> <captures..>',
  describe: `Print records: who asked, who answered, over time; <kind> is ${options.listed(KINDS)}`,
  positionals: {
    kind: { choices: KINDS, demandOption: true, describe: 'Which records' },
    captures: { type: 'string', array: true, demandOption: true, describe: 'Capture files or directories of them, - is standard input' },
  },
  options: {
    json: options.json,
    format: options.format,
    'max-records': options.maxRecords,
    local: options.local,
    'wg-peer': options.wgPeer,
    'expect-via': options.expectVia,
    context: options.context,
    quiet: options.quiet,
    progress: options.progress,
  },
  refusal: ([kind, ...captures]) => {
    const expected = `expected one of ${options.listed(KINDS)}`;
    if (kind === undefined) return `show: what to show was not named: ${expected}, then captures`;
    if (!KINDS.some((each) => each === kind)) return `show: ${expected}, got "${kind}"`;
    return captures.length > 0 ? undefined : `show ${kind}: ${options.NO_CAPTURE}`;
  },
};
