import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIVE_PROGRAMS } from '../../scripts/programs.js';
import { addCable, backends, framesOf, LiveRun, NOBODY, raise, refusalOf } from '../tools/live.ts';
import { hindranceForNamespaces, LiveHost, Namespace, namespacesLeft, until } from '../tools/netns.ts';

/* Real packets in network namespaces, through each of the backends. Needs root, Linux, and the programs; else the tests are skipped, and say why. */
const why = hindranceForNamespaces(LIVE_PROGRAMS.filter((each) => !each.startsWith('ssh')));
const ETHERNET = 1;
const LINUX_SLL = 113;
const LINUX_SLL2 = 276;
const TEXTS = ['#one', '#two', '#three'];

describe.skipIf(why !== undefined)(`live backends${why === undefined ? '' : ` (${why})`}`, () => {
  let namespace: Namespace;
  let host: LiveHost;

  beforeAll(() => {
    namespace = new Namespace();
    addCable(namespace);
    host = new LiveHost(namespace);
  });

  afterAll(() => {
    namespace.delete();
    expect(namespacesLeft()).toEqual([]);
  });

  const send = (texts: readonly string[] = TEXTS) => host.tell({ do: 'send', to: NOBODY, texts: [...texts] });

  for (const { backend, lacking } of backends)
    describe.skipIf(lacking !== undefined)(`${backend}${lacking === undefined ? '' : ` (${lacking})`}`, () => {
      it('captures what a tcpdump beside it captures, and what came before the stop', async () => {
        const beside = join(namespace.folder, `${backend}.beside`);
        const second = namespace.spawn('tcpdump', [
          '-i',
          'v0',
          '-U',
          '--immediate-mode',
          '--nano',
          '-Z',
          'root',
          '-w',
          beside,
          'udp port 5000',
        ]);
        let said = '';
        second.stderr?.on('data', (text) => {
          said += text;
        });
        await until('tcpdump listens', () => said.includes('listening on'));
        const run = await LiveRun.open(host, { backend });
        expect(run.opened).toMatchObject({ backend, index: Number(namespace.run('cat', '/sys/class/net/v0/ifindex')), ended: null });
        await send();
        // At once: what the kernel still holds then is captured too.
        await run.tell('stop');
        const { ended, drops } = await run.end();
        expect(ended).toEqual({ error: null });
        expect(drops).toEqual(backend === 'cap' ? { kernel: null, interface: null } : { kernel: 0, interface: 0 });
        const { frames, problems } = await framesOf(run.path);
        expect(problems).toEqual([]);
        expect(frames.map(({ text, linktype }) => ({ text, linktype }))).toEqual(TEXTS.map((text) => ({ text, linktype: ETHERNET })));
        second.kill('SIGTERM');
        await until('the other tcpdump has ended', () => second.exitCode !== null);
        const other = (await framesOf(beside)).frames;
        expect(frames.map(({ octets }) => octets)).toEqual(other.map(({ octets }) => octets));
        const lateness = frames.map(({ time }, i) => time - (other[i]?.time ?? 0n));
        // The kernel's own times, but for cap.
        expect(lateness).toEqual(TEXTS.map(() => (backend === 'cap' ? expect.toSatisfy((ns: bigint) => ns >= 0n) : 0n)));
      });

      it('captures any, with the interfaces where it can', async () => {
        const run = await LiveRun.open(host, { backend, interface: 'any' });
        expect(run.opened.index).toBeNull();
        await send(['x']);
        await run.tell('stop');
        expect((await run.end()).ended).toEqual({ error: null });
        const { frames, problems } = await framesOf(run.path);
        expect(problems).toEqual([]);
        const indexes = ['v0', 'v1'].map((name) => Number(namespace.run('cat', `/sys/class/net/${name}/ifindex`)));
        // Octets 4 to 7 of a LINUX_SLL2 header.
        const seen = frames.map(({ linktype, octets }) => (linktype === LINUX_SLL2 ? Number.parseInt(octets.slice(8, 16), 16) : linktype));
        expect(seen).toEqual(backend === 'cap' ? [LINUX_SLL, LINUX_SLL] : indexes);
        expect(run.opened.limits.some((limit) => /LINUX_SLL2/.test(limit))).toBe(backend === 'cap');
      });

      it('refuses an unknown interface, a wrong filter, one like an option, and an interface that is down', async () => {
        expect(await refusalOf(host, { backend, interface: 'v9' })).toEqual({
          fault: 'interface',
          exit: 2,
          message: 'no interface "v9" here; there are v0, v1, lo, any',
        });
        expect(await refusalOf(host, { backend, interface: '-x' })).toMatchObject({ fault: 'interface', exit: 2 });
        const wrong = { fault: 'filter', exit: 2 };
        const language = 'the language is that of tcpdump, man 7 pcap-filter';
        const refusal = await refusalOf(host, { backend, filter: 'udp and port nonsense' });
        expect(refusal).toEqual({ ...wrong, message: `--filter "udp and port nonsense": unknown port 'nonsense'; ${language}` });
        expect(await refusalOf(host, { backend, filter: '-w /x' })).toEqual({
          ...wrong,
          message: expect.stringMatching(/^--filter "-w \/x": (can't parse filter expression: )?syntax error/),
        });
        namespace.ip('link', 'set', 'v0', 'down');
        try {
          const message = 'v0 is down: sudo ip link set v0 up';
          expect(await refusalOf(host, { backend })).toEqual({ fault: 'down', exit: 3, message });
        } finally {
          raise(namespace);
        }
      });

      it('notices that the interface is gone, also where it was switched off before', async () => {
        for (const isOff of [false, true]) {
          const run = await LiveRun.open(host, { backend });
          await send();
          await run.has(TEXTS.length);
          if (isOff) namespace.ip('link', 'set', 'v0', 'down');
          if (isOff && backend !== 'cap') {
            // Off is not gone. dumpcap itself does not notice what comes later, if it has had the time to see the first.
            if (backend === 'dumpcap') await sleep(1500);
            expect((await run.tell('status')).ended).toBeNull();
          }
          namespace.ip('link', 'delete', 'v0');
          const { ended } = await run.end();
          expect(ended?.error).toMatch(backend === 'cap' ? /the interface went down or away/ : /^the interface is gone( \(.*\))?$/);
          expect((await framesOf(run.path)).frames).toHaveLength(TEXTS.length);
          addCable(namespace);
        }
      });

      if (backend !== 'cap')
        it('goes on when the interface was off and is on again', async () => {
          const run = await LiveRun.open(host, { backend });
          await send();
          await run.has(TEXTS.length);
          namespace.ip('link', 'set', 'v0', 'down');
          await run.tell('refresh');
          raise(namespace);
          await send();
          await run.has(2 * TEXTS.length);
          await run.tell('stop');
          expect((await run.end()).ended).toEqual({ error: null });
        });

      if (backend !== 'libpcap')
        it('tells that its helper was killed, after all that it had written', async () => {
          const run = await LiveRun.open(host, { backend });
          await send();
          await run.has(TEXTS.length);
          const helpers = backend === 'cap' ? namespace.childrenOf('cap-child') : namespace.pidsOf(backend);
          expect(helpers).toHaveLength(1);
          for (const pid of helpers) process.kill(pid, 'SIGKILL');
          expect((await run.end()).ended).toEqual({ error: `${backend} ended (signal SIGKILL)` });
          expect((await framesOf(run.path)).frames).toHaveLength(TEXTS.length);
        });

      if (backend !== 'cap')
        it('counts what the kernel drops: with the captured packets that is all that was sent', async () => {
          const run = await LiveRun.open(host, { backend, snaplen: 65_535 });
          await run.tell('hold');
          const sent = await host.tell<number>({ do: 'flood', to: NOBODY, count: 1500, size: 60_000 });
          await run.tell('read');
          if (backend !== 'dumpcap') {
            // While it waits for its reader tcpdump may not answer.
            await until('drops are told while it runs', async () => {
              return ((await run.tell('refresh')).drops.kernel ?? 0) > 0;
            });
          }
          let length = -1;
          await until('all is read', async () => {
            const before = length;
            ({ length } = await run.tell('status'));
            await sleep(200);
            return length === before;
          });
          await run.tell('stop');
          const { drops, ended } = await run.end();
          expect(ended).toEqual({ error: null });
          const { frames, problems } = await framesOf(run.path);
          expect(problems).toEqual([]);
          expect(drops.kernel).toBeGreaterThan(0);
          expect(frames.length + (drops.kernel ?? 0)).toBe(sent);
        });
    });

  it('leaves no helper behind: closed at once, at the exit of the process, and when it was killed', async () => {
    const helpers = (): number[] => [...namespace.pidsOf('tcpdump'), ...namespace.pidsOf('dumpcap'), ...namespace.childrenOf('cap-child')];
    const all = backends.filter(({ backend, lacking }) => backend !== 'libpcap' && lacking === undefined).map(({ backend }) => backend);
    const closed = await Promise.all(all.map((backend) => LiveRun.open(host, { backend })));
    expect(helpers()).toHaveLength(all.length);
    for (const run of closed) await run.tell('close');
    expect(helpers()).toEqual([]);

    const leaving = new LiveHost(namespace);
    await Promise.all(all.map((backend) => LiveRun.open(leaving, { backend })));
    await expect(leaving.tell({ do: 'leave' })).rejects.toThrow('ended (0)');
    await until('helpers end with their process', () => helpers().length === 0);

    const killed = new LiveHost(namespace);
    await Promise.all(all.map((backend) => LiveRun.open(killed, { backend })));
    killed.kill('SIGKILL');
    await until('helpers notice the broken pipe', async () => {
      await send();
      return helpers().length === 0;
    });
  });

  if (backends.every(({ backend, lacking }) => backend !== 'libpcap' || lacking === undefined))
    it('libpcap: opened and closed 40 times, nothing stays', async () => {
      interface Self {
        files: number;
        kib: number;
      }
      const openAndClose = async (times: number): Promise<Self> => {
        for (let i = 0; i < times; i++) await (await LiveRun.open(host, { backend: 'libpcap' })).tell('close');
        return host.tell<Self>({ do: 'self' });
      };
      const before = await openAndClose(3);
      const after = await openAndClose(40);
      expect(after.files).toBe(before.files);
      // A ring is 32 MiB.
      expect(after.kib - before.kib).toBeLessThan(10 * 32 * 1024);
    });
});
