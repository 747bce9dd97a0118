import { jsonText } from '../../report/json-text.ts';
import { hostRecord, interfaceRecord, recordsOf } from '../../report/records.ts';
import type { RecordKind } from '../../track/records.ts';
import { Exit, type Io } from '../io.ts';
import { type ReadOptions, readCaptures, tellProblems } from '../read.ts';
import type { KINDS } from '../usages/show.ts';

interface ShowOptions extends ReadOptions {
  kind: (typeof KINDS)[number];
  json?: boolean | undefined;
  format: 'table' | 'json';
}

/** Prints what happened, without judging it. */
export async function show(io: Io, given: ShowOptions): Promise<number> {
  const { kind } = given;
  const isMadeAtEnd = kind === 'interfaces' || kind === 'hosts';
  const wanted = new Set<RecordKind>(isMadeAtEnd ? [] : [kind]);
  const analysis = await readCaptures(io, given, wanted);
  const records =
    kind === 'interfaces'
      ? analysis.interfaces.map((each) => interfaceRecord(each, analysis.context.observer))
      : kind === 'hosts'
        ? analysis.machines().map(hostRecord)
        : recordsOf(analysis.records, kind);
  if (given.json ?? given.format === 'json') {
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
  return analysis.inputs.some(({ problems }) => problems.anyLost) ? Exit.Unread : Exit.Done;
}
