import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HostDocument } from '../../src/context/document.ts';
import { hostOf } from '../../src/context/model.ts';
import { savedContext } from '../../src/context/node/saved.ts';
import { root } from '../tools/captures.ts';
import { hindranceForNamespaces, Namespace, until } from '../tools/netns.ts';

/* The commands that docs/context.md has for machines without fluxcap. */

const why = hindranceForNamespaces(['ip', 'sysctl']);
const [, commands = ''] = /```sh\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs', 'context.md'), 'utf8')) ?? [];
const CHILD = join(root, 'test', 'tools', 'context-child.ts');

describe.skipIf(why !== undefined)(`the commands of docs/context.md${why === undefined ? '' : ` (${why})`}`, () => {
  it('save what fluxcap itself would have read', async () => {
    const namespace = new Namespace();
    try {
      namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.router_solicitations=0');
      for (const line of [
        'link add v0 type veth peer name v1',
        'link set v0 up',
        'link set v1 up',
        'address add 192.0.2.1/24 dev v0',
        'address add 2001:db8::1/64 dev v0',
        'route add default via 192.0.2.254',
        'route add default via 192.0.2.254 table 101',
        '-6 route add default dev v0 table 102',
        'rule add from 192.0.2.1 lookup 101',
        '-6 rule add from 2001:db8::1 lookup 102',
        'neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev v0',
      ])
        namespace.ip(...line.split(' '));
      // Interfaces get addresses of their own a moment later.
      await until('both have theirs', () => namespace.ip('-6', 'address').match(/fe80::/g)?.length === 2);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const folder = join(namespace.folder, 'gateway');
      mkdirSync(folder);
      namespace.run('sh', '-c', `cd "$0" && { ${commands} } 2>/dev/null; true`, folder);
      const saved = await savedContext(folder);
      const own = JSON.parse(namespace.run(process.execPath, '--import', 'tsx', CHILD, '{"tincFolder":"/nonexistent"}')) as HostDocument;
      expect(saved).toMatchObject({ hostname: own.hostname, kernel: own.kernel, time: expect.stringMatching(/Z$/) });
      expect(saved.sysctls).toEqual(own.sysctls);
      // What has nothing to say leaves a file without content.
      expect(saved.unread?.filter((note) => !/^(is|are) empty$/.test(note.why)) ?? []).toEqual([]);
      const comparable = (host: HostDocument) => {
        const { links, routes, rules, neighbours } = hostOf(host);
        return { links, routes: routes?.map(({ text }) => text), rules: rules?.map(({ text }) => text), neighbours };
      };
      expect(comparable(saved)).toEqual(comparable(own));
      expect(saved.rules).toHaveLength(4);
    } finally {
      namespace.delete();
    }
  }, 30_000);
});
