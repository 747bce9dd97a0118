import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { LIVE_PROGRAMS } from '../../scripts/programs.js';
import { backends } from '../tools/live.ts';
import {
  beside,
  documentOf,
  FLUXCAP,
  findingsIn,
  hindranceForLive,
  inLab,
  linesOf,
  OTHER_WAY,
  PACKETS_EACH,
  RIGHT,
  Watch,
  WRONG,
  WRONG_ID,
  withoutIPv6,
} from '../tools/live-run.ts';
import { Namespace, until } from '../tools/netns.ts';
import { essence, findingsOfLines } from '../tools/watched.ts';

/*
 * `fluxcap live` as its users start it, at a client whose server answers from an address that was not asked. Needs root, Linux, and the programs; else the
 * tests are skipped, and say why.
 */
// They run side by side with others, and wait for what a busy machine does late.
vi.setConfig({ testTimeout: 120_000 });

const why = hindranceForLive(LIVE_PROGRAMS.filter((each) => !each.startsWith('ssh')));
const EVERYTHING = ['--severity', 'info', '--min-confidence', 'possible'];
/** A line of the log: time, what is new, severity, confidence, id. */
const NEW_LINE = new RegExp(`^\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z new +error +certain +${WRONG_ID.replace('|', '\\|')} `, 'm');

describe.skipIf(why !== undefined).concurrent(`fluxcap live${why === undefined ? '' : ` (${why})`}`, () => {
  it(
    'tells a finding while it happens, in a line, and at the end in full',
    inLab(async (lab) => {
      const run = await lab.live('v0').listens();
      await lab.ask(WRONG, 4);
      await run.prints(NEW_LINE);
      expect(run.isOver).toBe(false);
      expect(run.out).not.toContain('Found:');
      expect(await run.endBy('SIGINT')).toEqual({ status: 0, signal: null });
      expect(run.out).toMatch(/\nv0: pcap, ETHERNET, 8 packets, .*\n\nFound: 1 error\./);
      expect(run.out).toContain('192.0.2.1 asks 192.0.2.2:5300 and is answered from 192.0.2.3');
      // Said once.
      expect(run.out.split('\n').filter((line) => / new +error /.test(line))).toHaveLength(1);
      expect(run.err).toBe('fluxcap: listening on v0 with tcpdump, up to 2048 octets of each packet; Ctrl-C ends with the summary\n');
    }),
  );

  it(
    'finds nothing where the server answers as it should, and says so',
    inLab(async (lab) => {
      const run = await lab.live('v0').listens();
      await lab.ask(RIGHT, 5);
      expect(await run.endBy('SIGTERM')).toEqual({ status: 0, signal: null });
      expect(run.out).toMatch(/^\nv0: pcap, ETHERNET, 10 packets, (.|\n)*\nNothing wrong was found\./);
    }),
  );

  for (const { backend, lacking } of backends) {
    it.skipIf(lacking !== undefined)(
      `${backend}: finds in any what analyze finds in the file captured beside it${lacking === undefined ? '' : ` (${lacking})`}`,
      inLab(async (lab) => {
        const path = join(lab.client.folder, `${backend}.pcap`);
        const other = await beside(lab.client, 'any', path);
        const run = await lab
          .live('any', '--backend', backend, '--format', 'ndjson', '--filter', 'udp', '--records', ...EVERYTHING)
          .listens();
        await lab.ask(WRONG, 3);
        await lab.ask(RIGHT, 3);
        await run.prints(/"type":"finding"/);
        await lab.ask(OTHER_WAY, 3);
        expect(await run.endBy('SIGINT')).toEqual({ status: 0, signal: null });
        await other.endBy('SIGTERM');

        const lines = linesOf(run.out);
        const types = lines.map(({ type }) => type);
        expect(types[0]).toBe('input');
        expect(types.slice(-2)).toEqual(['input', 'summary']);
        expect(lines[0]).toMatchObject({ path: 'any', backend });
        expect(lines.at(-2)).toMatchObject({
          path: 'any',
          backend,
          packets: 9 * PACKETS_EACH,
          drops: { kernel: backend === 'cap' ? null : 0 },
        });
        const times = lines.flatMap(({ type, time }) => (type.startsWith('finding') ? [String(time)] : []));
        expect(times).toEqual([...times].sort());
        expect(times.length).toBeGreaterThan(0);
        const found = [...findingsOfLines(lab.save(`${backend}.ndjson`, run.out)).values()];
        expect(lines.at(-1)).toMatchObject({ summary: { error: found.filter(({ severity }) => severity === 'error').length, hidden: 0 } });
        // What arrives by which interface is not known to cap.
        const told = (each: (typeof found)[number]): string => (backend === 'cap' ? each.id : essence(each));
        const expected = findingsIn(path).filter(({ kind }) => backend !== 'cap' || kind === 'udp-reply-wrong-source');
        expect(found.map(told).sort()).toEqual(expected.map(told).sort());
        expect(found.map(({ id }) => id)).toContain(WRONG_ID);
      }),
    );
  }

  it(
    'prints one JSON document for --json, and nothing before',
    inLab(async (lab) => {
      const run = await lab.live('v0', '--json', '--records').listens();
      await lab.ask(WRONG, 4);
      await lab.ask(RIGHT, 1);
      expect(run.out).toBe('');
      expect(await run.endBy('SIGINT')).toEqual({ status: 0, signal: null });
      const { inputs, findings, stats, records } = documentOf(run.out);
      expect(inputs).toEqual([
        expect.objectContaining({
          path: 'v0',
          format: 'pcap',
          linktypes: ['ETHERNET'],
          packets: 5 * PACKETS_EACH,
          drops: { kernel: 0, interface: 0 },
          problems: [],
        }),
      ]);
      expect(findings.map(({ id, count }) => ({ id, count }))).toEqual([{ id: WRONG_ID, count: 4 }]);
      expect(stats).toMatchObject({ decoded: 10, truncatedPackets: 0 });
      expect(records).toMatchObject({ udp: expect.arrayContaining([expect.objectContaining({ requests: expect.any(Number) })]) });
    }),
  );

  it(
    'ends after --duration, and after exactly --count packets',
    inLab(async (lab) => {
      const timed = await lab.live('v0', '--duration', '2s', '--json').listens();
      await until('the end', async () => {
        await lab.ask(RIGHT, 1);
        return timed.isOver;
      });
      expect(await timed.end()).toEqual({ status: 0, signal: null });
      expect(documentOf(timed.out).findings).toEqual([]);
      const counted = await lab.live('v0', '--count', '7', '--json').listens();
      await lab.ask(WRONG, 10);
      expect(await counted.end()).toEqual({ status: 0, signal: null });
      const { inputs, stats, findings } = documentOf(counted.out);
      expect({ packets: inputs[0]?.packets, decoded: stats.decoded, problems: inputs[0]?.problems }).toEqual({
        packets: 7,
        decoded: 7,
        problems: [],
      });
      expect(findings).toMatchObject([{ id: WRONG_ID, count: 3 }]);
    }),
  );

  it(
    'captures what --filter lets through, and of each packet --snaplen octets',
    inLab(async (lab) => {
      const filtered = await lab.live('v0', '--filter', `udp port ${RIGHT}`, '--json').listens();
      const cut = await lab.live('v0', '--snaplen', '64', '--json').listens();
      await lab.ask(WRONG, 3);
      await lab.ask(RIGHT, 2);
      const runs = [filtered, cut];
      expect(await Promise.all(runs.map((run) => run.endBy('SIGINT')))).toEqual(runs.map(() => ({ status: 0, signal: null })));
      expect(documentOf(filtered.out)).toMatchObject({ findings: [], inputs: [{ packets: 4 }], stats: { truncatedPackets: 0 } });
      expect(documentOf(cut.out)).toMatchObject({
        findings: [{ id: WRONG_ID }],
        inputs: [{ packets: 10 }],
        stats: { truncatedPackets: 10 },
      });
      expect(filtered.err).toContain(`filter "udp port ${RIGHT}"`);
      expect(cut.err).toContain('up to 64 octets');
    }),
  );

  it(
    'joins what several interfaces see into one story',
    inLab(async (lab) => {
      const run = await lab.live('v0', 'v1', '--json', ...EVERYTHING).listens();
      await lab.ask(OTHER_WAY, 4);
      await run.endBy('SIGINT');
      const { inputs, findings } = documentOf(run.out);
      expect(inputs.map(({ path, packets }) => ({ path, packets }))).toEqual([
        { path: 'v0', packets: 4 },
        { path: 'v1', packets: 4 },
      ]);
      const wrong = findings.find(({ kind }) => kind === 'udp-reply-wrong-source');
      expect(wrong).toMatchObject({
        subject: { asked: { ip: '192.0.2.2', port: OTHER_WAY } },
        details: { answeredFrom: [{ ip: '198.51.100.2' }] },
      });
      // Questions of the first input, answers of the second.
      const parts = new Set(wrong?.evidence.map(({ input, role }) => `${role} ${input}`));
      expect([...parts].sort()).toEqual(['request 0', 'wrong-reply 1']);
      expect(run.err).toContain('listening on v0 with tcpdump, v1 with tcpdump');
    }),
  );

  it(
    'exits with 1 where --fail-on is met, and with 0 where it is not',
    inLab(async (lab) => {
      const met = lab.live('v0', '--fail-on', 'error', '--quiet');
      const other = await lab.live('v0', '--fail-on', 'error', '--filter', `port ${RIGHT}`).listens();
      // A quiet run does not say that it captures.
      await until('a finding', async () => {
        await lab.ask(WRONG, 1);
        return NEW_LINE.test(met.out);
      }).catch((error) => expect.fail(`${error}\nit said: ${met.out}${met.err}`));
      expect(await met.endBy('SIGINT')).toEqual({ status: 1, signal: null });
      expect(await other.endBy('SIGINT')).toEqual({ status: 0, signal: null });
      expect(met.err).toBe('');
    }),
  );

  it('tells what only silence shows, though no packet comes any more', async () => {
    const client = new Namespace();
    const gateway = new Namespace();
    try {
      twoCards(client, gateway);
      // Nothing but ARP: what the kernel asks later would be no silence.
      const command = [process.execPath, FLUXCAP, 'live', 'br0', '--filter', 'arp', '--format', 'ndjson'];
      const run = await new Watch(client, command).listens();
      for (let i = 0; i < 3; i++) {
        for (const each of CARDS) {
          client.run('ip', 'neighbour', 'flush', 'dev', 'br0');
          client.run('ping', '-q', '-c', '1', each);
        }
      }
      for (const each of CARDS) client.ip('neighbour', 'replace', each, 'lladdr', '02:00:00:00:00:99', 'dev', 'br0', 'nud', 'permanent');
      for (const name of ['e0', 'e1']) gateway.ip('link', 'set', name, 'arp', 'off');
      const packets = (): number => Number(client.run('cat', '/sys/class/net/br0/statistics/rx_packets'));
      const before = packets();
      expect(run.out).not.toContain('"type":"finding"');
      await run.prints(/"type":"finding"/);
      expect(packets()).toBe(before);
      await run.endBy('SIGINT');
      const found = linesOf(run.out).filter(({ type }) => type === 'finding');
      expect(found.map(({ id }) => id).sort()).toEqual(CARDS.map((each) => `arp-flux:${each}`));
    } finally {
      client.delete();
      gateway.delete();
    }
  });
});

const CARDS = ['192.0.2.2', '192.0.2.3'];

/** A gateway with two cards in one subnet, and the kernel's ARP defaults: both answer for both addresses. */
function twoCards(client: Namespace, gateway: Namespace): void {
  for (const each of [client, gateway]) withoutIPv6(each);
  client.ip('link', 'add', 'br0', 'type', 'bridge');
  for (const [i, address] of CARDS.entries()) {
    const name = `e${i}`;
    client.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', name, 'netns', gateway.name);
    client.ip('link', 'set', name, 'master', 'br0', 'up');
    gateway.ip('link', 'set', name, 'up');
    gateway.ip('address', 'add', `${address}/24`, 'dev', name);
  }
  client.ip('link', 'set', 'br0', 'up');
  client.ip('address', 'add', '192.0.2.1/24', 'dev', 'br0');
}
