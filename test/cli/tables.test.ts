import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIXED_SPACE, fittingTable, MAY_BREAK } from '../../src/report/fitting-table.ts';
import { recordTable } from '../../src/report/record-tables.ts';

const columns = [
  { head: 'who', cells: ['alpha', 'beta gamma'] },
  { head: 'what', cells: [`one${FIXED_SPACE}two three`, `four${MAY_BREAK}.five`] },
];
const lines = (width: number): string[] => fittingTable(columns, width).split('\n');

describe('a table', () => {
  it('is as wide as its cells where there is room', () => {
    expect(lines(80)).toEqual([
      '┌────────────┬───────────────┐',
      '│ who        │ what          │',
      '├────────────┼───────────────┤',
      '│ alpha      │ one two three │',
      '│ beta gamma │ four.five     │',
      '└────────────┴───────────────┘',
      '',
    ]);
  });

  it('folds the widest column first, at spaces that are not fixed', () => {
    expect(lines(29)).toEqual([
      '┌────────────┬───────────┐',
      '│ who        │ what      │',
      '├────────────┼───────────┤',
      '│ alpha      │ one two   │',
      '│            │ three     │',
      '│ beta gamma │ four.five │',
      '└────────────┴───────────┘',
      '',
    ]);
  });

  it('unfolds what need not have been folded', () => {
    expect(lines(25)).toEqual([
      '┌───────┬───────────────┐',
      '│ who   │ what          │',
      '├───────┼───────────────┤',
      '│ alpha │ one two three │',
      '│ beta  │ four.five     │',
      '│ gamma │               │',
      '└───────┴───────────────┘',
      '',
    ]);
  });

  it('goes without lines, then becomes a list', () => {
    expect(lines(15)).toEqual(['who    what', '──────────────', 'alpha  one two', '       three', 'beta   four', 'gamma  .five', '']);
    expect(lines(13)).toEqual([
      'who   alpha',
      'what  one two',
      '      three',
      '',
      'who   beta',
      '      gamma',
      'what  four',
      '      .five',
      '',
    ]);
  });

  it('fits wherever its longest words do, and loses no word', () => {
    const word = fc.stringMatching(/^[a-z:.0-9]{1,12}$/);
    const cell = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '));
    const table = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 5 })).chain(([width, height]) =>
      fc.array(fc.record({ head: word, cells: fc.array(cell, { minLength: height, maxLength: height }) }), {
        minLength: width,
        maxLength: width,
      }),
    );
    fc.assert(
      fc.property(table, fc.integer({ min: 26, max: 140 }), (given, width) => {
        const text = fittingTable(given, width);
        for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width);
        const wanted = given.flatMap(({ cells }) => cells.flatMap((each) => each.split(' '))).filter((each) => each !== '');
        const found = text.split(/[\s│]+/);
        for (const each of wanted) expect(found).toContain(each);
      }),
    );
  });
});

describe('records', () => {
  const session = {
    type: 'session',
    input: 0,
    initiatorIndex: '0x00000001',
    responderIndex: '0x00000002',
    initiatorEndpoints: [
      { ip: '192.0.2.1', port: 51820, firstFrame: 3, lastFrame: 5, packets: 1 },
      { ip: '192.0.2.2', port: 51820, firstFrame: 6, lastFrame: 9, packets: 2 },
    ],
    responderEndpoints: [],
    keepalives: 1,
    dataPackets: 1,
    dataBytes: 96,
  };
  const handshake = {
    type: 'handshake',
    input: 0,
    initiator: { ip: '192.0.2.1', port: 51820 },
    responder: { ip: '192.0.2.9', port: 51820 },
    senderIndex: '0x00000001',
    receiverIndex: '0x00000002',
    responseFrom: { ip: '192.0.2.9', port: 51820 },
    peer: null,
  };

  it('speak of one packet and one keepalive in the singular, of each endpoint in a line', () => {
    const text = recordTable('wireguard', [session], 160);
    expect(text).toContain('1 packet, 96 B, 1 keepalive ');
    expect(text).toMatch(/│ 3-9 +│ 192\.0\.2\.1:51820 \(1 packet\) +│/);
    expect(text).toMatch(/│ +│ 192\.0\.2\.2:51820 \(2 packets\) +│/);
  });

  it.each([
    [[7], null, '7 '],
    [[7, 9], 10, '7, 9, answer 10 '],
    [[1, 2, 3, 4], null, '1, 2, 3, 4 '],
    [[57, 62, 70, 80, 203], 204, '57, 62 … 203 (5), answer 204 '],
    [[], 204, 'answer 204 '],
  ])('of the initiations %j and the response %j', (initiationFrames, responseFrame, expected) => {
    const text = recordTable('wireguard', [{ ...handshake, initiationFrames, responseFrame, latencyUs: null }], 160);
    expect(text).toContain(`│ handshake │ ${expected}`);
  });

  it.each([
    [760, '0.76 ms'],
    [2, '0.002 ms'],
    [41.234, '0.0412 ms'],
    [12_345, '12.3 ms'],
    [1_234_567, '1235 ms'],
    [0, '0 ms'],
  ])('tell %d µs as %s', (latencyUs, expected) => {
    const record = { ...handshake, initiationFrames: [1], responseFrame: 2, latencyUs };
    expect(recordTable('wireguard', [record], 160)).toContain(` answered in ${expected} │`);
  });

  it('name where an answer came from if it is not where it was asked', () => {
    const record = { ...handshake, initiationFrames: [1], responseFrame: 2, latencyUs: 10 };
    expect(recordTable('wireguard', [record], 160)).not.toContain('elsewhere');
    const text = recordTable('wireguard', [{ ...record, responseFrom: { ip: '192.0.2.8', port: 51820 } }], 160);
    expect(text).toContain('answered from elsewhere');
    expect(text).toContain('192.0.2.8:51820');
  });

  const request = (time: string | null, requests = 1, protocol = 'arp') => ({
    protocol,
    kind: 'request',
    input: 0,
    frame: 1,
    time,
    interface: null,
    vlan: [],
    requests,
    asker: { mac: '02:00:00:00:00:01', ip: '192.0.2.1' },
    target: '192.0.2.2',
    replies: [],
  });

  it('tell the day with each time where there are several, and how often was asked', () => {
    const text = recordTable('arp', [request('2026-11-21T23:59:59.000001Z'), request('2026-11-22T00:00:01.000001Z', 3)], 160);
    expect(text).toContain('│ 2026-11-21 23:59:59.000001 │ request ');
    expect(text).toContain('│ 2026-11-22 00:00:01.000001 │ 3 requests ');
    expect(recordTable('arp', [request(null)], 160)).not.toContain('UTC');
  });

  it('name the protocol where it is not ARP alone', () => {
    expect(recordTable('arp', [request(null)], 160)).not.toContain('protocol');
    expect(recordTable('arp', [request(null), request(null, 1, 'ndp')], 160)).toMatch(/│ ndp +│ request/);
  });
});
