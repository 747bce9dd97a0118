import { describe, expect, it } from 'vitest';
import type { OpenVpnSession } from '../../src/track/openvpn/session.ts';
import {
  AnyCapture,
  clientAck,
  clientReset,
  forwarded,
  noise,
  Opcode,
  octets,
  openvpnControl,
  openvpnData,
  portUnreachable,
  RawCapture,
  rst,
  serverReset,
  syn,
  tlsHandshake,
  udp,
} from '../craft/index.ts';
import { openVpnSessions, trackedOpenVpn } from '../tools/openvpn.ts';

const CLIENT = '192.0.2.10:40001';
const MOVED = '203.0.113.99:50002';
const SERVER = '198.51.100.7:1194';
const WRONG = '203.0.113.7:1194';
const IDS = { client: 11, server: 511 };

type Protection = 'none' | 'sha1' | 'tls-crypt';

/** One session of a client and a server, packet by packet. */
class Talk {
  readonly capture = new RawCapture();
  client = CLIENT;
  server = SERVER;
  private readonly protection: Protection;
  private readonly ids: { client: number; server: number };
  private replayId = 0;

  constructor(protection: Protection = 'none', ids = IDS) {
    this.protection = protection;
    this.ids = ids;
  }

  private get fields() {
    this.replayId++;
    return { ...this.ids, protection: this.protection, replayId: this.replayId };
  }

  private send(fromClient: boolean, payload: Uint8Array): this {
    const [from, to] = fromClient ? [this.client, this.server] : [this.server, this.client];
    this.capture.wait(0.01).send(udp({ from, to, payload }));
    return this;
  }

  reset(): this {
    return this.send(true, clientReset(this.fields));
  }

  answer(): this {
    return this.send(false, serverReset(this.fields));
  }

  ack(): this {
    return this.send(true, clientAck(this.fields));
  }

  control(fromClient: boolean, packetId: number, tls: Uint8Array, keyId = 0): this {
    const { client, server } = this.ids;
    const session = fromClient ? client : server;
    return this.send(fromClient, openvpnControl({ ...this.fields, opcode: Opcode.Control, session, packetId, tls, keyId }));
  }

  soft(fromClient: boolean, keyId: number): this {
    const { client, server } = this.ids;
    return this.send(fromClient, openvpnControl({ ...this.fields, opcode: 3, session: fromClient ? client : server, packetId: 0, keyId }));
  }

  /** Hello, certificate, Finished, and what follows. */
  tls(): this {
    this.control(true, 1, tlsHandshake(280, 1)).control(false, 1, tlsHandshake(900, 2));
    return this.control(true, 2, tlsHandshake(700, 3)).control(false, 2, tlsHandshake(200, 4));
  }

  data(fromClient: boolean, packetId: number, length = 100): this {
    return this.send(fromClient, openvpnData(5, packetId, length));
  }

  wait(seconds: number): this {
    this.capture.wait(seconds);
    return this;
  }

  sessions(): Promise<OpenVpnSession[]> {
    return openVpnSessions(this.capture.bytes);
  }

  async only(): Promise<OpenVpnSession> {
    const sessions = await this.sessions();
    expect(sessions).toHaveLength(1);
    return sessions[0] as OpenVpnSession;
  }
}

describe.each<Protection>(['none', 'sha1', 'tls-crypt'])('a handshake, wrapping %s', (protection) => {
  const talk = (): Talk => new Talk(protection);

  it('is told step by step', async () => {
    expect((await talk().reset().wait(2).reset().only()).state).toBe('S0');
    expect((await talk().reset().answer().only()).state).toBe('S1');
    expect((await talk().reset().answer().ack().only()).state).toBe('S2');
    expect((await talk().reset().answer().control(true, 1, tlsHandshake(280, 1)).only()).state).toBe('S2');
    const half = talk().reset().answer().control(true, 1, tlsHandshake(280, 1)).control(false, 1, tlsHandshake(900, 2));
    expect((await half.only()).state).toBe('S3');
    // The server's certificate is refused by an alert, which is shorter than what follows a Finished.
    expect((await half.control(true, 2, tlsHandshake(24, 3)).control(false, 2, tlsHandshake(24, 4)).only()).state).toBe('S3');
    expect((await talk().reset().answer().tls().only()).state).toBe('S4');
    expect((await talk().reset().answer().tls().data(true, 1).only()).state).toBe('S4');
    const whole = await talk().reset().answer().ack().tls().data(true, 1).data(false, 1).only();
    expect(whole).toMatchObject({
      state: 'S5',
      dataFromClient: 1,
      dataFromServer: 1,
      hasBeginning: true,
      resetCount: 1,
      serverResetCount: 1,
    });
    expect(whole.mode).toBe({ none: 'tls', sha1: 'tls-auth', 'tls-crypt': 'tls-crypt' }[protection]);
    expect(whole.hmac).toBe(protection === 'sha1' ? 20 : 0);
    expect(whole.clientSession).toMatch(/^[0-9a-f]{16}$/);
  });

  it('that repeats its reset is one attempt; one with another session id is the next', async () => {
    const first = talk();
    for (const pause of [0, 2, 4, 8]) first.wait(pause).reset();
    expect(await first.only()).toMatchObject({ resetCount: 4, resets: [{ frame: 1 }, { frame: 2 }, { frame: 3 }, { frame: 4 }] });
    const second = new Talk(protection, { client: 12, server: 512 });
    second.client = '192.0.2.10:40002';
    second.capture.at(70);
    first.capture.at(70);
    second.reset().wait(2).reset();
    const both = new RawCapture();
    for (const at of [0, 2, 6]) both.at(at).send(udp({ from: CLIENT, to: SERVER, payload: clientReset({ client: 11, protection }) }));
    for (const at of [70, 72]) both.at(at).send(udp({ from: second.client, to: SERVER, payload: clientReset({ client: 12, protection }) }));
    const sessions = await openVpnSessions(both.bytes);
    expect(sessions.map(({ client, resetCount }) => [client.port, resetCount])).toEqual([
      [40_001, 3],
      [40_002, 2],
    ]);
  });

  it('sends control packets again, which is counted by side', async () => {
    const repeated = talk().reset().answer().control(true, 1, tlsHandshake(280, 1)).control(false, 1, tlsHandshake(900, 2));
    for (let i = 0; i < 3; i++) repeated.wait(2).control(false, 1, tlsHandshake(900, 2));
    repeated.control(true, 2, tlsHandshake(400, 9));
    const { controlRepeats } = await repeated.only();
    expect(controlRepeats).toMatchObject({ fromClient: 0, fromServer: 3 });
    expect(controlRepeats.largest).toBeGreaterThan(900);
    expect(controlRepeats.stamps.map(({ frame }) => frame)).toEqual([5, 6, 7]);
  });

  it('is answered from elsewhere', async () => {
    const wrong = talk();
    for (let i = 0; i < 3; i++) {
      wrong.wait(2).reset();
      wrong.server = WRONG;
      wrong.answer();
      wrong.server = SERVER;
    }
    expect(await wrong.only()).toMatchObject({
      state: 'S0',
      serverResetCount: 0,
      server: { ip: '198.51.100.7', port: 1194 },
      answeredFrom: [{ from: { ip: '203.0.113.7', port: 1194 }, packets: 3, named: protection !== 'tls-crypt', first: { frame: 2 } }],
    });
  });
});

describe('what is no OpenVPN yet', () => {
  it('one reset that nobody answers', async () => {
    expect(await new Talk().reset().sessions()).toEqual([]);
    // The same on its way through a router.
    const routed = new AnyCapture();
    const packet = udp({ from: CLIENT, to: SERVER, payload: clientReset({ client: 11 }) });
    routed.incoming(packet, 2, '02:00:00:00:00:01');
    routed.wait(0.0002).outgoing(forwarded(packet), 3, '02:00:00:00:00:02');
    expect(await openVpnSessions(routed.bytes)).toEqual([]);
  });

  it('random octets on its port, in both directions', async () => {
    const capture = new RawCapture();
    for (let i = 0; i < 200; i++) {
      const [from, to] = i % 2 === 0 ? [CLIENT, SERVER] : [SERVER, CLIENT];
      capture.wait(0.1).send(udp({ from, to, payload: octets(noise(40 + ((i * 37) % 900), i)) }));
    }
    expect(await openVpnSessions(capture.bytes)).toEqual([]);
  });
});

describe('a session whose beginning is not in view', () => {
  it('is known by data that counts on', async () => {
    const talk = new Talk();
    for (let i = 0; i < 6; i++) talk.data(true, 100 + i).data(false, 900 + i);
    expect(await talk.only()).toMatchObject({ dataFromClient: 6, dataFromServer: 6, dataBytes: 12 * 124, first: { frame: 1 } });
    expect((await talk.only()).opcodes).toEqual(new Map([[Opcode.DataV2, 12]]));
    expect(await talk.only()).toMatchObject({
      state: 'S5',
      hasBeginning: false,
      mode: 'unknown',
      client: { port: 40_001 },
      server: { port: 1194 },
    });
    const random = new RawCapture();
    for (let i = 0; i < 20; i++) {
      const [from, to] = i % 2 === 0 ? ['192.0.2.10:40001', '198.51.100.7:5555'] : ['198.51.100.7:5555', '192.0.2.10:40001'];
      random.wait(0.1).send(udp({ from, to, payload: octets(0x48, noise(60, i)) }));
    }
    expect(await openVpnSessions(random.bytes)).toEqual([]);
  });

  it('is known by session ids that come back', async () => {
    const talk = new Talk('sha1')
      .control(true, 7, tlsHandshake(280, 1))
      .control(false, 9, tlsHandshake(900, 2))
      .control(true, 8, tlsHandshake(90, 3));
    expect(await talk.only()).toMatchObject({ hasBeginning: false, mode: 'tls-auth', hmac: 20 });
  });
});

describe('a session that goes on', () => {
  it('with new keys', async () => {
    const talk = new Talk().reset().answer().tls().data(true, 1).data(false, 1);
    talk.wait(30).soft(true, 1).soft(false, 1).control(true, 1, tlsHandshake(280, 1), 1).control(false, 1, tlsHandshake(900, 2), 1);
    expect(await talk.only()).toMatchObject({ renegotiations: 1, state: 'S5', controlRepeats: { fromClient: 0, fromServer: 0 } });
  });

  it('from another address, by its peer id and packet ids', async () => {
    const talk = new Talk().reset().answer().tls().data(true, 1).data(false, 1);
    talk.client = MOVED;
    talk.data(true, 2).data(false, 2).data(true, 3);
    expect(await talk.only()).toMatchObject({
      client: { ip: '192.0.2.10' },
      dataFromClient: 3,
      dataFromServer: 2,
      floats: [{ from: { ip: '192.0.2.10', port: 40_001 }, to: { ip: '203.0.113.99', port: 50_002 } }],
    });
  });

  it('from another address, by its session id', async () => {
    const talk = new Talk().reset().answer().tls().data(true, 1).data(false, 1);
    talk.client = MOVED;
    talk.control(true, 3, tlsHandshake(100, 5)).data(true, 2);
    expect(await talk.only()).toMatchObject({ dataFromClient: 2, floats: [{ to: { ip: '203.0.113.99', port: 50_002 } }] });
  });
});

describe('what is in the way', () => {
  it('an alert in the clear', async () => {
    const talk = new Talk()
      .reset()
      .answer()
      .control(true, 1, tlsHandshake(280, 1))
      .control(false, 1, octets(0x15, 3, 3, 0, 2, 2, 70));
    expect((await talk.only()).alert).toMatchObject({ fromClient: false, level: 2, description: 70, stamp: { frame: 4 } });
  });

  it('an ICMP error about what the client sends, not about what is sent to it', async () => {
    const packet = udp({ from: CLIENT, to: SERVER, payload: clientReset({ client: 11 }) });
    const talk = new Talk().reset().wait(2).reset();
    talk.capture.send(portUnreachable({ from: '198.51.100.7', to: '192.0.2.10', quoted: packet }));
    expect((await talk.only()).refusal).toMatchObject({ from: '198.51.100.7', reason: 'port unreachable', isPort: true });
    const answered = new Talk().reset().answer();
    const answer = udp({ from: SERVER, to: CLIENT, payload: serverReset(IDS) });
    answered.capture.send(portUnreachable({ from: '192.0.2.10', to: '198.51.100.7', quoted: answer }));
    expect((await answered.only()).refusal).toBeNull();
  });

  it('by TCP a port on which nobody listens, asked again and again', async () => {
    const refused = (times: number, port = 1194): Promise<OpenVpnSession[]> => {
      const capture = new RawCapture();
      for (let i = 0; i < times; i++) {
        const [from, to] = [`192.0.2.10:${40_000 + i}`, `198.51.100.7:${port}`];
        capture.wait(5).send(syn(from, to, 1000 + i));
        capture.wait(0.01).send(rst(to, from, 1000 + i));
      }
      return openVpnSessions(capture.bytes);
    };
    expect(await refused(4)).toMatchObject([{ transport: 'tcp', state: 'S0', resetCount: 4, refusal: { isPort: true }, mode: 'unknown' }]);
    expect(await refused(1)).toEqual([]);
    expect(await refused(4, 443)).toEqual([]);
  });
});

describe('the capturing host', () => {
  const MAC = '02:00:00:00:00:01';
  const reset = (i: number) => udp({ from: CLIENT, to: SERVER, payload: clientReset({ client: 11 }), ident: i });

  it.each([
    ['the server', { atServer: true, atClient: false }, (capture: AnyCapture, i: number) => void capture.incoming(reset(i), 2, MAC)],
    ['the client', { atServer: false, atClient: true }, (capture: AnyCapture, i: number) => void capture.outgoing(reset(i), 2, MAC)],
    [
      'a router between them',
      { atServer: false, atClient: false },
      (capture: AnyCapture, i: number) => {
        capture.incoming(reset(i), 2, MAC);
        capture.wait(0.0002).outgoing(forwarded(reset(i)), 3, MAC);
      },
    ],
  ])('is %s', async (_, expected, send) => {
    const capture = new AnyCapture();
    for (let i = 0; i < 3; i++) send(capture.wait(2), i);
    expect(await openVpnSessions(capture.bytes)).toMatchObject([{ ...expected, resetCount: 3 }]);
  });
});

describe('both sides of a NAT', () => {
  it('are two records of one session; the side that hears nothing knows of the other', async () => {
    const capture = new RawCapture();
    const outside = '198.51.100.200:61000';
    const ids = { client: 11, server: 511 };
    for (let i = 0; i < 3; i++) {
      for (const from of [CLIENT, outside]) capture.wait(0.05).send(udp({ from, to: SERVER, payload: clientReset({ client: 11 }) }));
      capture.wait(0.05).send(udp({ from: SERVER, to: outside, payload: serverReset(ids) }));
      capture.wait(2).send(udp({ from: outside, to: SERVER, payload: clientAck(ids) }));
    }
    const [inside, beyond, ...others] = await openVpnSessions(capture.bytes);
    expect(others).toEqual([]);
    expect(inside).toMatchObject({ client: { ip: '192.0.2.10' }, state: 'S0', furthest: 'S2', sameAs: null });
    expect(beyond).toMatchObject({ client: { ip: '198.51.100.200' }, state: 'S2', sameAs: inside });
  });
});

describe('memory', () => {
  it('is bounded: the oldest attempts that are over make room, and are counted', async () => {
    const capture = new RawCapture();
    const attempts = 5000;
    for (let i = 0; i < attempts; i++) {
      const from = `192.0.2.10:${20_000 + (i % 100)}`;
      for (let repeat = 0; repeat < 2; repeat++)
        capture.wait(0.02).send(udp({ from, to: SERVER, payload: clientReset({ client: i + 1 }), ident: repeat }));
    }
    const { packet, tracker, records } = await trackedOpenVpn(capture.bytes);
    expect(packet.frame).toBe(2 * attempts);
    expect(tracker.list.length).toBeLessThanOrEqual(4096 + 256);
    expect(tracker.evicted).toBeGreaterThanOrEqual(attempts - 4096 - 256);
    expect(records).toBe(attempts);
    const firsts = tracker.list.map(({ first }) => first.frame);
    expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
    tracker.reset();
    expect([tracker.size, tracker.list.length]).toEqual([0, 0]);
  });
});

describe('a static key', () => {
  /** HMAC 32, IV and ciphertext of AES-CBC: random, and lengths of 16 octets. */
  const tunnel = (packets: number, payload: (i: number) => Uint8Array, port = 1194): Promise<OpenVpnSession[]> => {
    const capture = new RawCapture();
    const [a, b] = [`192.0.2.1:${port}`, `198.51.100.7:${port}`];
    for (let i = 0; i < packets; i++) {
      const [from, to] = i % 2 === 0 ? [a, b] : [b, a];
      capture.wait(0.2).send(udp({ from, to, payload: payload(i) }));
    }
    return openVpnSessions(capture.bytes);
  };
  const random = (i: number): Uint8Array => octets(noise(80 + 16 * (i % 10 < 4 ? 0 : (i * 7) % 60), i + 1));

  it('has no opcode, and is told by fifty packets', async () => {
    expect(await tunnel(60, random)).toMatchObject([{ mode: 'static-key', dataFromClient: 30, dataFromServer: 30, first: { frame: 1 } }]);
    expect(await tunnel(49, random)).toEqual([]);
  });

  it('is not tinc, whose lengths are those of SHA1', async () => {
    const tinc = (i: number): Uint8Array => octets(random(i), noise(4, i + 1000));
    expect(await tunnel(80, tinc, 655)).toEqual([]);
    expect(await tunnel(80, tinc, 6655)).toEqual([]);
    expect(await tunnel(80, tinc)).toHaveLength(1);
  });

  it.each([
    ['lengths of any kind', (i: number) => octets(noise(80 + ((i * 7) % 100), i + 1))],
    ['an octet that stands still', (i: number) => octets(0x40 | (i & 7), random(i).subarray(1))],
    [
      'an identifier behind a first octet that is random',
      (i: number) => octets(random(i).subarray(0, 1), [1, 2, 3, 4, 5, 6, 7, 8], random(i).subarray(9)),
    ],
    ['one size', (i: number) => octets(noise(80, i + 1))],
  ])('is not %s', async (_, payload) => {
    expect(await tunnel(80, payload)).toEqual([]);
  });
});
