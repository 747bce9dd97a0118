import type { ContextSchema } from './schema.ts';

/**
 * The first thing in `value` that is otherwise than `schema` says, as `hosts[0].routes[3].dst: expected a string, got 5`; undefined where all is
 * well. Knows the words that src/context/schema.ts uses, no others.
 */
export function faultIn(value: unknown, schema: ContextSchema, path = ''): string | undefined {
  const { type, oneOf, enum: allowed, const: only, pattern } = schema as Words;
  const at = path === '' ? 'it' : path;
  if (oneOf) return oneOf.some((each) => faultIn(value, each, path) === undefined) ? undefined : faultIn(value, oneOf[0] ?? {}, path);
  if (only !== undefined && value !== only) return `${at}: expected ${JSON.stringify(only)}, got ${shown(value)}`;
  if (allowed && !allowed.includes(value))
    return `${at}: expected ${allowed.map((each) => JSON.stringify(each)).join(' or ')}, got ${shown(value)}`;
  if (type !== undefined) {
    const types = typeof type === 'string' ? [type] : type;
    if (!types.some((each) => isOfType(value, each))) return `${at}: expected ${types.map(spoken).join(' or ')}, got ${shown(value)}`;
  }
  if (typeof value === 'number') return faultInNumber(value, schema as Words, at);
  // What does not match may be a key that stands in the wrong place: it is not repeated.
  if (typeof value === 'string')
    return pattern && !new RegExp(pattern).test(value) ? `${at}: is not of the form that it has to have` : undefined;
  if (Array.isArray(value)) return faultInList(value, schema as Words, path);
  return value !== null && typeof value === 'object' ? faultInObject(value as Record<string, unknown>, schema as Words, path) : undefined;
}

interface Words {
  type?: string | string[];
  oneOf?: ContextSchema[];
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  items?: ContextSchema;
  properties?: Record<string, ContextSchema>;
  required?: string[];
  additionalProperties?: ContextSchema;
}

function faultInNumber(value: number, { minimum, maximum }: Words, at: string): string | undefined {
  if (minimum !== undefined && value < minimum) return `${at}: expected ${minimum} or more, got ${value}`;
  return maximum !== undefined && value > maximum ? `${at}: expected ${maximum} or less, got ${value}` : undefined;
}

function faultInList(value: readonly unknown[], { items }: Words, path: string): string | undefined {
  if (!items) return undefined;
  for (const [i, each] of value.entries()) {
    const fault = faultIn(each, items, `${path}[${i}]`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultInObject(value: Readonly<Record<string, unknown>>, words: Words, path: string): string | undefined {
  const { properties = {}, required = [], additionalProperties } = words;
  for (const name of required) if (!Object.hasOwn(value, name)) return `${path === '' ? 'it' : path}: has no "${name}"`;
  for (const [name, each] of Object.entries(value)) {
    const schema = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    const fault = schema && faultIn(each, schema, /^\w+$/.test(name) ? `${path}${path === '' ? '' : '.'}${name}` : `${path}["${name}"]`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null;
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return value !== null && typeof value === 'object' && !Array.isArray(value);
  return typeof value === type;
}

const SPOKEN: Readonly<Record<string, string>> = {
  null: 'null',
  integer: 'a whole number',
  array: 'a list',
  object: 'an object',
  string: 'a string',
  boolean: 'true or false',
};
const spoken = (type: string): string => SPOKEN[type] ?? type;

/** What was given, without repeating texts: they may be long, or secret. */
function shown(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? 'a string' : String(value);
}
