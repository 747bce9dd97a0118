import { describe, expect, it } from 'vitest';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { parseMac } from '../../src/net/mac.ts';
import { KinshipTracker } from '../../src/track/kinship.ts';
import { decode } from '../../src/wire/decode.ts';
import { Linktype } from '../../src/wire/linktype.ts';
import { Packet } from '../../src/wire/packet.ts';
import { ethernet, type NetworkPacket, rst, syn, synAck, TcpFlags, tcp } from '../craft/index.ts';
import { frameOf } from '../wire/layers.ts';

/* What SYNs and their answers say of the MACs by which a machine receives and sends. */

const CLIENT = '02:00:00:00:00:01';
const IN = '02:00:00:00:00:0a';
const OUT = 'fe:ff:ff:ff:ff:fb';
const macOf = (text: string): number => parseMac(text) ?? -1;

const ENDS = [
  { version: 'IPv4', from: '192.0.2.1:40000', to: '198.51.100.2:443' },
  { version: 'IPv6', from: '[2001:db8::1]:40000', to: '[2001:db8:1::2]:443' },
  { version: 'IPv6, with the last words of IPv4', from: '[2001:db8::c000:201]:40000', to: '[2001:db8:1::c633:6402]:443' },
];

class Stage {
  readonly packet = new Packet(UNKNOWN_INTERFACE);
  readonly kinship = new KinshipTracker(this.packet);
  private frames = 0;

  send(at: number, source: string, destination: string, content: NetworkPacket): this {
    const { packet } = this;
    const frame = frameOf(ethernet({ source, destination }, content), Linktype.Ethernet);
    decode(packet, frame);
    Object.assign(packet, { at, sec: Math.floor(at), nsec: Math.round((at % 1) * 1e9), frame: ++this.frames, timed: true });
    this.kinship.observeSyn(packet);
    return this;
  }

  get crossed(): number[] {
    const { crossings, request, answer } = this.kinship.between(macOf(IN), macOf(OUT));
    return request && answer ? [crossings, request.frame, request.at, answer.frame] : [crossings];
  }
}

describe.each(ENDS)('a connection over $version', ({ from, to }) => {
  const ask = syn(from, to);
  const answer = synAck(to, from);

  it('that is answered by another MAC than it was asked by shows both to be one machine', () => {
    const stage = new Stage().send(1.5, CLIENT, IN, ask).send(1.6, OUT, CLIENT, answer);
    expect(stage.crossed).toEqual([1, 1, 1.5, 2]);
    // A second answer from elsewhere is no crossing, and as the same answer no other machine's.
    stage.send(1.7, IN, CLIENT, answer);
    expect([stage.crossed, stage.kinship.reactedApart(macOf(IN), macOf(OUT))]).toEqual([[1, 1, 1.5, 2], undefined]);
  });

  it('that is asked again is answered for the latest time', () => {
    const stage = new Stage().send(1, CLIENT, IN, ask).send(8, CLIENT, IN, ask).send(17, OUT, CLIENT, answer);
    expect(stage.crossed).toEqual([1, 2, 8, 3]);
  });

  it('shows nothing by an answer that is late, of another one, or of a connection that there was before', () => {
    const late = new Stage().send(1, CLIENT, IN, ask).send(12, OUT, CLIENT, answer);
    const other = new Stage().send(1, CLIENT, IN, ask).send(1.1, OUT, CLIENT, synAck(to, from, 2000));
    const reset = new Stage()
      .send(1, CLIENT, IN, ask)
      .send(1.1, OUT, CLIENT, tcp({ from: to, to: from, flags: TcpFlags.Rst, seq: 7, ack: 1001 }));
    expect([late.crossed, other.crossed, reset.crossed]).toEqual([[0], [0], [0]]);
  });

  it('that two refuse or accept, each in its own way, is answered by two machines', () => {
    const stage = new Stage().send(1, CLIENT, IN, ask).send(1.1, IN, CLIENT, rst(to, from)).send(1.2, OUT, CLIENT, answer);
    expect(stage.crossed).toEqual([0]);
    expect(stage.kinship.reactedApart(macOf(IN), macOf(OUT))?.frame).toBe(3);
  });
});

it('connections of both versions do not take each other for their own', () => {
  const stage = new Stage();
  for (const { from, to } of ENDS) stage.send(1, CLIENT, IN, syn(from, to));
  expect(stage.kinship.size).toBe(3);
  for (const { from, to } of ENDS) stage.send(1, OUT, CLIENT, synAck(to, from));
  expect([stage.crossed[0], stage.kinship.size]).toEqual([3, 4]);
});
