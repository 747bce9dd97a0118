import {
  hostUnreachable,
  initiation,
  lookAlike,
  type NetworkPacket,
  octets,
  portUnreachable,
  stun,
  transport,
  udp,
} from '../craft/index.ts';
import { anyText, incident, type Scenario, twin } from './scenario.ts';
import { Lan, LinuxHost, mac } from './stage.ts';
import {
  address,
  atBothCards,
  atServer,
  between,
  OTHER,
  onEthernet,
  SERVER,
  SERVER_KEY,
  SITE,
  SITE_KEY,
  siteSeats,
  Tunnels,
  UNANSWERED,
  unanswered,
  wgPeers,
} from './wireguard-stage.ts';

const CLIENT = address(SITE);
const KEYS = { initiator: SITE_KEY, responder: SERVER_KEY };

const serverSeats = [
  { where: 'server on any', at: () => atServer() },
  { where: 'server, both cards in pcapng', at: () => atBothCards() },
];

/** A series and how long it took. */
function series(wg: Tunnels, times: number, keys = {}): { frames: number[]; spanSeconds: number } {
  const began = wg.now;
  const frames = wg.retry(SITE, SERVER, times, keys);
  return { frames, spanSeconds: between(began, wg.initiatedAt) };
}

const inVain: Scenario[] = [
  ...[...siteSeats, ...serverSeats].map(({ where, at }) =>
    incident(UNANSWERED, `${where}: a whole series`, 'eighteen tries in ninety seconds, nothing comes back', () => {
      const wg = new Tunnels(at());
      const { frames, spanSeconds } = series(wg, 18);
      wg.wait(5);
      const [first = 0] = frames;
      const details = { attempts: 18, spanSeconds, reason: null };
      return {
        capture: wg,
        expect: [
          unanswered(CLIENT, SERVER, {
            severity: 'warning',
            count: 18,
            details,
            evidenceFrames: [first, frames.at(-1) ?? 0],
          }),
        ],
      };
    }),
  ),
  ...siteSeats.map(({ where, at }) =>
    incident(UNANSWERED, `${where}: off for a while, then answering`, 'an outage that ended: notice', () => {
      const wg = new Tunnels(at());
      const { spanSeconds } = series(wg, 12);
      wg.wait(5.1);
      wg.chat(wg.handshake(SITE, SERVER), 5);
      return {
        capture: wg,
        expect: [unanswered(CLIENT, SERVER, { severity: 'notice', count: 12, details: { attempts: 12, spanSeconds } })],
      };
    }),
  ),
  incident(UNANSWERED, 'with the keys', 'mac1 names whom it calls', () => {
    const wg = new Tunnels(onEthernet());
    series(wg, 6, KEYS);
    wg.wait(5);
    return { capture: wg, options: { wgPeers }, expect: [unanswered(CLIENT, SERVER, { severity: 'warning', count: 6 })] };
  }),
  incident(UNANSWERED, 'IPv6', 'the same between addresses of IPv6', () => {
    const wg = new Tunnels(onEthernet(new Lan(), 1, undefined, '[2001:db8::10]:51820'));
    wg.retry('[2001:db8::10]:51820', '[2001:db8:1::2]:12345', 6);
    wg.wait(5);
    return { capture: wg, expect: [unanswered('2001:db8::10', '[2001:db8:1::2]:12345', { severity: 'warning', count: 6 })] };
  }),
  incident(UNANSWERED, 'three tries', 'the fewest that count', () => {
    const wg = new Tunnels(onEthernet());
    series(wg, 3);
    wg.wait(5);
    return { capture: wg, expect: [unanswered(CLIENT, SERVER, { severity: 'warning', count: 3 })] };
  }),
  incident(UNANSWERED, 'the third try is the last packet', 'its answer may come after the end: possible', () => {
    const wg = new Tunnels(onEthernet());
    wg.retry(SITE, SERVER, 3);
    return { capture: wg, expect: [unanswered(address(SITE), SERVER, { confidence: 'possible', count: 3 })] };
  }),
  twin(UNANSWERED, 'two tries now, two tries hours later', 'each time too few', () => {
    const wg = new Tunnels(onEthernet());
    wg.retry(SITE, SERVER, 2);
    wg.wait(10_000).retry(SITE, SERVER, 2);
    wg.wait(60).chat(wg.handshake(SITE, OTHER), 3);
    return { capture: wg };
  }),
  incident(UNANSWERED, 'a client that takes a new port for each try', 'an initiator counts by its address', () => {
    const wg = new Tunnels(onEthernet());
    for (let i = 0; i < 5; i++) {
      wg.initiate(`${CLIENT}:${40_000 + i}`, SERVER);
      wg.wait(5.1);
    }
    return { capture: wg, expect: [unanswered(CLIENT, SERVER, { severity: 'warning', count: 5 })] };
  }),
  incident(UNANSWERED, 'cut by the snaplen', 'the length fields say that these are initiations', () => {
    const wg = new Tunnels(onEthernet(new Lan(), 1, 14 + 20 + 8 + 16));
    series(wg, 6);
    wg.wait(5);
    return { capture: wg, expect: [unanswered(CLIENT, SERVER, { severity: 'warning', count: 6 })] };
  }),
  incident(UNANSWERED, 'both sides try', 'crossing series are two', () => {
    const wg = new Tunnels(onEthernet());
    for (let i = 0; i < 6; i++) {
      wg.initiate(SITE, SERVER);
      wg.wait(2.4).initiate(SERVER, SITE);
      wg.wait(2.7);
    }
    wg.wait(3);
    return {
      capture: wg,
      expect: [
        unanswered(CLIENT, SERVER, { severity: 'warning', count: 6 }),
        unanswered(address(SERVER), SITE, { severity: 'warning', count: 6 }),
      ],
    };
  }),
  incident(UNANSWERED, 'the server refuses', 'port unreachable quotes the initiation: that is the reason', () => {
    const lan = new Lan();
    const wg = new Tunnels(onEthernet(lan));
    for (let i = 0; i < 4; i++) refused(lan, wg, portUnreachable);
    return { capture: wg, expect: [unanswered(CLIENT, SERVER, { severity: 'warning', count: 4, details: { reason: anyText } })] };
  }),
  incident(UNANSWERED, 'a router on the way refuses', 'host unreachable, from another address', () => {
    const lan = new Lan();
    const wg = new Tunnels(onEthernet(lan));
    for (let i = 0; i < 4; i++) refused(lan, wg, hostUnreachable, '203.0.113.254');
    return { capture: wg, expect: [unanswered(CLIENT, SERVER, { severity: 'warning', count: 4, details: { reason: anyText } })] };
  }),
  incident(UNANSWERED, 'the capture begins in the middle of the outage', 'the tries that are seen count', () => {
    const wg = new Tunnels(onEthernet());
    wg.sees = () => false;
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 5);
    wg.wait(15).retry(SITE, SERVER, 4);
    wg.sees = () => true;
    wg.wait(5.1);
    const { spanSeconds } = series(wg, 5);
    wg.wait(5.2);
    wg.chat(wg.handshake(SITE, SERVER), 5);
    return { capture: wg, expect: [unanswered(CLIENT, SERVER, { severity: 'notice', count: 5, details: { spanSeconds } })] };
  }),
  incident(UNANSWERED, 'the other side comes back first', 'its initiation ends the outage', () => {
    const wg = new Tunnels(onEthernet());
    wg.chat(wg.handshake(SITE, SERVER), 5);
    wg.wait(15);
    series(wg, 8);
    wg.wait(3);
    wg.chat(wg.handshake(SERVER, SITE), 5);
    return { capture: wg, expect: [unanswered(CLIENT, SERVER, { severity: 'notice', count: 8 })] };
  }),
  incident(UNANSWERED, 'the old session speaks again', 'data from the peer ends the outage', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 5);
    wg.wait(15);
    series(wg, 4);
    wg.wait(2).down(session);
    wg.wait(1).chat(session, 3);
    return { capture: wg, expect: [unanswered(CLIENT, SERVER, { severity: 'notice', count: 4 })] };
  }),
  incident(UNANSWERED, 'one of two peers', 'the other one answers', () => {
    const wg = new Tunnels(onEthernet());
    const steady = wg.handshake(SITE, OTHER);
    for (let i = 0; i < 6; i++) {
      wg.chat(steady, 1, 1);
      wg.initiate(SITE, SERVER);
      wg.wait(4.2);
    }
    return { capture: wg, expect: [unanswered(CLIENT, SERVER, { severity: 'warning', count: 6 })] };
  }),
  incident(UNANSWERED, 'the responses leave the server and are lost', 'at the site: nothing comes back', () => {
    const wg = new Tunnels(onEthernet());
    wg.sees = (from) => from === SITE;
    for (let i = 0; i < 6; i++) {
      wg.handshake(SITE, SERVER);
      wg.wait(5.1);
    }
    return { capture: wg, expect: [unanswered(CLIENT, SERVER, { severity: 'warning', count: 6 })] };
  }),
];

/** An initiation and the ICMP error that quotes it. */
function refused(lan: Lan, wg: Tunnels, error: typeof portUnreachable, by = address(SERVER)): void {
  const sender = wg.index();
  const quoted = udp({ from: SITE, to: SERVER, payload: initiation({ sender }), ttl: 64 });
  lan.unicast(quoted, mac(0x10), mac(0x01));
  lan.wait(0.02).unicast(error({ from: by, to: CLIENT, quoted }), mac(0x01), mac(0x10));
  wg.wait(5.1);
}

/** Packets of a client and a server on WireGuard's port. */
function exchange(lan: Lan, payloads: readonly Uint8Array[]): void {
  for (const [i, payload] of payloads.entries()) {
    const isUp = i % 2 === 0;
    const packet: NetworkPacket = udp({ from: isUp ? SITE : SERVER, to: isUp ? SERVER : SITE, payload });
    lan.unicast(packet, isUp ? mac(0x10) : mac(0x01), isUp ? mac(0x01) : mac(0x10));
    lan.wait(1);
  }
}

const heard: Scenario[] = [
  twin(UNANSWERED, 'two tries', 'a lost packet or a slow start', () => {
    const wg = new Tunnels(onEthernet());
    wg.retry(SITE, SERVER, 2);
    wg.wait(5.1).chat(wg.handshake(SITE, SERVER), 10);
    return { capture: wg };
  }),
  twin(UNANSWERED, 'a cookie', 'the server is under load; the next try is answered', () => {
    const wg = new Tunnels(onEthernet());
    const { sender } = wg.initiate(SITE, SERVER);
    wg.wait(0.03).cookie(sender, SERVER, SITE);
    wg.wait(5.1).chat(wg.handshake(SITE, SERVER), 10);
    return { capture: wg };
  }),
  twin(UNANSWERED, 'cookies for each try', 'under load for a while, but there', () => {
    const wg = new Tunnels(onEthernet());
    for (let i = 0; i < 6; i++) {
      const { sender } = wg.initiate(SITE, SERVER);
      wg.wait(0.03).cookie(sender, SERVER, SITE);
      wg.wait(5.1);
    }
    return { capture: wg };
  }),
  twin(UNANSWERED, 'a handshake each two minutes', 'each one is answered', () => {
    const wg = new Tunnels(onEthernet());
    for (let i = 0; i < 5; i++) wg.chat(wg.handshake(SITE, SERVER), 40);
    return { capture: wg };
  }),
  twin(UNANSWERED, 'a handshake each two minutes, with jitter', 'not to the second, and now and then a second try', () => {
    const wg = new Tunnels(onEthernet());
    for (let i = 0; i < 5; i++) {
      if (i % 2 === 1) {
        wg.initiate(SITE, SERVER);
        wg.wait(5.333);
      }
      wg.chat(wg.handshake(SITE, SERVER), 40, 2.9 + i * 0.05);
    }
    return { capture: wg };
  }),
  twin(UNANSWERED, 'one direction only', 'the tunnel rekeys each two minutes and sends data: who answers is not seen', () => {
    const wg = new Tunnels(onEthernet());
    wg.sees = (from) => from === SITE;
    for (let i = 0; i < 5; i++) wg.chat(wg.handshake(SITE, SERVER), 40);
    return { capture: wg };
  }),
  twin(UNANSWERED, 'the other direction only', 'responses to initiations that are not seen', () => {
    const wg = new Tunnels(onEthernet());
    wg.sees = (from) => from === SERVER;
    for (let i = 0; i < 5; i++) wg.chat(wg.handshake(SITE, SERVER), 40);
    return { capture: wg };
  }),
  twin(UNANSWERED, 'the capture ends in the middle of a handshake', 'the last try may still be answered', () => {
    const wg = new Tunnels(onEthernet());
    wg.chat(wg.handshake(SITE, SERVER), 40);
    wg.initiate(SITE, SERVER);
    return { capture: wg };
  }),
  twin(UNANSWERED, 'the capture begins in the middle of a handshake', 'a response without its initiation', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    const late = new Tunnels(onEthernet());
    late.respond(session.initiatorIndex, SERVER, SITE);
    late.wait(0.01);
    const responderIndex = late.index();
    late.chat({ ...session, responderIndex }, 10);
    return { capture: late };
  }),
  twin(UNANSWERED, 'keepalives only', 'an idle tunnel', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    for (let i = 0; i < 20; i++) wg.wait(25).keepalive(session);
    return { capture: wg };
  }),
  twin(UNANSWERED, 'an index is used again', 'of a session that ended, by the next one', () => {
    const wg = new Tunnels(onEthernet());
    let index = 0x0100_0000;
    for (let i = 0; i < 5; i++) {
      wg.index = () => (index = index === 0x0100_0000 ? 0x0200_0000 : 0x0100_0000);
      wg.chat(wg.handshake(SITE, SERVER), 40);
      wg.wait(200);
    }
    return { capture: wg };
  }),
  twin(UNANSWERED, 'a scanner', 'one try at each of many hosts', () => {
    const wg = new Tunnels(onEthernet());
    for (let i = 1; i < 40; i++) wg.wait(0.05).initiate(SITE, `198.51.100.${i}:51820`);
    wg.wait(5);
    return { capture: wg };
  }),
  twin(UNANSWERED, 'initiations inside ICMP errors only', 'what is quoted is no packet', () => {
    const lan = new Lan();
    for (let i = 0; i < 6; i++) {
      const quoted = udp({ from: SITE, to: SERVER, payload: initiation({ sender: 900 + i }), ttl: 50 });
      lan.unicast(portUnreachable({ from: address(SERVER), to: CLIENT, quoted }), mac(0x01), mac(0x10));
      lan.wait(5.1);
    }
    return { capture: lan };
  }),
  twin(UNANSWERED, 'a game whose packets begin alike', 'four octets 01 00 00 00, other lengths', () => {
    const lan = new Lan();
    const payloads = Array.from({ length: 24 }, (_, i) => lookAlike((i % 4) + 1, 60 + i * 7, i));
    exchange(lan, payloads);
    return { capture: lan };
  }),
  twin(UNANSWERED, 'small packets that begin like data', 'no handshake, indices and counters without order', () => {
    const lan = new Lan();
    const payloads = Array.from({ length: 24 }, (_, i) => octets(lookAlike(4, 48 + (i % 3) * 16, 70 + i)));
    exchange(lan, payloads);
    return { capture: lan };
  }),
  twin(UNANSWERED, 'STUN on the same port', 'a mesh VPN asks for its own address', () => {
    const lan = new Lan();
    exchange(
      lan,
      Array.from({ length: 10 }, (_, i) => stun({ type: i % 2 === 0 ? 'request' : 'success', transaction: 50 + Math.floor(i / 2) })),
    );
    return { capture: lan };
  }),
  twin(UNANSWERED, 'data after the keys have ended', 'a peer sends to a session that nobody else has any more', () => {
    const host = new LinuxHost();
    for (let i = 0; i < 10; i++) {
      host.wait(3).incoming(udp({ from: SITE, to: SERVER, payload: transport(0x3333_3333, 40 + i) }), 2, mac(0x01));
    }
    return { capture: host };
  }),
];

export const scenarios: Scenario[] = [...inVain, ...heard];
