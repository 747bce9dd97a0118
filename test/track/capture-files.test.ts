import { describe, expect, it } from 'vitest';
import { Context } from '../../src/context/context.ts';
import { hostOf } from '../../src/context/model.ts';
import { type Analysis, analyzeSources, MemorySource } from '../../src/core.ts';
import { AnyCapture, noise, octets, udp } from '../craft/index.ts';
import { contextOf } from '../scenarios/host-document.ts';
import { mac } from '../scenarios/stage.ts';
import { Flow, type View } from '../scenarios/tcp-stage.ts';

/* Several inputs in one call: files of one ring, or captures of two hosts, whose interfaces have the same numbers. */

interface File {
  path: string;
  /** When its packets are, in seconds from the beginning. */
  at: readonly number[];
}

const INTERFACE = 3;

function captureAt(times: readonly number[]): AnyCapture {
  const capture = new AnyCapture();
  let now = 0;
  for (const [i, at] of times.entries()) {
    capture.wait(at - now);
    now = at;
    capture.incoming(udp({ from: '192.0.2.1:1000', to: '192.0.2.2:2000', payload: octets(noise(20, i)) }), INTERFACE, '02:00:00:00:00:01');
  }
  return capture;
}

const analysisOf = (files: readonly { path: string; bytes: Uint8Array }[]): Promise<Analysis> =>
  analyzeSources(
    files.map(({ path, bytes }) => ({ path, open: () => new MemorySource(bytes) })),
    { records: new Set(['tcp']) },
  );

async function packetsByInterface(...files: File[]): Promise<number[]> {
  const { interfaces } = await analysisOf(files.map(({ path, at }) => ({ path, bytes: captureAt(at).bytes })));
  expect(interfaces.map(({ name }) => name?.index)).toEqual(interfaces.map(() => INTERFACE));
  return interfaces.map(({ packets }) => packets);
}

describe('several inputs', () => {
  const one = { path: 'ring.pcap0', at: [0, 1, 2] };
  const two = { path: 'ring.pcap1', at: [3, 4] };
  const three = { path: 'ring.pcap2', at: [5, 6, 7, 8] };

  it.each([
    ['in order', [one, two, three]],
    ['in any order', [three, one, two]],
    ['with a file missing', [three, one]],
  ])('that are the files of a ring have the same interfaces, %s', async (_, files) => {
    expect(await packetsByInterface(...files)).toEqual([files.reduce((sum, { at }) => sum + at.length, 0)]);
  });

  it('that last at the same time are different captures', async () => {
    expect(await packetsByInterface({ path: 'a.pcap', at: [0, 2, 4] }, { path: 'b.pcap', at: [1, 3] })).toEqual([3, 2]);
  });

  it('that last at the same time are different captures, though they are called alike', async () => {
    expect(await packetsByInterface({ path: 'gw1.pcap', at: [0, 2, 4] }, { path: 'gw2.pcap', at: [1, 3] })).toEqual([3, 2]);
  });

  it.each([
    ['one after the other', ['a-1.pcap', 'a-2.pcap', 'b-1.pcap', 'b-2.pcap']],
    ['file by file', ['a-1.pcap', 'b-1.pcap', 'a-2.pcap', 'b-2.pcap']],
  ])('that are rings of two hosts, which change files together, are told apart, given %s', async (_, order) => {
    const times: Readonly<Record<string, readonly number[]>> = {
      'a-1.pcap': [0, 2],
      'b-1.pcap': [1, 3, 3.5],
      'a-2.pcap': [4, 6],
      'b-2.pcap': [5, 7, 8],
    };
    expect(await packetsByInterface(...order.map((path) => ({ path, at: times[path] ?? [] })))).toEqual([4, 6]);
  });

  it('whose seam has frames out of order are one capture', async () => {
    const files = [
      { path: 'ring.pcap0', at: [0, 1, 2, 2.0002] },
      { path: 'ring.pcap1', at: [2.0001, 3, 4] },
      { path: 'ring.pcap2', at: [5] },
    ];
    expect(await packetsByInterface(...files)).toEqual([8]);
  });

  it('of which one begins while the other goes on are two, however late', async () => {
    expect(await packetsByInterface({ path: 'a.pcap', at: [0, 1, 2, 2.0002, 3] }, { path: 'b.pcap', at: [2.0001, 4] })).toEqual([5, 2]);
  });
});

describe('captures with a context', () => {
  const cardOf = (name: string, last: number) => ({ name, cards: [{ name: 'wan', ifindex: INTERFACE, mac: mac(last) }] });
  const [left, right, other] = [cardOf('left', 1), cardOf('right', 2), cardOf('other', 3)];

  /** Of hosts that send with these MACs at the same time. */
  async function recognised(context: Context, ...senders: number[]): Promise<{ observer: string | undefined; isElsewhere: boolean }> {
    const sources = senders.map((sender, i) => {
      const capture = new AnyCapture();
      capture.wait(i * 0.1);
      for (let n = 0; n < 5; n++) {
        capture.wait(1);
        capture.outgoing(udp({ from: '192.0.2.1:1000', to: '192.0.2.2:2000', payload: octets(noise(20, n)) }), INTERFACE, mac(sender));
      }
      return { path: `${sender}.pcap`, open: () => new MemorySource(capture.bytes) };
    });
    await analyzeSources(sources, { context });
    return { observer: context.observer?.name, isElsewhere: context.isElsewhere };
  }
  const contextWith = (...hosts: (typeof left)[]): Context => new Context(contextOf(hosts, { isElsewhere: true }).hosts.map(hostOf));

  it('are of the host that sends so', async () => {
    expect(await recognised(contextWith(left, right), 1)).toEqual({ observer: 'left', isElsewhere: false });
  });

  it('of two hosts are of none of them, and not of others', async () => {
    expect(await recognised(contextWith(left, right), 1, 2)).toEqual({ observer: undefined, isElsewhere: false });
  });

  it('of other hosts are from elsewhere', async () => {
    expect(await recognised(contextWith(other), 1, 2)).toEqual({ observer: undefined, isElsewhere: true });
  });
});

/** The tunnel's devices of both ends, which have the same number. */
class BothEnds implements View {
  readonly client = new AnyCapture();
  readonly server = new AnyCapture();
  readonly capture = {
    bytes: new Uint8Array(),
    wait: (seconds: number): void => {
      this.client.wait(seconds);
      this.server.wait(seconds);
    },
  };

  see(...[packet, from, isLost]: Parameters<View['see']>): number {
    const [sender, receiver] = from === 'client' ? [this.client, this.server] : [this.server, this.client];
    const frame = sender.outgoing(packet, INTERFACE);
    if (!isLost) {
      receiver.wait(0.001);
      receiver.incoming(packet, INTERFACE);
      sender.wait(0.001);
    }
    return frame;
  }
}

describe('captures of both ends', () => {
  /** Kinds of findings, and the packets of the client at each place. */
  const seenAt = async (view: BothEnds): Promise<{ kinds: string[]; packets: number[] }> => {
    const { findings, records } = await analysisOf([
      { path: 'client.pcap', bytes: view.client.bytes },
      { path: 'server.pcap', bytes: view.server.bytes },
    ]);
    const packets = records.kept.tcp.flatMap(({ sightings }) => sightings.map(({ fromA }) => fromA.packets));
    return { kinds: findings.map(({ kind }) => kind), packets };
  };

  it('show a black hole: what one end sends, the other does not get', async () => {
    const view = new BothEnds();
    const flow = new Flow(view);
    flow.connect();
    flow.greet();
    flow.vanish(flow.send('client', 1400, { isLost: true }));
    // Six sendings are lost.
    expect(await seenAt(view)).toEqual({ kinds: ['pmtu-blackhole'], packets: [14, 8] });
  });

  it('show none where it gets through', async () => {
    const view = new BothEnds();
    const flow = new Flow(view);
    flow.connect();
    flow.greet();
    for (let i = 0; i < 4; i++) flow.say('client', 1400);
    expect(await seenAt(view)).toEqual({ kinds: [], packets: [8, 8] });
  });
});
