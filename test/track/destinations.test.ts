import { describe, expect, it } from 'vitest';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { ipv4Text } from '../../src/net/ip.ts';
import { Destinations } from '../../src/track/destinations.ts';
import { MOST_HOPS } from '../../src/track/hops.ts';
import { Packet } from '../../src/wire/packet.ts';

/* Counters by destination and hop, against a plain map; and what happens where there is no room for more. */

const LENGTH = 100;

/** A packet that is refilled: to an IPv4 address by its number, or to an IPv6 one whose words are made of it. */
class Packets {
  readonly packet = new Packet(UNKNOWN_INTERFACE);
  private readonly view = new DataView(new ArrayBuffer(40));

  constructor() {
    this.packet.view = this.view;
    this.packet.end = LENGTH;
  }

  to4(destination: number): Packet {
    this.packet.version = 4;
    this.packet.dst4 = destination | 0;
    return this.count();
  }

  /** The last word is the same for many: the others tell them apart. */
  to6(destination: number): Packet {
    this.packet.version = 6;
    [0x2001_0db8, destination, destination * 7, destination & 1].forEach((word, i) => {
      this.view.setInt32(24 + 4 * i, word | 0);
    });
    return this.count();
  }

  private count(): Packet {
    this.packet.frame++;
    return this.packet;
  }
}

/** A small generator of numbers, the same ones in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) % below;
  };
}

const idsOf = (destinations: Destinations): number[] =>
  Array.from({ length: destinations.end }, (_, id) => id).filter((id) => destinations.has(id));

describe('destinations', () => {
  it('are counted as in a map, whatever comes and goes', () => {
    const packets = new Packets();
    const next = numbers(1);
    const expected = new Map<string, number>();
    const left = new Map<string, number>();
    const keyOf = (id: number): string => `${destinations.destinationOf(id)} ${destinations.hopOf(id)}`;
    const destinations = new Destinations((id) => left.set(keyOf(id), (left.get(keyOf(id)) ?? 0) + destinations.countsOf(id).packets));
    for (let i = 0; i < 60_000; i++) {
      // Time goes on, and those that are seldom asked for leave.
      if (i % 100 === 0) destinations.expire(i / 10);
      const hop = next(3) === 0 ? MOST_HOPS - 1 : next(3);
      const destination = next(4) === 0 ? next(5000) : next(50);
      const id = destinations.take(next(2) === 0 ? packets.to4(destination * 977) : packets.to6(destination), hop);
      expected.set(keyOf(id), (expected.get(keyOf(id)) ?? 0) + 1);
    }
    expect(left.size).toBeGreaterThan(1000);
    expect(destinations.evicted).toBe(0);
    for (const id of idsOf(destinations)) left.set(keyOf(id), (left.get(keyOf(id)) ?? 0) + destinations.countsOf(id).packets);
    expect(left).toEqual(expected);
  });

  it('make room for others in bounded memory, and nothing is lost', () => {
    const packets = new Packets();
    let told = 0;
    let again = 0;
    const destinations = new Destinations((id) => {
      const { packets: count, octets } = destinations.countsOf(id);
      expect(octets).toBe(count * LENGTH);
      told += count;
    });
    const busy = 0x0a00_0001;
    const total = 200_000;
    for (let i = 0; i < total; i++) destinations.take(packets.to4(i % 10 === 0 ? busy : 0xc000_0000 + i), 1);
    expect(destinations.size).toBe(destinations.limit);
    // The latest are found where they were pushed to, and where they moved to when others left.
    for (let i = total - 30_000; i < total; i++) {
      if (i % 10 === 0) continue;
      destinations.take(packets.to4(0xc000_0000 + i), 1);
      expect(destinations.isNew).toBe(false);
      again++;
    }
    expect(destinations.evicted).toBe(total * 0.9 + 1 - destinations.limit);
    const stay = idsOf(destinations).map((id) => destinations.countsOf(id).packets);
    expect(told + stay.reduce((sum, count) => sum + count, 0)).toBe(total + again);
    // What is used again and again keeps its place.
    expect(Math.max(...stay)).toBe(total / 10);
  });

  it('leave in an order that the packets alone decide', () => {
    const orders = [0, 1].map(() => {
      const packets = new Packets();
      const order: string[] = [];
      const destinations = new Destinations((id) => order.push(destinations.destinationOf(id)));
      for (let i = 0; i < 70_000; i++) destinations.take(packets.to4(Math.imul(i, 0x9e3779b1)), i % 7);
      return [...order, ...idsOf(destinations).map((id) => destinations.destinationOf(id))].join();
    });
    expect(orders[0]).toBe(orders[1]);
  });

  it('leave after ten minutes of silence, and not before', () => {
    const packets = new Packets();
    const left: string[] = [];
    const destinations = new Destinations((id) => left.push(destinations.destinationOf(id)));
    for (let at = 0; at <= 3600; at += 10) {
      destinations.expire(at);
      if (at === 0) destinations.take(packets.to4(1), 0);
      if (at % 500 === 0) destinations.take(packets.to4(2), 0);
      if (at === 590) expect(left).toEqual([]);
      if (at === 800) expect(left).toEqual([ipv4Text(1)]);
    }
    expect(left).toEqual([ipv4Text(1)]);
  });

  it('count octets beyond 4 GB, and are forgotten at once', () => {
    const packets = new Packets();
    const destinations = new Destinations(() => expect.fail('nobody is told'));
    packets.packet.end = 0x7fff_0000;
    for (let i = 0; i < 5; i++) destinations.take(packets.to4(9), 0);
    expect(destinations.countsOf(0)).toEqual({ packets: 5, octets: 5 * 0x7fff_0000 });
    destinations.clear();
    expect(idsOf(destinations)).toEqual([]);
    packets.packet.end = LENGTH;
    expect(destinations.countsOf(destinations.take(packets.to4(9), 0))).toEqual({ packets: 1, octets: LENGTH });
  });
});
