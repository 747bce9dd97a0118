import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIVE_PROGRAMS } from '../../scripts/programs.js';
import { addCable, backends, framesOf, LiveRun, NOBODY, refusalOf } from '../tools/live.ts';
import { hindranceForNamespaces, LiveHost, Namespace } from '../tools/netns.ts';

/* Helpers that are missing, may not capture, are old, or break. Needs root, Linux, and the programs; else the tests are skipped, and say why. */
const why = hindranceForNamespaces(LIVE_PROGRAMS.filter((each) => !each.startsWith('ssh')));
const LINUX_SLL = 113;
const TEXTS = ['#one', '#two', '#three'];

describe.skipIf(why !== undefined)(`live backends where something is amiss${why === undefined ? '' : ` (${why})`}`, () => {
  let namespace: Namespace;
  let folder: string;

  beforeAll(() => {
    namespace = new Namespace();
    addCable(namespace);
    ({ folder } = namespace);
    chmodSync(folder, 0o755);
  });
  afterAll(() => namespace.delete());

  /** A program of the test's own that stands before all others. */
  const fake = (directory: string, name: string, script: string, mode = 0o755): string => {
    const path = join(folder, directory);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(path, name), mode);
    return path;
  };
  const withPath = (path: string): string => `${path}:${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

  const NO_RIGHTS = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--bounding-set', '-all', '--inh-caps', '-all'];

  it('says how to get the rights, and names the simplest way where no backend works', async () => {
    const host = new LiveHost(namespace, NO_RIGHTS);
    const setcap = /sudo setcap cap_net_raw,cap_net_admin=eip (\/\S+)\/tcpdump \(or run fluxcap as root\)$/;
    const tcpdump = await refusalOf(host, { backend: 'tcpdump' });
    expect(tcpdump).toMatchObject({ fault: 'rights', exit: 3, message: expect.stringMatching(setcap) });
    expect(tcpdump.message).toMatch(/^tcpdump may not capture on v0 \(.*permission.*\): /);
    expect(await refusalOf(host, { backend: 'dumpcap' })).toMatchObject({
      fault: 'rights',
      message: expect.stringMatching(/cap_net_admin=eip \S+\/dumpcap/),
    });
    expect(await refusalOf(host, { backend: 'auto' })).toEqual(tcpdump);
    // What is wrong with the command line is told before rights are.
    expect(await refusalOf(host, { interface: 'v9' })).toMatchObject({ fault: 'interface', exit: 2 });
    for (const { backend } of backends.filter((each) => each.lacking === undefined && ['libpcap', 'cap'].includes(each.backend))) {
      const { fault, exit, message } = await refusalOf(host, { backend });
      expect({ fault, exit }).toEqual({ fault: 'rights', exit: 3 });
      expect(message).toContain(`${backend} may not capture on v0`);
      expect(message).toContain('run fluxcap as root');
    }
  });

  it('names what is to be done where rights cannot be gained, or root has none', async () => {
    const barred = new LiveHost(namespace, [...NO_RIGHTS, '--no-new-privs']);
    expect((await refusalOf(barred, { backend: 'tcpdump' })).message).toContain('AmbientCapabilities=');
    const root = new LiveHost(namespace, ['setpriv', '--bounding-set', '-net_raw,-net_admin', '--inh-caps', '-all']);
    expect((await refusalOf(root, { backend: 'tcpdump' })).message).toContain('--cap-add NET_RAW');
  });

  it('names the group of a helper that only its members may run, and goes on to the next', async () => {
    const path = fake('group', 'tcpdump', 'exit 1', 0o750);
    chownSync(join(path, 'tcpdump'), 0, 1);
    const group = namespace.run('getent', 'group', '1').split(':')[0];
    const away = new LiveHost(
      namespace,
      ['sh', '-c', 'mount --bind "$0" /usr/bin/tcpdump; exec "$@"', join(path, 'tcpdump'), ...NO_RIGHTS],
      {
        PATH: withPath(path),
      },
    );
    const { message } = await refusalOf(away, { backend: 'tcpdump' });
    expect(message).toMatch(new RegExp(`tcpdump may not be run by nobody: sudo usermod -aG ${group} nobody, then log in again`));
  });

  it('names the package of a helper that is missing', async () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const hidden = ['sh', '-c', 'mount --bind "$0" /usr/sbin; mount --bind "$0" /usr/local/sbin; PATH=$0; exec "$@"', empty];
    const host = new LiveHost(namespace, hidden);
    const message = 'tcpdump is not installed: sudo apt install tcpdump';
    expect(await refusalOf(host, { backend: 'tcpdump' })).toEqual({ fault: 'missing', exit: 3, message });
    expect(await refusalOf(host, { backend: 'dumpcap' })).toMatchObject({
      message: 'dumpcap is not installed: sudo apt install wireshark-common',
    });
    if (backends.every(({ backend, lacking }) => backend !== 'libpcap' || lacking === undefined)) {
      const run = await LiveRun.open(host, { backend: 'auto' });
      expect(run.opened.backend).toBe('libpcap');
      await run.tell('close');
    }
  });

  it('finds an interface by another name that it has', async () => {
    namespace.ip('link', 'property', 'add', 'dev', 'v0', 'altname', 'uplink-to-provider');
    const host = new LiveHost(namespace);
    for (const { backend } of backends.filter(({ lacking }) => lacking === undefined)) {
      const run = await LiveRun.open(host, { backend, interface: 'uplink-to-provider' });
      await host.tell({ do: 'send', to: NOBODY, texts: TEXTS });
      await run.has(TEXTS.length);
      await run.tell('close');
    }
  });

  it('captures any without LINUX_SLL2 where libpcap is too old for it, and says so', async () => {
    const real = namespace.run('sh', '-c', 'command -v tcpdump').trim();
    const script = `case "$*" in *LINUX_SLL2*) echo 'tcpdump: LINUX_SLL2 is not one of the DLTs supported by this device' >&2; exit 1;; esac\nexec ${real} -y LINUX_SLL "$@"`;
    const host = new LiveHost(namespace, [], { PATH: withPath(fake('old', 'tcpdump', script)) });
    const run = await LiveRun.open(host, { interface: 'any', backend: 'tcpdump' });
    expect(run.opened.limits).toEqual([expect.stringContaining('LINUX_SLL2')]);
    await host.tell({ do: 'send', to: NOBODY, texts: ['x'] });
    await run.tell('stop');
    await run.end();
    expect((await framesOf(run.path)).frames.map(({ linktype }) => linktype)).toEqual([LINUX_SLL, LINUX_SLL]);
  });

  it('repeats the last words of a helper that ends, and reads what it wrote before', async () => {
    const real = namespace.run('sh', '-c', 'command -v tcpdump').trim();
    const script = `timeout -s TERM 2 ${real} "$@"; echo 'tcpdump: pcap_loop: something broke' >&2; exit 1`;
    const host = new LiveHost(namespace, [], { PATH: withPath(fake('breaking', 'tcpdump', script)) });
    const run = await LiveRun.open(host, { backend: 'tcpdump' });
    await host.tell({ do: 'send', to: NOBODY, texts: TEXTS });
    expect((await run.end()).ended).toEqual({ error: 'tcpdump ended (status 1): pcap_loop: something broke' });
    expect((await framesOf(run.path)).frames.map(({ text }) => text)).toEqual(TEXTS);
  });
});
