import type { Part } from '../part.ts';
import { quoted } from '../redact.ts';
import { commandOf } from '../text/command.ts';
import { partOfJson } from '../text/json.ts';
import { readOutputs } from '../text/outputs.ts';

/** JSON, or the text that old versions print in its place. */
export function partOfPrinted(what: string, command: string, stdout: string): Part {
  const known = commandOf(`# ${command}`);
  if (stdout.trim() === '') return partOfJson([], known) ?? {};
  const value = parsedJson(stdout);
  const part = value === undefined ? undefined : partOfJson(value, known);
  if (part) return part;
  const { parts, unread } = readOutputs(`# ${command}\n${stdout}`, command);
  if (value !== undefined || parts.length === 0)
    return { notes: [{ what, why: `"${command}" printed something else: ${quoted(stdout.trim().split('\n')[0] ?? '')}` }] };
  return { ...Object.assign({}, ...parts), notes: [...parts.flatMap(({ notes = [] }) => notes), ...unread] } as Part;
}

export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
