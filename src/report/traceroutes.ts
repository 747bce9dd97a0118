import type { HopAddress, Traceroute } from '../track/traceroute/traceroute.ts';
import { pathNames } from '../wire/encapsulation.ts';
import type { JsonRecord } from './records.ts';
import { wrapText } from './wrap.ts';

/** A record of `show traceroutes`. */
export const tracerouteRecord = ({ source, destination, protocol, path, first, last, probes, hops, reached }: Traceroute): JsonRecord => ({
  input: first.input,
  encapsulation: pathNames(path),
  source,
  destination,
  protocol,
  firstFrame: first.frame,
  lastFrame: last.frame,
  probes,
  hops: hops.map(({ ttl, addresses, sent, lost, isEcmp, mtu }) => ({
    ttl,
    addresses: addresses.map(addressRecord),
    sent,
    lost,
    ecmp: isEcmp,
    mtu: mtu ?? null,
  })),
  reached,
});

const addressRecord = ({ ip, replies, rttMs, replyTtl, mpls, refusal }: HopAddress): JsonRecord => ({
  ip,
  replies,
  rttMs,
  replyTtl,
  refusal,
  mpls: mpls.map(({ label, trafficClass, ttl }) => ({ label, trafficClass, ttl })),
});

/** As much of the records as is printed. */
interface ShownTraceroute {
  encapsulation: string[];
  source: string;
  destination: string;
  protocol: string;
  firstFrame: number;
  lastFrame: number;
  probes: number;
  hops: ShownHop[];
  reached: boolean;
}

interface ShownHop {
  ttl: number;
  addresses: ShownAddress[];
  sent: number;
  lost: number;
  ecmp: boolean;
  mtu: number | null;
}

interface ShownAddress {
  ip: string;
  replies: number;
  rttMs: { min: number; avg: number; max: number } | null;
  refusal: string | null;
  mpls: { label: number; trafficClass: number; ttl: number }[];
}

/** A line of the table: host, and what stands in the columns behind it. */
interface Line {
  head: string;
  cells: readonly string[];
}

const COLUMNS = ['Loss%', 'Snt', 'Avg', 'Best', 'Wrst'];
const NUMBERS = 8;
const INDENT = ' '.repeat(6);

/** The records as `mtr --report` prints them, each under a line that says what was probed. @param width of sentences; a table needs what it needs */
export const traceroutesText = (records: readonly JsonRecord[], width: number): string =>
  (records as unknown as readonly ShownTraceroute[]).map((each) => tracerouteText(each, width)).join('\n');

function tracerouteText(traceroute: ShownTraceroute, width: number): string {
  const { hops } = traceroute;
  const lines: Line[] = [];
  for (let i = 0; i < hops.length; ) {
    const silent = silentFrom(hops, i);
    if (silent > 1) {
      lines.push(silence(hops.slice(i, i + silent)));
      i += silent;
      continue;
    }
    const hop = hops[i];
    if (hop) lines.push(...hopLines(hop));
    i++;
  }
  const widest = lines.reduce(
    (most, { head, cells }) => (cells.length > 0 ? Math.max(most, head.length) : most),
    'Host'.length + INDENT.length,
  );
  const table = [{ head: `${INDENT}Host`, cells: COLUMNS }, ...lines].map(({ head, cells }) =>
    `${head.padEnd(widest + 1)}${cells.map((cell) => cell.padStart(NUMBERS)).join('')}`.trimEnd(),
  );
  const [head = '', ...said] = [heading(traceroute), ...remarks(traceroute)].map((text) => wrapText(text, width, '', '  '));
  return `${[head, ...table, ...said].join('\n')}\n`;
}

function heading({ source, destination, protocol, firstFrame, lastFrame, probes, encapsulation, reached }: ShownTraceroute): string {
  const frames = firstFrame === lastFrame ? `frame ${firstFrame}` : `frames ${firstFrame}-${lastFrame}`;
  const tunnels = encapsulation.length > 0 ? `, in ${encapsulation.join('/')}` : '';
  return `${source} -> ${destination} (${protocol}), ${probes} probes, ${frames}${tunnels}: ${reached ? 'reached' : 'not reached'}`;
}

/** How many hops from this one on say nothing; what is silent up to the end, or between others, needs no line each. */
function silentFrom(hops: readonly ShownHop[], from: number): number {
  let count = 0;
  while (hops[from + count]?.addresses.length === 0 && hops[from + count]?.mtu === null) count++;
  return count > 2 ? count : 0;
}

function silence(hops: readonly ShownHop[]): Line {
  const sent = hops.reduce((sum, hop) => sum + hop.sent, 0);
  return { head: `${`${hops[0]?.ttl}-${hops.at(-1)?.ttl}`.padStart(3)}. ???`, cells: [lossText(hops), String(sent)] };
}

const number = (ttl = 0): string => `${String(ttl).padStart(3)}.`;

function hopLines(hop: ShownHop): Line[] {
  const { ttl, addresses, sent, mtu } = hop;
  const mtuLine: Line[] = mtu === null ? [] : [{ head: `${INDENT}  larger packets do not go on: MTU ${mtu}`, cells: [] }];
  const [first, ...others] = addresses;
  if (!first) return [{ head: `${number(ttl)}  ???`, cells: sent > 0 ? [lossText([hop]), String(sent)] : [] }, ...mtuLine];
  return [
    { head: `${number(ttl)}  ${first.ip}`, cells: [lossText([hop]), String(sent), ...times(first)] },
    ...below(first),
    ...others.flatMap((other) => [{ head: `${INDENT}${other.ip}`, cells: ['', '', ...times(other)] }, ...below(other)]),
    ...mtuLine,
  ];
}

/** What an address says beside answering. */
const below = ({ mpls, refusal }: ShownAddress): Line[] => [
  ...mpls.map(({ label, trafficClass, ttl }) => ({ head: `${INDENT}  [MPLS: Lbl ${label} TC ${trafficClass} TTL ${ttl}]`, cells: [] })),
  ...(refusal === null ? [] : [{ head: `${INDENT}  refuses: ${refusal}`, cells: [] }]),
];

/** Share of the probes whose fate is known, as mtr has it; NaN where the capture ends too early for all of them. */
function lossOf(hops: readonly ShownHop[]): number {
  const lost = hops.reduce((sum, hop) => sum + hop.lost, 0);
  const answered = hops.reduce((sum, { addresses }) => sum + addresses.reduce((all, { replies }) => all + replies, 0), 0);
  return lost / (lost + answered);
}

/** Of several probes it is not known: the capture ended before their answers could come, and may have ended because none came. */
const isOpen = ({ sent, lost, addresses }: ShownHop): boolean => sent - lost - addresses.reduce((sum, { replies }) => sum + replies, 0) > 1;

const lossText = (hops: readonly ShownHop[]): string =>
  Number.isNaN(lossOf(hops)) || hops.some(isOpen) ? '?' : `${(100 * lossOf(hops)).toFixed(1)}%`;

const times = ({ rttMs }: ShownAddress): string[] =>
  rttMs === null ? ['', '', ''] : [rttMs.avg, rttMs.min, rttMs.max].map((ms) => ms.toFixed(ms < 10 ? 3 : 1));

/** An address that answers at so many hops, others between them, has the packets come back to it. */
const ROUNDS = 3;

/** What is to be thought of it. */
function remarks({ hops, reached }: ShownTraceroute): string[] {
  const lastAnswered = hops.findLastIndex(({ addresses }) => addresses.length > 0);
  const paths = hops.filter(({ ecmp }) => ecmp);
  const round = goneRound(hops);
  return [
    ...(round.length > 0 ? [`The packets go round: ${round.join(', ')}.`] : losses(hops.slice(0, lastAnswered + 1))),
    ...(paths.length > 0
      ? [`Paths of equal cost: the addresses of ${hopsText(paths)} take turns by flow; the route does not change.`]
      : []),
    ...(!reached && lastAnswered >= 0 && lastAnswered < hops.length - 1 ? [`Nobody answers behind hop ${hops[lastAnswered]?.ttl}.`] : []),
  ];
}

/**
 * Routers that answer seldom, or never, while those behind them answer at least twice as well: they have better things to do, for they forward.
 * Smaller differences are chance.
 */
function losses(hops: readonly ShownHop[]): string[] {
  const limited = hops.filter((hop, i) =>
    hops.slice(i + 1).some((behind) => behind.addresses.length > 0 && lossOf([behind]) < lossOf([hop]) / 2),
  );
  const [seldom, never] = [
    limited.filter(({ addresses }) => addresses.length > 0),
    limited.filter(({ addresses }) => addresses.length === 0),
  ];
  const shares = [...new Set(seldom.map((hop) => Math.round(100 * lossOf([hop]))))].sort((a, b) => a - b);
  const [least, most] = [shares[0], shares.at(-1)];
  return [
    ...sentence(
      seldom,
      `did not answer ${least === most ? least : `${least} to ${most}`} % of the probes, hops behind did: errors are limited there, nothing is lost.`,
    ),
    ...sentence(never, `${never.length === 1 ? 'answers' : 'answer'} nothing, hops behind do: packets are forwarded there in silence.`),
  ];
}

const sentence = (hops: readonly ShownHop[], said: string): string[] => (hops.length === 0 ? [] : [`${capital(hopsText(hops))} ${said}`]);

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Addresses that answer again and again. */
function goneRound(hops: readonly ShownHop[]): string[] {
  const hopsOf = new Map<string, ShownHop[]>();
  for (const hop of hops) for (const { ip } of hop.addresses) hopsOf.set(ip, [...(hopsOf.get(ip) ?? []), hop]);
  return [...hopsOf]
    .filter(([, all]) => all.filter(({ ttl }, i) => ttl !== (all[i - 1]?.ttl ?? -1) + 1).length >= ROUNDS)
    .map(([ip, all]) => `${ip} answers at ${hopsText(all)}`);
}

const hopsText = (hops: readonly ShownHop[]): string => `${hops.length === 1 ? 'hop' : 'hops'} ${hops.map(({ ttl }) => ttl).join(', ')}`;
