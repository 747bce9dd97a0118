import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  AddressesDocument,
  HostDocument,
  LinkDocument,
  NeighbourDocument,
  RouteDocument,
  RuleDocument,
} from '../../src/context/document.ts';
import type { RouteQuery } from '../../src/context/lookup.ts';
import { Namespace, until } from './netns.ts';
import { CABLES, DEVICES, type RandomNetwork, TABLES } from './random-routing.ts';

/** What `ip -j route get` says, or the error of the kernel. */
export interface Answer {
  /** Of `ip`: `Network is unreachable`; undefined where it gave a route. */
  error: string | undefined;
  route: (RouteDocument & { from?: string; uid?: number; iif?: string }) | undefined;
}

/** Sysctls of an interface that decide about routing. */
const OF_INTERFACES = [
  'forwarding',
  'rp_filter',
  'accept_local',
  'src_valid_mark',
  'route_localnet',
  'ignore_routes_with_linkdown',
  'send_redirects',
];
const OF_INTERFACES_6 = ['forwarding', 'ignore_routes_with_linkdown', 'use_tempaddr', 'use_oif_addrs_only'];
const OF_ALL = ['fib_multipath_hash_policy', 'fib_multipath_use_neigh', 'ip_forward'];

/** A host in a namespace, whose cables end in another one: `CABLES` with a carrier, `d0` and a tun device `t0` without. */
export class RoutedHost {
  readonly namespace = new Namespace();
  private readonly far = new Namespace();
  private readonly kernel = spawnSync('uname', ['-r'], { encoding: 'utf8' }).stdout.trim();
  private sysctls: Record<string, string> = {};

  constructor() {
    // Addresses are there at once, and nothing is asked of neighbours.
    const quiet = ['accept_dad=0', 'accept_ra=0', 'router_solicitations=0'].map((each) => `net.ipv6.conf.default.${each}`);
    this.namespace.run('sysctl', '-qw', ...quiet);
    const links = [...CABLES, 'd0'].map((name) => `link add ${name} type veth peer name far-${name} netns ${this.far.name}`);
    this.batch([...links, 'tuntap add t0 mode tun', 'link set e3 group 7']);
    for (const name of CABLES) this.far.ip('link', 'set', `far-${name}`, 'up');
    this.batch(DEVICES.map((name) => `link set ${name} up`));
  }

  /** Link-local addresses come some milliseconds after the carrier. */
  async isReady(): Promise<void> {
    await until('link-local addresses', () => {
      const routes = this.namespace.ip('-6', 'route', 'show', 'table', 'local');
      return CABLES.every(
        (name) => routes.includes(`multicast ff00::/8 dev ${name}`) && routes.match(`local fe80::.* dev ${name}`) !== null,
      );
    });
  }

  /**
   * Takes away what was set before, and sets this. Lines that the kernel refuses are left out.
   * @param hasRules false: the rules stay as they came with the namespace
   */
  become({ lines, sysctls }: RandomNetwork, family: 4 | 6, hasRules: boolean): void {
    const defaults = ['0 lookup local', '32766 lookup main', ...(family === 4 ? ['32767 lookup default'] : [])];
    this.sysctls = this.writeSysctls(sysctls);
    this.batch(
      [
        'nexthop flush',
        ...['lo', ...DEVICES].map((name) => `address flush dev ${name} scope global`),
        ...(family === 4 ? DEVICES.flatMap((name) => ['link', 'host'].map((scope) => `address flush dev ${name} scope ${scope}`)) : []),
        ...DEVICES.map((name) => `neighbour flush dev ${name}`),
        ...TABLES.map((table) => `route flush table ${table}`),
        ...(hasRules ? ['rule flush', ...defaults.map((rule) => `rule add pref ${rule}`)] : []),
        ...lines,
      ],
      `-${family}`,
    );
  }

  /**
   * Runs lines of `ip -batch`; those that fail are left out.
   * @returns the output of each line; undefined where it failed, with the error by the line's place
   */
  batch(lines: readonly string[], ...options: string[]): { out: string[]; errors: Map<number, string> } {
    const file = join(this.namespace.folder, 'batch');
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    const { stdout, stderr } = spawnSync('ip', ['-n', this.namespace.name, ...options, '-force', '-batch', file], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      maxBuffer: 256 * 2 ** 20,
    });
    const errors = new Map<number, string>();
    let said = '';
    for (const line of stderr.split('\n')) {
      const failed = /^Command failed .*:(\d+)$/.exec(line);
      if (failed) errors.set(Number(failed[1]) - 1, said.trim());
      said = failed ? '' : `${said}${line}\n`;
    }
    return { out: stdout.split('\n').filter((line) => line !== ''), errors };
  }

  /**
   * Writes sysctls (`net.ipv4.conf.all.rp_filter=1`), and reads all that decide.
   * @returns them by name
   */
  private writeSysctls(settings: readonly string[]): Record<string, string> {
    const of = (family: string, names: readonly string[]): string =>
      names.map((name) => `/proc/sys/net/${family}/conf/*/${name}`).join(' ');
    const paths = `${of('ipv4', OF_INTERFACES)} ${of('ipv6', OF_INTERFACES_6)} ${OF_ALL.map((name) => `/proc/sys/net/ipv4/${name}`).join(' ')}`;
    const text = this.namespace.run('sh', '-c', `sysctl -qw ${settings.join(' ')}; grep -H . ${paths} 2>/dev/null || true`);
    const pairs = text.split('\n').flatMap((line) => {
      const [, path = '', value = ''] = /^\/proc\/sys\/([^:]+):(.*)$/.exec(line) ?? [];
      return path === '' ? [] : [[path.replaceAll('.', '\0').replaceAll('/', '.').replaceAll('\0', '/'), value] as const];
    });
    return Object.fromEntries(pairs);
  }

  /** What the host says of itself, as it is read by `ip -j`. */
  document(): HostDocument {
    const ipv4 = this.batch(['route show table all', 'rule show'], '-j', '-4').out;
    const all = this.batch(['link show', 'address show', 'neighbour show'], '-j', '-d').out;
    const ipv6 = this.batch(['route show table all', 'rule show'], '-j', '-6').out;
    const list = <T>(text: string | undefined): T[] => JSON.parse(text ?? '[]') as T[];
    return {
      hostname: null,
      kernel: this.kernel,
      time: null,
      links: list<LinkDocument>(all[0]),
      addresses: list<AddressesDocument>(all[1]),
      routes: [...list<RouteDocument>(ipv4[0]), ...list<RouteDocument>(ipv6[0])],
      rules: list<RuleDocument>(ipv4[1]),
      rules6: list<RuleDocument>(ipv6[1]),
      neighbours: list<NeighbourDocument>(all[2]),
      sysctls: this.sysctls,
    };
  }

  /** Asks the kernel all of them. */
  routeGet(family: 4 | 6, queries: readonly RouteQuery[], isMatch = false): Answer[] {
    const { out, errors } = this.batch(
      queries.map((query) => `route get ${isMatch ? 'fibmatch ' : ''}${queryWords(query)}`),
      '-j',
      `-${family}`,
    );
    let next = 0;
    return queries.map((_, i) => {
      const error = errors.get(i);
      if (error !== undefined) return { error, route: undefined };
      const [route] = JSON.parse(out[next++] ?? '[]') as NonNullable<Answer['route']>[];
      return { error: undefined, route };
    });
  }

  delete(): void {
    this.namespace.delete();
    this.far.delete();
  }
}

/** The words after `ip route get`. */
export function queryWords(query: RouteQuery): string {
  const words = [query.destination];
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) words.push(name, String(value));
  };
  add('from', query.source);
  add('iif', query.in);
  add('oif', query.out);
  add('mark', query.mark);
  add('tos', query.tos === undefined ? undefined : `0x${query.tos.toString(16)}`);
  add('ipproto', query.protocol);
  add('sport', query.sourcePort);
  add('dport', query.destinationPort);
  add('uid', query.uid);
  return words.join(' ');
}
