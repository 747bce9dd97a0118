import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { type AnalysisDocument, analysisDocument, analyzeSources, findingKinds, jsonText, MemorySource, recordKinds } from '../src/core.ts';
import { analysisSchema } from '../src/report/schema.ts';
import { differences, report } from './scenarios/compare.ts';
import { scenarios } from './scenarios/index.ts';
import { analysisOptionsOf } from './scenarios/options.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { frameTimes } from './scenarios/times.ts';

/* Captures made of named fields: each says everything that must be found in it, and that nothing else may be. */

const validate = new Ajv2020({ allErrors: true, strict: false }).compile(analysisSchema());

async function documentOf({ capture, options }: Scenario): Promise<AnalysisDocument> {
  const analysis = await analyzeSources([{ path: 'capture', open: () => new MemorySource(capture()) }], {
    records: new Set(recordKinds),
    ...analysisOptionsOf(options),
  });
  return JSON.parse(jsonText(analysisDocument(analysis, { severity: 'info', minConfidence: 'possible' }, true)));
}

/** Frames that are not in the capture, and times that are not those of their frames. */
function wrongEvidence(document: AnalysisDocument, times: readonly string[]): string[] {
  return document.findings.flatMap(({ id, evidence, first, last, details }) => {
    const frames = evidence.map(({ frame }) => frame);
    const { timeline = [] } = details as { timeline?: { time: string | null; frame: number }[] };
    const twice = evidence.filter((each, i) => evidence.findIndex(({ frame, role }) => frame === each.frame && role === each.role) !== i);
    const told = [
      { what: 'first', time: first, frame: frames[0] ?? 0 },
      { what: 'last', time: last, frame: frames.at(-1) ?? 0 },
      ...timeline.map(({ time, frame }) => ({ what: 'timeline', time, frame })),
    ];
    return [
      ...(frames.length === 0 ? [`${id}: no evidence`] : []),
      ...frames.filter((frame) => times[frame - 1] === undefined).map((frame) => `${id}: there is no frame ${frame}`),
      ...twice.map(({ frame, role }) => `${id}: frame ${frame} is there twice as ${role}`),
      ...told
        .filter(({ time, frame }) => time !== times[frame - 1])
        .map(({ what, time, frame }) => `${id}: ${what} is ${time}, but frame ${frame} is of ${times[frame - 1]}`),
    ];
  });
}

describe.each(findingKinds.map(({ kind }) => kind))('%s', (kind) => {
  const ofKind = scenarios.filter((scenario) => scenario.kind === kind);

  it('has an incident and a harmless twin', () => {
    expect(new Set(ofKind.map(({ role }) => role))).toEqual(new Set(['incident', 'twin']));
  });

  it.each(ofKind.map((scenario) => [scenario.role, scenario.name, scenario] as const))('%s: %s', async (_role, _name, scenario) => {
    const document = await documentOf(scenario);
    const times = frameTimes(scenario.capture());
    expect(document.inputs.map(({ packets }) => packets)).toEqual([times.length]);
    if (!validate(document)) expect.fail(`not as the schema says: ${JSON.stringify(validate.errors, undefined, 2)}`);
    const wrong = [...differences(scenario, document.findings), ...wrongEvidence(document, times)];
    if (wrong.length > 0) expect.fail(report(scenario, wrong, document.findings));
  });
});

describe('the scenarios', () => {
  it('are of kinds that exist', () => {
    const kinds = new Set(findingKinds.map(({ kind }) => kind));
    expect(scenarios.map(({ kind }) => kind).filter((kind) => !kinds.has(kind))).toEqual([]);
  });

  it('have names of their own', () => {
    const names = scenarios.map(({ kind, name }) => `${kind}: ${name}`);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  it('expect their own kind in incidents, and not in twins', () => {
    const odd = scenarios.filter(
      ({ kind, role, expect: expected }) => expected.some((each) => each.kind === kind) !== (role === 'incident'),
    );
    expect(odd.map(({ kind, name }) => `${kind}: ${name}`)).toEqual([]);
  });

  it('expect kinds that exist, with ids that begin with them', () => {
    const kinds = new Set(findingKinds.map(({ kind }) => kind));
    const all = scenarios.flatMap(({ expect: expected, open = [] }) => [...expected, ...open]);
    expect(all.filter(({ kind, id }) => !kinds.has(kind) || !id.startsWith(`${kind}:`)).map(({ id }) => id)).toEqual([]);
  });
});
