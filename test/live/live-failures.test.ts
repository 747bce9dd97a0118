import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { LIVE_PROGRAMS } from '../../scripts/programs.js';
import { root } from '../tools/captures.ts';
import { documentOf, FLUXCAP, hindranceForLive, inLab, type Lab, PACKETS_EACH, Watch, WRONG, WRONG_ID } from '../tools/live-run.ts';

/* What `fluxcap live` says, and its exit status, where something is wrong. All but wrong usage needs root, Linux, and the programs. */
// They run side by side with others, and wait for what a busy machine does late.
vi.setConfig({ testTimeout: 120_000 });

const why = hindranceForLive(LIVE_PROGRAMS.filter((each) => !each.startsWith('ssh')));
const LIVE = [process.execPath, FLUXCAP, 'live'];

describe('fluxcap live, wrong usage', () => {
  it.each([
    { args: [], says: 'no interface was named: expected interfaces, or any for all of them; `fluxcap interfaces` lists them' },
    { args: ['any', 'eth0'], says: '"any" stands for all interfaces: name it alone' },
    { args: ['eth0', 'eth1', 'eth0'], says: '"eth0" is named twice' },
    { args: ['any', '--ring', '0', '--evidence-dir', 'x'], says: '--evidence-dir: with --ring 0 no packet is kept that could be written' },
    { args: ['any', '--ring', '5'], says: '--ring: expected a size from 1MiB to 4GiB, such as 64MiB, or 0 to keep no packets, got "5"' },
    {
      args: ['any', '--snaplen', '12'],
      says: '--snaplen: expected a number of octets from 64 to 262144, or 0 for whole packets, got "12"',
    },
    { args: ['any', '--count', '0'], says: '--count: expected a whole number from 1 up, got "0"' },
    {
      args: ['any', '--duration', 'soon'],
      says: '--duration: expected a time such as 90s, 10m, 1h30m or 2d, or a number of seconds, got "soon"',
    },
    { args: ['any', '--metrics', 'host'], says: '--metrics: expected PORT, HOST:PORT or [IPV6]:PORT, got "host"' },
    { args: ['any', '--records'], says: '--records needs --json or --format ndjson' },
    { args: ['any', '--backend', 'wireshark'], says: '--backend' },
    { args: ['any', '--format', 'sarif'], says: '--format' },
    { args: ['any', '--filter'], says: '--filter' },
    { args: ['any', '--filtre', 'x'], says: '--filtre' },
    { args: ['any', '--ssh', '-oProxyCommand=x'], says: '--ssh: expected a host as ssh takes it (user@host), got "-oProxyCommand=x"' },
  ])('$args', ({ args, says }) => {
    const [node = '', ...rest] = [...LIVE, ...args];
    const { status, stdout, stderr } = spawnSync(node, rest, { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    const [first, second, ...more] = stderr.split('\n');
    expect(first).toContain(`fluxcap: ${says.startsWith('--') ? '' : says}`);
    expect(first).toContain(says);
    // Where to look, and nothing else.
    expect([second, ...more].join('')).toMatch(/^(Try: fluxcap live --help)?$/);
  });
});

describe.skipIf(why !== undefined).concurrent(`fluxcap live cannot begin${why === undefined ? '' : ` (${why})`}`, () => {
  const refused = async (lab: Lab, args: readonly string[], wrapper: readonly string[] = [], env: Record<string, string> = {}) => {
    const run = new Watch(lab.client, [...wrapper, ...LIVE, ...args], env);
    const { status } = await run.end();
    expect(run.out).toBe('');
    expect(run.err.split('\n')).toEqual([expect.stringMatching(/^fluxcap: /), '']);
    return { status, says: run.err.trimEnd() };
  };

  it(
    'where an interface is not there, or a filter is wrong: 2',
    inLab(async (lab) => {
      const there = 'there are v0, v1, lo, any';
      expect(await refused(lab, ['v9'])).toEqual({ status: 2, says: `fluxcap: no interface "v9" here; ${there}` });
      // The other one is not left open.
      expect(await refused(lab, ['v0', 'v9'])).toEqual({ status: 2, says: `fluxcap: no interface "v9" here; ${there}` });
      expect(lab.client.pidsOf('tcpdump')).toEqual([]);
      expect(await refused(lab, ['v0', '--filter', 'port nonsense'])).toEqual({
        status: 2,
        says: `fluxcap: --filter "port nonsense": unknown port 'nonsense'; the language is that of tcpdump, man 7 pcap-filter`,
      });
      lab.client.ip('link', 'set', 'v1', 'down');
      expect(await refused(lab, ['v1'])).toEqual({ status: 3, says: 'fluxcap: v1 is down: sudo ip link set v1 up' });
    }),
  );

  it(
    'without rights: 3, with the command that gives them',
    inLab(async (lab) => {
      const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--bounding-set', '-all', '--inh-caps', '-all'];
      const { status, says } = await refused(lab, ['v0'], nobody);
      expect(status).toBe(3);
      expect(says).toMatch(
        /^fluxcap: tcpdump may not capture on v0 \(.*\): sudo setcap cap_net_raw,cap_net_admin=eip \/\S+\/tcpdump \(or run fluxcap as root\)$/,
      );
    }),
  );

  it(
    'where no backend is installed: 3, with the command that installs one; auto takes the next one where there is one',
    inLab(async (lab) => {
      const empty = join(lab.client.folder, 'empty');
      mkdirSync(empty);
      const hiding = (...more: string[]): string[] => {
        const hidden = ['/usr/sbin', '/usr/local/sbin', ...more].map((folder) => `mount --bind "$0" ${folder}`);
        return ['sh', '-c', `${hidden.join(' && ')} && PATH=$0 && exec "$@"`, empty];
      };
      const says = 'fluxcap: tcpdump is not installed: sudo apt install tcpdump';
      expect(await refused(lab, ['v0', '--backend', 'tcpdump'], hiding())).toEqual({ status: 3, says });
      expect(await refused(lab, ['v0'], hiding(join(root, 'node_modules', 'koffi')))).toEqual({ status: 3, says });
      const run = await new Watch(lab.client, [...hiding(), ...LIVE, 'v0']).listens();
      expect(run.err).toContain('listening on v0 with libpcap');
      await lab.ask(WRONG, 3);
      await run.prints(/ new +error /);
      expect(await run.endBy('SIGINT')).toEqual({ status: 0, signal: null });
    }),
  );

  it(
    'where something else is in the way: the folder for evidence, the port for metrics: 2',
    inLab(async (lab) => {
      const file = lab.save('file', '');
      const folder = new Watch(lab.client, [...LIVE, 'v0', '--evidence-dir', file]);
      expect(await folder.end()).toEqual({ status: 2, signal: null });
      expect(folder.err).toMatch(/^fluxcap: --evidence-dir: ".*" cannot be used: .*\nTry: fluxcap live --help\n$/);
      const first = await lab.live('v0', '--metrics', '0').listens();
      const port = /metrics at http:\/\/127.0.0.1:(\d+)\//.exec(first.err)?.[1] ?? '';
      const second = new Watch(lab.client, [...LIVE, 'v0', '--metrics', port]);
      expect(await second.end()).toEqual({ status: 2, signal: null });
      expect(second.err).toContain(`--metrics: cannot listen on 127.0.0.1:${port}: port ${port} is in use by another program`);
      await first.endBy('SIGINT');
      expect(lab.client.pidsOf('tcpdump')).toEqual([]);
    }),
  );
});

describe.skipIf(why !== undefined).concurrent(`fluxcap live, something goes away${why === undefined ? '' : ` (${why})`}`, () => {
  it.for([
    {
      what: 'its helper, killed',
      message: 'tcpdump ended (signal SIGKILL)',
      away: (_lab: Lab, run: Watch) => process.kill(run.helpers()[0] ?? 0, 'SIGKILL'),
    },
    {
      what: 'the interface',
      message: 'the interface is gone (tcpdump: pcap_loop: The interface disappeared)',
      away: (lab: Lab) => lab.client.ip('link', 'delete', 'v0'),
    },
  ])('$what: it says so, shows what it saw, and ends with 3', ({ message, away }) =>
    inLab(async (lab) => {
      const run = await lab.live('v0', '--format', 'json').listens();
      await lab.ask(WRONG, 4);
      await new Promise((resolve) => setTimeout(resolve, 1200));
      away(lab, run);
      expect(await run.end()).toEqual({ status: 3, signal: null });
      expect(run.err).toMatch(new RegExp(`^fluxcap: listening .*\nfluxcap: v0: ${escaped(message)}, after frame 8 \\[unreadable\\]\n$`));
      const { inputs, findings } = documentOf(run.out);
      expect(inputs).toMatchObject([
        { packets: 4 * PACKETS_EACH, problems: [{ kind: 'unreadable', lost: true, message: `${message}, after frame 8` }] },
      ]);
      expect(findings).toMatchObject([{ id: WRONG_ID, count: 4 }]);
    })(),
  );

  it(
    'one of two interfaces: it goes on with the other',
    inLab(async (lab) => {
      const run = await lab.live('v1', 'v0').listens();
      lab.client.ip('link', 'delete', 'v1');
      await run.errs(/v1: the interface is gone/);
      await lab.ask(WRONG, 4);
      await run.prints(/ new +error +certain +udp-reply-wrong-source:/);
      expect(run.isOver).toBe(false);
      expect(await run.endBy('SIGINT')).toEqual({ status: 3, signal: null });
      expect(run.out).toMatch(/\ninput 0: v1: .*; read in part only\n/);
      expect(run.out).toMatch(/\ninput 1: v0: pcap, ETHERNET, 8 packets/);
    }),
  );

  it(
    'and comes back: an interface that is switched off and on again is watched as before',
    inLab(async (lab) => {
      const run = await lab.live('v0', '--json').listens();
      await lab.ask(WRONG, 2);
      lab.client.ip('link', 'set', 'v0', 'down');
      lab.client.ip('link', 'set', 'v0', 'up');
      lab.meet();
      await lab.ask(WRONG, 2);
      expect(await run.endBy('SIGINT')).toEqual({ status: 0, signal: null });
      expect(documentOf(run.out)).toMatchObject({
        inputs: [{ packets: 4 * PACKETS_EACH, problems: [] }],
        findings: [{ id: WRONG_ID, count: 4 }],
      });
    }),
  );
});

const escaped = (text: string): string => text.replace(/[()[\].|]/g, '\\$&');
