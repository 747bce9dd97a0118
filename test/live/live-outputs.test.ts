import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { LIVE_PROGRAMS, missingPrograms } from '../../scripts/programs.js';
import {
  documentOf,
  exeOf,
  FLUXCAP,
  findingsIn,
  hindranceForLive,
  inLab,
  type Lab,
  linesOf,
  mebibytesOf,
  PACKETS_EACH,
  RIGHT,
  Watch,
  WRONG,
  WRONG_ID,
} from '../tools/live-run.ts';
import { until } from '../tools/netns.ts';
import { Screen } from '../tools/screen.ts';
import { SshServer } from '../tools/ssh-server.ts';
import { essence } from '../tools/watched.ts';

/* What `fluxcap live` gives beside its report: files of evidence, metrics, the view on a terminal; and where it captures on another machine. */
// They run side by side with others, and wait for what a busy machine does late.
vi.setConfig({ testTimeout: 120_000 });

const why = hindranceForLive(LIVE_PROGRAMS.filter((each) => !each.startsWith('ssh')));
const LIVE = [process.execPath, FLUXCAP, 'live'];
/** A name with why a part of the tests cannot run. */
const unless = (name: string, programs: readonly string[]) => {
  const missing = missingPrograms(programs);
  return { lacks: missing.length > 0, name: missing.length > 0 ? `${name} (missing: ${missing.join(', ')})` : name };
};

describe.skipIf(why !== undefined).concurrent(`fluxcap live --evidence-dir${why === undefined ? '' : ` (${why})`}`, () => {
  const withComments = unless('writes a capture of what it found, in which analyze finds the same and tshark sees the comments', [
    'tshark',
  ]);
  it.skipIf(withComments.lacks)(
    withComments.name,
    inLab(async (lab) => {
      const folder = join(lab.client.folder, 'evidence');
      const run = await lab.live('v0', 'v1', '--evidence-dir', folder, '--json').listens();
      await lab.ask(RIGHT, 2);
      await lab.ask(WRONG, 3);
      // While it goes on: some seconds after the finding, so that what comes after it is in the file too.
      await run.errs(/fluxcap: wrote .*\.pcapng\n/);
      expect(run.isOver).toBe(false);
      await run.endBy('SIGINT');
      const [finding, ...more] = documentOf(run.out).findings;
      expect(more).toEqual([]);
      const [name = '', ...others] = readdirSync(folder);
      expect(others).toEqual([]);
      expect(name).toMatch(/^\d{8}T\d{6}\.\d+Z-udp-reply-wrong-source-.*\.pcapng$/);
      const path = join(folder, name);
      expect(run.err).toContain(`fluxcap: wrote ${path}\n`);
      expect(findingsIn(path).map(essence)).toEqual(finding ? [essence(finding)] : []);
      const rows = lab.client
        .run('tshark', '-r', path, '-T', 'fields', '-e', 'udp.dstport', '-e', 'udp.srcport', '-e', 'frame.comment')
        .trim()
        .split('\n');
      // What came before it is there, without comments.
      expect(rows).toHaveLength(5 * PACKETS_EACH);
      const commented = rows.map((row) => row.split('\t')).filter(([, , comment]) => comment);
      expect(commented.map(([to, from]) => [to, from].includes(String(WRONG)))).toEqual(
        Array.from({ length: 3 * PACKETS_EACH }, () => true),
      );
      expect(commented[0]?.[2]).toContain('request');
    }),
  );
});

describe.skipIf(why !== undefined).concurrent(`fluxcap live --metrics${why === undefined ? '' : ` (${why})`}`, () => {
  it(
    'serves, while it runs, the numbers that the document has at the end',
    inLab(async (lab) => {
      const run = await lab.live('v0', '--metrics', '0', '--json').listens();
      const url = urlIn(run);
      await lab.ask(WRONG, 5);
      await until('all packets are counted', () => metric(lab, url, 'fluxcap_packets_total') === 5 * PACKETS_EACH);
      await until('the finding is counted', () => metric(lab, url, 'fluxcap_findings_total', 'udp-reply-wrong-source') === 1);
      const [packets, octets] = ['fluxcap_packets_total', 'fluxcap_bytes_total'].map((name) => metric(lab, url, name));
      await run.endBy('SIGINT');
      const { inputs, findings } = documentOf(run.out);
      expect(inputs).toMatchObject([{ packets, bytes: octets, drops: { kernel: 0 } }]);
      expect(findings).toHaveLength(1);
    }),
  );
});

describe.skipIf(why !== undefined).concurrent(`fluxcap live, a reader who waits${why === undefined ? '' : ` (${why})`}`, () => {
  const slow = unless('reads no more packets than are taken from it, and goes on when they are', ['/usr/bin/python3']);
  it.skipIf(slow.lacks)(
    slow.name,
    inLab(async (lab) => {
      const go = join(lab.client.folder, 'go');
      const live = [...LIVE, 'v0', '--format', 'ndjson', '--records', '--metrics', '0', '--snaplen', '64', '--filter', 'arp'];
      const out = join(lab.client.folder, 'out');
      const reader = `{ until [ -e ${go} ]; do sleep 0.1; done; cat >${out}; }`;
      const run = await new Watch(lab.client, ['bash', '-c', `${live.join(' ')} | ${reader}`]).listens();
      const url = urlIn(run);
      const pid = lab.client.childrenOf('fluxcap.js').find((each) => exeOf(each) === realpathSync(process.execPath)) ?? 0;
      // Each question is a record of its own, far more of them than the pipe holds.
      const QUESTIONS = 40_000;
      lab.client.run('/usr/bin/python3', '-c', FLOOD, 'v0', String(QUESTIONS));
      let before = -1;
      await until('it stands still', async () => {
        const now = metric(lab, url, 'fluxcap_packets_total');
        const isSame = now === before;
        before = now;
        if (!isSame) await new Promise((resolve) => setTimeout(resolve, 500));
        return isSame && now > 0;
      });
      const stood = before;
      const memory = mebibytesOf(pid);
      lab.client.run('/usr/bin/python3', '-c', FLOOD, 'v0', String(QUESTIONS));
      expect(metric(lab, url, 'fluxcap_packets_total')).toBe(stood);
      expect(stood).toBeLessThan(2 * QUESTIONS);
      expect(mebibytesOf(pid) - memory).toBeLessThan(16);
      lab.save('go', '');
      // Nothing is lost unseen.
      const accounted = (): number => metric(lab, url, 'fluxcap_packets_total') + metric(lab, url, 'fluxcap_drops_total');
      await until('all packets are read, or counted as lost', () => accounted() === 2 * QUESTIONS);
      process.kill(pid, 'SIGINT');
      await run.end();
      const all = readFileSync(out, 'utf8').split('\n');
      const lines = linesOf(all.slice(-3).join('\n'));
      const input = lines.at(-2) as { type: string; packets: number; drops: { kernel: number } };
      expect(lines.at(-1)?.type).toBe('summary');
      expect(input.packets).toBeGreaterThan(stood);
      expect(input.packets + input.drops.kernel).toBe(2 * QUESTIONS);
    }),
  );
});

/** ARP requests for ever other addresses, as fast as they go. */
const FLOOD = `
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
head = bytes.fromhex('ffffffffffff' '020000000077' '0806' '0001080006040001' '020000000077' 'c0000201' '000000000000')
for i in range(int(sys.argv[2])):
    s.send(head + struct.pack('>I', 0x0a000000 + i))
`;

describe.skipIf(why !== undefined).concurrent(`fluxcap live --ssh${why === undefined ? '' : ` (${why})`}`, () => {
  const remote = unless('finds on another machine what happens there, without its own connection', ['ssh', 'sshd', 'ssh-keygen']);
  it.skipIf(remote.lacks)(
    remote.name,
    inLab(async (lab) => {
      const server = new SshServer(lab.client);
      await server.start();
      const run = await new Watch(lab.client, [...LIVE, 'any', '--ssh', SshServer.HOST, '--json'], server.env).listens();
      expect(run.err).toBe(
        'fluxcap: listening on any of gw with tcpdump, up to 2048 octets of each packet; Ctrl-C ends with the summary\n',
      );
      const [filter, ...more] = lab.client.pidsOf('tcpdump').map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').at(-2));
      expect(filter).toMatch(/^not \(tcp port \d+ and tcp port 2222\)$/);
      expect(more).toEqual([]);
      await lab.ask(WRONG, 200);
      expect(await run.endBy('SIGINT')).toEqual({ status: 0, signal: null });
      const { inputs, findings } = documentOf(run.out);
      expect(findings).toMatchObject([{ id: WRONG_ID, count: 200 }]);
      const packets = inputs[0]?.packets ?? 0;
      // Beside these: the connection that asked for the names of interfaces. Its own would be one of its packets for each that is captured.
      expect(packets).toBeGreaterThanOrEqual(200 * PACKETS_EACH);
      expect(packets).toBeLessThan(300 * PACKETS_EACH);
      await until('the helper has ended', () => lab.client.pidsOf('tcpdump').length === 0);
    }),
  );
});

describe.skipIf(why !== undefined).concurrent(`fluxcap live on a terminal${why === undefined ? '' : ` (${why})`}`, () => {
  const ESC = '\u001b';
  const CTRL_C = '\u0003';
  const ROWS = 40;
  const onTerminal = unless('draws what it finds, in any size, and Ctrl-C puts the report in its place', ['script', 'stty']);
  /** Runs in a terminal of its own; `NO_COLOR` and such in `env`. */
  const inTerminal = (lab: Lab, args: readonly string[], env: Record<string, string>) => {
    // `exec`: some shells would wait, have the Ctrl-C too, and end by it.
    const command = `stty cols 100 rows ${ROWS}; exec ${[...LIVE, ...args].join(' ')}`;
    return new Watch(lab.client, ['script', '-qefc', command, '/dev/null'], { TERM: 'xterm-256color', ...env });
  };
  const programIn = (lab: Lab): number =>
    lab.client.childrenOf('fluxcap.js').find((each) => exeOf(each) === realpathSync(process.execPath)) ?? 0;

  it.skipIf(onTerminal.lacks)(
    onTerminal.name,
    inLab(async (lab) => {
      const run = inTerminal(lab, ['v0'], {});
      const shown = (): string => Screen.after(run.out, ROWS);
      await until('the view', () => /v0, by tcpdump .*0:0\d\b/.test(shown()));
      expect(shown()).toContain('Ctrl-C ends and prints the summary.');
      await lab.ask(WRONG, 4);
      await until('the finding', () => shown().includes('192.0.2.1 asks 192.0.2.2:5300 and is answered from 192.0.2.3'));
      // Once, however often it is drawn.
      expect(shown().split('and is answered from').length).toBe(2);
      const terminal = readlinkSync(`/proc/${programIn(lab)}/fd/1`);
      for (const [columns, rows] of [
        [30, 6],
        [1, 1],
        [250, 100],
        [100, ROWS],
      ]) {
        lab.client.run('stty', '-F', terminal, 'cols', String(columns), 'rows', String(rows));
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
      await lab.ask(WRONG, 4);
      expect(run.isOver).toBe(false);
      run.child.stdin?.write(CTRL_C);
      expect(await run.end()).toEqual({ status: 0, signal: null });
      expect(shown()).toMatch(/\nv0: pcap, ETHERNET, 16 packets.*\n\nFound: 1 error/);
      expect(shown()).not.toContain('Ctrl-C ends and prints the summary.');
      expect(shown()).not.toMatch(/packets\/s/);
      expect(run.out).toContain(`${ESC}[1m`);
    }),
  );

  it.skipIf(onTerminal.lacks)(
    'has no colours where NO_COLOR says so, and is lines where the terminal can do no more (TERM=dumb)',
    inLab(async (lab) => {
      const plain = inTerminal(lab, ['v0'], { NO_COLOR: '1' });
      await until('the view', () => Screen.after(plain.out, ROWS).includes('packets/s'));
      const dumb = inTerminal(lab, ['v0'], { TERM: 'dumb' });
      await dumb.prints(/listening on/);
      await lab.ask(WRONG, 4);
      await dumb.prints(/ new +error +/);
      await until('the finding', () => Screen.after(plain.out, ROWS).includes('and is answered from'));
      for (const run of [plain, dumb]) run.child.stdin?.write(CTRL_C);
      for (const run of [plain, dumb]) expect(await run.end()).toEqual({ status: 0, signal: null });
      const colour = new RegExp(`${ESC}\\[[\\d;]*m`);
      expect(plain.out).not.toMatch(colour);
      expect(dumb.out.replace(/^\^C/m, '')).not.toContain(ESC);
      expect(dumb.out).toMatch(/Found: 1 error/);
    }),
  );
});

/** Where a run serves its metrics. */
const urlIn = (run: Watch): string => /metrics at (http:\S+\/metrics)/.exec(run.err)?.[1] ?? '';

const FETCH = 'fetch(process.argv[1]).then((answer) => answer.text()).then(console.log)';

/** The sum of a metric's samples that have `label`, as it is served now. NaN where there is none. */
function metric(lab: Lab, url: string, name: string, label = ''): number {
  const text = lab.client.run(process.execPath, '-e', FETCH, url);
  const samples = text.split('\n').filter((line) => line.startsWith(name) && line.includes(label));
  return samples.length === 0 ? Number.NaN : samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
