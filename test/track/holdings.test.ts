import { describe, expect, it } from 'vitest';
import { Direction } from '../../src/frame.ts';
import { type IpWords, ipWords } from '../../src/net/ip.ts';
import type { Exchange } from '../../src/track/exchange.ts';
import { Neighbourhood } from '../../src/track/neighbourhood.ts';
import type { Stamp } from '../../src/track/stamp.ts';

/* Which addresses a MAC is known for, as they come, go and are joined. */

const OWNER = 0x0200_0000_0001;
const ASKER = 0x0200_0000_0002;

const stamp = (at: number): Stamp => ({ input: 0, frame: at, sec: at, nsec: 0, digits: 6, at, timed: true });
const neighbourhood = (): Neighbourhood =>
  new Neighbourhood(
    () => false,
    () => {},
  );

const wordsOf = (ip: string): IpWords => {
  const [w0, w1, w2, w3] = ipWords(ip);
  return [w0 | 0, w1 | 0, w2 | 0, w3 | 0];
};

const exchange = (target: string, segment: number, answerer?: number): Exchange => ({
  protocol: 'arp',
  kind: 'request',
  segment,
  path: 0,
  vlans: [],
  interface: null,
  direction: Direction.Unknown,
  first: stamp(1),
  lastRequest: stamp(1),
  repeats: [],
  requests: 1,
  askerMac: ASKER,
  askerIp: wordsOf('192.0.2.2'),
  targetIp: wordsOf(target),
  origlen: 60,
  broadcast: true,
  replies:
    answerer === undefined
      ? []
      : [
          {
            stamp: stamp(2),
            mac: answerer,
            latencyUs: 1,
            round: 0,
            rank: 0,
            interface: null,
            interfaceId: 0,
            direction: Direction.Unknown,
            linkSource: answerer,
            origlen: 60,
            override: true,
          },
        ],
  repliesOmitted: 0,
});

const claim = (known: Neighbourhood, ip: string, kind: 'answer' | 'announcement' | 'unsolicited', segment = 0): void =>
  known.claim({ protocol: 'arp', segment, path: 0 }, wordsOf(ip), OWNER, kind, stamp(1), Direction.Unknown);

const heldBy = (known: Neighbourhood, mac: number): string[] => [...(known.holdings.of(mac)?.values() ?? [])].flat().map(({ ip }) => ip);

describe('the addresses of a MAC', () => {
  it('are those that it announced, answered for when the exchange was over, or asked with', () => {
    const known = neighbourhood();
    claim(known, '192.0.2.9', 'unsolicited');
    claim(known, '192.0.2.1', 'answer');
    expect([heldBy(known, OWNER), heldBy(known, ASKER)]).toEqual([[], []]);
    known.close(exchange('192.0.2.1', 0, OWNER));
    claim(known, '192.0.2.3', 'announcement');
    expect([heldBy(known, OWNER), heldBy(known, ASKER)]).toEqual([['192.0.2.1', '192.0.2.3'], ['192.0.2.2']]);
    known.reset();
    expect([heldBy(known, OWNER), heldBy(known, ASKER)]).toEqual([[], []]);
  });

  it('are not those that are tried out', () => {
    const known = neighbourhood();
    claim(known, '192.0.2.1', 'answer');
    let during: string[] = [];
    known.asIfOver([exchange('192.0.2.1', 0, OWNER)], () => {
      during = known.list.map(({ ip }) => ip);
    });
    expect(during).toContain('192.0.2.2');
    expect([heldBy(known, OWNER), heldBy(known, ASKER)]).toEqual([[], []]);
    known.close(exchange('192.0.2.1', 0, OWNER));
    expect([heldBy(known, OWNER), heldBy(known, ASKER)]).toEqual([['192.0.2.1'], ['192.0.2.2']]);
  });

  it('stay when segments are joined, and are the addresses that are kept', () => {
    const known = neighbourhood();
    for (const segment of [0, 1]) claim(known, '192.0.2.1', 'announcement', segment);
    claim(known, '192.0.2.3', 'announcement', 1);
    expect(heldBy(known, OWNER)).toEqual(['192.0.2.1', '192.0.2.1', '192.0.2.3']);
    known.join(0, 1);
    expect(heldBy(known, OWNER).sort()).toEqual(['192.0.2.1', '192.0.2.3']);
    const kept = [...(known.holdings.of(OWNER)?.values() ?? [])].flat();
    for (const address of kept) expect(address).toBe(known.addressOf(0, 'arp', address.ip));
  });

  it('are found by the last 32 bits of their IP, which several may share', () => {
    const known = neighbourhood();
    claim(known, '192.0.2.1', 'announcement');
    known.claim(
      { protocol: 'ndp', segment: 0, path: 0 },
      wordsOf('2001:db8::c000:201'),
      OWNER,
      'announcement',
      stamp(1),
      Direction.Unknown,
    );
    expect(
      known.holdings
        .of(OWNER)
        ?.get(0xc000_0201 | 0)
        ?.map(({ ip }) => ip),
    ).toEqual(['192.0.2.1', '2001:db8::c000:201']);
  });

  it('go with what is pushed out', () => {
    const known = neighbourhood();
    claim(known, '192.0.2.1', 'announcement');
    for (let i = 0; i < 8192; i++) known.close(exchange(`10.0.${i >> 8}.${i & 255}`, 0));
    expect(known.addressOf(0, 'arp', '192.0.2.1')).toBeUndefined();
    expect(known.holdings.of(OWNER)).toBeUndefined();
    expect(heldBy(known, ASKER)).toEqual(['192.0.2.2']);
  });
});

it('a station is known for the latest addresses that it answered for, as often as it answers', () => {
  const known = neighbourhood();
  const ips = Array.from({ length: 600 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  for (const ip of ips) claim(known, ip, 'answer');
  const answered = (): string[] => known.stationOf(0, OWNER)?.answered.map(({ ip }) => ip) ?? [];
  expect(answered()).toEqual(ips.slice(88));
  claim(known, '10.0.0.1', 'answer');
  claim(known, '10.0.0.1', 'answer');
  expect(answered()).toEqual([...ips.slice(89), '10.0.0.1']);
});
