import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Options } from 'yargs';
import { UsageError } from './io.ts';
import { nearest } from './near.ts';
import { listed } from './options.ts';

/** What a command takes: the options as yargs wants them, and the words beside them. */
export interface Usage {
  options: Readonly<Record<string, Options>>;
  /** Says what is missing, wrong or too much among the words; undefined where they fit. */
  refusal(words: readonly string[]): string | undefined;
}

/** Where no command is named. */
const DEFAULT_COMMAND = 'analyze';

/** yargs takes a word that begins with a dash for an option. Behind this it is a name; no argument of a process can contain it. */
const NAME_MARK = '\0';

/** Words as the user wrote them. */
export const namesOf = (words: readonly string[]): string[] => words.map((word) => word.replace(NAME_MARK, ''));

const COMMON = { help: { short: 'h' }, version: { short: 'V' } } as const;

type Token = Extract<NonNullable<ReturnType<typeof tokensOf>>[number], { kind: string }>;
type OptionToken = Extract<Token, { kind: 'option' }>;

/**
 * The arguments in the form in which yargs cannot misread them: the command, `--name=value` for each option, the words. yargs alone lets an unknown option
 * swallow the word after it, takes any value for a flag, and loses a lone dash. Throws a `UsageError` that names the first mistake.
 */
export function readArguments(args: readonly string[], usages: Readonly<Record<string, Usage>>): string[] {
  const tokens = tokensOf(args, usages);
  const first = tokens.find(({ kind }) => kind !== 'option');
  const named = first?.kind === 'positional' && Object.hasOwn(usages, first.value) ? first.value : undefined;
  const asked = tokens.find((token) => token.kind === 'option' && Object.hasOwn(COMMON, token.name));
  if (asked?.kind === 'option') return [...(named === undefined ? [] : [named]), `--${asked.name}`];

  const command = named ?? DEFAULT_COMMAND;
  const usage = usages[command];
  if (!usage) throw new Error(`no usage of ${command}`);
  const options = new Map<string, string[]>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'option') {
      const { name, value } = readOption(token, usage, named);
      options.set(name, usage.options[name]?.array ? [...(options.get(name) ?? []), value] : [value]);
    } else if (token.kind === 'positional' && !(token === first && named)) {
      if (token === first) refuseUnknownCommand(token.value, Object.keys(usages));
      words.push(token.value);
    }
  }
  const refusal = usage.refusal(words);
  if (refusal !== undefined) throw new UsageError(refusal);
  const flags = [...options].flatMap(([name, values]) => values.map((value) => `--${name}=${value}`));
  return [command, ...flags, ...words.map((word) => (word.startsWith('-') ? NAME_MARK + word : word))];
}

/** Options, words and the `--` that ends the options, in their order. An option that no command has takes no value. */
function tokensOf(args: readonly string[], usages: Readonly<Record<string, Usage>>) {
  const known = Object.values(usages).flatMap(({ options }) => Object.entries(options));
  return parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: {
      ...Object.fromEntries(known.map(([name, option]) => [name, { type: isFlag(option) ? 'boolean' : 'string' } as const])),
      help: { type: 'boolean', ...COMMON.help },
      version: { type: 'boolean', ...COMMON.version },
    },
  }).tokens;
}

const isFlag = ({ type }: Options): boolean => type === 'boolean';

function readOption({ name: written, rawName, value }: OptionToken, { options }: Usage, command: string | undefined) {
  const isNegated = written.startsWith('no-') && !Object.hasOwn(options, written);
  const name = isNegated ? written.slice(3) : written;
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (!option || (isNegated && !isFlag(option))) throw new UsageError(unknownOption(rawName, written, options, command));
  if (isNegated) {
    if (value !== undefined) throw new UsageError(`${rawName}: expected no value, got "${value}"`);
    return { name, value: 'false' };
  }
  if (isFlag(option)) {
    if (value !== undefined && value !== 'true' && value !== 'false') {
      throw new UsageError(`${rawName}: expected no value, or true or false, got "${value}"`);
    }
    return { name, value: value ?? 'true' };
  }
  const choices = option.choices?.map(String);
  const expected = choices ? `one of ${listed(choices)}` : 'a value';
  if (value === undefined) throw new UsageError(`${rawName}: expected ${expected}, got nothing`);
  if (choices && !choices.includes(value)) throw new UsageError(`${rawName}: expected ${expected}, got "${value}"`);
  return { name, value };
}

function unknownOption(rawName: string, name: string, options: Usage['options'], command: string | undefined): string {
  const near = nearest(name, [...Object.keys(options), ...Object.keys(COMMON)]);
  const meant = near === undefined ? '' : `; did you mean --${near}?`;
  return `${command === undefined ? '' : `${command}: `}unknown option ${rawName}${meant}`;
}

/** A word that is no file is meant as a command: reading a file called `lvie` would be an odd answer. */
function refuseUnknownCommand(word: string, commands: readonly string[]): void {
  if (word.startsWith('-') || /[./\\]/.test(word) || existsSync(word)) return;
  const near = nearest(word, commands);
  const meant = near === undefined ? '' : `; did you mean ${near}?`;
  throw new UsageError(`"${word}" is neither a command (${commands.join(', ')}) nor a file${meant}`);
}
