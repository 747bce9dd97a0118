import { describe, expect, it } from 'vitest';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { ipv4Text, ipv6WordsText } from '../../src/net/ip.ts';
import { Cards, MOST_CARDS } from '../../src/track/cards.ts';
import { Sendings } from '../../src/track/sendings.ts';
import { NONE } from '../../src/track/table.ts';
import { Packet } from '../../src/wire/packet.ts';

/* Which card sends what to whom, against a plain list; and small numbers for cards. */

const MOST = 16_384;
const ETHERNET = 14;

interface Sending {
  card: number;
  to: number;
  protocol: number;
  ports: number;
  isIpv6: boolean;
  source: number;
  destination: number;
}

/** A packet that is refilled; IPv6 addresses have the same last word in many. */
class Packets {
  readonly packet = new Packet(UNKNOWN_INTERFACE);
  private readonly view = new DataView(new ArrayBuffer(ETHERNET + 40));

  constructor() {
    this.packet.view = this.view;
    this.packet.ethernetAt = 0;
    this.packet.ipAt = ETHERNET;
  }

  of({ to, protocol, isIpv6, source, destination }: Sending, at: number): Packet {
    const { packet, view } = this;
    view.setUint16(0, Math.floor(to / 2 ** 32));
    view.setUint32(2, to % 2 ** 32);
    Object.assign(packet, { protocol, version: isIpv6 ? 6 : 4, at, sec: Math.floor(at), nsec: (at % 1) * 1e9, frame: packet.frame + 1 });
    packet.src4 = source | 0;
    packet.dst4 = destination | 0;
    [...ipv6Words(source), ...ipv6Words(destination)].forEach((word, i) => {
      view.setInt32(ETHERNET + 8 + 4 * i, word);
    });
    return packet;
  }
}

const ipv6Words = (ip: number): [number, number, number, number] => [0x2001_0db8, ip | 0, Math.imul(ip, 7), ip & 1];
const textOf = (ip: number, isIpv6: boolean): string => (isIpv6 ? ipv6WordsText(...ipv6Words(ip)) : ipv4Text(ip));

/** A small generator of numbers, the same ones in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) % below;
  };
}

interface Known extends Sending {
  packets: number;
  first: number;
  last: number;
  seen: number;
  queued: number;
}

/** The same as a queue: its first one makes room, unless it was seen since it began to wait; then it waits anew. */
class Queue {
  evicted = 0;
  private readonly queue = new Map<string, Known>();

  take(sending: Sending, frame: number, at: number): void {
    const key = JSON.stringify(sending);
    const known = this.queue.get(key);
    if (known) Object.assign(known, { packets: known.packets + 1, last: frame, seen: at });
    else {
      if (this.queue.size === MOST) this.makeRoom(at);
      this.queue.set(key, { ...sending, packets: 1, first: frame, last: frame, seen: at, queued: at });
    }
  }

  get list(): Known[] {
    return [...this.queue.values()];
  }

  private makeRoom(at: number): void {
    for (const [key, known] of this.queue) {
      this.queue.delete(key);
      if (known.seen <= known.queued) break;
      this.queue.set(key, { ...known, queued: at });
    }
    this.evicted++;
  }
}

const told = (sendings: Sendings): unknown[] =>
  sendings.ids().map((id) => ({
    card: sendings.cardOf(id),
    to: sendings.toOf(id),
    protocol: sendings.protocolOf(id),
    ports: sendings.portsOf(id),
    source: sendings.sourceOf(id),
    destination: sendings.destinationOf(id),
    packets: sendings.packetsOf(id),
    first: sendings.firstOf(id).frame,
    last: sendings.lastOf(id).frame,
  }));

const expected = ({ list }: Queue): unknown[] =>
  list.map(({ card, to, protocol, ports, isIpv6, source, destination, packets, first, last }) => ({
    card,
    to,
    protocol,
    ports,
    source: textOf(source, isIpv6),
    destination: textOf(destination, isIpv6),
    packets,
    first,
    last,
  }));

describe('sendings', () => {
  it.each([
    { name: 'as long as there is room', frames: 20_000, hosts: 300, most: 0 },
    { name: 'and who had no packet for long makes room', frames: 50_000, hosts: 30_000, most: MOST },
  ])('are counted as in a queue, $name', ({ frames, hosts, most }) => {
    const packets = new Packets();
    const next = numbers(7);
    const sendings = new Sendings();
    const queue = new Queue();
    for (let i = 0; i < frames; i++) {
      const sending = {
        card: [0, 1, MOST_CARDS - 1][next(3)] ?? 0,
        to: 0x0200_0000_0000 + next(2) * 0xfff_ffff_ffff,
        protocol: [6, 17, 255][next(3)] ?? 0,
        ports: next(4) === 0 ? 0xffff_0035 | 0 : 0,
        isIpv6: next(3) === 0,
        source: next(3) === 0 ? next(20) : 0xc000_0201,
        destination: next(2) === 0 ? next(40) : next(hosts),
      };
      // Several in one moment, and now and then a frame that is older.
      const at = 1000 + Math.floor(i / 3) / 8 - (next(50) === 0 ? 2 : 0);
      sendings.take(packets.of(sending, at), sending.card, sending.ports);
      queue.take(sending, packets.packet.frame, at);
    }
    expect(told(sendings)).toEqual(expected(queue));
    expect([sendings.size, sendings.evicted > 0]).toEqual([queue.list.length, most > 0]);
    expect(sendings.evicted).toBe(queue.evicted);
    if (most > 0) expect(sendings.size).toBe(most);
  });

  it('keep what was said of them until they leave, and begin anew', () => {
    const packets = new Packets();
    const sendings = new Sendings();
    const one = { card: 0, to: 1, protocol: 17, ports: 0, isIpv6: false, source: 5, destination: 6 };
    const take = (sending: Sending): void => sendings.take(packets.of(sending, 1.5), sending.card, sending.ports);
    const first = (): number => sendings.ids()[0] ?? NONE;
    take(one);
    sendings.setVerdict(first(), 9);
    take(one);
    expect(sendings.verdictOf(first())).toBe(9);
    sendings.clear();
    expect([sendings.size, sendings.ids()]).toEqual([0, []]);
    take(one);
    const again = first();
    expect([sendings.verdictOf(again), sendings.packetsOf(again), sendings.firstOf(again)]).toMatchObject([
      0,
      1,
      { sec: 1, nsec: 500_000_000 },
    ]);
  });

  it('know which have the same ends', () => {
    const packets = new Packets();
    const sendings = new Sendings();
    const one = { card: 0, to: 1, protocol: 17, ports: 0, isIpv6: true, source: 4, destination: 6 };
    const others = [{ to: 2 }, { protocol: 6 }, { source: 6 }, { destination: 8 }, { isIpv6: false }, { isIpv6: false, card: 3 }];
    for (const each of [{}, ...others]) sendings.take(packets.of({ ...one, ...each }, 1), { ...one, ...each }.card, 0);
    expect(sendings.ids().map((id) => sendings.haveSameEnds(0, id))).toEqual([true, true, true, false, false, false, false]);
    expect(sendings.haveSameEnds(5, 6)).toBe(true);
  });
});

describe('cards', () => {
  it('have the same number each time, and there are no more than there are numbers', () => {
    const cards = new Cards();
    const view = new DataView(new ArrayBuffer(8));
    const place = (mac: number): DataView => {
      view.setUint16(2, Math.floor(mac / 2 ** 32));
      view.setUint32(4, mac % 2 ** 32);
      return view;
    };
    const macs = Array.from({ length: MOST_CARDS }, (_, i) => (i % 2) * 0x8000_0000_0000 + 0xffff_ff00 + i);
    for (const mac of [...macs.slice(0, 100), ...macs, 1]) cards.addAt(place(mac), 2);
    cards.add(2);
    expect(macs.map((mac) => cards.find(place(mac), 2))).toEqual(macs.map((_, i) => i));
    expect(macs.map((_, i) => cards.of(i))).toEqual(macs);
    expect([cards.size, cards.find(place(1), 2), cards.find(place(2), 2), cards.of(NONE)]).toEqual([MOST_CARDS, NONE, NONE, NONE]);
  });
});
