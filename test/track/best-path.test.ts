import { describe, expect, it } from 'vitest';
import { choose } from '../../src/track/bgp/best-path.ts';
import type { BgpRoute } from '../../src/track/bgp/route.ts';
import type { AsSegment, PathAttributes } from '../../src/wire/bgp/update.ts';

/* The order of the steps, one by one. That routers choose so is held by what FRR says in the labs: bgp-frr.test.ts. */

interface Fields extends Partial<Omit<PathAttributes, 'asPath'>>, Partial<Pick<BgpRoute, 'from' | 'peering' | 'speakerId'>> {
  asPath?: (number | AsSegment)[];
}

function route({ from = '192.0.2.2', peering = 'external', speakerId = '10.0.0.2', asPath = [65_001], ...more }: Fields): BgpRoute {
  const segments = asPath.map((each): AsSegment => (typeof each === 'number' ? { type: 'sequence', as: [each] } : each));
  const sequence = asPath.every((each) => typeof each === 'number');
  const attributes = {
    origin: 'igp',
    asPath: sequence ? [{ type: 'sequence', as: asPath }].filter(({ as }) => as.length > 0) : segments,
    med: null,
    localPref: null,
    communities: [],
    originatorId: null,
    clusterList: [],
    ...more,
  };
  return { from, peering, speakerId, attributes } as unknown as BgpRoute;
}

const other = { from: '192.0.2.3', speakerId: '10.0.0.3' };

describe('the choice', () => {
  it.each<{ step: string | null; better: Fields; worse: Fields; why: string }>([
    {
      step: 'local-pref',
      why: 'the higher one, inside an AS',
      better: { peering: 'internal', localPref: 200 },
      worse: { peering: 'internal', localPref: 150 },
    },
    { step: 'local-pref', why: '100 without one', better: { peering: 'internal', localPref: 101 }, worse: { peering: 'internal' } },
    {
      step: 'as-path',
      why: 'LOCAL_PREF from outside does not count',
      better: { asPath: [1], localPref: 1 },
      worse: { asPath: [1, 2], localPref: 500 },
    },
    { step: 'as-path', why: 'the shorter one', better: { asPath: [1, 2] }, worse: { asPath: [1, 2, 3] } },
    {
      step: 'as-path',
      why: 'a set counts as one',
      better: { asPath: [1, { type: 'set', as: [5, 6, 7] }] },
      worse: { asPath: [1, 2, 3] },
    },
    {
      step: 'as-path',
      why: 'a confederation counts nothing',
      better: { peering: 'confederation', asPath: [{ type: 'confed-sequence', as: [9, 8, 7] }, 1] },
      worse: { asPath: [1, 2] },
    },
    { step: 'origin', why: 'IGP before EGP', better: { origin: 'igp' }, worse: { origin: 'egp' } },
    { step: 'origin', why: 'EGP before incomplete', better: { origin: 'egp' }, worse: { origin: 'incomplete' } },
    { step: 'med', why: 'the lower one, of one neighbour AS', better: { asPath: [1, 2], med: 510 }, worse: { asPath: [1, 3], med: 520 } },
    { step: 'med', why: 'none is 0', better: {}, worse: { med: 1 } },
    {
      step: 'med',
      why: 'of the own AS',
      better: { peering: 'internal', asPath: [], med: 1 },
      worse: { peering: 'internal', asPath: [], med: 2 },
    },
    {
      step: 'router-id',
      why: 'MEDs of different ASes are not compared',
      better: { asPath: [1], med: 520 },
      worse: { asPath: [2], med: 510 },
    },
    { step: 'ebgp', why: 'external before internal', better: { speakerId: '10.9.9.9' }, worse: { peering: 'internal' } },
    {
      step: 'confederation',
      why: 'from another member before from the own one',
      better: { peering: 'confederation', speakerId: '10.9.9.9' },
      worse: { peering: 'internal' },
    },
    { step: 'router-id', why: 'the lower one, as a number', better: { speakerId: '9.0.0.1' }, worse: { speakerId: '10.0.0.1' } },
    {
      step: 'router-id',
      why: 'ORIGINATOR_ID stands for it',
      better: { peering: 'internal', speakerId: '10.9.9.9', originatorId: '10.0.0.1' },
      worse: { peering: 'internal', speakerId: '10.0.0.2' },
    },
    {
      step: 'cluster-list',
      why: 'the shorter one',
      better: { peering: 'internal', originatorId: '10.0.0.9', clusterList: ['10.0.0.7'], from: '192.0.2.9' },
      worse: { peering: 'internal', originatorId: '10.0.0.9', clusterList: ['10.0.0.7', '10.0.0.8'] },
    },
    {
      step: 'neighbour-address',
      why: 'the lower one, as a number',
      better: { speakerId: '10.0.0.2', from: '192.0.2.9' },
      worse: { speakerId: '10.0.0.2', from: '192.0.2.10' },
    },
  ])('$step: $why', ({ step, better, worse }) => {
    const [best, rival] = [route(better), route({ ...other, ...worse })];
    expect(choose([best, rival], null)).toEqual({ best, step });
    expect(choose([rival, best], null)).toEqual({ best, step });
  });

  it('stays with what is in use, of two from outside, whatever their identifiers', () => {
    const [lower, higher] = [route({}), route(other)];
    expect(choose([lower, higher], higher)).toEqual({ best: higher, step: 'oldest' });
    expect(choose([lower, higher], lower)).toEqual({ best: lower, step: 'oldest' });
  });

  it('does not stay with what is in use inside an AS', () => {
    const [lower, higher] = [route({ peering: 'internal' }), route({ ...other, peering: 'internal' })];
    expect(choose([higher, lower], higher)).toEqual({ best: lower, step: 'router-id' });
  });

  it('is not decided where an identifier is not known', () => {
    const [one, two] = [route({ speakerId: null }), route(other)];
    expect(choose([one, two], null)?.step).toBe(null);
  });

  it('is the only one, or none', () => {
    const only = route({});
    expect(choose([only], null)).toEqual({ best: only, step: 'only-path' });
    expect(choose([], null)).toBe(null);
  });

  it('names the last step that was needed against any of the others', () => {
    const best = route({ med: 1 });
    const rivals = [route({ ...other, asPath: [65_001, 2, 3] }), route({ ...other, from: '192.0.2.4', med: 2 })];
    expect(choose([best, ...rivals], null)).toEqual({ best, step: 'med' });
  });

  it('depends on the order where MEDs of one AS meet another AS between them, as in FRR: from the newest on', () => {
    const a = route({ asPath: [1], med: 20, peering: 'internal', speakerId: '10.0.0.1' });
    const b = route({ asPath: [2], med: 5, peering: 'internal', speakerId: '10.0.0.2', from: '192.0.2.3' });
    const c = route({ asPath: [1], med: 10, peering: 'internal', speakerId: '10.0.0.3', from: '192.0.2.4' });
    expect(choose([a, b, c], null)?.best).toBe(c);
    // The one with the higher MED: b has pushed out c by then.
    expect(choose([c, b, a], null)?.best).toBe(a);
    expect(choose([b, c, a], null)?.best).toBe(a);
  });
});
