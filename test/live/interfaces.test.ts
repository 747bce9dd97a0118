import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIVE_PROGRAMS } from '../../scripts/programs.js';
import { interfaces } from '../../src/cli/commands/interfaces.ts';
import { collectingIo } from '../tools/io.ts';
import { addCable, backends } from '../tools/live.ts';
import { hindranceForNamespaces, LiveHost, Namespace, until } from '../tools/netns.ts';

const why = hindranceForNamespaces(LIVE_PROGRAMS.filter((each) => !each.startsWith('ssh')));

interface Listed {
  name: string;
  index: number | null;
}

describe.skipIf(why !== undefined)(`interfaces of a machine${why === undefined ? '' : ` (${why})`}`, () => {
  let namespace: Namespace;
  let host: LiveHost;

  beforeAll(() => {
    namespace = new Namespace();
    addCable(namespace);
    namespace.ip('address', 'add', '2001:db8::1/64', 'dev', 'v0', 'nodad');
    namespace.ip('link', 'set', 'v0', 'address', '02:00:00:00:00:01');
    namespace.ip('tuntap', 'add', 'dev', 'tun7', 'mode', 'tun');
    namespace.ip('tuntap', 'add', 'dev', 'tap7', 'mode', 'tap');
    namespace.ip('link', 'set', 'tap7', 'up');
    host = new LiveHost(namespace);
  });
  afterAll(() => namespace.delete());

  const indexOf = (name: string): number => Number(namespace.run('cat', `/sys/class/net/${name}/ifindex`));

  it('are listed with what is known of them, by index, and any at the end', async () => {
    const listed = await host.tell<Listed[]>({ do: 'interfaces' });
    const linkLocal = expect.stringMatching(/^fe80:.*\/64$/);
    const v0 = { linktype: 'ETHERNET', mac: '02:00:00:00:00:01', addresses: ['192.0.2.1/24', '2001:db8::1/64', linkLocal], state: 'up' };
    const expected: Record<string, unknown> = {
      lo: { index: 1, name: 'lo', linktype: 'ETHERNET', mac: null, addresses: ['127.0.0.1/8', '::1/128'], state: 'up', carrier: true },
      v0: { index: indexOf('v0'), name: 'v0', carrier: true, ...v0 },
      tun7: { index: indexOf('tun7'), name: 'tun7', linktype: 'RAW', mac: null, addresses: [], state: 'down', carrier: null },
      tap7: expect.objectContaining({ linktype: 'ETHERNET', state: 'up', carrier: false }),
      any: { index: null, name: 'any', linktype: 'LINUX_SLL2', mac: null, addresses: [], state: 'up', carrier: null },
    };
    for (const [name, is] of Object.entries(expected)) expect(listed.find((each) => each.name === name)).toEqual(is);
    const indexes = listed.map(({ index }) => index);
    expect(indexes.at(-1)).toBeNull();
    expect(indexes.slice(0, -1)).toEqual(indexes.slice(0, -1).sort((a, b) => Number(a) - Number(b)));
  });

  it('can be captured from by the backends that are there', async () => {
    const states = await host.tell<{ backend: string; refusal: string | null }[]>({ do: 'probe' });
    expect(states.map(({ backend, refusal }) => ({ backend, isRefused: refusal !== null }))).toEqual(
      backends.map(({ backend, lacking }) => ({ backend, isRefused: lacking !== undefined })),
    );
    expect(namespace.pidsOf('tcpdump')).toEqual([]);
  });

  it('have names that are found when they appear, and remembered when they have gone', async () => {
    const names = (...indexes: number[]) => host.tell<(string | null)[]>({ do: 'names', ssh: null, indexes });
    namespace.ip('link', 'add', 'v8', 'type', 'veth', 'peer', 'name', 'v9');
    const index = indexOf('v8');
    expect(await names(index, 0, -1, 999)).toEqual(['v8', null, null, null]);
    namespace.ip('link', 'delete', 'v8');
    // The host keeps its names from one question to the next.
    expect(await names(index)).toEqual(['v8']);
    expect(await new LiveHost(namespace).tell({ do: 'names', ssh: null, indexes: [index] })).toEqual([null]);
    // More often than once a second is not looked.
    namespace.ip('link', 'add', 'v8', 'type', 'veth', 'peer', 'name', 'v9');
    const again = indexOf('v8');
    await until('the new one is found', async () => (await names(again))[0] === 'v8');
  });
});

describe('fluxcap interfaces', () => {
  it('prints JSON, and a table with the same', async () => {
    const json = collectingIo();
    await interfaces(json, { json: true });
    const listed = JSON.parse(json.stdout) as Record<string, unknown>[];
    expect(listed.at(-1)).toMatchObject({ index: null, name: 'any', backends: expect.any(Array) });
    for (const each of listed) {
      expect(Object.keys(each)).toEqual(['index', 'name', 'linktype', 'addresses', 'mac', 'state', 'carrier', 'backends']);
    }
    const table = collectingIo();
    await interfaces(table, {});
    for (const { name } of listed) expect(table.stdout).toMatch(new RegExp(`│ ${name} `));
  });
});
