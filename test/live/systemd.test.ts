import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hindrance } from '../../scripts/labs.js';
import { missingPrograms, PATH } from '../../scripts/programs.js';
import { root } from '../tools/captures.ts';
import { analyzeOctets } from './evidence-tools.ts';

const UNIT = join(root, 'docs/systemd/fluxcap.service');
const env = { ...process.env, PATH };

/** The unit's lines that set something. */
const settings = readFileSync(UNIT, 'utf8')
  .split('\n')
  .filter((line) => /^[A-Z][A-Za-z]+=/.test(line))
  .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
const settingOf = (name: string): string | undefined => settings.find(([each]) => each === name)?.[1];

describe('the systemd unit', () => {
  it('is explained, line by line', () => {
    const document = readFileSync(join(root, 'docs/live.md'), 'utf8');
    const rows = document.split('\n').filter((line) => line.startsWith('| `'));
    const explained = new Map(
      rows.flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([A-Z][A-Za-z]+)=([^`]*)`/g)].map((match) => [match[1], match[2]])),
    );
    const ofInstall = new Set(['Description', 'WantedBy']);
    for (const [name, value] of settings) {
      if (ofInstall.has(name)) continue;
      expect([...explained.keys()], name).toContain(name);
      const said = explained.get(name) ?? '';
      // Longer values are told in words.
      if (said !== '' && said !== '-') expect([name, said]).toEqual([name, value]);
    }
    expect([...explained.keys()].filter((name) => name !== undefined && settingOf(name) === undefined)).toEqual([]);
  });

  it('is no root, and leaves out what would break it', () => {
    expect(settingOf('DynamicUser')).toBe('yes');
    expect(settingOf('AmbientCapabilities')).toBe('CAP_NET_RAW');
    expect(settingOf('NoNewPrivileges')).toBe('yes');
    for (const name of ['MemoryDenyWriteExecute', 'PrivateUsers', 'PrivateNetwork', 'ProcSubset']) expect(settingOf(name)).toBeUndefined();
  });

  const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

  describe.skipIf(!hasSystemd)(`systemd-analyze${hasSystemd ? '' : ' (missing)'}`, () => {
    let folder = '';
    let unit = '';

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'fluxcap-unit-'));
      unit = join(folder, 'fluxcap.service');
      // It looks whether the program is there.
      writeFileSync(unit, readFileSync(UNIT, 'utf8').replace('ExecStart=fluxcap ', `ExecStart=${process.execPath} `));
    });

    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('finds nothing wrong', () => {
      const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
      expect({ status, said: (stdout + stderr).split('\n').filter((line) => line.includes('fluxcap')) }).toEqual({ status: 0, said: [] });
    });

    it('sees little exposure', () => {
      const { status, stdout, stderr } = spawnSync('systemd-analyze', ['security', '--offline=yes', '--threshold=25', '--no-pager', unit], {
        encoding: 'utf8',
      });
      if (status !== 0) expect.fail(`${stdout.split('\n').slice(-3).join('\n')}${stderr}`);
      expect(stdout).toMatch(/Overall exposure level for fluxcap\.service: [0-2]\.\d OK/);
    });
  });
});

const missing = missingPrograms(['tcpdump', 'setpriv', 'setcap', 'ip', 'ping']);
const why = hindrance() ?? (missing.length > 0 ? `${missing.join(', ')} missing` : undefined);

/** Another user's, that is nobody's: what `DynamicUser` would choose. */
const USER = '61184';
const capabilities = (name: string): string =>
  ['-all', ...(settingOf(name) ?? '').split(' ').map((each) => each.replace(/^CAP_/, '+').toLowerCase())].join(',');

describe.skipIf(why !== undefined)(`a helper with the capabilities of the unit${why === undefined ? '' : ` (${why})`}`, () => {
  const namespace = `fxu${process.pid.toString(36)}`;
  let folder = '';
  const must = (program: string, ...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env });
    if (status !== 0) expect.fail(`${program} ${args.join(' ')}: ${stderr}`);
    return stdout;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fluxcap-helper-'));
    must('chmod', '755', folder);
    const [tcpdump = ''] = must('sh', '-c', 'command -v tcpdump').split('\n');
    for (const name of ['plain', 'raw', 'both']) must('cp', tcpdump, join(folder, name));
    must('setcap', 'cap_net_raw=eip', join(folder, 'raw'));
    must('setcap', 'cap_net_raw,cap_net_admin=eip', join(folder, 'both'));
    must('ip', 'netns', 'add', namespace);
    must('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
    must('ip', '-n', namespace, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
    for (const name of ['v0', 'v1']) must('ip', '-n', namespace, 'link', 'set', name, 'up');
    must('ip', '-n', namespace, 'addr', 'add', '192.0.2.1/24', 'dev', 'v0');
  });

  afterAll(() => {
    spawnSync('ip', ['netns', 'del', namespace], { env });
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a shell script as the unit would run fluxcap. */
  const asUnit = (script: string): { stdout: Buffer; said: string } => {
    const user = ['--reuid', USER, '--regid', USER, '--clear-groups', '--no-new-privs'];
    const ambient = capabilities('AmbientCapabilities');
    const rights = [`--bounding-set=${capabilities('CapabilityBoundingSet')}`, `--inh-caps=${ambient}`, `--ambient-caps=${ambient}`];
    const { stdout, stderr } = spawnSync('ip', ['netns', 'exec', namespace, 'setpriv', ...user, ...rights, '--', 'sh', '-c', script], {
      env,
      cwd: '/',
      timeout: 30_000,
    });
    return { stdout, said: stderr.toString() };
  };

  it.each(
    ['plain', 'raw', 'both'].flatMap((helper) => [
      { helper, card: 'any' },
      { helper, card: 'v0' },
    ]),
  )('captures from $card (tcpdump, file capabilities: $helper)', async ({ helper, card }) => {
    // Questions for an address that nobody has: they are seen on the card, and promiscuous mode is on.
    const ask = 'for i in 1 2 3 4 5 6 7 8; do sleep 0.3; ping -c 1 -W 1 192.0.2.7; done > /dev/null 2>&1 &';
    const { stdout, said } = asUnit(`${ask} exec timeout 20 ${join(folder, helper)} -i ${card} -n -U -w - -c 3 arp`);
    expect(said).toContain('3 packets captured');
    const { inputs } = await analyzeOctets([new Uint8Array(stdout)]);
    expect(inputs[0]).toMatchObject({ packets: 3, format: 'pcap' });
  });

  it('gets no more than the unit has, whatever its file says', () => {
    const seen = asUnit(
      `${join(folder, 'both')} -i v0 -n -w /dev/null 2> /dev/null & sleep 1; grep ^Cap /proc/$!/status; kill $!`,
    ).stdout.toString();
    const RAW = '0000000000002000';
    expect(seen).toMatch(new RegExp(`^CapPrm:\\s${RAW}$`, 'm'));
    expect(seen).toMatch(new RegExp(`^CapEff:\\s${RAW}$`, 'm'));
  });
});
