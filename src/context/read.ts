import { faultIn } from './check.ts';
import type { ContextDocument, HostDocument } from './document.ts';
import { CONTEXT_SCHEMA, contextSchema } from './schema.ts';

/** A context that cannot be used; the message is one line and says what to do. */
export class ContextError extends Error {}

/** What makes a plain object one host: the name of a list that hosts have. */
const OF_HOSTS = ['links', 'addresses', 'routes', 'rules', 'rules6', 'neighbours', 'sysctls', 'wireguard'];

/** Keys of what `ip -j` prints, and which command prints it. */
const OF_IP: readonly (readonly [string, string])[] = [
  ['addr_info', 'ip -j address'],
  ['ifname', 'ip -j link'],
  ['priority', 'ip -j rule'],
  ['lladdr', 'ip -j neighbour'],
  ['dst', 'ip -j route'],
];

/**
 * The context in a file for `--context`: what `fluxcap context` wrote, or the same made by hand. One host without the frame of the document is
 * one too. What is not known is let through; what is known must be of the right type, for nothing looks at it again.
 * @param name what messages call it: the name of the file
 * @throws ContextError
 */
export function readContext(text: string, name: string): ContextDocument {
  const document = framed(parsed(text, name), name);
  if (typeof document.schema === 'number' && document.schema > CONTEXT_SCHEMA) {
    throw new ContextError(`${name}: is a context of schema ${document.schema}; this fluxcap knows ${CONTEXT_SCHEMA}: take a newer one`);
  }
  const fault = faultIn(document, contextSchema());
  if (fault !== undefined) throw new ContextError(`${name}: is not a context that can be used: ${fault}`);
  const hosts = (document.hosts as Partial<HostDocument>[]).map((host) => ({ hostname: null, kernel: null, time: null, ...host }));
  if (hosts.length === 0) throw new ContextError(`${name}: has no host`);
  return { ...document, schema: 1, hosts };
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    if (text.trim() === '') throw new ContextError(`${name}: is empty; expected what "fluxcap context" prints`);
    if (!/^\s*[[{]/.test(text)) {
      throw new ContextError(
        `${name}: is not JSON; outputs of commands become a context by "fluxcap context --from DIR", with the folder they are in`,
      );
    }
    throw new ContextError(`${name}: is not JSON, or not all of it: ${withoutQuotes(error)}`);
  }
}

/** Engines repeat a piece of the text, which may hold a secret. */
const withoutQuotes = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replace(/, ?(\.\.\.)?["'`].*$/s, '')
    .replace(/token\s.*? in JSON/s, 'text in JSON');

/** The document, made of a single host too. */
function framed(value: unknown, name: string): Record<string, unknown> {
  const command = commandThatPrints(value);
  if (command !== undefined) {
    throw new ContextError(`${name}: looks like the output of "${command}": give the folder it is in to "fluxcap context --from DIR"`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new ContextError(`${name}: is JSON, but not what "fluxcap context" prints`);
  }
  const given = value as Record<string, unknown>;
  if (Object.hasOwn(given, 'hosts')) return Object.hasOwn(given, 'schema') ? given : { schema: CONTEXT_SCHEMA, ...given };
  if (Object.hasOwn(given, 'findings') && Object.hasOwn(given, 'inputs')) {
    throw new ContextError(`${name}: is the result of an analysis, not a context`);
  }
  if (!OF_HOSTS.some((list) => Object.hasOwn(given, list))) {
    throw new ContextError(`${name}: is JSON, but not what "fluxcap context" prints: it has no "hosts"`);
  }
  return { schema: CONTEXT_SCHEMA, hosts: [given] };
}

/** The command that prints such JSON; undefined where that is none we know. */
function commandThatPrints(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const first: unknown = value.find((each) => each !== null && typeof each === 'object' && Object.keys(each).length > 0);
    if (first === undefined) return undefined;
    return OF_IP.find(([key]) => Object.hasOwn(first as object, key))?.[1];
  }
  if (value === null || typeof value !== 'object') return undefined;
  if (Object.hasOwn(value, 'nftables')) return 'nft -j list ruleset';
  return Object.hasOwn(value, 'routes') && Object.hasOwn(value, 'routerId') ? 'vtysh -c "show bgp ipv4 unicast json"' : undefined;
}
