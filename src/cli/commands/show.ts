import type { Argv, CommandModule } from 'yargs';
import type { RecordKind } from '../../track/records.ts';
import type { Usage } from '../arguments.ts';
import { Exit, type Io } from '../io.ts';
import * as options from '../options.ts';
import { type ReadOptions, readCaptures, tellProblems } from '../read.ts';

const KINDS = [
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

interface ShowOptions extends ReadOptions {
  kind: (typeof KINDS)[number];
  json?: boolean | undefined;
  format: 'table' | 'json';
}

/** What the command line of `show` may have. */
export const showUsage: Usage = {
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

/** Prints what happened, without judging it. */
export const show = (io: Io, done: (exit: number) => void): CommandModule<object, ShowOptions> => ({
  command: 'show <kind> <captures..>',
  describe: `Print records: who asked, who answered, over time; <kind> is ${options.listed(KINDS)}`,
  builder: (yargs) =>
    yargs
      .positional('kind', { choices: KINDS, demandOption: true, describe: 'Which records' })
      .positional('captures', { type: 'string', array: true, demandOption: true, describe: 'Capture files, - is standard input' })
      .options(showUsage.options) as unknown as Argv<ShowOptions>,
  handler: async (given) => {
    const { kind } = given;
    const isMadeAtEnd = kind === 'interfaces' || kind === 'hosts';
    const wanted = new Set<RecordKind>(isMadeAtEnd ? [] : [kind]);
    const analysis = await readCaptures(io, given, wanted);
    const { hostRecord, interfaceRecord, recordsOf } = await import('../../report/records.ts');
    const records =
      kind === 'interfaces'
        ? analysis.interfaces.map((each) => interfaceRecord(each, analysis.context.observer))
        : kind === 'hosts'
          ? analysis.machines().map(hostRecord)
          : recordsOf(analysis.records, kind);
    if (given.json ?? given.format === 'json') {
      const { jsonText } = await import('../../report/json.ts');
      await io.out(jsonText(records));
    } else {
      const { recordTable } = await import('../../report/record-tables.ts');
      await io.out(records.length > 0 ? recordTable(kind, records, io.width) : `No ${kind} records.\n`);
      if (kind === 'gateways') {
        const { gatewaysNote } = await import('../../report/gateways.ts');
        await io.out(gatewaysNote(analysis.interfaces, io.width));
      }
    }
    const omitted = isMadeAtEnd ? 0 : analysis.records.counts[kind] - records.length;
    if (omitted > 0 && !given.quiet) io.err(`fluxcap: ${omitted} more ${kind} records are not shown (--max-records ${given.maxRecords})\n`);
    tellProblems(io, analysis);
    done(analysis.inputs.some(({ problems }) => problems.anyLost) ? Exit.Unread : Exit.Done);
  },
});
