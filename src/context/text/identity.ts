import type { Part } from '../part.ts';
import { type Block, type Parser, type Said, wordsOf } from './block.ts';
import type { Command } from './command.ts';

/** `hostname`, `uname`, `date`: a line each. */
export const identity: Parser = {
  name: 'hostname, uname, date',
  starts: (line, command) => identityOf(line, command) !== undefined,
  open: (command) => new Identity(command),
};

class Identity implements Block {
  private readonly command: Command | undefined;
  private part: Part | undefined;

  constructor(command: Command | undefined) {
    this.command = command;
  }

  take(line: string): boolean {
    if (this.part) return false;
    this.part = identityOf(line, this.command);
    return this.part !== undefined;
  }

  end(): Said {
    return { parts: this.part ? [this.part] : [], misread: [] };
  }
}

function identityOf(line: string, command: Command | undefined): Part | undefined {
  const words = wordsOf(line);
  const [, hostname, kernel] = /^Linux (\S+) (\d+\.\d+\S*) #\d+/.exec(line) ?? [];
  if (hostname !== undefined && kernel !== undefined) return { hostname, kernel };
  if (command?.shows === 'kernel' && words.length === 1 && /^\d+\.\d+/.test(line)) return { kernel: line.trim() };
  if (command?.shows === 'hostname' && words.length === 1 && /^[\w.-]{1,253}$/.test(line.trim())) return { hostname: line.trim() };
  const time = timeOf(line);
  if (time === undefined) return undefined;
  return time === null ? { notes: [{ what: 'time', why: 'the name of a time zone does not say when it was: "date -u" does' }] } : { time };
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** What `date` prints, as RFC 3339 in UTC; null where its zone has a name that is not UTC's; undefined where it is no date. */
function timeOf(line: string): string | null | undefined {
  const text = line.trim();
  const iso = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?\s?(Z|[+-]\d\d:?\d\d)$/.exec(text);
  if (iso) return utc(text.replace(' ', 'T').replace(',', '.').replace(/\s/, ''));
  const [, month = '', day = '', clock = '', half, zone = '', year = ''] =
    /^[A-Z][a-z]{2} +([A-Z][a-z]{2}) +(\d{1,2}) +(\d\d:\d\d:\d\d)( [AP]M)? +(\S+) +(\d{4})$/.exec(text) ??
    swapped(/^[A-Z][a-z]{2} +(\d{1,2}) +([A-Z][a-z]{2}) +(\d{4}) +(\d\d:\d\d:\d\d)( [AP]M)? +(\S+)$/.exec(text)) ??
    [];
  const at = MONTHS.indexOf(month);
  if (at < 0) return undefined;
  if (!/^(UTC|GMT|Z|[+-]\d\d(:?\d\d)?)$/.test(zone)) return null;
  const hours = (Number(clock.slice(0, 2)) % (half ? 12 : 24)) + (half === ' PM' ? 12 : 0);
  const offset = /^[+-]/.test(zone) ? zone.replace(/^([+-]\d\d):?(\d\d)?$/, (_, hour, minute) => `${hour}:${minute ?? '00'}`) : 'Z';
  return utc(
    `${year}-${String(at + 1).padStart(2, '0')}-${day.padStart(2, '0')}T${String(hours).padStart(2, '0')}${clock.slice(2)}${offset}`,
  );
}

/** Newer versions of `date` put day and year elsewhere: `Fri 22 Nov 2025 12:53:01 AM UTC`. */
function swapped(match: RegExpExecArray | null): (string | undefined)[] | undefined {
  if (!match) return undefined;
  const [all, day, month, year, clock, half, zone] = match;
  return [all, month, day, clock, half, zone, year];
}

function utc(text: string): string | undefined {
  const at = new Date(text.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
