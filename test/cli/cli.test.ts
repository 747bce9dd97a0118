import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { allHelp } from '../../src/cli/help-of.ts';
import { Exit } from '../../src/cli/io.ts';
import { run } from '../../src/cli/main.ts';
import { findingKinds } from '../../src/diagnose/kinds.ts';
import { VERSION } from '../../src/version.ts';
import { root } from '../tools/captures.ts';
import { collectingIo } from '../tools/io.ts';
import { hexOctets } from '../tools/octets.ts';

const ETHERNET = (to: string, from: string): string => `${to} ${from} 0806`;
const arp = (oper: number, sha: string, spa: string, tha: string, tpa: string): string =>
  `0001 0800 06 04 000${oper} ${sha} ${spa} ${tha} ${tpa}`;
const ALL = 'ffffffffffff';
const CLIENT = '020000000001';
const A = '02000000000a';
const B = '02000000000b';
const ME = 'c0000201';
const IP = 'c0000202';

/** One address, answered by two MACs: a fact that needs no history. */
const twoAnswers = writePcap({ linktype: 1 }, [
  { sec: 1_700_000_000, nsec: 0, octets: hexOctets(ETHERNET(ALL, CLIENT) + arp(1, CLIENT, ME, '000000000000', IP)) },
  { sec: 1_700_000_000, nsec: 50_000, octets: hexOctets(ETHERNET(CLIENT, A) + arp(2, A, IP, CLIENT, ME)) },
  { sec: 1_700_000_000, nsec: 90_000, octets: hexOctets(ETHERNET(CLIENT, B) + arp(2, B, IP, CLIENT, ME)) },
]);

let folder = '';
const path = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fluxcap-cli-'));
  writeFileSync(path('two.pcap'), twoAnswers);
  writeFileSync(path('cut.pcap'), twoAnswers.subarray(0, twoAnswers.length - 5));
  writeFileSync(path('quiet.pcap'), twoAnswers.subarray(0, 24 + 16 + 42));
  writeFileSync(path('notes.txt'), 'these are notes\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fluxcap = (...args: string[]) => fluxcapAt(100, ...args);

async function fluxcapAt(width: number, ...args: string[]) {
  const io = collectingIo();
  io.width = width;
  const exit = await run(args, io);
  return { exit, stdout: io.stdout, stderr: io.stderr };
}

describe('a directory', () => {
  it('is analysed as the captures in it, and what is none is named', async () => {
    const { exit, stdout, stderr } = await fluxcap('--json', folder);
    const { inputs } = JSON.parse(stdout);
    expect(inputs.map(({ path: name }: { path: string }) => name)).toEqual(['cut.pcap', 'quiet.pcap', 'two.pcap'].map(path));
    expect(stderr).toContain(`fluxcap: note: left out, for they are no captures: ${path('notes.txt')}\n`);
    // One of them is cut.
    expect(exit).toBe(Exit.Unread);
    expect((await fluxcap('--json', '--quiet', folder)).stderr).not.toContain('notes.txt');
  });
});

describe('a named pipe', () => {
  it('is opened once: its writer is not cut off', { timeout: 30_000 }, () => {
    const script = `mkfifo p; { cat two.pcap > p; echo writer $? >&2; } & "$0" "$1" --quiet --json p | grep -c '"packets": 3'; wait`;
    const { stdout, stderr } = spawnSync('sh', ['-c', script, process.execPath, join(root, 'bin/fluxcap.js')], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect({ stdout, stderr }).toEqual({ stdout: '1\n', stderr: 'writer 0\n' });
  });
});

describe('packed files', () => {
  it.runIf(existsSync('/proc/self/fd'))('are closed again', async () => {
    writeFileSync(path('two.pcap.gz'), gzipSync(twoAnswers));
    const open = (): number => readdirSync('/proc/self/fd').length;
    await fluxcap(path('two.pcap.gz'));
    const before = open();
    for (let i = 0; i < 20; i++) await fluxcap(path('two.pcap.gz'));
    expect(open() - before).toBeLessThan(5);
  });
});

describe('exit status', () => {
  it.each([
    { args: ['two.pcap'], exit: 0 },
    { args: ['analyze', 'two.pcap'], exit: 0 },
    { args: ['two.pcap', '--fail-on', 'error'], exit: 0 },
    { args: ['two.pcap', '--fail-on', 'warning'], exit: 1 },
    { args: ['two.pcap', '--fail-on', 'warning', '--severity', 'error'], exit: 1 },
    { args: ['quiet.pcap', '--fail-on', 'info'], exit: 0 },
    { args: ['cut.pcap'], exit: 3 },
    { args: ['cut.pcap', '--fail-on', 'info'], exit: 3 },
    { args: ['missing.pcap'], exit: 3 },
    { args: ['notes.txt'], exit: 3 },
    { args: ['.'], exit: 3 },
    { args: ['show', 'arp', 'two.pcap'], exit: 0 },
    { args: ['show', 'arp', 'cut.pcap'], exit: 3 },
  ])('$args is $exit', async ({ args, exit }) => {
    const given = args.map((arg) => (arg.includes('.') ? path(arg) : arg));
    expect((await fluxcap(...given)).exit).toBe(exit);
  });

  it.each([
    [[], 'no capture was named: expected files, or - for standard input'],
    [['--json'], 'no capture was named'],
    [['analyze'], 'no capture was named'],
    [
      ['show'],
      'show: what to show was not named: expected one of arp, udp, wireguard, openvpn, icmp, tcp, traceroutes, gateways, bgp, tunnels, hosts or interfaces, then captures',
    ],
    [['show', 'arp'], 'show arp: no capture was named'],
    [
      ['show', 'two.pcap'],
      'show: expected one of arp, udp, wireguard, openvpn, icmp, tcp, traceroutes, gateways, bgp, tunnels, hosts or interfaces, got "',
    ],
    [
      ['show', 'sandwiches', 'two.pcap'],
      'show: expected one of arp, udp, wireguard, openvpn, icmp, tcp, traceroutes, gateways, bgp, tunnels, hosts or interfaces, got "sandwiches"',
    ],
    [['explain', 'nothing'], 'explain: expected one of arp-flux'],
    [['explain', '--', '-nothing'], 'explain: expected one of arp-flux'],
    [['explain', 'arp-flux', 'arp-unanswered'], 'explain: expected one kind at most, got "arp-flux arp-unanswered"'],
    [['live'], 'no interface was named'],
    [['live', 'any', 'eth0'], '"any" stands for all interfaces: name it alone'],
    [['live', 'eth0', 'eth0'], '"eth0" is named twice'],
    [['interfaces', 'eth0'], 'interfaces: expected no words, got "eth0"'],
    [['--json', 'shwo'], '"shwo" is neither a command (analyze, live, show, context, explain, interfaces) nor a file; did you mean show?'],
    [['two.pcap', '--severity', 'awful'], '--severity: expected one of error, warning, notice or info, got "awful"'],
    [['two.pcap', '--severity'], '--severity: expected one of error, warning, notice or info, got nothing'],
    [['--fail-on', '--json', 'two.pcap'], '--fail-on: expected one of error, warning, notice or info, got "--json"'],
    [['two.pcap', '--min-confidence', 'perhaps'], '--min-confidence: expected one of certain, likely or possible, got "perhaps"'],
    [['two.pcap', '--format', 'xml'], '--format: expected one of table, json or ndjson, got "xml"'],
    [['two.pcap', '--local', 'here'], '--local: expected an IP address, got "here"'],
    [['two.pcap', '--wg-peer', 'alice'], '--wg-peer: expected NAME=PUBLICKEY'],
    [['two.pcap', '--expect-via', '192.0.2.1'], '--expect-via: expected PREFIX=NEXTHOP, as 203.0.113.0/24=192.0.2.1, got "192.0.2.1"'],
    [['two.pcap', '--expect-via', '198.51.100.0/24=gw'], '--expect-via: expected the IP address of a next hop behind the "=", got'],
    [
      ['two.pcap', '--expect-via', '198.51.100.0/33=192.0.2.1'],
      '--expect-via: expected a prefix before the "=" (an address, or one with a length',
    ],
    [['two.pcap', '--expect-via', '2001:db8::/32=192.0.2.1'], '--expect-via: expected a prefix and a next hop of one family, both IPv4'],
    [['two.pcap', '--expect-via'], '--expect-via'],
    [['show', 'gateways', 'two.pcap', '--expect-via', 'all'], '--expect-via: expected PREFIX=NEXTHOP'],
    [['live', 'lo', '--expect-via', 'all'], '--expect-via: expected PREFIX=NEXTHOP'],
    [['two.pcap', '--max-records', '-1'], '--max-records: expected a whole number from 0 up, got "-1"'],
    [['two.pcap', '--max-records', 'abc'], '--max-records: expected a whole number from 0 up, got "abc"'],
    [['two.pcap', '--max-records='], '--max-records: expected a whole number from 0 up, got ""'],
    [['two.pcap', '--json=maybe'], '--json: expected no value, or true or false, got "maybe"'],
    [['two.pcap', '--no-color=maybe'], '--no-color: expected no value, got "maybe"'],
    [['two.pcap', '--records'], '--records needs --json or --format ndjson'],
    [['two.pcap', '--records', '--format', 'table'], '--records needs --json or --format ndjson'],
  ])('%j is wrong usage', async (args, message) => {
    const given = args.map((arg) => (arg.endsWith('.pcap') ? path(arg) : arg));
    const { exit, stdout, stderr } = await fluxcap(...given);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toContain(`fluxcap: ${message}`);
    expect(stderr).not.toContain('\0');
  });

  it.each([
    [['--bogus', 'two.pcap'], 'unknown option --bogus\n'],
    [['two.pcap', '--bogus'], 'unknown option --bogus\n'],
    [['--bogus=5', 'two.pcap'], 'unknown option --bogus\n'],
    [['--bogus', 'lvie'], 'unknown option --bogus\n'],
    [['-x', 'two.pcap'], 'unknown option -x\n'],
    [['--no-bogus', 'two.pcap'], 'unknown option --no-bogus\n'],
    [['--no-severity', 'two.pcap'], 'unknown option --no-severity'],
    [['--__proto__', 'two.pcap'], 'unknown option --__proto__\n'],
    [['--colour', 'two.pcap'], 'unknown option --colour; did you mean --color?\n'],
    [['--max', '5', 'two.pcap'], 'unknown option --max; did you mean --max-records?\n'],
    [['show', 'arp', '--severity', 'error', 'two.pcap'], 'show: unknown option --severity\n'],
    [['show', '--bogus', 'arp', 'two.pcap'], 'show: unknown option --bogus\n'],
    [['explain', '--json'], 'explain: unknown option --json\n'],
  ])('%j names the unknown option', async (args, message) => {
    const given = args.map((arg) => (arg.endsWith('.pcap') ? path(arg) : arg));
    expect(await fluxcap(...given)).toMatchObject({ exit: 2, stdout: '', stderr: expect.stringContaining(`fluxcap: ${message}`) });
  });

  it('names the help of the command that was meant', async () => {
    expect((await fluxcap('show', 'arp')).stderr).toMatch(/\nTry: fluxcap show --help\n$/);
    expect((await fluxcap('--bogus')).stderr).toMatch(/\nTry: fluxcap --help\n$/);
  });
});

describe('options', () => {
  it('may stand anywhere, and the last of several counts', async () => {
    const expected = (await fluxcap('show', 'arp', path('two.pcap'), '--json')).stdout;
    expect(JSON.parse(expected)).toHaveLength(1);
    for (const args of [
      ['--json', 'show', 'arp', path('two.pcap')],
      ['show', '--format', 'table', 'arp', '--format=json', path('two.pcap')],
      ['show', 'arp', '--no-json', '--json=true', path('two.pcap')],
    ])
      expect((await fluxcap(...args)).stdout, args.join(' ')).toBe(expected);
  });

  it('may be repeated where they collect', async () => {
    const { exit, stderr } = await fluxcap(path('two.pcap'), '--local', '192.0.2.1', '--local=192.0.2.2,nowhere');
    expect({ exit, stderr }).toMatchObject({ exit: 2, stderr: expect.stringContaining('got "nowhere"') });
    expect((await fluxcap(path('two.pcap'), '--local', '192.0.2.1', '--local', '192.0.2.2')).exit).toBe(0);
  });

  it('end at --: what follows are names, whatever they begin with', async () => {
    const { exit, stdout } = await fluxcap('--json', '--', '-dash.pcap', '--quiet', 'show');
    expect(JSON.parse(stdout).inputs.map((input: { path: string }) => input.path)).toEqual(['-dash.pcap', '--quiet', 'show']);
    expect(exit).toBe(3);
  });
});

describe('what goes where', () => {
  it('prints the result alone on standard output, problems on standard error', async () => {
    const { stdout, stderr } = await fluxcap(path('cut.pcap'), '--json');
    expect(JSON.parse(stdout).inputs[0].problems).toMatchObject([{ kind: 'truncated', lost: true, frame: 3 }]);
    expect(stderr).toMatch(/cut\.pcap: the file ends inside the record of frame 3.*\[truncated\]/);
  });

  it('names what a file is that is no capture', async () => {
    const { stdout, stderr } = await fluxcap(path('notes.txt'), '--json');
    expect(JSON.parse(stdout).inputs).toMatchObject([{ format: null, packets: 0, problems: [{ kind: 'not-a-capture' }] }]);
    expect(stderr).toMatch(/it looks like a text file/);
  });

  it('is in colour only on a terminal, and not where that is unwanted', async () => {
    const text = async (args: string[], env: Record<string, string>, terminal: boolean): Promise<string> => {
      const io = collectingIo(env, terminal);
      await run([path('two.pcap'), ...args], io);
      return io.stdout;
    };
    const ESC = '\u001b[';
    expect(await text([], {}, true)).toContain(ESC);
    expect(await text([], {}, false)).not.toContain(ESC);
    expect(await text(['--no-color'], {}, true)).not.toContain(ESC);
    expect(await text([], { NO_COLOR: '1' }, true)).not.toContain(ESC);
  });
});

describe('analyze', () => {
  it('tells people what is wrong, why, and what mends it', async () => {
    const { stdout } = await fluxcap(path('two.pcap'));
    for (const part of [
      'arp-multi-mac-answer',
      '192.0.2.2',
      'Why',
      'What it is not',
      'Frames',
      'What mends it',
      'fluxcap explain arp-multi-mac-answer',
    ])
      expect(stdout).toContain(part);
  });

  it('filters by severity and confidence, and counts what it hides', async () => {
    const { stdout } = await fluxcap(path('two.pcap'), '--json', '--severity', 'error');
    expect(JSON.parse(stdout)).toMatchObject({ findings: [], summary: { error: 0, warning: 0, hidden: 1 } });
  });

  it('puts the records into the JSON where asked', async () => {
    const document = JSON.parse((await fluxcap(path('two.pcap'), '--json', '--records')).stdout);
    expect(document.records.arp).toMatchObject([
      {
        frame: 1,
        target: '192.0.2.2',
        replies: [
          { frame: 2, latencyUs: 50 },
          { frame: 3, latencyUs: 90 },
        ],
        winner: '02:00:00:00:00:0a',
      },
    ]);
    expect(JSON.parse((await fluxcap(path('two.pcap'), '--json')).stdout).records).toBeUndefined();
  });

  it('keeps at most as many records as asked, and counts the rest', async () => {
    const document = JSON.parse((await fluxcap(path('two.pcap'), '--json', '--records', '--max-records', '0')).stdout);
    expect(document).toMatchObject({ records: { arp: [] }, stats: { records: { arp: 1 }, recordsOmitted: 1 } });
  });

  it('reads several files as one timeline', async () => {
    const { stdout } = await fluxcap(path('quiet.pcap'), path('two.pcap'), '--json');
    const { inputs, findings } = JSON.parse(stdout);
    expect(inputs.length).toBe(2);
    expect(findings[0].evidence.every(({ input }: { input: number }) => input === 0 || input === 1)).toBe(true);
  });
});

describe('show', () => {
  it.each(['arp', 'udp', 'wireguard', 'icmp', 'hosts', 'interfaces'])('%s prints an array of records', async (kind) => {
    const { stdout } = await fluxcap('show', kind, path('two.pcap'), '--json');
    expect(Array.isArray(JSON.parse(stdout))).toBe(true);
  });

  it('prints a table for people', async () => {
    const { stdout } = await fluxcapAt(120, 'show', 'arp', path('two.pcap'));
    expect(stdout).toContain('02:00:00:00:00:0a (2, 0.05 ms)');
    expect((await fluxcap('show', 'udp', path('two.pcap'))).stdout).toBe('No udp records.\n');
  });

  const l2 = join(root, 'captures/wireguard-drift/l2.pcap');
  const widths = (text: string): number[] => text.split('\n').map(({ length }) => length);
  const captures: [string, string][] = [
    ['arp', 'arp-flux/client.pcap'],
    ['udp', 'openvpn-wrong-source/server.pcap'],
    ['wireguard', 'wireguard-drift/l2.pcap'],
    ['icmp', 'dns-wrong-source/client.pcap'],
    ['hosts', 'arp-flux/client.pcap'],
    ['interfaces', 'openvpn-wrong-source/server.pcap'],
  ];

  it.each(captures.flatMap(([kind, capture]) => [160, 120, 100, 80, 60].map((width) => ({ kind, capture, width }))))(
    '$kind fits into $width columns',
    async ({ kind, capture, width }) => {
      const { stdout, exit } = await fluxcapAt(width, 'show', kind, join(root, 'captures', capture));
      expect(exit).toBe(0);
      expect(widths(stdout).length).toBeGreaterThan(4);
      expect(Math.max(...widths(stdout))).toBeLessThanOrEqual(width);
    },
  );

  it('abbreviates many frames, and tells what came of handshakes and sessions', async () => {
    const { stdout } = await fluxcapAt(200, 'show', 'wireguard', l2);
    const records = JSON.parse((await fluxcap('show', 'wireguard', l2, '--json')).stdout) as {
      initiationFrames?: number[];
      responseFrame?: number | null;
      latencyUs?: number | null;
      responderEndpoints?: { ip: string; port: number; packets: number }[];
      dataPackets?: number;
    }[];
    const [first, tries, last, session] = records.toSorted((a, b) => Number('dataPackets' in a) - Number('dataPackets' in b));
    const vain = tries?.initiationFrames ?? [];
    expect(vain.length).toBeGreaterThan(30);
    const [responder] = session?.responderEndpoints ?? [];
    for (const part of [
      `1, answer ${first?.responseFrame} `,
      `${vain[0]}, ${vain[1]} … ${vain.at(-1)} (${vain.length})`,
      `${last?.initiationFrames?.[0]}, answer ${last?.responseFrame}`,
      `answered in ${Number(first?.latencyUs) / 1000} ms`,
      'no answer',
      `${responder?.ip}:${responder?.port} (${responder?.packets} packets)`,
    ])
      expect(stdout).toContain(part);
    expect(stdout).not.toContain(vain.slice(0, 3).join(' '));
  });

  it('tells the day once where it is one', async () => {
    const capture = join(root, 'captures/arp-flux/client.pcap');
    const { stdout } = await fluxcapAt(120, 'show', 'arp', capture);
    const [{ time }] = JSON.parse((await fluxcap('show', 'arp', capture, '--json')).stdout) as [{ time: string }];
    const [day = '', clock = ''] = time.replace('Z', '').split('T');
    expect(stdout.split(day)).toHaveLength(2);
    expect(stdout).toContain(`│ ${clock}   │`);
  });
});

describe('explain', () => {
  it('lists all kinds', async () => {
    const { stdout } = await fluxcap('explain');
    for (const { kind } of findingKinds) expect(stdout).toContain(kind);
  });

  it.each(findingKinds.map(({ kind }) => kind))('%s', async (kind) => {
    const { stdout, exit } = await fluxcap('explain', kind);
    expect(exit).toBe(0);
    for (const part of [kind, 'What proves it', 'Where it shows', 'What looks like it', 'References']) expect(stdout).toContain(part);
  });
});

describe('help and version', () => {
  it('was written down by the build as yargs says it', async () => {
    const written = JSON.parse(readFileSync(join(root, 'dist/cli/help.json'), 'utf8'));
    const wanted = await allHelp();
    expect(written).toEqual(wanted);
    for (const text of Object.values(wanted)) expect(text).toContain('--help');
  });

  const OPTIONS = [
    '--json',
    '--format',
    '--records',
    '--max-records',
    '--local',
    '--wg-peer',
    '--expect-via',
    '--min-confidence',
    '--severity',
    '--fail-on',
    '--color',
    '--quiet',
    '--progress',
  ];

  it('name every option, and no command that is not built', async () => {
    const { stdout, exit } = await fluxcap('--help');
    expect(exit).toBe(0);
    for (const option of OPTIONS) expect(stdout).toContain(option);
    for (const absent of ['check', 'sarif', '--html']) expect(stdout).not.toContain(absent);
  });

  it('name the commands, the records, the exit statuses, and examples', async () => {
    const { stdout } = await fluxcap('--help');
    for (const line of [
      'Usage: fluxcap [analyze] <captures…>',
      '       fluxcap show <kind> <captures…>',
      '       fluxcap explain [kind]',
      `  ssh gw "tcpdump -i any -y LINUX_SLL2 -U -w - 'not port 22'" | fluxcap -`,
      '  fluxcap show wireguard gateway.pcapng',
    ])
      expect(stdout.split('\n')).toContain(line);
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      '<kind> is arp, udp, wireguard, openvpn, icmp, tcp, traceroutes, gateways, bgp, tunnels, hosts or interfaces',
    );
    const [, statuses = ''] = stdout.split('Exit status:\n');
    expect([...statuses.matchAll(/^ {2}(\d+) +\S/gm)].map(([, status]) => Number(status))).toEqual(Object.values(Exit));
  });

  it('say what counts for --fail-on, which keys --wg-peer takes, and what may be repeated', async () => {
    const text = (await fluxcap('--help')).stdout.replace(/\s+/g, ' ');
    expect(text).toContain('also one that --severity hides; one that --min-confidence hides does not count');
    expect(text).toContain('Public keys only, from `wg show all peers` and `wg show all public-key`');
    expect(text).toMatch(/--local [^-]*, repeatable/);
    expect(text).toMatch(/--wg-peer [^-]*, repeatable/);
    expect(text).toMatch(/--expect-via [^-]*, repeatable/);
  });

  it('keep choices and defaults, and leave out what goes without saying', async () => {
    for (const command of [[], ['analyze'], ['show'], ['explain']]) {
      const { stdout } = await fluxcapAt(200, ...command, '--help');
      const notes = [...stdout.matchAll(/\[[^\]]*\]/g)].map(([note]) => note.replace(/\s+/g, ' '));
      expect(notes.filter((note) => !/^\[(choices: .+|default: "\w+"|default: true|analyze|kind)\]$/.test(note))).toEqual([]);
    }
    const { stdout } = await fluxcap('--help');
    expect(stdout).toContain('[choices: "table", "json", "ndjson"] [default: "table"]');
  });

  it.each([120, 100, 80, 60].flatMap((width) => [[], ['analyze'], ['show'], ['explain']].map((command) => ({ width, command }))))(
    'break lines between words: $command at $width',
    async ({ width, command }) => {
      const words = (text: string): string[] => text.split(/\s+/);
      const { stdout } = await fluxcapAt(width, ...command, '--help');
      expect(words(stdout)).toEqual(words((await fluxcapAt(1000, ...command, '--help')).stdout));
      // An example is there to be copied: it is not broken.
      const long = stdout.split('\n').filter((line) => line.length > width);
      expect(long.filter((line) => !line.includes('| fluxcap -'))).toEqual([]);
    },
  );

  it('keep meanings in their column', async () => {
    const { stdout } = await fluxcapAt(80, '--help');
    const [, options = ''] = /\nOptions:\n([\s\S]*?)\n\n/.exec(stdout) ?? [];
    const column = /Print the version/.exec(options)?.index ?? 0;
    const lines = options.split('\n');
    expect(lines.length).toBeGreaterThan(OPTIONS.length + 2);
    for (const line of lines) expect(line.slice(column - 2)).toMatch(/^ {2}\S/);
  });

  it('speak one language, whatever the locale', async () => {
    const before = process.env.LC_ALL;
    process.env.LC_ALL = 'de_DE.UTF-8';
    try {
      expect((await fluxcap('--help')).stdout).toContain('\nOptions:\n');
    } finally {
      if (before === undefined) delete process.env.LC_ALL;
      else process.env.LC_ALL = before;
    }
  });

  it('come whatever else is wrong', async () => {
    expect(await fluxcap('show', '--help')).toMatchObject({ exit: 0, stdout: expect.stringContaining('fluxcap show <kind> <captures…>') });
    expect(await fluxcap('show', 'nothing', '--bogus', '-h')).toMatchObject({ exit: 0, stderr: '' });
    expect((await fluxcap('-V', 'missing.pcap')).stdout).toBe(`${VERSION}\n`);
  });

  it('agree with package.json', async () => {
    expect((await fluxcap('--version')).stdout).toBe(`${VERSION}\n`);
    expect(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version).toBe(VERSION);
  });
});

describe('the program', () => {
  const program = join(root, 'bin/fluxcap.js');
  const start = (args: string[], input?: Uint8Array) =>
    spawnSync(process.execPath, [program, ...args], { input: input && Buffer.from(input), encoding: 'utf8' });

  it('reads standard input', () => {
    const fromFile = start([path('two.pcap'), '--json']).stdout;
    const fromPipe = start(['-', '--json'], twoAnswers).stdout;
    expect(fromPipe.replace('"path": "-"', `"path": "${path('two.pcap')}"`)).toBe(fromFile);
  });

  it('ends quietly where its reader goes away', () => {
    const { status, stderr } = spawnSync('sh', ['-c', `${process.execPath} ${program} explain arp-flux | head -1`], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('exits as told', () => {
    expect(start([path('missing.pcap')]).status).toBe(3);
    expect(start(['--nonsense']).status).toBe(2);
    expect(start([path('two.pcap'), '--fail-on', 'warning']).status).toBe(1);
  });
});
