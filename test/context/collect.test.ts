import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, describe, expect, it } from 'vitest';
import { context } from '../../src/cli/commands/context.ts';
import type { HostDocument } from '../../src/context/document.ts';
import { collectContext } from '../../src/context/node/collect.ts';
import { isNothing, savedContext } from '../../src/context/node/saved.ts';
import { readContext } from '../../src/context/read.ts';
import { contextSchema } from '../../src/context/schema.ts';
import { root } from '../tools/captures.ts';
import { collectingIo } from '../tools/io.ts';
import { hindranceForNamespaces, Namespace, until } from '../tools/netns.ts';
import { startWireguard } from '../tools/wireguard-go.ts';
import { wireguardKeys } from '../tools/wireguard-keys.ts';

/* What `fluxcap context` reads of the machine it runs on, and what happens where programs are missing, old, slow or mad. */

const folders: string[] = [];
function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'fluxcap-context-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}
/** A folder with programs that are shell scripts. */
function programs(scripts: Record<string, string>): string {
  const folder = folderWith(Object.fromEntries(Object.entries(scripts).map(([name, script]) => [name, `#!/bin/sh\n${script}\n`])));
  for (const name of Object.keys(scripts)) chmodSync(join(folder, name), 0o755);
  return folder;
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(contextSchema());
/** It fits the schema, and reads back as what it is. */
function isDocument(host: HostDocument): void {
  const document = { schema: 1, hosts: [host] };
  expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
  expect(readContext(JSON.stringify(document), 'own.json')).toEqual(document);
}

const onLinux = process.platform === 'linux';
/** Nothing of the kind is there: what is said rests on the stubs alone. */
const alone = { tincFolder: '/nonexistent' };
const ESSENTIAL = ['links', 'addresses', 'IPv4 routes', 'rules', 'neighbours'];

describe.skipIf(!onLinux)(`programs${onLinux ? '' : ' (needs Linux)'}`, () => {
  it('that are all missing are named; the rest is there', async () => {
    const host = await collectContext({ ...alone, path: folderWith({}) });
    isDocument(host);
    expect(host).toMatchObject({
      hostname: expect.any(String),
      kernel: expect.stringMatching(/^\d/),
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(host.sysctls).toMatchObject({
      'net.ipv4.ip_forward': expect.stringMatching(/^[01]$/),
      'net.ipv4.conf.lo.arp_ignore': expect.any(String),
    });
    expect(host.unread).toEqual(
      expect.arrayContaining([
        { what: 'addresses', why: 'neither ip nor ifconfig is installed' },
        { what: 'IPv4 routes', why: 'neither ip nor route is installed' },
        { what: 'neighbours', why: 'neither ip nor arp is installed' },
        { what: 'rules', why: 'ip is not installed' },
      ]),
    );
    // What most machines do not have is not worth a word.
    expect(JSON.stringify(host.unread)).not.toMatch(/bird|vtysh|tinc|nft|iptables/);
  });

  it('without ip, but with the older ones, are read', async () => {
    const table =
      'Kernel IP routing table\nDestination Gateway Genmask Flags Metric Ref Use Iface\n0.0.0.0 192.0.2.254 0.0.0.0 UG 0 0 0 eth0';
    const path = programs({
      ifconfig: `echo 'eth0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n        inet 192.0.2.1  netmask 255.255.255.0  broadcast 192.0.2.255'`,
      route: `echo '${table}'`,
      arp: `echo '? (192.0.2.254) at 02:00:00:00:00:01 [ether] on eth0'`,
    });
    const host = await collectContext({ ...alone, path });
    isDocument(host);
    expect(host).toMatchObject({
      addresses: [{ ifname: 'eth0', addr_info: [{ local: '192.0.2.1', prefixlen: 24 }] }],
      routes: [{ dst: 'default', gateway: '192.0.2.254', dev: 'eth0' }],
      neighbours: [{ dst: '192.0.2.254', lladdr: '02:00:00:00:00:01' }],
    });
  });

  it.each([
    {
      name: 'that fail',
      script: 'echo "RTNETLINK answers: Operation not supported" >&2; exit 2',
      why: 'ip said "RTNETLINK answers: Operation not supported"',
    },
    {
      name: 'that have no rights',
      script: 'echo "Cannot open netlink socket: Permission denied" >&2; exit 1',
      why: 'no rights: run as root (ip said "Cannot open netlink socket: Permission denied")',
    },
    { name: 'that print something else', script: 'echo "Good morning"', why: /^"ip .*" printed something else: "Good morning"$/ },
    { name: 'that print JSON of something else', script: 'echo \'{"a": 1}\'', why: /printed something else/ },
    { name: 'that print half of it', script: 'printf \'[{"ifname":"lo","dst":"default","prio\'', why: /printed something else/ },
    { name: 'that are killed', script: 'kill -9 $$', why: 'ip was ended by SIGKILL' },
    { name: 'that hang', script: 'exec sleep 30', why: 'ip did not answer within 0.7 s', timeoutMs: 700 },
    { name: 'that hang with children of their own', script: 'sleep 4 & wait', why: 'ip did not answer within 0.7 s', timeoutMs: 700 },
    {
      name: 'that print without end',
      script: 'exec yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      why: 'ip prints more than 1 MiB',
    },
  ])('$name are named', async ({ script, why, timeoutMs = 5000 }) => {
    const started = Date.now();
    const host = await collectContext({ ...alone, path: `${programs({ ip: script })}:/usr/bin:/bin`, timeoutMs, most: 2 ** 20 });
    isDocument(host);
    for (const what of ESSENTIAL) {
      const note = host.unread?.find((each) => each.what === what);
      if (typeof why === 'string') expect(note?.why, what).toBe(why);
      else expect(note?.why, what).toMatch(why);
    }
    expect(host.links).toBe(undefined);
    expect(host.routes).toBe(undefined);
    expect(host.sysctls).not.toBe(undefined);
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it('that hang do not stay behind', async () => {
    const path = programs({ ip: 'echo $$ >>"$0.pids"; exec sleep 60' });
    await collectContext({ ...alone, path: `${path}:/usr/bin:/bin`, timeoutMs: 700 });
    const pids = readFileSync(join(path, 'ip.pids'), 'utf8').trim().split('\n').map(Number);
    expect(pids.length).toBeGreaterThan(ESSENTIAL.length);
    await until(
      'they are gone',
      () => pids.every((pid) => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')),
      5000,
    );
  });

  it('with entries of a wrong form: these are left out, and named', async () => {
    const routes = JSON.stringify([{ dst: 'default', dev: 'eth0', flags: [] }, { dst: 7 }, { dev: 'eth0' }]);
    const host = await collectContext({
      ...alone,
      path: `${programs({ ip: `case "$*" in *route*) echo '${routes}';; *) echo '[]';; esac` })}:/usr/bin:/bin`,
    });
    isDocument(host);
    expect(host.routes?.every(({ dst }) => dst === 'default')).toBe(true);
    expect(host.unread?.find(({ what }) => what === 'routes')?.why).toMatch(/^\d of \d are not of the known form: routes\[\d\]/);
  });

  it('are told no secrets of FRR, BIRD and firewalls', async () => {
    const bgp =
      '{"vrfName":"default","routerId":"192.0.2.1","localAS":64512,"routes":{"203.0.113.0/24":[{"valid":true,"nexthops":[{"ip":"192.0.2.9","afi":"ipv4"}]}]}}';
    const path = programs({
      vtysh: `case "$*" in *ipv4*) echo '${bgp}';; *) echo '{"warning":"none"}';; esac`,
      birdc: `[ "$*" = "-r show route all" ] || exit 9; printf 'BIRD 2.0.12 ready.\\nTable master4:\\n198.51.100.0/24      unicast [gwp 01:33:27] * (100) [AS64512i]\\n\\tvia 10.2.32.41 on eth0\\n\\tBGP.as_path: 64512\\n'`,
      nft: `echo '{"nftables":[{"metainfo":{}},{"rule":{"family":"ip","comment":"swordfish","expr":[{"xt":{"type":"target","name":"MARK"}}]}}]}'`,
      'iptables-save': `printf '*mangle\\n-A PREROUTING -m comment --comment "swordfish 1" -j MARK --set-mark 1\\nCOMMIT\\n'`,
    });
    const host = await collectContext({ ...alone, path });
    isDocument(host);
    expect(host.bgp).toMatchObject({ routerId: '192.0.2.1', routes: { '203.0.113.0/24': [{}], '198.51.100.0/24': [{ path: '64512' }] } });
    expect(host.iptables).toEqual(['*mangle', '-A PREROUTING -j MARK --set-mark 1', 'COMMIT']);
    expect(host.nftables).toMatchObject({ nftables: [{}, { rule: { family: 'ip' } }] });
    expect(JSON.stringify(host)).not.toContain('swordfish');
  });

  it('of tinc: 1.1 is asked, of 1.0 the files of the hosts are read; nothing but subnets', async () => {
    const tincFolder = folderWith({});
    mkdirSync(join(tincFolder, 'vpn', 'hosts'), { recursive: true });
    const config = 'Name = home\nMode = Switch\nInterface=tap24\nPrivateKeyFile = /secret/place\nConnectTo = tyo\n';
    writeFileSync(join(tincFolder, 'vpn', 'tinc.conf'), config);
    writeFileSync(
      join(tincFolder, 'vpn', 'hosts', 'tyo'),
      'Address = 192.0.2.9\nSubnet = 10.2.30.91/32\nsubnet = 0.0.0.0/0#5\n-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEA\n',
    );
    const old = await collectContext({ tincFolder, path: folderWith({}) });
    isDocument(old);
    expect(old.tinc).toEqual([
      {
        interface: 'tap24',
        name: 'home',
        mode: 'switch',
        subnets: [
          { subnet: '10.2.30.91/32', weight: 10, owner: 'tyo' },
          { subnet: '0.0.0.0/0', weight: 5, owner: 'tyo' },
        ],
      },
    ]);
    expect(old.unread).toContainEqual({ what: 'subnets of tinc vpn', why: expect.stringContaining('those of the files of its hosts') });
    const tinc = `[ "$*" = "-n vpn dump subnets" ] && echo '10.0.0.0/8 owner gcp'`;
    const asked = await collectContext({ tincFolder, path: programs({ tinc }) });
    expect(asked.tinc?.[0]?.subnets).toEqual([{ subnet: '10.0.0.0/8', weight: 10, owner: 'gcp' }]);
    expect(JSON.stringify([old, asked])).not.toMatch(/secret|MIIB/);
  });

  it('of WireGuard: no private and no preshared key gets out, whatever the program does', async () => {
    const [own, ofPeer, ownPrivate, preshared] = wireguardKeys();
    const lines = [`wg0\t${ownPrivate}\t${own}\t51820\toff`, `wg0\t${ofPeer}\t${preshared}\t(none)\t10.9.0.2/32\t0\t0\t0\toff`];
    const link = `echo '[{"ifindex":1,"ifname":"wg0","flags":["UP"],"linkinfo":{"info_kind":"wireguard"}}]'`;
    const run = (script: string) =>
      collectContext({ ...alone, path: `${programs({ wg: script, ip: link })}:/usr/bin:/bin`, timeoutMs: 2500 });
    const print = (text: string): string => `printf '%s' '${text}'`;
    const whole = await run(print(`${lines.join('\n')}\n`));
    isDocument(whole);
    expect(whole.wireguard).toMatchObject([{ interface: 'wg0', publicKey: own, peers: [{ publicKey: ofPeer, endpoint: null }] }]);
    const scripts = [
      print(lines.join('\n').slice(0, 100)),
      print(lines.join('\n').slice(20)),
      print(lines.join('\n').replaceAll('\t', '\t\t ')),
      print(lines.join('').replaceAll('\t', '')),
      `${print(lines.join('\n'))} >&2; exit 1`,
      `${print(lines.join('\n'))}; exit 1`,
      `${print(`Unable to use ${ownPrivate} ${preshared}`)} >&2; exit 1`,
      `${print(`[Interface]\nPrivateKey = ${ownPrivate}\n[Peer]\nPresharedKey = ${preshared}\n`)}`,
      `${print(lines.join('\n'))}; exec sleep 20`,
    ];
    for (const host of [whole, ...(await Promise.all(scripts.map(run)))]) {
      const said = JSON.stringify(host);
      for (const key of [ownPrivate, preshared])
        for (let at = 0; at + 16 <= 44; at += 4) expect(said).not.toContain(key.slice(at, at + 16));
    }
  });
});

const why = hindranceForNamespaces(['ip', 'wg', 'wireguard-go', 'busybox']);
const CHILD = join(root, 'test', 'tools', 'context-child.ts');

describe.skipIf(why !== undefined)(`a machine with tunnels${why === undefined ? '' : ` (${why})`}`, () => {
  /** What the collector prints in the namespace, as text. */
  const collected = (namespace: Namespace, path: string | undefined, options: object = {}): string =>
    namespace.run(
      'env',
      ...(path === undefined ? [] : [`PATH=${path}:/usr/sbin:/usr/bin:/sbin:/bin`]),
      process.execPath,
      '--import',
      'tsx',
      CHILD,
      JSON.stringify({ ...alone, ...options }),
    );

  it('is read by ip of today, by one without -j and by that of BusyBox; keys of a real WireGuard stay inside', async () => {
    const namespace = new Namespace();
    const secrets: string[] = [];
    try {
      namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
      for (const line of [
        'link add v0 type veth peer name v1',
        'link set v0 up',
        'link set v1 up',
        'address add 192.0.2.1/24 dev v0',
        'route add default via 192.0.2.254',
        'route add 10.0.0.0/8 dev v0 table 101',
        'rule add from 192.0.2.1 lookup 101',
        'neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev v0',
        'link add v0.7 type veth peer name v8',
      ])
        namespace.ip(...line.split(' '));
      namespace.run('sysctl', '-qw', 'net.ipv4.conf.v0/7.arp_ignore=2');
      const name = `fxw${process.pid}`.slice(0, 14);
      const [, ofPeer, ownPrivate, preshared] = wireguardKeys();
      secrets.push(ownPrivate, preshared);
      for (const [file, key] of [
        ['private', ownPrivate],
        ['preshared', preshared],
      ] as const)
        writeFileSync(join(namespace.folder, file), `${key}\n`, { mode: 0o600 });
      await startWireguard(namespace, name);
      namespace.run(
        'wg',
        'set',
        name,
        'private-key',
        join(namespace.folder, 'private'),
        'listen-port',
        '51820',
        'fwmark',
        '0x51',
        'peer',
        ofPeer,
        'preshared-key',
        join(namespace.folder, 'preshared'),
        'allowed-ips',
        '10.9.0.2/32,fd00:9::/64',
        'endpoint',
        '192.0.2.9:12345',
        'persistent-keepalive',
        '25',
      );
      expect(namespace.run('wg', 'show', 'all', 'dump')).toContain(ownPrivate);

      // Interfaces get addresses of their own a moment later.
      await until('both have theirs', () => (namespace.ip('-6', 'address').match(/fe80::/g)?.length ?? 0) >= 2);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const text = collected(namespace, undefined);
      const host = JSON.parse(text) as HostDocument;
      isDocument(host);
      expect(host.unread).toBe(undefined);
      expect(host.wireguard).toEqual([
        {
          interface: name,
          publicKey: expect.stringMatching(/=$/),
          listenPort: 51_820,
          fwmark: '0x51',
          peers: [
            {
              publicKey: ofPeer,
              endpoint: '192.0.2.9:12345',
              allowedIps: '10.9.0.2/32,fd00:9::/64',
              latestHandshake: 0,
              persistentKeepalive: '25',
            },
          ],
        },
      ]);
      expect(host.addresses?.find(({ ifname }) => ifname === 'v0')?.addr_info[0]).toMatchObject({ local: '192.0.2.1', prefixlen: 24 });
      expect(host.rules?.map(({ table }) => table)).toEqual(['local', '101', 'main', 'default']);
      expect(host.rules6).toHaveLength(2);
      expect(host.sysctls).toMatchObject({ 'net.ipv4.conf.v0/7.arp_ignore': '2', 'net.ipv4.conf.v0.arp_ignore': '0' });
      expect(Object.keys(host.sysctls ?? {}).join()).not.toContain('stable_secret');

      // Text says what JSON says, but for what changes from second to second.
      const same = (each: HostDocument) => ({
        ...each,
        time: null,
        kernel: null,
        links: each.links?.map(({ ifname, address, flags, mtu }) => [ifname, address, flags, mtu]),
        addresses: each.addresses?.map(({ addr_info }) => addr_info),
      });
      const refusing = `case " $* " in *" -j "*) echo 'Option "-j" is unknown, try "ip -help".' >&2; exit 255;; esac\nexec /usr/sbin/ip "$@"`;
      const silent = `for each; do shift; [ "$each" = -j ] || set -- "$@" "$each"; done\nexec /usr/sbin/ip "$@"`;
      const texts = [text];
      for (const script of [refusing, silent]) {
        texts.push(collected(namespace, programs({ ip: script })));
        expect(same(JSON.parse(texts.at(-1) ?? '') as HostDocument)).toEqual(same(host));
      }
      texts.push(collected(namespace, programs({ ip: 'exec busybox ip "$@"' })));
      const ofBusybox = JSON.parse(texts.at(-1) ?? '') as HostDocument;
      isDocument(ofBusybox);
      expect(ofBusybox.addresses?.map(({ ifname, addr_info }) => [ifname, addr_info.map(({ local }) => local)])).toEqual(
        host.addresses?.map(({ ifname, addr_info }) => [ifname, addr_info.map(({ local }) => local)]),
      );
      expect(ofBusybox.rules).toEqual(host.rules);
      expect(ofBusybox.neighbours).toEqual(host.neighbours);
      expect(ofBusybox.unread).toEqual([{ what: 'rules', why: expect.stringContaining('they may say more than is known here') }]);
      // Another namespace does not have that tunnel, though all see the folder of its socket.
      const other = new Namespace();
      try {
        texts.push(collected(other, undefined));
        expect(texts.at(-1)).not.toContain(name);
      } finally {
        other.delete();
      }
      for (const each of texts)
        for (const key of secrets) for (let at = 0; at + 16 <= 44; at += 4) expect(each).not.toContain(key.slice(at, at + 16));
    } finally {
      namespace.delete();
    }
  }, 60_000);

  it('without rights says so', () => {
    const namespace = new Namespace();
    try {
      namespace.ip('link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
      const text = namespace.run(
        'setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        '--bounding-set=-all',
        process.execPath,
        '--import',
        'tsx',
        CHILD,
        JSON.stringify(alone),
      );
      const host = JSON.parse(text) as HostDocument;
      isDocument(host);
      expect(host.links).toHaveLength(3);
      expect(host.rules).toHaveLength(3);
      expect(host.unread?.every(({ why }) => why.startsWith('no rights: run as root'))).toBe(true);
    } finally {
      namespace.delete();
    }
  }, 30_000);
});

describe('a folder of saved outputs', () => {
  const rules = '0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n';

  it('is one host', async () => {
    const folder = folderWith({
      'a.txt': 'default via 192.0.2.254 dev eth0\n',
      ip_rule: rules,
      hostname: 'gw\n',
      'sub.json': '[{"dst":"192.0.2.9","dev":"eth0","lladdr":"02:00:00:00:00:09","state":["STALE"]}]',
    });
    expect(await savedContext(folder)).toEqual({
      hostname: 'gw',
      kernel: null,
      time: null,
      routes: [{ dst: 'default', flags: [], gateway: '192.0.2.254', dev: 'eth0' }],
      rules: [
        { priority: 0, src: 'all', table: 'local' },
        { priority: 32_766, src: 'all', table: 'main' },
        { priority: 32_767, src: 'all', table: 'default' },
      ],
      neighbours: [{ dst: '192.0.2.9', dev: 'eth0', lladdr: '02:00:00:00:00:09', state: ['STALE'] }],
    });
  });

  it('names what is no text, too large, empty, a folder, or a pipe', async () => {
    const folder = folderWith({ ip_rule: rules, 'a.pcap': '\xd4\xc3\0\0', empty: '', void: '' });
    mkdirSync(join(folder, 'more'));
    spawnSync('mkfifo', [join(folder, 'pipe')]);
    const host = await savedContext(folder);
    expect(host.unread).toEqual([
      { what: 'a.pcap', why: 'is no text' },
      { what: 'more', why: 'is a folder: not looked into; one folder is one host' },
      { what: 'pipe', why: 'is no file' },
      { what: 'empty, void', why: 'are empty' },
    ]);
  });

  it('may be written by PowerShell', async () => {
    const folder = folderWith({});
    writeFileSync(
      join(folder, 'rules.txt'),
      Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(rules.replaceAll('\n', '\r\n'), 'utf16le')]),
    );
    expect((await savedContext(folder)).rules).toHaveLength(3);
  });

  it.each([
    { name: 'that is missing', make: () => '/nonexistent', says: '/nonexistent: no such folder' },
    {
      name: 'that is empty',
      make: () => folderWith({}),
      says: /: is empty; expected the outputs of commands as "ip address", "ip route", "ip rule"$/,
    },
    {
      name: 'with nothing that is known',
      make: () => folderWith({ 'notes.txt': 'Dear Sir' }),
      says: /: nothing in it is the output of a command that is known \(notes.txt: not known what this is; it begins with "Dear Sir"\); expected/,
    },
    { name: 'with nothing but a name', make: () => folderWith({ hostname: 'gw' }), says: /: nothing in it is the output/ },
  ])('$name is refused in one line', async ({ make, says }) => {
    const failure = await savedContext(make()).then(
      () => 'taken',
      (error: Error) => error.message,
    );
    if (typeof says === 'string') expect(failure).toBe(says);
    else expect(failure).toMatch(says);
    expect(failure).not.toContain('\n');
  });

  it('of a machine that knows nothing is nothing', () => {
    expect(isNothing({ hostname: 'gw', kernel: null, time: null })).toBe(true);
    expect(isNothing({ hostname: null, kernel: null, time: null, rules: [] })).toBe(false);
  });
});

describe('the command', () => {
  /** Runs it; gives what it printed and its status. */
  async function run(options: {
    from?: string;
    hostname?: string;
    quiet?: boolean;
  }): Promise<{ stdout: string; stderr: string; exit: number }> {
    const io = collectingIo();
    const exit = await context(io, { quiet: false, ...options });
    return { stdout: io.stdout, stderr: io.stderr, exit };
  }

  it('prints the document, and says what it could not read', async () => {
    const from = folderWith({ ip_route: 'default via 192.0.2.254 dev eth0\n', 'notes.txt': 'Dear Sir' });
    const printed = await run({ from, hostname: 'gw' });
    expect(JSON.parse(printed.stdout)).toMatchObject({
      schema: 1,
      hosts: [{ hostname: 'gw', routes: [{}], unread: [{ what: 'notes.txt' }] }],
    });
    expect(printed.stdout).toMatch(/^\{\n {2}"schema": 1,\n/);
    expect(printed).toMatchObject({ exit: 0, stderr: 'fluxcap: not read: notes.txt: not known what this is; it begins with "Dear Sir"\n' });
    expect((await run({ from, quiet: true })).stderr).toBe('');
  });

  it('prints nothing where there is nothing', async () => {
    const from = folderWith({ 'notes.txt': 'Dear Sir' });
    const printed = await run({ from });
    expect(printed).toMatchObject({ exit: 3, stdout: '' });
    expect(printed.stderr).toMatch(/^fluxcap: --from .*: nothing in it is the output of a command that is known .*\n$/);
  });

  it('takes a name without spaces', async () => {
    await expect(run({ hostname: 'a b' })).rejects.toThrow('--hostname: expected a name without spaces, got "a b"');
  });

  it.skipIf(!onLinux)(`reads this machine${onLinux ? '' : ' (needs Linux)'}`, async () => {
    const { stdout, exit } = await run({});
    expect(exit).toBe(0);
    const [host] = readContext(stdout, 'own.json').hosts;
    expect(host?.sysctls).toBeDefined();
    expect(host?.kernel).toBe(readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim());
  });
});
