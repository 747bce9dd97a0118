import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/diagnose/finding.ts';
import { NewsDesk } from '../../src/live/news-desk.ts';

const BEGIN = 1_700_000_000;
const textOf = (at: number): string => new Date(at * 1000).toISOString();

const finding = (given: Partial<Finding> & { lastAt?: number } = {}): Finding => {
  const { lastAt = BEGIN, ...rest } = given;
  return {
    id: 'arp-flux:192.0.2.1',
    kind: 'arp-flux',
    severity: 'error',
    confidence: 'certain',
    title: 'flux',
    subject: { ip: '192.0.2.1' },
    details: {},
    encapsulation: [],
    related: [],
    first: textOf(BEGIN),
    last: textOf(lastAt),
    count: 1,
    evidenceTotal: 1,
    evidence: [],
    because: [],
    ruledOut: [],
    remedies: [],
    references: [],
    ...rest,
  };
};

const deskOf = (): NewsDesk => new NewsDesk(({ severity }) => severity !== 'info');
const kindsOf = (news: ReturnType<NewsDesk['take']>): string[] => news.map(({ kind, finding: { id } }) => `${kind} ${id}`);

describe('what is news', () => {
  it('is told once it has held for a moment, and not again while nothing changes', () => {
    const desk = deskOf();
    expect(desk.take([finding()], BEGIN)).toEqual([]);
    expect(desk.take([finding()], BEGIN + 0.2)).toEqual([]);
    expect(kindsOf(desk.take([finding()], BEGIN + 0.3))).toEqual(['new arp-flux:192.0.2.1']);
    for (let at = 1; at < 500; at++) expect(desk.take([finding()], BEGIN + at)).toEqual([]);
  });

  it('is never told where it does not hold', () => {
    const desk = deskOf();
    const likely = finding({ confidence: 'likely' });
    for (let at = 0; at < 100; at += 4) {
      expect(desk.take([likely], BEGIN + at)).toEqual([]);
      expect(desk.take([likely], BEGIN + at + 2)).toEqual([]);
      expect(desk.take([], BEGIN + at + 3)).toEqual([]);
    }
  });

  it('waits longer for what is less sure, and longest for what says that it cannot tell yet', () => {
    const told = (given: Partial<Finding>): number => {
      const desk = deskOf();
      for (let tenths = 0; tenths < 1000; tenths++) if (desk.take([finding(given)], BEGIN + tenths / 10).length > 0) return tenths / 10;
      return Number.POSITIVE_INFINITY;
    };
    const waits = [{}, { confidence: 'likely' as const }, { kind: 'arp-multi-mac-answer' }].map(told);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(new Set(waits).size).toBe(3);
    expect(waits.at(-1)).toBeLessThan(15);
  });

  it('is told at the end, however short it held', () => {
    expect(kindsOf(deskOf().take([finding()], BEGIN, true))).toEqual(['new arp-flux:192.0.2.1']);
  });

  it('leaves out what the user does not want to see', () => {
    expect(deskOf().take([finding({ severity: 'info' })], BEGIN, true)).toEqual([]);
  });

  it('goes on at growing intervals, and says what it was before', () => {
    const desk = deskOf();
    const told: number[] = [];
    for (let at = 0; at <= 3600; at++) {
      const news = desk.take([finding({ count: at + 1, lastAt: BEGIN + at })], BEGIN + at);
      for (const { kind, before, finding: now } of news) {
        told.push(at);
        if (kind === 'update') expect(now.count).toBeGreaterThan(before?.count ?? Number.POSITIVE_INFINITY);
      }
    }
    const gaps = told.slice(1).map((at, i) => at - (told[i] ?? 0));
    expect(gaps[0]).toBe(10);
    expect(gaps).toEqual([...gaps].sort((a, b) => a - b));
    expect(Math.max(...gaps)).toBe(600);
  });

  it('is told at once where it becomes worse or surer', () => {
    const desk = deskOf();
    desk.take([finding({ confidence: 'likely', severity: 'warning' })], BEGIN);
    expect(kindsOf(desk.take([finding({ confidence: 'likely', severity: 'warning' })], BEGIN + 4))).toEqual(['new arp-flux:192.0.2.1']);
    expect(kindsOf(desk.take([finding({ confidence: 'certain', severity: 'warning' })], BEGIN + 4.2))).toEqual([
      'update arp-flux:192.0.2.1',
    ]);
    expect(kindsOf(desk.take([finding()], BEGIN + 4.4))).toEqual(['update arp-flux:192.0.2.1']);
  });

  it('ends after ten minutes without new evidence, once, and comes back as an update', () => {
    const desk = deskOf();
    desk.take([finding()], BEGIN);
    desk.take([finding()], BEGIN + 1);
    expect(desk.take([finding()], BEGIN + 600)).toEqual([]);
    expect(kindsOf(desk.take([finding()], BEGIN + 601))).toEqual(['ended arp-flux:192.0.2.1']);
    expect([...desk.ended]).toEqual(['arp-flux:192.0.2.1']);
    expect(desk.take([finding()], BEGIN + 5000)).toEqual([]);
    const back = finding({ count: 2, lastAt: BEGIN + 6000 });
    expect(kindsOf(desk.take([back], BEGIN + 6000))).toEqual(['update arp-flux:192.0.2.1']);
    expect(desk.ended.size).toBe(0);
    expect(kindsOf(desk.take([back], BEGIN + 6601))).toEqual(['ended arp-flux:192.0.2.1']);
  });

  it('is withdrawn where it proves to be none, with what takes its place', () => {
    const desk = deskOf();
    const before = finding({ id: 'arp-multi-mac-answer:192.0.2.1', kind: 'arp-multi-mac-answer' });
    const other = finding({ id: 'arp-flux:192.0.2.9', subject: { ip: '192.0.2.9' } });
    desk.take([before], BEGIN);
    expect(kindsOf(desk.take([before], BEGIN + 20))).toEqual(['new arp-multi-mac-answer:192.0.2.1']);
    const news = desk.take([finding(), other], BEGIN + 21);
    expect(kindsOf(news)).toEqual(['withdrawn arp-multi-mac-answer:192.0.2.1', 'new arp-flux:192.0.2.1']);
    expect(news[0]?.instead).toEqual(['arp-flux:192.0.2.1']);
  });

  it('says nothing of what was never told, or is over, when it is forgotten', () => {
    const desk = deskOf();
    desk.take([finding()], BEGIN);
    expect(desk.take([], BEGIN + 0.1)).toEqual([]);
    desk.take([finding()], BEGIN + 1);
    desk.take([finding()], BEGIN + 2);
    desk.take([finding()], BEGIN + 700);
    expect(desk.take([], BEGIN + 701)).toEqual([]);
    expect(desk.ended.size).toBe(0);
  });

  it('is not withdrawn where it only becomes milder than the user wants to see', () => {
    const desk = new NewsDesk(({ severity }) => severity === 'error');
    desk.take([finding()], BEGIN);
    expect(kindsOf(desk.take([finding()], BEGIN + 1))).toEqual(['new arp-flux:192.0.2.1']);
    const mild = finding({ severity: 'warning' });
    expect(kindsOf(desk.take([mild], BEGIN + 2))).toEqual(['update arp-flux:192.0.2.1']);
    for (let at = 3; at < 500; at++) expect(desk.take([finding({ severity: 'warning', count: at })], BEGIN + at)).toEqual([]);
    expect(kindsOf(desk.take([finding({ count: 500 })], BEGIN + 500))).toEqual(['update arp-flux:192.0.2.1']);
  });

  it('is over, not withdrawn, where what was missing has come', () => {
    const desk = deskOf();
    const missing = finding({ id: 'arp-unanswered:192.0.2.7', kind: 'arp-unanswered', severity: 'notice' });
    desk.take([missing], BEGIN);
    desk.take([missing], BEGIN + 1);
    expect(kindsOf(desk.take([], BEGIN + 60))).toEqual(['ended arp-unanswered:192.0.2.7']);
  });

  it('must hold for longer where it was withdrawn before', () => {
    const desk = deskOf();
    const waits: number[] = [];
    for (let round = 0; round < 4; round++) {
      const from = BEGIN + round * 1000;
      let told = false;
      for (let tenths = 0; !told; tenths++) {
        told = desk.take([finding()], from + tenths / 10).length > 0;
        if (told) waits.push(tenths / 10);
      }
      expect(kindsOf(desk.take([], from + 500))).toEqual(['withdrawn arp-flux:192.0.2.1']);
    }
    expect(waits).toEqual([0.3, 0.5, 1, 2]);
  });

  it('stands a clock that is set back', () => {
    const desk = deskOf();
    desk.take([finding()], BEGIN);
    desk.take([finding()], BEGIN + 1);
    expect(desk.take([finding()], BEGIN - 5000)).toEqual([]);
    expect(kindsOf(desk.take([finding({ count: 9, lastAt: BEGIN - 5000 })], BEGIN - 4999))).toEqual(['update arp-flux:192.0.2.1']);
    // Its latest evidence is of a future that the clock will not reach for long.
    const ahead = finding({ count: 9, lastAt: BEGIN + 9999 });
    desk.take([ahead], BEGIN - 4998);
    expect(kindsOf(desk.take([ahead], BEGIN - 4998 + 601))).toEqual(['ended arp-flux:192.0.2.1']);
  });
});
