/* What traceroute, mtr, tcptraceroute, dublin-traceroute and scamper say at the end, read into one form. */

/** What a tool says of one TTL. */
export interface ReportedHop {
  ttl: number;
  /** Whoever answered, in the order in which the tool names them. */
  ips: string[];
  /** Probes without an answer, of so many; where the tool does not say how many it sent, those that it shows. */
  lost: number;
  sent: number;
  /** Milliseconds: of each answer (traceroute), or least, mean and most (mtr). */
  times: number[] | { min: number; avg: number; max: number };
}

export interface Report {
  /** The command, where the report has it. */
  command: string;
  destination: string;
  hops: ReportedHop[];
}

/** Text of several runs, each below a line with its command (`$ …`); of one without. */
export const sectionsOf = (text: string): { command: string; body: string }[] =>
  text.startsWith('$ ')
    ? text
        .slice(2)
        .split('\n$ ')
        .map((section) => ({ command: section.split('\n', 1)[0] ?? '', body: section.slice(section.indexOf('\n') + 1) }))
    : [{ command: '', body: text }];

/** traceroute, tcptraceroute, scamper: `TTL  address  time ms  time ms address  time ms`, `*` for what nobody answered. */
export const tracerouteReports = (text: string): Report[] =>
  sectionsOf(text).flatMap(({ command, body }) =>
    body
      .split(/^(?=traceroute (?:to|from) |Tracing the path to )/m)
      .filter((run) => /^(traceroute|Tracing) /.test(run))
      .map((run) => ({ command, destination: destinationOf(run), hops: run.split('\n').flatMap(hopOfLine) })),
  );

const destinationOf = (run: string): string => /^(?:traceroute to|Tracing the path to|traceroute from \S+ to) (\S+)/.exec(run)?.[1] ?? '';

function hopOfLine(line: string): ReportedHop[] {
  const match = /^ ?(\d+) {2}(.*)$/.exec(line);
  if (!match) return [];
  const words = (match[2] ?? '').split(/\s+/);
  const ips: string[] = [];
  const times: number[] = [];
  let lost = 0;
  for (const [i, word] of words.entries()) {
    if (word === '*') lost++;
    else if (words[i + 1] === 'ms') times.push(Number(word));
    else if (/^[0-9a-f]+[.:]/.test(word) && !ips.includes(word)) ips.push(word);
  }
  return [{ ttl: Number(match[1]), ips, lost, sent: times.length + lost, times }];
}

interface Hub {
  count: number;
  host: string;
  'Loss%': number;
  Snt: number;
  Avg: number;
  Best: number;
  Wrst: number;
}

/** mtr with `--json`: one document after the other. */
export const mtrReports = (text: string): Report[] =>
  sectionsOf(text).map(({ command, body }) => {
    const { mtr, hubs } = JSON.parse(body).report as { mtr: { dst: string }; hubs: Hub[] };
    return {
      command,
      destination: mtr.dst,
      hops: hubs.map(({ count, host, Snt, Avg, Best, Wrst, 'Loss%': loss }) => hopOfMtr(count, host, loss, Snt, Avg, Best, Wrst)),
    };
  });

/** mtr with `--report`. */
export const mtrTextReport = (text: string, destination: string): Report => ({
  command: '',
  destination,
  hops: text.split('\n').flatMap((line) => {
    const match = /^ *(\d+)\.\|-- (\S+) +([\d.]+)% +(\d+) +[\d.]+ +([\d.]+) +([\d.]+) +([\d.]+)/.exec(line);
    if (!match) return [];
    const [ttl = 0, loss = 0, sent = 0, avg = 0, best = 0, worst = 0] = [1, 3, 4, 5, 6, 7].map((i) => Number(match[i]));
    return [hopOfMtr(ttl, match[2] ?? '', loss, sent, avg, best, worst)];
  }),
});

function hopOfMtr(ttl: number, host: string, loss: number, sent: number, avg: number, min: number, max: number): ReportedHop {
  return { ttl, ips: host === '???' ? [] : [host], lost: Math.round((loss * sent) / 100), sent, times: { min, avg, max } };
}

/** dublin-traceroute: a list of hops for each flow. */
export const dublinFlows = (text: string): { flow: number; hops: ReportedHop[] }[] =>
  text
    .split('== Flow ID ')
    .slice(1)
    .map((section) => ({
      flow: Number.parseInt(section, 10),
      hops: section.split('\n').flatMap((line) => {
        const match = /^(\d+) +(\S+) \(.*RTT ([\d.]+) ms/.exec(line);
        return match ? [{ ttl: Number(match[1]), ips: [match[2] ?? ''], lost: 0, sent: 1, times: [Number(match[3])] }] : [];
      }),
    }));
