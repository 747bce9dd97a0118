import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { LIVE_PROGRAMS } from '../../scripts/programs.js';
import {
  documentOf,
  FLUXCAP,
  hindranceForLive,
  inLab,
  isAlive,
  linesOf,
  PACKETS_EACH,
  RIGHT,
  Watch,
  WRONG,
  WRONG_ID,
} from '../tools/live-run.ts';
import { until } from '../tools/netns.ts';

/* How `fluxcap live` ends: signals, a closed pipe, a slow reader. Needs root, Linux, and the programs; else the tests are skipped, and say why. */
// They run side by side with others, and wait for what a busy machine does late.
vi.setConfig({ testTimeout: 120_000 });

const why = hindranceForLive(LIVE_PROGRAMS.filter((each) => !each.startsWith('ssh')));
const LIVE = [process.execPath, FLUXCAP, 'live'];

describe.skipIf(why !== undefined).concurrent(`fluxcap live ends${why === undefined ? '' : ` (${why})`}`, () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(
      `at ${signal}: with its summary, and without its helper`,
      inLab(async (lab) => {
        const run = await lab.live('v0').listens();
        const [helper = 0, ...more] = run.helpers();
        expect(more).toEqual([]);
        // What is on its way when the signal comes is in the summary.
        await lab.ask(WRONG, 3);
        expect(await run.endBy(signal)).toEqual({ status: 0, signal: null });
        expect(run.out).toMatch(/\nv0: pcap, ETHERNET, 6 packets/);
        expect(run.out).toMatch(/\nFound: 1 error\./);
        expect(isAlive(helper)).toBe(false);
      }),
    );
  }

  it(
    'at the Ctrl-C of a terminal, which goes to its whole process group',
    inLab(async (lab) => {
      const run = await new Watch(lab.client, ['setsid', ...LIVE, 'any', '--json']).listens();
      await lab.ask(WRONG, 3);
      process.kill(-run.pid, 'SIGINT');
      expect(await run.end()).toEqual({ status: 0, signal: null });
      const { inputs, findings } = documentOf(run.out);
      expect(inputs).toMatchObject([{ packets: 3 * PACKETS_EACH, problems: [], drops: { kernel: 0 } }]);
      expect(findings).toMatchObject([{ id: WRONG_ID, count: 3 }]);
      expect(lab.client.pidsOf('tcpdump')).toEqual([]);
    }),
  );

  it(
    'at once where it is asked twice, and without its helper',
    inLab(async (lab) => {
      // On a busy machine the first one may have ended it before the second one is sent.
      let status: number | null = 0;
      for (let i = 0; i < 10 && status === 0; i++) {
        const run = await lab.live('v0').listens();
        process.kill(run.pid, 'SIGINT');
        await sleep(100);
        if (!run.isOver) process.kill(run.pid, 'SIGINT');
        ({ status } = await run.end());
      }
      expect(status).toBe(130);
      await until('the helper has ended', () => lab.client.pidsOf('tcpdump').length === 0);
    }),
  );

  it(
    'at a Ctrl-C while it begins, without leaving a helper',
    inLab(async (lab) => {
      for (let i = 0; i < 4; i++) {
        const run = new Watch(lab.client, ['setsid', ...LIVE, 'v0']);
        await until('a helper', () => lab.client.pidsOf('tcpdump').length > 0);
        process.kill(-run.pid, 'SIGINT');
        // 0 where it had begun by then.
        expect([0, 130]).toContain((await run.end()).status);
        // Nothing is captured: a helper that was left would stay.
        await until('the helper has ended', () => lab.client.pidsOf('tcpdump').length === 0);
      }
    }),
  );

  it(
    'with its helper, when it is killed: at the next packet',
    inLab(async (lab) => {
      const run = await lab.live('v0').listens();
      expect(run.helpers()).toHaveLength(1);
      expect(await run.endBy('SIGKILL')).toEqual({ status: null, signal: 'SIGKILL' });
      await until('the helper has ended', async () => {
        await lab.ask(RIGHT, 1);
        return lab.client.pidsOf('tcpdump').length === 0;
      });
    }),
  );

  it(
    'quietly where its reader has enough, without its helper',
    inLab(async (lab) => {
      const pipe = `${LIVE.join(' ')} v0 --format ndjson 2>&1 >&3 | cat >&2; exit "\${PIPESTATUS[0]}"`;
      const run = await new Watch(lab.client, ['bash', '-c', `{ ${pipe}; } 3>&1 | head -1; echo "status \${PIPESTATUS[0]}"`]).listens();
      await until('the end', async () => {
        await lab.ask(WRONG, 1);
        return run.isOver;
      });
      expect(run.out).toMatch(/^{"type":"input".*}\nstatus 0\n$/);
      expect(run.err).toMatch(/^fluxcap: listening on .*\n$/);
      await until('the helper has ended', () => lab.client.pidsOf('tcpdump').length === 0);
    }),
  );
});

describe.skipIf(why !== undefined).concurrent(`fluxcap live at SIGUSR1${why === undefined ? '' : ` (${why})`}`, () => {
  /** Asks three times, wants the summary, asks three times more, ends. */
  const reported = (format: string, sawReport: (out: string) => boolean, check: (out: string) => void) =>
    inLab(async (lab) => {
      const run = await lab.live('v0', '--format', format).listens();
      await lab.ask(WRONG, 3);
      // What was captured is on its way for a second.
      await until('the report of all six packets', async () => {
        process.kill(run.pid, 'SIGUSR1');
        await sleep(300);
        return sawReport(run.out);
      });
      expect(run.isOver).toBe(false);
      await lab.ask(WRONG, 3);
      expect(await run.endBy('SIGINT')).toEqual({ status: 0, signal: null });
      check(run.out);
    });

  it(
    'prints the report, and goes on',
    reported(
      'table',
      (out) => /v0: pcap, ETHERNET, 6 packets, .*\n\nFound: 1 error/.test(out),
      (out) => expect(out).toMatch(/v0: pcap, ETHERNET, 12 packets, .*\n\nFound: 1 error(.|\n)*\n$/),
    ),
  );

  it(
    'prints a document, and goes on',
    reported(
      'json',
      (out) => out.includes('"packets": 6,'),
      (out) => {
        const documents = out.split(/(?<=^}\n)/m).map(documentOf);
        const packets = documents.map(({ inputs }) => inputs[0]?.packets ?? 0);
        expect(packets).toEqual([...packets].sort((a, b) => a - b));
        expect(packets.at(-1)).toBe(12);
        expect(documents.at(-1)?.findings).toMatchObject([{ id: WRONG_ID, count: 6 }]);
      },
    ),
  );

  it(
    'prints the inputs and a summary, and goes on',
    reported(
      'ndjson',
      (out) => /"type":"input".*"packets":6,/.test(out),
      (out) => {
        const lines = linesOf(out);
        expect(lines.filter(({ type }) => type === 'summary').length).toBeGreaterThan(1);
        expect(lines.slice(-2)).toMatchObject([
          { type: 'input', packets: 12 },
          { type: 'summary', summary: { error: 1 } },
        ]);
      },
    ),
  );
});
