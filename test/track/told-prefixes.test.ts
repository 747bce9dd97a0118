import { describe, expect, it } from 'vitest';
import { prefixCovers } from '../../src/context/prefix.ts';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { ipv4Text, ipv6WordsText, ipWords } from '../../src/net/ip.ts';
import { ToldPrefixes } from '../../src/track/told-prefixes.ts';
import { Packet } from '../../src/wire/packet.ts';

/* Whether some prefix holds a packet's destination, against one prefix after the other. */

const packet = new Packet(UNKNOWN_INTERFACE);
packet.view = new DataView(new ArrayBuffer(40));
packet.ipAt = 0;

function packetTo(ip: string): Packet {
  const words = ipWords(ip);
  packet.version = ip.includes(':') ? 6 : 4;
  packet.dst4 = words[3] ?? 0;
  words.forEach((word, i) => {
    packet.view.setInt32(24 + 4 * i, word);
  });
  return packet;
}

function prefixes(...all: string[]): ToldPrefixes {
  const told = new ToldPrefixes();
  for (const prefix of all) told.add(prefix);
  return told;
}

const held = (told: ToldPrefixes, ...ips: string[]): string[] => ips.filter((ip) => told.holds(packetTo(ip)));

/** A small generator of numbers, the same ones in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 4) % below;
  };
}

describe('prefixes that were told of', () => {
  it('hold their addresses, and no others', () => {
    expect(held(prefixes(), '192.0.2.1', '::')).toEqual([]);
    expect(held(prefixes('0.0.0.0/0'), '192.0.2.1', '0.0.0.0', '2001:db8::')).toEqual(['192.0.2.1', '0.0.0.0']);
    expect(held(prefixes('::/0'), '192.0.2.1', '2001:db8::1', 'ffff::')).toEqual(['2001:db8::1', 'ffff::']);
    expect(held(prefixes('198.51.100.7/32'), '198.51.100.6', '198.51.100.7', '198.51.100.8')).toEqual(['198.51.100.7']);
    expect(held(prefixes('2001:db8::/32'), '2001:db7:ffff::', '2001:db8::1', '2001:db8:ffff::', '2001:db9::')).toEqual([
      '2001:db8::1',
      '2001:db8:ffff::',
    ]);
    expect(held(prefixes('10.0.0.0/8', '10.1.2.0/24'), '9.255.255.255', '10.1.2.3', '10.255.0.1', '11.0.0.0')).toEqual([
      '10.1.2.3',
      '10.255.0.1',
    ]);
    expect(held(prefixes('10.1.2.0/24', '10.0.0.0/8'), '10.1.2.3', '10.1.3.3')).toEqual(['10.1.2.3', '10.1.3.3']);
  });

  it('are as good as looking at each of them', () => {
    const number = numbers(7);
    for (let round = 0; round < 40; round++) {
      const isIpv6 = round % 2 === 1;
      // Of few, so that they lie in each other.
      const address = (): string =>
        isIpv6
          ? ipv6WordsText(0x2001_0db8 + number(2), (number(4) << 30) | number(3), number(2 ** 16), number(2 ** 16))
          : ipv4Text((10 << 24) | (number(3) << 22) | (number(4) << 14) | number(2 ** 10));
      const all = Array.from({ length: 1 + number(30) }, () => ({ ip: address(), length: number(isIpv6 ? 65 : 33) }))
        // A short one holds all that is asked for.
        .filter(({ length }) => length > 9 || number(20) === 0);
      const told = prefixes(...all.map(({ ip, length }) => `${ip}/${length}`));
      for (let i = 0; i < 300; i++) {
        const ip = address();
        expect(told.holds(packetTo(ip)), `${ip} in ${JSON.stringify(all)}`).toBe(all.some((each) => prefixCovers(each, ip)));
      }
    }
  });

  it('longer than /64 stand for that', () => {
    expect(held(prefixes('2001:db8::1/128'), '2001:db8::1', '2001:db8::2', '2001:db8:0:1::1')).toEqual(['2001:db8::1', '2001:db8::2']);
  });

  it('are forgotten', () => {
    const told = prefixes('192.0.2.0/24');
    told.clear();
    expect(held(told, '192.0.2.1')).toEqual([]);
    told.add('198.51.100.0/24');
    expect(held(told, '192.0.2.1', '198.51.100.1')).toEqual(['198.51.100.1']);
  });

  it('without end take bounded memory, and none of them is missing', () => {
    const told = new ToldPrefixes();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 60_000; i++) told.add(`${i >> 8}.${i & 255}.7.0/24`);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20e6);
    for (let i = 0; i < 60_000; i++) expect(told.holds(packetTo(`${i >> 8}.${i & 255}.7.9`))).toBe(true);
    // While there was room, they stood for themselves alone.
    expect(held(told, '0.0.8.1', '1.0.8.1', '234.0.8.1')).toEqual(['234.0.8.1']);
  });
});
