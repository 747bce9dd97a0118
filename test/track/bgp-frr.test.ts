import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BgpTracker } from '../../src/track/bgp/tracker.ts';
import { followBgp } from '../tools/bgp.ts';
import { readOctets, root } from '../tools/captures.ts';
import { FRR_STEPS, type FrrTable } from '../tools/frr.ts';

/* What a router chooses by what the capture shows, against what FRR says that it chose: `show bgp … json` beside the captures of the labs. */

/** No packet shows these. */
const INVISIBLE = ['Weight', 'Local Route', 'IGP Metric'];
/** A route of the router itself. */
const OWN = '(unspec)';

interface Compared {
  folder: string;
  table: string;
  capture: string;
}

/** Each table of a lab with each capture beside it. */
function compared(): Compared[] {
  const labs = join(root, 'captures');
  if (!existsSync(labs)) return [];
  return readdirSync(labs, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: folder }) => {
      const files = readdirSync(join(labs, folder));
      const captures = files.filter((file) => /\.pcap(ng)?$/.test(file));
      const tables = files.filter((file) => /^bgp.*\.json$/.test(file));
      return tables.flatMap((table) => captures.map((capture) => ({ folder, table, capture })));
    })
    .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

/** The router's addresses in the sessions of the capture. */
function addressesOf(tracker: BgpTracker, id: string): string[] {
  return tracker.sessions.flatMap(({ a, b }) => [a, b].filter((speaker) => speaker.id === id).map(({ ip }) => ip));
}

interface Outcome {
  prefix: string;
  from: string;
  step: string | null;
}

const told: string[] = [];

/** Both sides' choice for every prefix of which the capture shows all that the router could choose from. */
async function outcomes({ folder, table, capture }: Compared): Promise<{ ours: Outcome[]; theirs: Outcome[] }> {
  const { tracker } = await followBgp(readOctets(join(root, 'captures', folder, capture)));
  const { routerId, routes } = JSON.parse(readFileSync(join(root, 'captures', folder, table), 'utf8')) as FrrTable;
  const addresses = addressesOf(tracker, routerId);
  const peers = new Set(
    tracker.sessions
      .map(({ a, b }) => [a.ip, b.ip])
      .filter((ends) => ends.some((ip) => addresses.includes(ip)))
      .flat(),
  );
  const ours: Outcome[] = [];
  const theirs: Outcome[] = [];
  for (const [prefix, paths] of Object.entries(routes ?? {})) {
    const best = paths.find(({ bestpath }) => bestpath);
    if (!best || INVISIBLE.includes(best.selectionReason ?? '') || paths.some(({ peerId }) => peerId === OWN || !peers.has(peerId)))
      continue;
    const step = FRR_STEPS.get(best.selectionReason ?? '');
    expect(step, `FRR's reason "${best.selectionReason}" has a step`).not.toBe(undefined);
    theirs.push({ prefix, from: best.peerId, step: step ?? null });
    const chosen = tracker.bests.find((each) => each.prefix === prefix && each.router.some((ip) => addresses.includes(ip)));
    // Of more than two FRR names the step of its latest comparison, which need not be the hardest one.
    const isSame = paths.length > 2 && chosen?.route.from === best.peerId;
    if (chosen) ours.push({ prefix, from: chosen.route.from, step: isSame ? (step ?? null) : chosen.decidingStep });
  }
  for (const { prefix, step } of theirs) told.push(`${folder}/${capture} ${prefix} ${step}`);
  return { ours, theirs };
}

describe("FRR's choice", () => {
  it.each(compared())('$folder/$capture, $table', async (each) => {
    const { ours, theirs } = await outcomes(each);
    expect(ours).toEqual(theirs);
  });

  it('was compared for prefixes of several labs', () => {
    expect(told.length).toBeGreaterThan(10);
    expect(told.some((text) => text.endsWith(' med'))).toBe(true);
  });
});
