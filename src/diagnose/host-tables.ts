import type { Host, Rule } from '../context/host.ts';
import type { Family } from '../context/prefix.ts';

/** local, main, default: tables that every host has. */
export const RESERVED_TABLES: ReadonlySet<number> = new Set([255, 254, 253]);

const FIRST_TABLE = 101;
/** Where tables have names, their numbers are not known; /etc/iproute2/rt_tables gives small ones. */
const FIRST_BESIDE_NAMES = 10_001;

/** Numbers of tables that neither routes nor rules of the host know. */
export function* freeTables(host: Host): Generator<number, undefined> {
  const { routes = [], rules = [] } = host;
  const used = new Set([...routes.map(({ table }) => table), ...rules.map(({ table }) => table)]);
  const areNamed = [...used].some((table) => table > 0 && !RESERVED_TABLES.has(table) && !/^\d+$/.test(host.tableName(table)));
  for (let table = areNamed ? FIRST_BESIDE_NAMES : FIRST_TABLE; ; table++) if (!used.has(table) && !RESERVED_TABLES.has(table)) yield table;
}

const USUAL_PRIORITY = 99;
const MOST_PLACES = 16;

/**
 * Where rules can go: before all others but that of the table local, then nearer and nearer to the one that decides now, and always before it. Each
 * the first of `count` numbers that are free.
 * @param decided undefined: before any rule
 */
export function* freePriorities(
  { rules = [] }: Host,
  family: Family,
  decided: Rule | undefined,
  count: number,
): Generator<number, undefined> {
  const used = [...new Set(rules.filter((rule) => rule.family === family).map(({ priority }) => priority))].sort((a, b) => a - b);
  const last = decided?.priority ?? used.at(-1) ?? 0;
  let before = 0;
  let places = 0;
  for (const priority of used) {
    if (priority > last || places >= MOST_PLACES) return;
    if (priority - before > count) {
      yield before < USUAL_PRIORITY && priority >= USUAL_PRIORITY + count ? USUAL_PRIORITY : priority - count;
      places++;
    }
    before = priority;
  }
}
