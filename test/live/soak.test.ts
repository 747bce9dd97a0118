import { availableParallelism } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';
import { trendOf } from '../../bench/live/memory.ts';
import { type SoakResult, soak } from '../../bench/live/soak.ts';
import { root } from '../tools/captures.ts';
import { hindranceForNamespaces } from '../tools/netns.ts';

/*
 * A minute under load, with evidence and metrics on: every packet a new conversation or the answer to one, so that all tables are full within seconds, and
 * incidents that go on. In between the process is halted, so that the kernel has to drop packets. What is asserted are counts and memory; times depend on what
 * else the machine does. It asks for less than the machine can do, and gives way to other tests. `npm run bench:live -- soak` does the same for longer, and faster.
 */
const SECONDS = 60;
const RATE = 50_000;
/**
 * A second: each of the four hosts is asked every 1.6 s, so that each question is an exchange of its own, which changes what is found. More often, and they are one exchange for a
 * quarter of the run: what is told late, on a busy machine, has no reason to be told again.
 */
const INCIDENTS = 2.5;
const HALT = { after: 4, seconds: 6 };
/** Tables, ring and compiled code have the size that they keep: the halt is over, and what was missed has been caught up with. */
const WARM_UP_SEC = 30;
/** A leak of this many octets a packet would be seen. */
const LEAK_OCTETS = 4;
/** Each second packet begins a conversation, of which 65,536 are remembered. */
const ENOUGH = 1_000_000;
/** Octets a second: what measuring a process's memory adds, and what full tables take at most when they are reached during the run. */
const NOISE = 100e3;
const GROWING = 4e6;
/** Far above what it takes (210 MB here), far below what would be kept if packets that wait were. */
const MOST_OCTETS = 400e6;
/** All garbage is collected each time, so that none hides what is kept: else it comes and goes in minutes, by tens of megabytes. */
const NODE_OPTIONS = ['--gc-global', '--max-semi-space-size=4'];
const MINUTES_OF_PATIENCE_MS = 400_000;
/**
 * Where others had more than this part of all processors' time, what is measured is how long a process waits for its turn: it is run again, no longer giving way, and
 * the least disturbed run counts.
 */
const MOST_DISTURBED = 0.6;
const NICENESSES = [10, 0];
/** Of the sender: eight clients with a wrong source, four hosts with two addresses each that answer from two cards. */
const CLIENTS = 8;
const ADDRESSES = 8;

const why = hindranceForNamespaces(['tcpdump', 'cc', 'nice', 'sysctl']);

describe.skipIf(why !== undefined)(`fluxcap live for a minute under load${why === undefined ? '' : ` (${why})`}`, () => {
  let result: SoakResult;

  beforeAll(async () => {
    const runs: SoakResult[] = [];
    for (const niceness of NICENESSES) {
      const run = await soak({
        project: root,
        backend: 'tcpdump',
        seconds: SECONDS,
        rate: RATE,
        newFlowsPerSecond: RATE / 2,
        incidentsPerSecond: INCIDENTS,
        halt: HALT,
        niceness,
        nodeOptions: NODE_OPTIONS,
      });
      runs.push(run);
      if (run.disturbedSeconds <= MOST_DISTURBED * availableParallelism() * SECONDS) break;
    }
    [result] = runs.sort((a, b) => a.disturbedSeconds - b.disturbedSeconds) as [SoakResult];
  }, MINUTES_OF_PATIENCE_MS);

  it('ends by itself, and not before its time', () => {
    expect(result.said).toContain('listening on');
    expect(result.status).toBe(0);
    expect(result.ranSeconds).toBeGreaterThan(SECONDS - 1);
  });

  it('counts each packet as analysed or as dropped, as many as its helper says', () => {
    const { sent, arrived, packets, dropped, droppedByHelper, decoded } = result;
    expect(arrived).toBe(sent);
    expect(dropped).toBeGreaterThan(0);
    expect(dropped).toBe(droppedByHelper);
    expect(packets + (dropped ?? 0)).toBe(sent);
    expect(decoded).toBe(packets);
  });

  it('takes no more memory as packets go by', () => {
    const { samples, sent, packets, seconds, stateEvicted } = result;
    // Where the machine gave the sender no time, the tables are not full: then they may still grow.
    const isFull = packets > ENOUGH;
    expect(isFull).toBe(isFull && stateEvicted > 0);
    const { slope } = trendOf(samples, WARM_UP_SEC);
    expect(slope).toBeLessThan(isFull ? Math.max((LEAK_OCTETS * sent) / seconds, NOISE) : GROWING);
    expect(Math.max(...samples.map(({ resident }) => resident))).toBeLessThan(MOST_OCTETS);
  });

  it('tells each finding once, updates it at growing distances, and writes it once', () => {
    const { findings, evidenceFiles, said } = result;
    const ids = findings.map(({ id }) => id).sort();
    expect(ids.filter((id) => id.startsWith('udp-reply-wrong-source:'))).toHaveLength(CLIENTS);
    expect(ids.filter((id) => id.startsWith('arp-flux:'))).toHaveLength(ADDRESSES);
    expect(ids).toHaveLength(CLIENTS + ADDRESSES);
    expect(findings.filter(({ news, ended }) => news !== 1 || ended !== 0)).toEqual([]);
    // After ten seconds, twenty more, forty more; and at the end.
    expect(findings.filter(({ updates }) => updates < 1 || updates > 5)).toEqual([]);
    // A disk that is slow lets packets leave the memory before they are written, which is said.
    const written = evidenceFiles.map((name) => name.slice(name.indexOf('-') + 1));
    expect(new Set(written).size).toBe(written.length);
    expect(said.includes('gets no evidence file') || written.length === ids.length).toBe(true);
    expect(written.length).toBeGreaterThan(0);
  });

  it('serves metrics meanwhile', () => {
    const metrics = result.samples.map((sample) => sample.metrics).filter((each) => each !== null);
    expect(metrics.length).toBeGreaterThan(0);
    expect(metrics.at(-1)?.fluxcap_packets_total).toBeLessThanOrEqual(result.packets);
  });
});
