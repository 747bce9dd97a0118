import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIVE_PROGRAMS } from '../../scripts/programs.js';
import { addCable, framesOf, LiveRun, NOBODY, refusalOf } from '../tools/live.ts';
import { hindranceForNamespaces, LiveHost, Namespace, until } from '../tools/netns.ts';
import { SshServer } from '../tools/ssh-server.ts';

/* Helpers on another machine: a real sshd that runs in the namespace. Needs root, Linux, and the programs; else the tests are skipped, and say why. */
const why = hindranceForNamespaces(LIVE_PROGRAMS);
const TEXTS = ['#one', '#two', '#three'];
const ssh = SshServer.HOST;

describe.skipIf(why !== undefined)(`live backends through ssh${why === undefined ? '' : ` (${why})`}`, () => {
  let namespace: Namespace;
  let server: SshServer;
  let host: LiveHost;

  beforeAll(async () => {
    namespace = new Namespace();
    addCable(namespace);
    server = new SshServer(namespace);
    await server.start();
    host = new LiveHost(namespace, [], server.env);
  });

  afterAll(() => namespace.delete());

  const send = (texts: readonly string[] = TEXTS) => host.tell({ do: 'send', to: NOBODY, texts: [...texts] });
  const indexOf = (name: string) => Number(namespace.run('cat', `/sys/class/net/${name}/ifindex`));

  it.each(['tcpdump', 'dumpcap'] as const)('%s: captures there, with the filter, and ends', async (backend) => {
    const run = await LiveRun.open(host, {
      backend,
      ssh,
      filter: 'udp port 5000 and not host 192.0.2.77 or (port 5001 and host 192.0.2.78)',
    });
    expect(run.opened).toMatchObject({ backend, index: indexOf('v0') });
    await send();
    await run.has(TEXTS.length);
    if (backend === 'tcpdump') {
      expect(run.opened.drops.kernel).toBeNull();
      await until('drops are told', async () => (await run.tell('refresh')).drops.kernel === 0);
    }
    await run.tell('stop');
    const { ended, drops } = await run.end();
    expect(ended).toEqual({ error: null });
    expect(drops).toEqual({ kernel: 0, interface: 0 });
    const { frames, problems } = await framesOf(run.path);
    expect(problems).toEqual([]);
    expect(frames.map(({ text }) => text)).toEqual(TEXTS);
    expect(namespace.pidsOf(backend)).toEqual([]);
  });

  it('captures everything there but its own connection', async () => {
    const run = await LiveRun.open(host, { ssh, interface: 'any', filter: '' });
    for (let i = 0; i < 5; i++) await send();
    // Each packet twice: out and in.
    await until(
      'all packets',
      async () => (await framesOf(run.path)).frames.filter(({ text }) => text !== '').length === 10 * TEXTS.length,
    );
    // Another ssh is none of its own.
    const other = await LiveRun.open(host, { ssh, interface: 'v0', filter: '' });
    await other.tell('close');
    await run.tell('stop');
    expect((await run.end()).ended).toEqual({ error: null });
    const { frames } = await framesOf(run.path);
    /** Ports of TCP over IPv4, behind the 20 octets of LINUX_SLL2. */
    const tcp = frames
      .filter(({ octets }) => octets.slice(40, 42) === '45' && octets.slice(58, 60) === '06')
      .map(({ octets }) => octets.slice(80, 88));
    const connections = new Set(tcp.map((ports) => [ports.slice(0, 4), ports.slice(4)].sort().join('-')));
    // Only the other one: that it was opened says that its port is 2222, 0x08ae.
    expect(connections.size).toBe(1);
    expect([...connections][0]).toContain('08ae');
  });

  it('ends the helper there when it is closed, and when the connection or this process dies, though nothing is captured', async () => {
    const silent = { ssh, interface: 'v0', filter: 'udp port 9' } as const;
    const closed = await LiveRun.open(host, silent);
    expect(namespace.pidsOf('tcpdump')).toHaveLength(1);
    await closed.tell('close');
    await until('the helper has ended', () => namespace.pidsOf('tcpdump').length === 0);

    const cut = await LiveRun.open(host, silent);
    for (const pid of namespace.pidsOf('ssh')) process.kill(pid, 'SIGKILL');
    expect((await cut.end()).ended).toEqual({ error: 'tcpdump on gw ended (signal SIGKILL)' });
    await until('the helper has ended', () => namespace.pidsOf('tcpdump').length === 0);

    const dying = new LiveHost(namespace, [], server.env);
    await LiveRun.open(dying, silent);
    dying.kill('SIGKILL');
    await until('the helper has ended', () => namespace.pidsOf('tcpdump').length === 0);
  });

  it('tells of a helper that was killed there, and of an interface that is gone', async () => {
    const killed = await LiveRun.open(host, { ssh });
    for (const pid of namespace.pidsOf('tcpdump')) process.kill(pid, 'SIGKILL');
    expect((await killed.end()).ended).toEqual({ error: 'tcpdump on gw ended (status 137)' });
    const gone = await LiveRun.open(host, { ssh });
    namespace.ip('link', 'delete', 'v0');
    expect((await gone.end()).ended).toEqual({ error: 'the interface is gone (tcpdump on gw: pcap_loop: The interface disappeared)' });
    addCable(namespace);
  });

  it.each([
    { given: { interface: 'v9' }, fault: 'interface', exit: 2, says: 'no interface "v9" on gw; there are v0, v1, lo, any' },
    { given: { interface: "'; reboot" }, fault: 'interface', exit: 2, says: 'no interface "\'; reboot" on gw' },
    { given: { filter: 'port nonsense' }, fault: 'filter', exit: 2, says: `--filter "port nonsense": unknown port 'nonsense'` },
    { given: { filter: "'$(touch /x)" }, fault: 'filter', exit: 2, says: 'syntax error' },
    { given: { backend: 'libpcap' }, fault: 'request', exit: 2, says: 'with --ssh: tcpdump or dumpcap' },
    { given: { ssh: '-oProxyCommand=x' }, fault: 'request', exit: 2, says: '--ssh: expected a host' },
    { given: { ssh: 'locked' }, fault: 'ssh', exit: 3, says: 'fluxcap asks for no password: ssh-copy-id locked' },
    { given: { ssh: 'stranger' }, fault: 'ssh', exit: 3, says: 'log in once by hand: ssh stranger' },
    { given: { ssh: 'root@127.0.0.1' }, fault: 'ssh', exit: 3, says: 'ssh root@127.0.0.1: ' },
  ] as const)('refuses $given', async ({ given, fault, exit, says }) => {
    const refusal = await refusalOf(host, { ssh, ...given });
    expect({ fault: refusal.fault, exit: refusal.exit }).toEqual({ fault, exit });
    expect(refusal.message).toContain(says);
  });

  it('knows the names of the interfaces there', async () => {
    const indexes = [indexOf('v0'), indexOf('lo'), 999];
    expect(await host.tell({ do: 'names', ssh, indexes })).toEqual(['v0', 'lo', null]);
  });
});
