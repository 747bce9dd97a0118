import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect } from 'vitest';
import { run } from '../../src/cli/main.ts';
import type { AnalysisDocument, Severity } from '../../src/core.ts';
import { bundledCaptures, root } from './captures.ts';
import { collectingIo } from './io.ts';
import { codeIn, tableOf } from './readme.ts';

/** What the README of a folder of captures says of one finding. */
export interface Statement {
  /** File name. */
  capture: string;
  /** What is given beside the capture: `peers.txt` (names and keys of WireGuard peers), `context.json`, or nothing. */
  given: string;
  severity: Severity;
  confidence: string;
  id: string;
}

/** A capture with what is given beside it, and what its README says of both. */
export interface Stated {
  folder: string;
  capture: string;
  given: string;
  statements: Statement[];
}

export const labFolders = (): string[] =>
  readdirSync(join(root, 'captures')).filter((name) => existsSync(join(root, 'captures', name, 'make.sh')));

/** What a folder is, as captures/README.md lists it: an `incident`, its `repaired` twin, or a harmless `look-alike`. */
export function folderKinds(): Map<string, string> {
  const rows = tableOf(readFileSync(join(root, 'captures', 'README.md'), 'utf8'), 'folder');
  return new Map(rows.map(([folder = '', kind = '']) => [/\[([^\]]*)\]/.exec(folder)?.[1] ?? folder, kind]));
}

/** The table below "What must be found", or the sentence that says: nothing. */
export function statementsOf(folder: string): Statement[] {
  const text = readFileSync(join(root, 'captures', folder, 'README.md'), 'utf8');
  const [, section] = text.split('\n## What must be found\n');
  if (section === undefined) throw new Error(`captures/${folder}/README.md has no section "What must be found"`);
  if (section.trimStart().startsWith('Nothing, in any of the captures.')) return [];
  return tableOf(section, 'capture').map(([capture = '', given = '', severity = '', confidence = '', id = '']) => ({
    capture: codeIn(capture)[0] ?? capture,
    given: codeIn(given)[0] ?? given,
    severity: severity as Severity,
    confidence,
    id: (codeIn(id)[0] ?? id).replaceAll('\\|', '|'),
  }));
}

export const told = ({ severity, confidence, id }: Pick<Statement, 'severity' | 'confidence' | 'id'>): string =>
  `${severity} ${confidence} ${id}`;

/** What must be found, in the order of `sort`. */
export const toBeFound = (statements: readonly Statement[]): string[] => statements.map(told).sort();

/** Every bundled capture, alone and with what lies beside it. */
export function statedCaptures(): Stated[] {
  return bundledCaptures().flatMap((path) => {
    const folder = basename(dirname(path));
    const capture = basename(path);
    const all = statementsOf(folder).filter((statement) => statement.capture === capture);
    const peers = existsSync(join(root, dirname(path), 'peers.txt')) ? ['peers.txt'] : [];
    const context = existsSync(join(root, dirname(path), CONTEXT)) ? [CONTEXT] : [];
    const givens = ['', ...peers, ...context];
    return givens.map((given) => ({ folder, capture, given, statements: ofGiven(all, given) }));
  });
}

const CONTEXT = 'context.json';

/** Where a README does not say that the context changes something, it changes nothing. */
function ofGiven(all: readonly Statement[], given: string): Statement[] {
  const ofIt = all.filter((statement) => statement.given === given);
  return given === CONTEXT && ofIt.length === 0 ? all.filter((statement) => statement.given === '') : ofIt;
}

/** The options that hand over what lies beside a capture, in `directory`. */
function optionsFor(given: string, directory: string): string[] {
  if (given === '') return [];
  if (given === 'context.json') return ['--context', join(directory, given)];
  const peers = readFileSync(join(directory, given), 'utf8').trim().split('\n');
  return peers.flatMap((peer) => ['--wg-peer', peer]);
}

/** Analyses a capture with everything shown; it must be readable without a problem. */
export async function analyzeAll(
  capture: string,
  directory: string,
  given = '',
  ...options: string[]
): Promise<{ text: string; document: AnalysisDocument }> {
  const io = collectingIo();
  const everything = ['--json', '--severity', 'info', '--min-confidence', 'possible'];
  const exit = await run([join(directory, capture), ...everything, ...optionsFor(given, directory), ...options], io);
  expect({ exit, problems: io.stderr }).toEqual({ exit: 0, problems: '' });
  return { text: io.stdout, document: JSON.parse(io.stdout) as AnalysisDocument };
}
