import { faultIn } from './check.ts';
import type { Note } from './part.ts';
import { ENTRIES } from './schema.ts';

/** The lists of a host. */
export type ListName = keyof typeof ENTRIES;

/**
 * Entries that are as the schema says. The others are left out, and a note is made of them: whoever asks the document need not look at types again.
 */
export function wellFormed<T>(name: ListName, entries: readonly T[], notes: Note[]): T[] {
  const schema = ENTRIES[name];
  let dropped = 0;
  let example = '';
  const kept = entries.filter((entry, i) => {
    const fault = faultIn(entry, schema, `${name}[${i}]`);
    if (fault !== undefined && dropped++ === 0) example = fault;
    return fault === undefined;
  });
  if (dropped > 0)
    notes.push({ what: name, why: `${dropped} of ${entries.length} ${dropped === 1 ? 'is' : 'are'} not of the known form: ${example}` });
  return kept;
}
