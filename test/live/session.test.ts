import { describe, expect, it } from 'vitest';
import type { LiveSource } from '../../src/capture/live.ts';
import { type WrittenPacket, writePcap } from '../../src/capture/pcap-writer.ts';
import type { News } from '../../src/live/news.ts';
import { LiveSession, type Pulse, type SessionOptions } from '../../src/live/session.ts';
import { RecordStore } from '../../src/track/records.ts';
import { scenarios } from '../scenarios/index.ts';

/* Sessions over sources that hand out what a test says, at times that a test says. */

const HEADER = 24;
const RECORD_HEADER = 16;

/** Time that goes on only where everything waits: a minute costs nothing. */
class TestPulse implements Pulse {
  private seconds = 100;
  private readonly timers: { at: number; every: number; call: () => void }[] = [];

  now(): number {
    return this.seconds;
  }

  every(seconds: number, call: () => void): () => void {
    const timer = { at: this.seconds + seconds, every: seconds, call };
    this.timers.push(timer);
    return () => this.timers.splice(this.timers.indexOf(timer), 1);
  }

  async breathe(): Promise<void> {
    await settled();
  }

  /** Nothing runs for so long. */
  jump(seconds: number): void {
    this.seconds += seconds;
  }

  at(seconds: number, call: () => void): void {
    this.timers.push({ at: this.seconds + seconds, every: 0, call });
  }

  /** Runs until `isOver`. */
  async run(isOver: () => boolean): Promise<void> {
    for (let i = 0; i < 100_000; i++) {
      await settled();
      if (isOver()) return;
      const timer = this.timers.reduce((first, each) => (each.at < first.at ? each : first));
      this.seconds = Math.max(this.seconds, timer.at);
      if (timer.every > 0) timer.at += timer.every;
      else this.timers.splice(this.timers.indexOf(timer), 1);
      timer.call();
    }
    throw new Error('the session does not end');
  }
}

/** Whatever promises can do by themselves is done. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class TestSource implements LiveSource {
  readonly interface: string;
  readonly backend = 'tcpdump';
  readonly index: number | null;
  drops: { kernel: number | null; interface: number | null } = { kernel: 0, interface: null };
  readonly delaySec = 0.1;
  readonly limits: readonly string[] = [];
  asked = 0;
  closed = false;
  private readonly chunks: Uint8Array[] = [];
  private wake: (() => void) | undefined;
  private ended = false;
  private failure: Error | undefined;

  constructor(name: string, index: number | null) {
    this.interface = name;
    this.index = index;
  }

  give(octets: Uint8Array): void {
    this.chunks.push(octets);
    this.wake?.();
  }

  end(failure?: Error): void {
    this.failure = failure;
    this.ended = true;
    this.wake?.();
  }

  async read(into: Uint8Array, from: number, to: number): Promise<number> {
    while (this.chunks.length === 0) {
      if (this.failure) throw this.failure;
      if (this.ended) return 0;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const [chunk = new Uint8Array(0)] = this.chunks;
    const length = Math.min(chunk.length, to - from);
    into.set(chunk.subarray(0, length), from);
    if (length === chunk.length) this.chunks.shift();
    else this.chunks[0] = chunk.subarray(length);
    return length;
  }

  refreshDrops(): void {
    this.asked++;
  }

  stop(): void {
    this.end();
  }

  close(): void {
    this.closed = true;
  }
}

interface Run {
  pulse: TestPulse;
  session: LiveSession;
  news: News[];
  result: Promise<Awaited<ReturnType<LiveSession['run']>>>;
  isOver: () => boolean;
}

function begin(sources: readonly TestSource[], options: Partial<SessionOptions> = {}): Run {
  const pulse = new TestPulse();
  const news: News[] = [];
  const session = new LiveSession(sources, {
    pulse,
    records: new RecordStore(new Set(), 0),
    isShown: () => true,
    onNews: (each) => {
      news.push(...each);
    },
    ...options,
  });
  let over = false;
  const result = session
    .open()
    .then(() => session.run())
    .finally(() => {
      over = true;
    });
  return { pulse, session, news, result, isOver: () => over };
}

const scenario = (kind: string, name: string) => {
  const found = scenarios.find((each) => each.kind === kind && each.name === name);
  if (!found) throw new Error(`no scenario of ${kind} is called ${name}`);
  return found;
};

/** A classic pcap in pieces: its header, then each record with its time. */
function recordsOf(capture: Uint8Array): { header: Uint8Array; records: { at: number; octets: Uint8Array }[] } {
  const view = new DataView(capture.buffer, capture.byteOffset, capture.length);
  const unit = view.getUint32(0, true) === 0xa1b23c4d ? 1e9 : 1e6;
  const records = [];
  for (let at = HEADER; at < capture.length; ) {
    const length = RECORD_HEADER + view.getUint32(at + 8, true);
    records.push({ at: view.getUint32(at, true) + view.getUint32(at + 4, true) / unit, octets: capture.subarray(at, at + length) });
    at += length;
  }
  return { header: capture.subarray(0, HEADER), records };
}

/** Gives each record when its time has come, and ends `after` seconds behind the last one. */
function play(run: Run, source: TestSource, capture: Uint8Array, after = 1): void {
  const { header, records } = recordsOf(capture);
  const began = records[0]?.at ?? 0;
  source.give(header);
  for (const { at, octets } of records) run.pulse.at(1 + at - began, () => source.give(octets));
  run.pulse.at(1 + (records.at(-1)?.at ?? 0) - began + after, () => run.session.stop());
}

const ethernet = (last: number): Uint8Array =>
  Uint8Array.from({ length: 60 }, (_, i) => (i < 12 ? last : i === 12 ? 0x88 : i === 13 ? 0xb5 : 0));
const pcap = (packets: readonly WrittenPacket[]): Uint8Array => writePcap({ linktype: 1, nanoseconds: true }, packets);

describe('a live session', () => {
  it('tells a finding while it happens, and concludes as the file would', async () => {
    const { capture, expect: expected } = scenario('udp-reply-wrong-source', 'openvpn, the answers take turns');
    const source = new TestSource('eth0', 2);
    const run = begin([source]);
    play(run, source, capture(), 60);
    await run.pulse.run(run.isOver);
    const { findings, inputs } = await run.result;
    expect(findings.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    // What is sure is told at once, that the handshake does not get on only when it has been repeated for long enough.
    expect(run.news.filter(({ kind }) => kind === 'new').map(({ finding }) => finding.id)).toEqual(expected.map(({ id }) => id).reverse());
    expect(inputs[0]?.problems.list).toEqual([]);
    expect(source.closed).toBe(true);
    expect(source.asked).toBeGreaterThan(5);
  });

  it('closes on a quiet link what waits for silence', async () => {
    const { capture } = scenario('arp-flux', 'client: both cards answer for both addresses');
    const source = new TestSource('eth0', 2);
    const run = begin([source]);
    let beforeEnd: string[] = [];
    play(run, source, capture(), 15);
    const { records } = recordsOf(capture());
    const span = (records.at(-1)?.at ?? 0) - (records[0]?.at ?? 0);
    run.pulse.at(1 + span + 14, () => {
      beforeEnd = run.news.filter(({ kind }) => kind === 'new').map(({ finding }) => finding.id);
    });
    await run.pulse.run(run.isOver);
    await run.result;
    expect(beforeEnd).toContain('arp-flux:192.0.2.2');
  });

  it('puts the packets of several interfaces into one order, and does not wait for one that is quiet', async () => {
    const [a, b, quiet] = [new TestSource('a', 1), new TestSource('b', 2), new TestSource('c', 3)];
    const order: number[] = [];
    const run = begin([a, b, quiet], {
      recorder: { recording: (_: number, source: LiveSource) => source, frame: (frame: { sec: number }) => order.push(frame.sec) } as never,
    });
    const began = 1_700_000_000;
    for (const source of [a, b, quiet]) source.give(pcap([]));
    for (let i = 0; i < 20; i++) {
      // Every other one comes late, as another helper has it.
      const [source, late] = i % 2 === 0 ? [a, 0] : [b, 0.05];
      run.pulse.at(1 + i + late, () => source.give(pcap([{ sec: began + i, nsec: 0, octets: ethernet(i) }]).subarray(HEADER)));
    }
    let heard = 0;
    run.pulse.at(15, () => {
      heard = order.length;
    });
    run.pulse.at(25, () => run.session.stop());
    await run.pulse.run(run.isOver);
    await run.result;
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => began + i));
    expect(heard).toBeGreaterThan(10);
  });

  it('does not take a pause of its own for silence', async () => {
    const [a, b] = [new TestSource('a', 1), new TestSource('b', 2)];
    const run = begin([a, b]);
    const began = 1_700_000_000;
    for (const source of [a, b]) source.give(pcap([]));
    const late: WrittenPacket[][] = [[], []];
    for (let i = 0; i < 200; i++) {
      const packet = { sec: began + Math.floor(i / 10), nsec: (i % 10) * 1e8, octets: ethernet(i) };
      const at = 1 + i / 10;
      if (at < 5 || at > 9) run.pulse.at(at, () => (i % 2 === 0 ? a : b).give(pcap([packet]).subarray(HEADER)));
      else late[i % 2]?.push(packet);
    }
    // From 5 s to 9 s the process is stopped; what came meanwhile is there when it goes on, one pipe after the other, behind the timers.
    for (const [i, source] of [a, b].entries()) run.pulse.at(5 + 4.001 + i / 20, () => source.give(pcap(late[i] ?? []).subarray(HEADER)));
    run.pulse.at(5, () => run.pulse.jump(4));
    run.pulse.at(25, () => run.session.stop());
    await run.pulse.run(run.isOver);
    const { inputs } = await run.result;
    expect(inputs.map(({ packets }) => packets)).toEqual([100, 100]);
    expect(inputs.flatMap(({ problems }) => problems.list)).toEqual([]);
  });

  it('goes on with the others where an interface goes away, and says so', async () => {
    const [a, b] = [new TestSource('a', 1), new TestSource('b', 2)];
    const run = begin([a, b]);
    const began = 1_700_000_000;
    a.give(pcap([{ sec: began, nsec: 0, octets: ethernet(1) }]));
    b.give(pcap([{ sec: began, nsec: 0, octets: ethernet(2) }]));
    run.pulse.at(2, () => a.end(new Error('tcpdump: pcap_loop: The interface disappeared')));
    let isTold = false;
    run.pulse.at(3, () => {
      isTold = run.session.status().inputs[0]?.problems.length === 1 && run.session.status().inputs[0]?.done === true;
      b.give(pcap([{ sec: began + 2, nsec: 0, octets: ethernet(3) }]).subarray(HEADER));
    });
    run.pulse.at(5, () => run.session.stop());
    await run.pulse.run(run.isOver);
    const { inputs } = await run.result;
    expect(isTold).toBe(true);
    expect(inputs.map(({ packets }) => packets)).toEqual([1, 2]);
    expect(inputs[0]?.problems.list).toMatchObject([{ kind: 'unreadable', lost: true }]);
    expect(inputs[1]?.problems.list).toEqual([]);
  });

  it('ends by itself where every interface has gone', async () => {
    const source = new TestSource('a', 1);
    const run = begin([source]);
    source.give(pcap([{ sec: 1_700_000_000, nsec: 0, octets: ethernet(1) }]));
    run.pulse.at(2, () => source.end(new Error('tcpdump ended (signal SIGKILL)')));
    await run.pulse.run(run.isOver);
    const { inputs, stats } = await run.result;
    expect(stats.undecoded + stats.decoded).toBe(1);
    expect(inputs[0]?.problems.list[0]?.message).toContain('SIGKILL');
  });

  it('ends after so many packets, exactly, or after its time', async () => {
    const packets = Array.from({ length: 5000 }, (_, i) => ({ sec: 1_700_000_000, nsec: i, octets: ethernet(i & 255) }));
    const counted = new TestSource('a', 1);
    const count = begin([counted], { mostPackets: 3001 });
    counted.give(pcap(packets));
    await count.pulse.run(count.isOver);
    expect((await count.result).inputs[0]?.packets).toBe(3001);
    const timed = new TestSource('a', 1);
    const duration = begin([timed], { durationSec: 60 });
    timed.give(pcap(packets));
    const from = duration.pulse.now();
    await duration.pulse.run(duration.isOver);
    expect((await duration.result).inputs[0]?.packets).toBe(5000);
    expect(duration.pulse.now() - from).toBeGreaterThanOrEqual(60);
    expect(duration.pulse.now() - from).toBeLessThan(61);
  });

  it('gives up on a backend that does not end', async () => {
    const source = new TestSource('a', 1);
    source.stop = () => {};
    const run = begin([source]);
    source.give(pcap([]));
    run.pulse.at(1, () => run.session.stop());
    await run.pulse.run(run.isOver);
    await run.result;
    expect(source.closed).toBe(true);
  });

  it('says in between what an analysis of all packets so far gives, and goes on', async () => {
    const { capture, expect: expected } = scenario('udp-reply-wrong-source', 'openvpn, the answers take turns');
    const source = new TestSource('eth0', 2);
    const run = begin([source]);
    play(run, source, capture(), 5);
    let between: string[] = [];
    const { records } = recordsOf(capture());
    run.pulse.at(2 + (records.at(-1)?.at ?? 0) - (records[0]?.at ?? 0), () => {
      const { findings, inputs, stats } = run.session.soFar();
      between = findings.map(({ id }) => id);
      expect(inputs[0]?.last).not.toBe(null);
      expect(stats.decoded).toBe(records.length);
    });
    await run.pulse.run(run.isOver);
    expect(between).toEqual(expected.map(({ id }) => id));
    expect((await run.result).findings).toHaveLength(expected.length);
  });

  it('stands a clock that is set back while it runs', async () => {
    const source = new TestSource('a', 1);
    const run = begin([source]);
    source.give(pcap([]));
    const give = (sec: number): void => source.give(pcap([{ sec, nsec: 0, octets: ethernet(1) }]).subarray(HEADER));
    for (let i = 0; i < 5; i++) run.pulse.at(1 + i, () => give(1_700_000_000 + i));
    for (let i = 5; i < 10; i++) run.pulse.at(1 + i, () => give(1_600_000_000 + i));
    let at: number | null = null;
    run.pulse.at(12, () => {
      at = run.session.status().at;
    });
    run.pulse.at(13, () => run.session.stop());
    await run.pulse.run(run.isOver);
    const { inputs } = await run.result;
    expect(inputs[0]?.packets).toBe(10);
    expect(inputs[0]?.problems.list.map(({ kind }) => kind)).toEqual(['time-went-back']);
    expect(at).toBeGreaterThan(1_600_000_000);
    expect(at).toBeLessThan(1_600_000_020);
  });
});
