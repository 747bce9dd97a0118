import { describe, expect, it } from 'vitest';
import { bgpRecord, bgpText } from '../../src/report/bgp.ts';
import {
  bgpEndOfRib,
  bgpKeepalive,
  bgpNotification,
  bgpOpen,
  bgpShutdown,
  bgpUpdate,
  RawCapture,
  TcpFlags,
  timeExceeded,
} from '../craft/index.ts';
import { BgpConversation, followBgp, type Speaker } from '../tools/bgp.ts';

const A: Speaker = { ip: '192.0.2.1', as: 64_512, id: '10.0.0.1', holdTime: 9 };
const B: Speaker = { ip: '192.0.2.2', as: 64_513, id: '10.0.0.2' };
const C: Speaker = { ip: '192.0.2.3', as: 64_512, id: '10.0.0.3' };
const PREFIX = '203.0.113.0/24';

async function textOf(capture: RawCapture, width: number): Promise<string> {
  const { records } = await followBgp(capture.bytes);
  return bgpText(records.map(bgpRecord), width);
}

/** One that is told from outside, one inside by a reflector. */
function twoSessions(): RawCapture {
  const capture = new RawCapture();
  const outside = new BgpConversation(capture, A, B, { port: 40_001 }).establish();
  const inside = new BgpConversation(capture, A, C, { port: 40_002 }).establish();
  const reflected = { originatorId: '10.0.0.9', clusterList: ['10.0.0.3'], localPref: 100 };
  outside.say(
    'server',
    bgpUpdate({ announced: [PREFIX], nextHop: B.ip, asPath: [B.as, { type: 'set', as: [1, 2] }], med: 5 }),
    bgpEndOfRib(),
  );
  inside.say('server', bgpUpdate({ announced: [PREFIX], nextHop: C.ip, asPath: [65_001], communities: ['64512:1'], ...reflected }));
  return capture;
}

describe('show bgp', () => {
  it('prints sessions, routes, and what is chosen', async () => {
    const text = await textOf(twoSessions(), 120);
    expect(text.match(/^[A-Z].*$/gm)).toEqual(expect.arrayContaining(['Sessions', 'Routes', 'Chosen paths']));
    expect(text).toMatch(/192\.0\.2\.1 \(AS 64512\) +│ 192\.0\.2\.2 \(AS 64513\) +│ 9 s/);
    expect(text).toMatch(/64513 \{1,2\}/);
    expect(text).toMatch(/of 10\.0\.0\.9/);
    expect(text).toMatch(/by 10\.0\.0\.3/);
    expect(text).toMatch(/192\.0\.2\.3 +│ AS path +│ 192\.0\.2\.2 +│ +│ in part/);
    expect(text).toMatch(/No choice\s+shows what packets do not: weight, policy/);
    expect(text).not.toMatch(/partial|assumed/);
  });

  it('fits narrow terminals', async () => {
    for (const width of [40, 60, 80, 100, 200]) {
      const text = await textOf(twoSessions(), width);
      expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(width);
    }
  });

  it('tells how a session ended, and the routes with it', async () => {
    const capture = new RawCapture();
    const talk = new BgpConversation(capture, A, B).establish();
    talk.say('server', bgpUpdate({ announced: [PREFIX, '198.51.100.0/24'], nextHop: B.ip, asPath: [B.as] }));
    talk
      .say('server', bgpUpdate({ withdrawn: ['198.51.100.0/24'] }))
      .say('server', bgpShutdown('upgrade'))
      .end('server', TcpFlags.Fin);
    const text = (await textOf(capture, 200)).replaceAll(/ +/g, ' ');
    expect(text).toContain('│ idle in frame 14, 1 reset │ Cease: administrative shutdown ("upgrade") from 192.0.2.2 in frame 14 │');
    expect(text).toContain('withdrawn in frame 12');
    expect(text).toContain('session ended in frame 14');
    expect(text).toContain('│ frame 14 │');
  });

  it('tells what came instead of an answer, and how often the same was told', async () => {
    const capture = new RawCapture();
    for (const port of [40_001, 40_002, 40_003]) {
      const talk = new BgpConversation(capture, A, B, { port }).connect().say('client', bgpOpen(A));
      talk.say('server', bgpNotification(2, 2)).end('server', TcpFlags.Fin);
    }
    new BgpConversation(capture, A, C).syn().end('server', TcpFlags.Rst);
    const far = new BgpConversation(capture, A, { ...C, ip: '198.51.100.9' }, { ttl: 1 }).syn();
    capture.wait(0.1).send(timeExceeded({ from: '192.0.2.254', to: A.ip, quoted: far.segment('client', TcpFlags.Syn) }));
    const text = (await textOf(capture, 200)).replaceAll(/ +/g, ' ');
    expect(text).toContain('idle in frame 22, 3 attempts │ OPEN message error: bad peer AS from 192.0.2.2, 3 times, last in frame 22 │');
    expect(text).toContain('connect in frame 25 │ refused: RST from 192.0.2.3 in frame 26 │');
    expect(text).toContain('connect in frame 27 │ time exceeded: from 192.0.2.254 to 192.0.2.1 in frame 28 │');
  });

  it('says what is partial, and what is a guess, and how to get all', async () => {
    const capture = new RawCapture();
    new BgpConversation(capture, A, B)
      .say('server', bgpKeepalive())
      .say('server', bgpUpdate({ announced: [PREFIX], nextHop: B.ip, asPath: [B.as] }));
    const text = await textOf(capture, 100);
    expect(text).toMatch(/│ partial │/);
    expect(text).toMatch(/│ assumed │/);
    expect(text).toMatch(/^partial: the session began before the capture, or octets of it are missing/m);
    expect(text).toMatch(/clear bgp \* soft in/);
    expect(text).toMatch(/^assumed: /m);
  });

  it('names what a router ignores', async () => {
    const capture = new RawCapture();
    const talk = new BgpConversation(capture, A, B).establish();
    talk.say('server', bgpUpdate({ announced: [PREFIX], nextHop: B.ip, asPath: [B.as, A.as] }));
    const text = await textOf(capture, 120);
    expect(text).toContain('ignored: own AS');
    expect(text).not.toContain('Chosen paths');
  });
});

describe('the JSON', () => {
  it('has all that the text has', async () => {
    const { records } = await followBgp(twoSessions().bytes);
    const json = records.map(bgpRecord);
    expect(json.find(({ type }) => type === 'session')).toMatchObject({
      a: A.ip,
      b: B.ip,
      asA: A.as,
      asB: B.as,
      idA: A.id,
      idB: B.id,
      holdTime: 9,
      partial: false,
      states: [
        { state: 'connect', frame: 1 },
        { state: 'open-sent', frame: 4 },
        { state: 'open-confirm', frame: 6 },
        { state: 'established', frame: 8 },
      ],
    });
    expect(json.find(({ type, from }) => type === 'route' && from === C.ip)).toMatchObject({
      to: A.ip,
      family: 'IPv4 unicast',
      prefix: PREFIX,
      nextHop: C.ip,
      asPath: [65_001],
      localPref: 100,
      communities: ['64512:1'],
      originatorId: '10.0.0.9',
      clusterList: ['10.0.0.3'],
      ignored: null,
      assumed: false,
      ended: null,
      withdrawnFrame: null,
    });
    expect(json.find(({ type, untilFrame }) => type === 'best' && untilFrame === null)).toMatchObject({
      router: [A.ip],
      from: C.ip,
      decidingStep: 'as-path',
      complete: false,
      candidates: [
        { from: C.ip, nextHop: C.ip, pathId: null },
        { from: B.ip, nextHop: B.ip, pathId: null },
      ],
    });
  });
});
