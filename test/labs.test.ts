import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hindrance, labs, newMark, runLabs } from '../scripts/labs.js';
import { missingPrograms, PATH } from '../scripts/programs.js';
import { analyzeSources } from '../src/analysis.ts';
import { openPath } from '../src/capture/node/file.ts';
import { root } from './tools/captures.ts';
import { checkContext } from './tools/context.ts';
import { findingsOf, isIncident, isMended, remediedIncidents, writeRemedies } from './tools/remedied.ts';
import { analyzeAll, statedCaptures, toBeFound, told } from './tools/statements.ts';
import { essence, findingsOfLines } from './tools/watched.ts';

/*
 * Makes every bundled capture again, with the real software, and looks whether the same is found in it: kinds, subjects, severity, confidence. Needs root,
 * Linux and the Debian packages that `npm test` installs; elsewhere these tests are skipped, and say so. The longest lab takes four minutes; they run side
 * by side, and this file first (vitest.config.ts).
 */
const why = hindrance();
const all = why === undefined ? labs() : [];
const lacking = missingPrograms(all.flatMap(({ programs }) => programs));
/** What a lab cannot run for, or ''. */
const missingFor = ({ programs }: { programs: readonly string[] }): string => programs.filter((each) => lacking.includes(each)).join(', ');
const possible = all.filter((lab) => missingFor(lab) === '');
const LAB_MS = 600_000;

/** What a lab could leave behind: namespaces, processes, files; all bear its mark. */
function leftovers(mark: string): string[] {
  const namespaces = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout.split('\n');
  const processes = readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && textOf(`/proc/${pid}/environ`).includes(`FLUXCAP_LAB=${mark}\0`),
  );
  const files = [tmpdir(), '/tmp', '/var/tmp', '/run', '/run/frr', '/run/wireguard', '/etc/netns'].flatMap(filesIn);
  return [
    ...namespaces.filter((name) => name.startsWith(`${mark}-`)).map((name) => `namespace ${name}`),
    ...processes.map((pid) => `process ${pid}: ${textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`),
    ...files.filter((path) => path.includes(mark)),
  ];
}

/** Where the software of the labs leaves something if it may. */
const traces = (): string[] => [
  ...filesIn('/run').filter((path) =>
    /frr|charon|swanctl|starter|tinc|unbound|dnsmasq|avahi|ntp|vrrp|keepalived|openvpn|tftp|udhcpc/.test(path),
  ),
  ...[
    '/run/frr',
    '/run/wireguard',
    '/var/lib/misc',
    '/var/lib/unbound',
    '/var/lib/ntpsec',
    '/var/log/frr',
    '/var/tmp/frr',
    '/etc/netns',
  ].flatMap(filesIn),
];

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

describe.skipIf(why !== undefined)(`labs${why === undefined ? '' : ` (${why})`}`, () => {
  const stated = statedCaptures();
  const ending = new AbortController();
  let folder = '';
  let outcomes: ReturnType<typeof runLabs>;
  let before: string[] = [];

  beforeAll(async () => {
    before = traces();
    folder = mkdtempSync(join(tmpdir(), 'fluxcap-labs-'));
    for (const remedied of mended) writeRemedies(await findingsOf(remedied.folder), remedied, remedyOf(remedied.name));
    const wanted = [...possible, ...mended].sort((a, b) => b.seconds - a.seconds);
    outcomes = runLabs(wanted, { into: ({ name }) => join(folder, name), env, signal: ending.signal });
  });

  /** The incidents once more, with what was printed for the bundled captures done to their hosts. */
  const mended = remediedIncidents.flatMap((remedied) => {
    const lab = possible.find(({ name }) => name === remedied.folder);
    // `ip rule` looks up what udp is.
    return lab && missingPrograms(['/etc/protocols']).length === 0 ? { ...lab, ...remedied } : [];
  });
  const remedyOf = (name: string): string => join(folder, `${name}.remedy`);
  const env = (lab: { name: string }): Record<string, string> =>
    mended.some(({ name }) => name === lab.name) ? { FLUXCAP_REMEDY: remedyOf(lab.name) } : watchedBy(lab);

  /** Every capture is watched live too, by one backend or the other. */
  const watchedBy = ({ name }: { name: string }): Record<string, string> => {
    const backend = possible.findIndex((lab) => lab.name === name) % 2 === 0 ? 'tcpdump' : 'libpcap';
    const options = `--no-own-context --format ndjson --severity info --min-confidence possible --backend ${backend}`;
    mkdirSync(watchedIn(name));
    return { FLUXCAP_WATCH: `${process.execPath} ${join(root, 'bin/fluxcap.js')} live ${options}`, FLUXCAP_WATCH_INTO: watchedIn(name) };
  };
  const watchedIn = (name: string): string => join(folder, `${name}.watched`);

  afterAll(async () => {
    ending.abort();
    await Promise.all(outcomes.values());
    rmSync(folder, { recursive: true, force: true });
  });

  /** Where labs are when they are interrupted: building the network, or with everything running. The others run on meanwhile. */
  const interruptions = [
    { name: 'arp-flux', signals: ['SIGINT'], after: 0 },
    { name: 'openvpn-wrong-source', signals: ['SIGTERM', 'SIGTERM'], after: 4000 },
    { name: 'wireguard-restart', signals: ['SIGHUP'], after: 3000 },
    { name: 'next-hop-ignored', signals: ['SIGINT', 'SIGINT'], after: 5000 },
  ] as const;

  it.each(interruptions.filter(({ name }) => possible.some((lab) => lab.name === name)))(
    '$name: leaves nothing behind when it is interrupted ($signals after $after ms)',
    { timeout: LAB_MS },
    async ({ name, signals, after }) => {
      const directory = mkdtempSync(join(tmpdir(), 'fluxcap-interrupted-'));
      const mark = newMark();
      const env = { ...process.env, PATH, FLUXCAP_LAB: mark };
      const child = spawn(join(root, 'captures', name, 'make.sh'), [directory], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env,
        detached: true,
      });
      let said = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      let isOver = false;
      const closed = new Promise<number | null>((resolve) => {
        child.on('close', (status) => {
          isOver = true;
          resolve(status);
        });
      });
      while (!isOver && !leftovers(mark).some((each) => each.startsWith('namespace'))) await sleep(20);
      await sleep(after);
      if (isOver || child.pid === undefined) expect.fail(`it ended by itself\n${said}`);
      // As a terminal does: to all of the process group. And some do it twice.
      for (const signal of signals) process.kill(-child.pid, signal);
      expect(await closed).toBe(128 + constants.signals[signals[0]]);
      expect(leftovers(mark)).toEqual([]);
      expect(readdirSync(directory)).toEqual([]);
      rmSync(directory, { recursive: true });
    },
  );

  it.each(possible)(
    '$name: makes captures in which the same is found, and leaves nothing behind',
    { timeout: LAB_MS },
    async ({ name }) => {
      const outcome = await outcomes.get(name);
      if (outcome?.status !== 0) expect.fail(`status ${outcome?.status}\n${outcome?.output}`);
      expect(leftovers(outcome.mark)).toEqual([]);
      const directory = join(folder, name);
      expect(readdirSync(directory).sort()).toEqual(filesMadeBy(name));
      checkContext(directory);
      for (const { capture, given, statements } of stated.filter((each) => each.folder === name)) {
        const { document } = await analyzeAll(capture, directory, given);
        const found = document.findings.map(told).sort();
        expect({ capture, given, found }).toEqual({
          capture,
          given,
          found: toBeFound(statements),
        });
      }
    },
  );

  it.each(possible)('$name: what is found live is what is found in the files', { timeout: LAB_MS }, async ({ name }) => {
    const outcome = await outcomes.get(name);
    if (outcome?.status !== 0) expect.fail(`status ${outcome?.status}`);
    const files = readdirSync(join(folder, name)).filter((file) => CAPTURE.test(file));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const { findings } = await analyzeSources([{ path: file, open: () => openPath(join(folder, name, file)) }]);
      const live = findingsOfLines(join(watchedIn(name), `${file}.ndjson`));
      expect({ file, found: [...live.values()].map(essence).sort() }).toEqual({ file, found: findings.map(essence).sort() });
      // While it happened, not only at the end.
      const before = findingsOfLines(join(watchedIn(name), `${file}.before-end.ndjson`));
      const incidents = findings.filter(({ severity }) => severity === 'error' || severity === 'warning').map(({ id }) => id);
      expect({ file, missing: incidents.filter((id) => !before.has(id)) }).toEqual({ file, missing: [] });
    }
  });

  it.each(mended)('$name: what is printed for the incident, done to the hosts, mends it', { timeout: LAB_MS }, async (remedied) => {
    const outcome = await outcomes.get(remedied.name);
    if (outcome?.status !== 0) expect.fail(`status ${outcome?.status}\n${outcome?.output}`);
    expect(leftovers(outcome.mark)).toEqual([]);
    expect(readdirSync(remedyOf(remedied.name))).not.toEqual([]);
    const incident = (await findingsOf(remedied.folder)).filter(isIncident);
    expect(incident.filter((finding) => isMended(finding, remedied))).not.toEqual([]);
    // What is of this kind and has no commands may be there still, and nothing else: what came of the incident is over, too.
    const others = incident.filter((finding) => finding.kind === remedied.kind && !isMended(finding, remedied)).map(({ id }) => id);
    const found = (await findingsOf(remedied.folder, join(folder, remedied.name))).filter(isIncident).map(({ id }) => id);
    expect(found.filter((id) => !others.includes(id))).toEqual([]);
  });

  it('leave no file behind, when all are done', { timeout: LAB_MS }, async () => {
    await Promise.all(outcomes.values());
    expect(traces().filter((path) => !before.includes(path))).toEqual([]);
  });

  for (const { name } of remediedIncidents.filter((each) => !mended.some((lab) => lab.name === each.name)))
    it(`${name}: mends it`, ({ skip }) => skip('programs of the lab, or /etc/protocols, missing'));

  for (const lab of all.filter((each) => missingFor(each) !== ''))
    it(`${lab.name}: makes captures`, ({ skip }) => skip(`${missingFor(lab)} missing`));
});

const CAPTURE = /\.pcap(ng)?$/;

/** All but what is written by hand. */
const filesMadeBy = (name: string): string[] =>
  readdirSync(join(root, 'captures', name))
    .filter((file) => file !== 'make.sh' && file !== 'README.md')
    .sort();
