import { describe, expect, it } from 'vitest';
import { Findings } from '../../src/diagnose/finding.ts';
import type { FindingKind, Severity } from '../../src/diagnose/kind.ts';
import { Evidence } from '../../src/track/evidence.ts';

const kind: FindingKind = {
  kind: 'made-up',
  brief: '',
  severity: 'notice',
  subject: ['number'],
  details: {},
  means: '',
  provenBy: [],
  seenFrom: [],
  looksLike: [],
  remedies: [],
  references: [],
};

function report(findings: Findings, number: number, severity: Severity): string {
  const evidence = new Evidence();
  evidence.add('reply', { input: 0, frame: number, sec: number, nsec: 0, digits: 6, at: number, timed: true });
  return findings.report(kind, {
    subject: { number },
    path: 0,
    severity,
    confidence: 'certain',
    title: '',
    details: {},
    count: 1,
    evidence,
    because: [],
    ruledOut: [],
  });
}

describe('findings', () => {
  it('are the most severe ones, the earlier first', () => {
    const findings = new Findings();
    for (const [number, severity] of [
      [1, 'info'],
      [4, 'error'],
      [3, 'notice'],
      [2, 'error'],
    ] as const)
      report(findings, number, severity);
    expect(findings.list.map(({ id }) => id)).toEqual(['made-up:2', 'made-up:4', 'made-up:3', 'made-up:1']);
    expect(findings.evicted).toBe(0);
  });

  it('are bounded: the least severe leave, of those the oldest, and are counted', () => {
    const findings = new Findings();
    report(findings, 0, 'error');
    for (let number = 1; number <= 25_000; number++) report(findings, number, number === 20_000 ? 'info' : 'notice');
    const list = findings.list;
    expect(list).toHaveLength(10_000);
    expect(list[0]?.id).toBe('made-up:0');
    expect(list[1]?.id).toBe('made-up:15001');
    expect(list.at(-1)?.id).toBe('made-up:25000');
    expect(list.some(({ id }) => id === 'made-up:20000')).toBe(false);
    expect(findings.evicted).toBe(15_001);
  });

  it('name each other only while both are kept', () => {
    const findings = new Findings();
    const [gone, kept] = [report(findings, 1, 'notice'), report(findings, 2, 'error')];
    findings.relate(gone, kept);
    expect(findings.list.map(({ related }) => related)).toEqual([['made-up:1'], ['made-up:2']]);
    for (let number = 3; number <= 25_000; number++) report(findings, number, 'notice');
    expect(findings.list[0]?.related).toEqual([]);
  });
});
