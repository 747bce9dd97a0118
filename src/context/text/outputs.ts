import type { Note, Part } from '../part.ts';
import { quoted } from '../redact.ts';
import { bgpTable, birdRoutes } from './bgp.ts';
import type { Block, Parser } from './block.ts';
import { cleanLines } from './clean.ts';
import { type Command, commandOf, commandOfFile, emptyPrompt } from './command.ts';
import { iptablesSave, nftRuleset } from './firewall.ts';
import { identity } from './identity.ts';
import { ifconfig } from './ifconfig.ts';
import { ipBrief, ipLinks } from './ip-links.ts';
import { ipNeighbours } from './ip-neighbours.ts';
import { ipRoutes } from './ip-routes.ts';
import { ipRules } from './ip-rules.ts';
import { partOfJson } from './json.ts';
import { arpTable, netToolsRoutes } from './net-tools.ts';
import { sysctl } from './sysctl.ts';
import { tincSubnets } from './tinc.ts';
import { secretConfiguration, wireguardDump, wireguardShow } from './wireguard.ts';

/** What a text of saved or pasted outputs says. */
export interface Outputs {
  parts: Part[];
  /** What of it could not be read. */
  unread: Note[];
  /** Of the prompts in it. */
  hostname: string | undefined;
}

/** Those that keep secrets come first: nothing shall be repeated that they would have swallowed. */
const PARSERS: readonly Parser[] = [
  secretConfiguration,
  wireguardDump,
  wireguardShow,
  sysctl,
  ipLinks,
  ipRules,
  ipNeighbours,
  netToolsRoutes,
  arpTable,
  ifconfig,
  bgpTable,
  birdRoutes,
  tincSubnets,
  nftRuleset,
  iptablesSave,
  identity,
  ipRoutes,
  ipBrief,
];

/** Those whose lines may be of any length: a peer may have thousands of prefixes. */
const TAKE_LONG_LINES: readonly Parser[] = [secretConfiguration, wireguardDump];
/** Longest line, in characters, that the others look at, and longest one that may be a command. */
const LONGEST = 8192;
const LONGEST_COMMAND = 1000;
/** What looks like JSON and is not is not looked at for ever: so many times, or so many lines. */
const MOST_NO_JSON = 20;
const MOST_LINES_NO_JSON = 50_000;

/** Lines that say nothing: fences of Markdown, rulers, the end of a session. */
const NOISE = /^\s*(```\w*|[-=#*~_.]{3,}|exit|logout|\.\.\.|…|\[…\]|--More--|Script (started|done).*)?\s*$/i;

/**
 * Reads outputs of commands one after another, as they stand in a file or a ticket: recognised by what they say, and by the command where a prompt, a
 * heading or the file's name has it.
 * @param name of the file: for messages
 */
export function readOutputs(text: string, name: string): Outputs {
  return new Reader(name).read(cleanLines(text));
}

class Reader {
  private readonly name: string;
  private readonly ofFile: Command | undefined;
  private command: Command | undefined;
  private block: Block | undefined;
  private parser: Parser | undefined;
  private noJson = 0;
  private linesNoJson = 0;
  private readonly parts: Part[] = [];
  private readonly unknown: { line: string; number: number }[] = [];
  private hostname: string | undefined;
  private understood = 0;
  /** Nothing stands below the command so far. */
  private isEmpty = false;

  constructor(name: string) {
    this.name = name;
    this.ofFile = commandOfFile(name);
    this.command = this.ofFile;
  }

  read(lines: readonly string[]): Outputs {
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i] ?? '';
      if (line.length <= LONGEST_COMMAND && (NOISE.test(line) || this.takeCommand(line))) continue;
      this.isEmpty = false;
      const after = this.takeJson(lines, i);
      if (after !== undefined) {
        i = after;
        continue;
      }
      if ((line.length <= LONGEST || this.takesLongLines()) && this.block?.take(line)) {
        this.understood++;
        continue;
      }
      this.open(line, i);
    }
    this.close();
    return { parts: this.parts, unread: this.unread(), hostname: this.hostname };
  }

  private takeCommand(line: string): boolean {
    const empty = emptyPrompt(line);
    const command = empty === undefined ? commandOf(line) : undefined;
    if (empty === undefined && !command) return false;
    this.close();
    // The next prompt shows that the command ended and had nothing to say: there are no neighbours, or no routes.
    const before = this.isEmpty && this.command?.shows !== 'rule' ? partOfJson([], this.command) : undefined;
    if (before) this.parts.push(before);
    this.isEmpty = command !== undefined;
    this.hostname ??= empty ?? undefined;
    if (!command) return true;
    this.command = command;
    this.hostname ??= command.hostname;
    return true;
  }

  private open(line: string, index: number): void {
    const parsers = line.length <= LONGEST ? PARSERS : TAKE_LONG_LINES;
    const parser = parsers.find((each) => each.starts(line, this.command));
    // What was begun may go on behind a line that nobody knows.
    if (!parser) {
      this.unknown.push({ line, number: index + 1 });
      return;
    }
    this.close();
    this.block = parser.open(this.command);
    this.parser = parser;
    if (this.block.take(line)) this.understood++;
    else this.unknown.push({ line, number: index + 1 });
  }

  private takesLongLines(): boolean {
    return this.parser !== undefined && TAKE_LONG_LINES.includes(this.parser);
  }

  private close(): void {
    if (!this.block) return;
    const { parts, misread } = this.block.end();
    this.parts.push(...parts);
    for (const line of misread) this.unknown.push({ line, number: 0 });
    this.block = undefined;
  }

  /** JSON begins at the beginning of a line and ends where its brackets do. Gives the index of its last line. */
  private takeJson(lines: readonly string[], from: number): number | undefined {
    if (
      this.noJson >= MOST_NO_JSON ||
      this.linesNoJson >= MOST_LINES_NO_JSON ||
      !/^\s{0,80}(\[\s{0,80}(\{|\]|$)|\{\s{0,80}("|\}|$))/.test(lines[from] ?? '')
    )
      return undefined;
    const to = endOfJson(lines, from);
    if (to === undefined) {
      this.noJson++;
      this.linesNoJson += lines.length - from;
      return undefined;
    }
    const pieces = lines.slice(from, to + 1);
    for (const glue of ['\n', '', ' ']) {
      const value = parsed(pieces.join(glue));
      if (value === undefined) continue;
      const part = partOfJson(value, this.command);
      this.close();
      if (part) {
        this.parts.push(part);
        this.understood += pieces.length;
      } else if (isContext(value))
        this.parts.push({ notes: [{ what: this.name, why: 'is a context already: hand it over by --context' }] });
      else this.unknown.push({ line: lines[from] ?? '', number: from + 1 });
      return to;
    }
    this.noJson++;
    return undefined;
  }

  private unread(): Note[] {
    const [first] = this.unknown;
    if (!first) return [];
    if (this.understood === 0) return [{ what: this.name, why: `not known what this is; it begins with ${quoted(first.line)}` }];
    const { length } = this.unknown;
    const what = length === 1 ? '1 line was not understood, ' : `${length} lines were not understood, the first one `;
    const where = first.number > 0 ? `line ${first.number}: ` : '';
    return [{ what: this.name, why: `${what}${where}${quoted(first.line)}` }];
  }
}

const isContext = (value: unknown): boolean =>
  value !== null && typeof value === 'object' && Object.hasOwn(value, 'schema') && Object.hasOwn(value, 'hosts');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The line in which the brackets that are opened in line `from` are closed; undefined where that does not happen. */
function endOfJson(lines: readonly string[], from: number): number | undefined {
  let depth = 0;
  let inString = false;
  for (let i = from; i < lines.length; i++) {
    const line = lines[i] ?? '';
    for (let at = 0; at < line.length; at++) {
      const char = line[at];
      if (inString) {
        if (char === '\\') at++;
        else if (char === '"') inString = false;
      } else if (char === '"') inString = true;
      else if (char === '[' || char === '{') depth++;
      else if (char === ']' || char === '}') depth--;
    }
    if (depth === 0) return i;
  }
  return undefined;
}
