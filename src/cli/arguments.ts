import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Options, PositionalOptions } from 'yargs';
import { UsageError } from './io.ts';
import { nearest } from './near.ts';
import { listed } from './options.ts';

/** What the command line of a command may have. */
export interface Usage {
  /** The command and its words, as yargs writes them; several where it has several forms. */
  synopsis: string | readonly string[];
  describe: string;
  /** The words, in their order; one that is an array takes all that are left. */
  positionals: Readonly<Record<string, PositionalOptions>>;
  options: Readonly<Record<string, Options>>;
  /** Says what is missing, wrong or too much among the words; undefined where they fit. */
  refusal(words: readonly string[]): string | undefined;
}

/** What the command line asks for: help or the version, or a command with its options and words by their names, as `maxRecords`. */
export type Asked =
  | { kind: 'help' | 'version'; command: string | undefined }
  | { kind: 'command'; command: string; given: Readonly<Record<string, unknown>> };

/** Where no command is named. */
const DEFAULT_COMMAND = 'analyze';

const COMMON = { help: { short: 'h' }, version: { short: 'V' } } as const;

type Token = Extract<NonNullable<ReturnType<typeof tokensOf>>[number], { kind: string }>;
type OptionToken = Extract<Token, { kind: 'option' }>;

/** What the arguments ask for. Throws a `UsageError` that names the first mistake. */
export function readArguments(args: readonly string[], usages: Readonly<Record<string, Usage>>): Asked {
  const tokens = tokensOf(args, usages);
  const first = tokens.find(({ kind }) => kind !== 'option');
  const named = first?.kind === 'positional' && Object.hasOwn(usages, first.value) ? first.value : undefined;
  const asked = tokens.find((token) => token.kind === 'option' && Object.hasOwn(COMMON, token.name));
  if (asked?.kind === 'option') return { kind: asked.name as keyof typeof COMMON, command: named };

  const command = named ?? DEFAULT_COMMAND;
  const usage = usages[command];
  if (!usage) throw new Error(`no usage of ${command}`);
  const options = new Map<string, string[]>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'option') {
      const { name, value } = readOption(token, usage, named);
      options.set(name, [...(options.get(name) ?? []), value]);
    } else if (token.kind === 'positional' && !(token === first && named)) {
      if (token === first) refuseUnknownCommand(token.value, Object.keys(usages));
      words.push(token.value);
    }
  }
  const refusal = usage.refusal(words);
  if (refusal !== undefined) throw new UsageError(refusal);
  return { kind: 'command', command, given: { ...givenOptions(options, usage), ...givenWords(words, usage) } };
}

/** The options by their names in camel case. Of one that is no array the last one counts; one that is not there is what it is by default. */
function givenOptions(given: ReadonlyMap<string, readonly string[]>, { options }: Usage): Record<string, unknown> {
  const settled = (option: Options, values: readonly string[] | undefined): unknown => {
    if (!values) return option.default;
    if (option.array) return values;
    return isFlag(option) ? values.at(-1) === 'true' : values.at(-1);
  };
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [camelCase(name), settled(option, given.get(name))]));
}

function givenWords(words: readonly string[], { positionals }: Usage): Record<string, unknown> {
  const left = [...words];
  return Object.fromEntries(Object.entries(positionals).map(([name, { array }]) => [name, array ? left.splice(0) : left.shift()]));
}

const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

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
