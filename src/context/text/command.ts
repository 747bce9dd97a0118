import type { Family } from '../part.ts';

/** What a command shows, as far as a context has a place for it; `other` of those that are known by name only. */
export type Shows =
  | 'address'
  | 'link'
  | 'route'
  | 'route-get'
  | 'rule'
  | 'neighbour'
  | 'ifconfig'
  | 'net-tools-route'
  | 'arp'
  | 'sysctl'
  | 'sysctl-file'
  | 'wireguard'
  | 'wireguard-dump'
  | 'secret'
  | 'bgp'
  | 'bird'
  | 'tinc'
  | 'nftables'
  | 'iptables'
  | 'hostname'
  | 'kernel'
  | 'date'
  | 'other';

/** A command line, as it stands over what it printed: at a prompt, in a heading, in the name of a file. */
export interface Command {
  /** In one spelling, without prompt: for messages. */
  text: string;
  shows: Shows;
  family: Family | undefined;
  /** `table X` of `ip route`. */
  table: string | undefined;
  /** `dev X` of `ip`, or the interface, file or network that it names. */
  of: string | undefined;
  isBusybox: boolean;
  /** It shows not all there is. */
  isFiltered: boolean;
  /** Of the prompt before it. */
  hostname: string | undefined;
}

/** `user@host:~$`, `[user@host dir]#`, `host#`, `host(config)>`, or the sign alone. */
const PROMPT = new RegExp(
  [
    String.raw`^\s*(?:\([\w.-]+\)\s)?`,
    String.raw`(?:(?:\[[\w.-]+@([\w.-]+)(?:[\s:][^\]]*)?\]|[\w.-]+@([\w.-]+)(?::[^\s#$]*)?)\s?[#$%>](?:\s+|$)`,
    String.raw`|([\w.-]+)(?:\([\w-]+\))?[#>]\s*`,
    String.raw`|[#$%+>]+\s+)`,
  ].join(''),
);
const DECORATION = /^[\s=#*~_+|>-]*[=#*~_+|>-]\s*|\s*[=#*~_|:-]+\s*$/g;
/** What stands before the command itself. */
const BEFORE = new RegExp(
  `^(?:${[
    String.raw`sudo(?:\s+-\S+)*`,
    'time|doas|command',
    String.raw`ssh(?:\s+-[bcFiJlop]\s+\S+|\s+-\S+)*\s+\S+`,
    String.raw`(?:\/\S*\/)?ip\s+netns\s+exec\s+\S+`,
    String.raw`(?:docker|podman)\s+exec(?:\s+-\S+)*\s+\S+`,
    String.raw`(?:env\s+)?[A-Z_]+=\S*`,
    String.raw`timeout\s+\S+`,
    String.raw`vtysh\s+-c`,
  ].join('|')})\\s+`,
);

/** The command that a line names, or undefined where it names none. A line without prompt or heading must look like nothing else. */
export function commandOf(line: string): Command | undefined {
  const [prompt = '', inBrackets, host, short] = PROMPT.exec(line) ?? [];
  const decorated = line.replace(DECORATION, '');
  const isMarked = prompt !== '' || decorated !== line.trim();
  for (const text of prompt === '' ? [decorated] : [line.slice(prompt.length), decorated]) {
    const found = parsed(text, isMarked);
    if (found) return { ...found, hostname: inBrackets ?? host ?? (short && /[a-z]/i.test(short) ? short : undefined) };
  }
  return undefined;
}

/** The command that the name of a file stands for: `ip_-6_route_show_table_all`, `ip-rule.txt`. */
export function commandOfFile(name: string): Command | undefined {
  const stem = name.replace(/\.(txt|log|out|json|text)$/i, '').replace(/^\d+[._-]/, '');
  for (const spaced of [
    stem.replaceAll('_', ' '),
    stem.replace(/[_.-]+/g, ' '),
    stem.replace(/^ip[-_]?6[-_.]?/, 'ip -6 ').replace(/^ip(?=[a-z])/, 'ip '),
  ]) {
    const found = parsed(spaced.replace(/(?<=\bip\s)(6|4)(?=\s)/, '-$1'), true);
    if (found) return { ...found, hostname: undefined };
  }
  return undefined;
}

/** An empty prompt: nothing was typed there. Gives the name of the host; null where it does not say that. */
export function emptyPrompt(line: string): string | null | undefined {
  const match = PROMPT.exec(line.trimEnd());
  if (!match && /^\s*[#$%>]+\s*$/.test(line)) return null;
  return match && match[0].trimEnd() === line.trimEnd() ? (match[1] ?? match[2] ?? match[3] ?? null) : undefined;
}

type Parsed = Omit<Command, 'hostname'>;

function parsed(given: string, isMarked: boolean): Parsed | undefined {
  let text = given.trim().replace(/^['"`](.*)['"`]$/, '$1');
  for (let before = BEFORE.exec(text); before; before = BEFORE.exec(text))
    text = text.slice(before[0].length).replace(/^['"](.*)['"]$/, '$1');
  const [plain = '', ...pipes] = text.replace(/\s*\d?>>?\s*\S+/g, '').split('|');
  const words = plain.trim().replace(/['"]/g, '').split(/\s+/);
  const isBusybox = /(^|\/)busybox$/.test(words[0] ?? '');
  if (isBusybox) words.shift();
  const program = (words.shift() ?? '').replace(/^.*\//, '');
  const made = readers[program]?.(words, isMarked);
  if (!made) return undefined;
  return {
    text: redactedText([program, ...words].join(' ')),
    family: undefined,
    table: undefined,
    of: undefined,
    isBusybox,
    ...made,
    isFiltered: made.isFiltered === true || pipes.some((pipe) => !/^\s*(column|cat|less|more|tee|sort|jq)\b/.test(pipe)),
  };
}

/** It is quoted in messages: only what a command line usually has. */
const redactedText = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}…` : text);

type Made = Partial<Parsed> & { shows: Shows };
type Reader = (words: readonly string[], isMarked: boolean) => Made | undefined;

const OBJECTS: readonly (readonly [RegExp, Shows])[] = [
  [/^a(d(d(r(e(s(s)?)?)?)?)?)?$/, 'address'],
  [/^l(i(n(k)?)?)?$/, 'link'],
  [/^r(o(u(t(e)?)?)?)?$/, 'route'],
  [/^rul?(e)?$/, 'rule'],
  [/^n(e(i(g(h(b(o(u(r)?)?)?)?)?)?)?)?$/, 'neighbour'],
];

/** Options of `ip` that a value follows. */
const WITH_VALUE = /^-(n|netns|f|family|rc|rcvbuf|l|loops|b|batch)$/;

const ip: Reader = (words, isMarked) => {
  let count = 0;
  while (words[count]?.startsWith('-')) count += WITH_VALUE.test(words[count] ?? '') ? 2 : 1;
  const options = words.slice(0, count);
  const rest = words.slice(count);
  const shows = OBJECTS.find(([pattern]) => pattern.test(rest[0] ?? ''))?.[1];
  if (!shows)
    return isMarked && rest[0] !== undefined && /^(maddr|mroute|tunnel|xfrm|vrf|netns|nexthop|netconf|-V)/.test(rest[0])
      ? { shows: 'other' }
      : undefined;
  const family: Family | undefined =
    options.includes('-6') || options.includes('inet6') ? 6 : options.includes('-4') || options.includes('inet') ? 4 : undefined;
  const after = rest.slice(1);
  const argumentOf = (...names: string[]): string | undefined => {
    const at = after.findIndex((word) => names.includes(word));
    return at < 0 ? undefined : after[at + 1];
  };
  if (shows === 'route' && /^g(et?)?$/.test(after[0] ?? '')) return { shows: 'route-get', family };
  // Changes print nothing: what follows is something else.
  if (/^(add|del|delete|replace|change|append|flush|set)$/.test(after[0] ?? '')) return { shows: 'other' };
  const table = argumentOf('table', 't');
  const plain = after.filter(
    (word, i) => !/^(s(h(ow?)?)?|l(i?st?)?|ls|table|t|all|up)$/.test(word) && after[i - 1] !== 'table' && after[i - 1] !== 't',
  );
  // Prose that begins with the words of a command.
  if (!isMarked && plain.some((word) => !/^([\w.:@/-]+)$/.test(word) || /^(is|are|the|of|shows?|says?|prints?)$/i.test(word)))
    return undefined;
  return {
    shows,
    family,
    table,
    of: argumentOf('dev') ?? (shows === 'address' || shows === 'link' ? plain[0] : undefined),
    isFiltered: plain.length > 0,
  };
};

const show: Reader = (words) => {
  const text = words.join(' ');
  if (/^(ip(v6)? )?bgp\b/.test(text)) return { shows: /\b(summary|neighbors?)\b/.test(text) ? 'other' : 'bgp' };
  if (/^route\b/.test(text)) return { shows: 'bird' };
  return /^(ip|ipv6|protocols|interfaces?|running-config|version)\b/.test(text)
    ? { shows: /running-config/.test(text) ? 'secret' : 'other' }
    : undefined;
};

const wg: Reader = (words) => {
  if (words[0] === 'showconf' || words[0] === 'genkey' || words[0] === 'genpsk') return { shows: 'secret', of: words[1] };
  if (words[0] !== undefined && words[0] !== 'show') return undefined;
  const of = words[1] === 'all' || words[1] === 'interfaces' ? undefined : words[1];
  return {
    shows:
      words[2] === 'dump'
        ? 'wireguard-dump'
        : words[2] === 'private-key' || words[2] === 'preshared-keys'
          ? 'secret'
          : words.length > 2
            ? 'other'
            : 'wireguard',
    of,
  };
};

/** A file that was printed. */
const file: Reader = (words) => {
  const path = words.find((word) => word.startsWith('/'));
  if (path === undefined) return undefined;
  if (path.startsWith('/proc/sys/')) return { shows: 'sysctl-file', of: path.slice('/proc/sys/'.length) };
  if (path === '/proc/net/arp') return { shows: 'arp' };
  if (path === '/etc/hostname') return { shows: 'hostname' };
  return { shows: /wireguard|ipsec|tinc|\.key$|secrets/.test(path) ? 'secret' : 'other' };
};

const only =
  (shows: Shows, pattern: RegExp = /^/): Reader =>
  (words) =>
    pattern.test(words.join(' ')) ? { shows } : undefined;

/** By name of the program. */
const readers: Readonly<Record<string, Reader | undefined>> = Object.assign(Object.create(null) as Record<string, Reader | undefined>, {
  ip,
  show,
  wg,
  cat: file,
  head: file,
  tail: file,
  grep: file,
  ifconfig: (words: readonly string[]): Made | undefined =>
    /^(-[av]+|[\w.:@-]+)?$/.test(words.join(' ')) ? { shows: 'ifconfig' } : undefined,
  route: (words: readonly string[]): Made | undefined =>
    /^(-\S+ ?)*$/.test(words.join(' '))
      ? { shows: 'net-tools-route', family: words.some((word) => /^-.*6$/.test(word)) ? 6 : 4 }
      : undefined,
  netstat: (words: readonly string[]): Made | undefined =>
    words.some((word) => /^-\w*r/.test(word))
      ? { shows: 'net-tools-route', family: words.some((word) => /6/.test(word)) ? 6 : 4 }
      : { shows: 'other' },
  arp: only('arp', /^(-\S+ ?)*$/),
  sysctl: (words: readonly string[]): Made => {
    const name = words.find((word) => !word.startsWith('-'));
    return words.includes('-n') && name !== undefined
      ? { shows: 'sysctl-file', of: name.includes('/') ? name : name.replaceAll('.', '/') }
      : { shows: 'sysctl' };
  },
  birdc: only('bird'),
  bird: only('bird'),
  birdcl: only('bird'),
  tinc: (words: readonly string[]): Made => {
    const at = words.findIndex((word) => word === '-n' || word === '--net');
    return { shows: 'tinc', of: at < 0 ? undefined : words[at + 1] };
  },
  nft: only('nftables'),
  'iptables-save': only('iptables'),
  'ip6tables-save': only('other'),
  'iptables-legacy-save': only('iptables'),
  'iptables-nft-save': only('iptables'),
  hostname: only('hostname', /^(-[fs])?$/),
  hostnamectl: only('other'),
  uname: only('kernel'),
  date: only('date'),
  'wg-quick': only('secret'),
});
