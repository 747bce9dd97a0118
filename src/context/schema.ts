/** A JSON Schema. */
export type ContextSchema = Readonly<Record<string, unknown>>;

/** The version of the document that is written, and the latest one that is read. */
export const CONTEXT_SCHEMA = 1;

const text: ContextSchema = { type: 'string' };
const textOrNull: ContextSchema = { type: ['string', 'null'] };
const truth: ContextSchema = { type: 'boolean' };
const whole: ContextSchema = { type: 'integer' };
const texts: ContextSchema = { type: 'array', items: text };
const nameOrNumber: ContextSchema = { type: ['string', 'integer'] };

/** Programs say more with every version: what is not named here may be there too. */
const object = (required: Record<string, ContextSchema>, optional: Record<string, ContextSchema> = {}): ContextSchema => ({
  type: 'object',
  properties: { ...required, ...optional },
  required: Object.keys(required),
});
const list = (items: ContextSchema): ContextSchema => ({ type: 'array', items });

const via = object({ family: text, host: text });

const ofLinks = {
  ifindex: whole,
  flags: texts,
  mtu: whole,
  operstate: text,
  link_type: text,
  address: text,
  master: text,
  link: textOrNull,
};

const link = object(
  { ifname: text },
  { ...ofLinks, linkinfo: object({}, { info_kind: text, info_data: { type: 'object' }, info_slave_kind: text }) },
);

const addresses = object(
  {
    ifname: text,
    addr_info: list(
      object(
        { family: text, local: text, prefixlen: { type: 'integer', minimum: 0, maximum: 128 } },
        {
          address: text,
          scope: text,
          secondary: truth,
          deprecated: truth,
          tentative: truth,
          temporary: truth,
          dadfailed: truth,
          label: text,
          protocol: text,
        },
      ),
    ),
  },
  ofLinks,
);

const route = object(
  { dst: text },
  {
    family: { enum: ['inet', 'inet6'] },
    type: text,
    from: text,
    gateway: text,
    via,
    dev: text,
    table: nameOrNumber,
    protocol: text,
    scope: text,
    prefsrc: text,
    metric: whole,
    tos: text,
    flags: texts,
    pref: text,
    nhid: whole,
    nexthops: list(object({}, { gateway: text, via, dev: text, weight: whole, flags: texts })),
    metrics: list({ type: 'object' }),
  },
);

const rule = object(
  { priority: whole },
  {
    src: text,
    srclen: whole,
    dst: text,
    dstlen: whole,
    tos: text,
    fwmark: text,
    fwmask: text,
    iif: text,
    oif: text,
    uid_start: whole,
    uid_end: whole,
    ipproto: nameOrNumber,
    sport: whole,
    sport_start: whole,
    sport_end: whole,
    dport: whole,
    dport_start: whole,
    dport_end: whole,
    tun_id: nameOrNumber,
    suppress_prefixlen: whole,
    suppress_ifgroup: text,
    table: nameOrNumber,
    goto: nameOrNumber,
    action: text,
  },
);

const neighbour = object({ dst: text, dev: text }, { lladdr: text, state: texts });

/** A base64 text of 32 octets. */
const publicKey: ContextSchema = { type: 'string', pattern: '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$' };

const wireguard = object({
  interface: text,
  publicKey: { oneOf: [publicKey, { enum: [''] }] },
  listenPort: { type: ['integer', 'null'] },
  fwmark: text,
  peers: list(
    object({
      publicKey,
      endpoint: textOrNull,
      allowedIps: text,
      latestHandshake: { type: ['integer', 'null'] },
      persistentKeepalive: nameOrNumber,
    }),
  ),
});

const tinc = object({
  interface: textOrNull,
  name: textOrNull,
  mode: textOrNull,
  subnets: list(object({ subnet: text, weight: whole, owner: text })),
});

/** What entries of the lists of a host look like. */
export const ENTRIES = {
  links: link,
  addresses,
  routes: route,
  rules: rule,
  rules6: rule,
  neighbours: neighbour,
  wireguard,
  tinc,
} as const;

const host: ContextSchema = {
  ...object(
    {},
    {
      hostname: textOrNull,
      kernel: textOrNull,
      time: textOrNull,
      captures: texts,
      ...Object.fromEntries(Object.entries(ENTRIES).map(([name, entry]) => [name, list(entry)])),
      sysctls: { type: 'object', additionalProperties: text },
      bgp: {},
      ipsec: {},
      nftables: {},
      iptables: texts,
      unread: list(object({ what: text, why: text })),
    },
  ),
  description: 'What a host says of itself. All that is not there was not read',
};

/** The JSON Schema (2020-12) of what `fluxcap context` writes and `--context` reads. */
export const contextSchema = (): ContextSchema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'fluxcap/context.schema.json',
  title: 'fluxcap context',
  description:
    'What hosts say of themselves: links, addresses, routes, rules, neighbours as `ip -j` prints them, sysctls, and what else they know',
  ...object({ schema: { const: CONTEXT_SCHEMA }, hosts: list(host) }),
});
