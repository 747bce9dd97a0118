import { keyText, publicKey } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import {
  address,
  atBothCards,
  atServer,
  FLAP,
  type Handshake,
  inPcapng,
  type Keys,
  OTHER,
  onEthernet,
  onRouter,
  SERVER,
  SERVER_KEY,
  type Seat,
  SHARED,
  SITE,
  SITE_KEY,
  Tunnels,
  wgPeers,
} from './wireguard-stage.ts';

/** The machine with the copied configuration. */
const COPY = '203.0.113.80:51820';
const KEYS = { initiator: SITE_KEY, responder: SERVER_KEY };
const port = (endpoint: string): number => Number(endpoint.slice(endpoint.lastIndexOf(':') + 1));
const endpoints = (...all: string[]) => all.map((each) => ({ ip: address(each), port: port(each) }));

/** Both machines call in turns, for each handshake ends the session of the other one. */
function turns(wg: Tunnels, rounds: number, second = COPY, keys: Keys[] = [KEYS, KEYS], seconds = 4): Handshake[] {
  return Array.from({ length: rounds }, (_, i) => {
    const session = wg.handshake(i % 2 === 0 ? SITE : second, SERVER, keys[i % 2]);
    wg.wait(0.001).chat(session, 2, seconds / 2);
    return session;
  });
}

const serverSeats: { where: string; at: () => Seat }[] = [
  { where: 'server on any', at: () => atServer() },
  { where: 'server, both cards in pcapng', at: () => atBothCards() },
  { where: 'before the server, Ethernet', at: () => onEthernet() },
];

const shared: Scenario[] = [
  ...serverSeats.map(({ where, at }) =>
    incident(SHARED, `${where}: two machines with one key`, 'handshakes of one peer from two addresses, seconds apart', () => {
      const wg = new Tunnels(at());
      const sessions = turns(wg, 10);
      return {
        capture: wg,
        options: { wgPeers },
        expect: [
          finding(SHARED, 'site', {
            severity: 'error',
            confidence: 'likely',
            details: { endpoints: endpoints(SITE, COPY) },
            evidenceFrames: [sessions[0]?.frames[1] ?? 0],
          }),
        ],
      };
    }),
  ),
  incident(SHARED, 'server on any: both behind one NAT', 'one address, two ports', () => {
    const wg = new Tunnels(atServer());
    const second = '192.0.2.10:40222';
    turns(wg, 10, second);
    const details = { endpoints: endpoints(SITE, second) };
    return { capture: wg, options: { wgPeers }, expect: [finding(SHARED, 'site', { severity: 'error', confidence: 'likely', details })] };
  }),

  incident(SHARED, 'server on any: four handshakes', 'three times one follows the other: the fewest that count, and no flap', () => {
    const wg = new Tunnels(atServer());
    turns(wg, 4);
    const details = { endpoints: endpoints(SITE, COPY), switches: 3 };
    return {
      capture: wg,
      options: { wgPeers },
      expect: [finding(SHARED, 'site', { severity: 'error', confidence: 'likely', count: 3, details })],
    };
  }),
  twin(SHARED, 'the same without the keys', 'two anonymous peers with equal ports taking turns cannot be told apart', () => {
    const wg = new Tunnels(atServer());
    turns(wg, 10, COPY, [{}, {}]);
    return { capture: wg, open: [finding(SHARED, SERVER, { confidence: 'possible' })] };
  }),
  twin(SHARED, 'repaired', 'each machine has a key of its own', () => {
    const wg = new Tunnels(atServer());
    const own = publicKey(105);
    const first = wg.handshake(SITE, SERVER, KEYS);
    wg.wait(0.5);
    const second = wg.handshake(COPY, SERVER, { initiator: own, responder: SERVER_KEY });
    for (let i = 0; i < 20; i++) {
      wg.chat(first, 1, 1);
      wg.chat(second, 1, 1);
    }
    return { capture: wg, options: { wgPeers: [...wgPeers, `copy=${keyText(own)}`] } };
  }),
  twin(SHARED, 'two peers that reconnect often', 'handshakes take turns, but mac1 names two', () => {
    const wg = new Tunnels(atServer());
    const own = { initiator: publicKey(105), responder: SERVER_KEY };
    turns(wg, 10, COPY, [KEYS, own]);
    return { capture: wg, options: { wgPeers: [...wgPeers, `copy=${keyText(own.initiator)}`] } };
  }),
  twin(SHARED, 'two peers, handshakes two minutes apart', 'each one rekeys when it is time', () => {
    const wg = new Tunnels(atServer());
    for (let i = 0; i < 4; i++) {
      const first = wg.handshake(SITE, SERVER);
      wg.chat(first, 1, 1);
      const second = wg.handshake(COPY, SERVER);
      for (let n = 0; n < 39; n++) {
        wg.chat(first, 1, 1);
        wg.chat(second, 1, 2);
      }
    }
    return { capture: wg };
  }),
];

/** The end that `ends` names goes back and forth in one session. */
function flapping(wg: Tunnels, side: 'initiator' | 'responder', ends: [string, string], switches: number, keys = {}): number[] {
  const session = wg.handshake(SITE, SERVER, keys);
  wg.wait(0.001).chat(session, 5, 1);
  return Array.from({ length: switches }, (_, i) => {
    const now = { ...session, [side]: ends[(i + 1) % 2], up: 10 + 10 * i, down: 10 + 10 * i };
    const [first = 0] = side === 'initiator' ? wg.chat(now, 3, 1) : wg.chatBack(now, 3, 1);
    return first;
  });
}

const flap: Scenario[] = [
  ...[
    { where: 'site, Ethernet', at: () => onEthernet() },
    { where: 'site, pcapng with directions', at: () => inPcapng() },
    { where: 'server on any', at: () => atServer() },
  ].map(({ where, at }) =>
    incident(FLAP, `${where}: the server goes back and forth`, 'one live session, two uplinks in turns', () => {
      const wg = new Tunnels(at());
      const frames = flapping(wg, 'responder', [SERVER, OTHER], 7);
      const details = { endpoints: endpoints(SERVER, OTHER), switches: 7 };
      return {
        capture: wg,
        expect: [
          finding(FLAP, SITE, { severity: 'warning', confidence: 'certain', count: 7, details, evidenceFrames: frames.slice(0, 1) }),
        ],
      };
    }),
  ),
  incident(FLAP, 'server on any: the client goes back and forth', 'a router with two uplinks that takes turns', () => {
    const wg = new Tunnels(atServer());
    flapping(wg, 'initiator', [SITE, COPY], 6);
    const details = { endpoints: endpoints(SITE, COPY), switches: 6 };
    return { capture: wg, expect: [finding(FLAP, SERVER, { severity: 'warning', confidence: 'certain', count: 6, details })] };
  }),
  incident(FLAP, 'server on any, with the keys: the client goes back and forth', 'the subject is the peer by its name', () => {
    const wg = new Tunnels(atServer());
    flapping(wg, 'initiator', [SITE, COPY], 6, KEYS);
    return { capture: wg, options: { wgPeers }, expect: [finding(FLAP, 'site', { severity: 'warning', confidence: 'certain', count: 6 })] };
  }),
  incident(FLAP, 'site, Ethernet: three moves', 'the fewest that count', () => {
    const wg = new Tunnels(onEthernet());
    flapping(wg, 'responder', [SERVER, OTHER], 3);
    return { capture: wg, expect: [finding(FLAP, SITE, { severity: 'warning', count: 3 })] };
  }),
  incident(FLAP, 'site, Ethernet: each packet by the other uplink', 'a multipath route that takes turns packet by packet', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 2, 1);
    for (let i = 0; i < 20; i++) wg.wait(0.5).down(session, { from: i % 2 === 0 ? OTHER : SERVER });
    return { capture: wg, expect: [finding(FLAP, SITE, { severity: 'warning', confidence: 'certain', count: 20 })] };
  }),

  incident(
    FLAP,
    'each packet by the other uplink, and the site follows one packet late',
    'that it follows late does not make it the one that chooses',
    () => {
      const wg = new Tunnels(onEthernet());
      const session = wg.handshake(SITE, SERVER);
      wg.wait(0.001).chat(session, 4, 1);
      let heard = SERVER;
      for (let i = 0; i < 16; i++) {
        const from = i % 2 === 0 ? OTHER : SERVER;
        wg.wait(0.02).up(session, { to: heard });
        wg.wait(0.03).down(session, { from });
        heard = from;
      }
      return { capture: wg, expect: [finding(FLAP, SITE, { severity: 'warning', confidence: 'certain', count: 16 })] };
    },
  ),
  twin(FLAP, 'repaired', 'one uplink for the tunnel', () => {
    const wg = new Tunnels(onEthernet());
    wg.chat(wg.handshake(SITE, SERVER), 30, 1);
    return { capture: wg };
  }),
  twin(FLAP, 'packets that overtake each other after one move', 'what is late has the older counter', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 5, 1);
    const late = { ...session };
    session.up += 6;
    for (let i = 0; i < 6; i++) {
      wg.wait(0.01).up(session, { from: COPY });
      wg.wait(0.001).up(late);
    }
    wg.wait(1).chat({ ...session, initiator: COPY, down: 30 }, 5, 1);
    const roamed = finding('wireguard-roaming', `${SERVER}|${SITE}|${COPY}`, { severity: 'info', confidence: 'certain', count: 1 });
    return { capture: wg, expect: [roamed] };
  }),
  twin(FLAP, 'a router that translates, on any', 'two addresses of one packet are no two endpoints', () => {
    const wg = new Tunnels(onRouter(SITE, '192.168.1.2:51820'));
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 20, 1);
    return { capture: wg };
  }),
  twin(FLAP, 'a hub and two spokes with one port', 'the second begins before the first has sent anything but its response', () => {
    const wg = new Tunnels(atServer());
    const first = wg.handshake(SERVER, SITE);
    wg.up(first);
    const second = wg.wait(0.01).handshake(COPY, SERVER);
    wg.down(first);
    wg.wait(0.01).up(second);
    for (let i = 0; i < 30; i++) {
      wg.chat(first, 1, 1);
      wg.chat(second, 1, 1);
    }
    return { capture: wg };
  }),
  twin(
    FLAP,
    'two clients, and data that overtakes its handshake',
    'captured on several queues: what is a millisecond late is no other place',
    () => {
      const wg = new Tunnels(atServer());
      const first = wg.handshake(SITE, SERVER);
      const second = wg.handshake(COPY, SERVER);
      wg.up(first);
      wg.up(second);
      for (let i = 0; i < 39; i++) {
        wg.chat(first, 1, 1);
        wg.chat(second, 1, 2);
      }
      return { capture: wg };
    },
  ),
  twin(FLAP, 'two clients take turns', 'each has a session of its own', () => {
    const wg = new Tunnels(atServer());
    const first = wg.handshake(SITE, SERVER);
    const second = wg.wait(1).handshake(COPY, SERVER);
    for (let i = 0; i < 30; i++) wg.chat(i % 2 === 0 ? first : second, 1, 1);
    return { capture: wg };
  }),
];

export const scenarios: Scenario[] = [...shared, ...flap];
