import { gre, keyText, publicKey, transport } from '../craft/index.ts';
import { finding, incident, type Play, type Scenario, twin } from './scenario.ts';
import { Lan, LinuxHost, mac } from './stage.ts';
import {
  address,
  atBothCards,
  atServer,
  between,
  DRIFT,
  drift,
  FLAP,
  inPcapng,
  type Keys,
  moved,
  OTHER,
  onEthernet,
  onRouter,
  REPLY,
  ROAMING,
  SERVER,
  SERVER_KEY,
  type Seat,
  SITE,
  SITE_KEY,
  seat,
  siteSeats,
  Tunnels,
  unanswered,
  wgPeers,
} from './wireguard-stage.ts';

/** The site calls the server; the server calls back. */
const CALL: Keys = { initiator: SITE_KEY, responder: SERVER_KEY };
const CALL_BACK: Keys = { initiator: SERVER_KEY, responder: SITE_KEY };
const OUTAGE = 200;

interface Incident {
  keys?: boolean;
  /** Where both ends are, instead of the usual. */
  site?: string;
  server?: string;
  other?: string;
}

/**
 * A tunnel, an outage in which both sides try in vain, and the server's first try that gets through: by the other uplink. Where the capture is taken
 * decides whose tries are seen.
 */
function officeIncident(at: Seat, tries: 'site' | 'server', { keys = false, site = SITE, server = SERVER, other = OTHER }: Incident = {}) {
  const wg = new Tunnels(at);
  const session = wg.handshake(site, server, keys ? CALL : {});
  wg.wait(0.001);
  wg.chat(session, 10);
  // The last packet from the server's first address.
  const lastAt = wg.now;
  const last = wg.down(session);
  wg.wait(15);
  const [from, to] = tries === 'site' ? [site, server] : [other, site];
  const triedAt = wg.now;
  const attempts = wg.retry(from, to, 18, keys ? (tries === 'site' ? CALL : CALL_BACK) : {});
  const triedUntil = wg.initiatedAt;
  wg.at(lastAt + OUTAGE);
  const healedAt = wg.now;
  const back = wg.handshake(other, site, keys ? CALL_BACK : {});
  wg.wait(0.001);
  const after = wg.chat(back, 10);
  return { wg, session, last, lastAt, attempts, triedAt, triedUntil, healedAt, back, after };
}

const seenAtSite = siteSeats.flatMap(({ where, at }) => [
  incident(DRIFT, `${where}: the server comes back by its other uplink`, 'a new handshake from S′, the old address silent: likely', () => {
    const { wg, attempts, last, lastAt, healedAt, triedAt, triedUntil, back } = officeIncident(at(), 'site');
    const outage = unanswered(address(SITE), SERVER, {
      severity: 'notice',
      count: attempts.length,
      details: { attempts: attempts.length, spanSeconds: between(triedAt, triedUntil) },
    });
    const details = { trigger: 'initiation', gapSeconds: between(lastAt, healedAt), peer: null, followed: true };
    return {
      capture: wg,
      expect: [drift({ confidence: 'likely', details, evidenceFrames: [last, back.frames[0] ?? 0], related: [outage.id] }), outage],
    };
  }),
  incident(DRIFT, `${where}: the same with the keys`, 'mac1 of the response names the server: certain', () => {
    const { wg, attempts } = officeIncident(at(), 'site', { keys: true });
    const outage = unanswered(address(SITE), SERVER, { severity: 'notice', count: attempts.length });
    const details = { trigger: 'initiation', peer: 'server', followed: true };
    return { capture: wg, options: { wgPeers }, expect: [drift({ confidence: 'certain', details }), outage] };
  }),
]);

const serverSeats = [
  { where: 'server on any', at: () => atServer() },
  { where: 'server, both cards in pcapng', at: () => atBothCards() },
];

const seenAtServer = serverSeats.flatMap(({ where, at }) => [
  incident(DRIFT, `${where}: its own tries leave by the other uplink`, 'the first one begins it; the site follows in the end', () => {
    const { wg, attempts, lastAt, triedAt, last } = officeIncident(at(), 'server');
    const outage = unanswered(address(OTHER), SITE, { severity: 'notice', count: attempts.length });
    const details = { trigger: 'initiation', gapSeconds: between(lastAt, triedAt), followed: true };
    return {
      capture: wg,
      expect: [drift({ confidence: 'likely', details, evidenceFrames: [last, attempts[0] ?? 0], related: [outage.id] }), outage],
    };
  }),
  incident(DRIFT, `${where}: the same with the keys`, 'certain', () => {
    const { wg, attempts } = officeIncident(at(), 'server', { keys: true });
    const outage = unanswered(address(OTHER), SITE, { severity: 'notice', count: attempts.length });
    const details = { peer: 'server', followed: true };
    return { capture: wg, options: { wgPeers }, expect: [drift({ confidence: 'certain', details }), outage] };
  }),
  incident(DRIFT, `${where}: while the outage lasts`, 'its own unanswered initiations count already: warning', () => {
    const wg = new Tunnels(at());
    const session = wg.handshake(SITE, SERVER);
    wg.wait(0.001).chat(session, 10);
    wg.down(session);
    wg.wait(15);
    const attempts = wg.retry(OTHER, SITE, 6);
    wg.wait(4);
    const details = { trigger: 'initiation', followed: false };
    return {
      capture: wg,
      expect: [
        drift({ severity: 'warning', confidence: 'likely', details }),
        unanswered(address(OTHER), SITE, { severity: 'warning', count: attempts.length }),
      ],
    };
  }),
  incident(DRIFT, `${where}: data of the old session by the other uplink`, 'receiver index and counter go on: certain', () => {
    const wg = new Tunnels(at());
    const session = wg.handshake(SITE, SERVER);
    wg.wait(0.001).chat(session, 10);
    wg.down(session);
    wg.wait(15);
    const attempts = wg.retry(OTHER, SITE, 2);
    const data = wg.wait(0.5).down(session, { from: OTHER });
    wg.wait(4.6);
    attempts.push(...wg.retry(OTHER, SITE, 4));
    wg.wait(5);
    const back = wg.handshake(OTHER, SITE);
    wg.wait(0.001).chat(back, 5);
    return {
      capture: wg,
      expect: [
        drift({ confidence: 'certain', details: { followed: true }, evidenceFrames: [data] }),
        unanswered(address(OTHER), SITE, { severity: 'notice', count: attempts.length }),
      ],
    };
  }),
]);

/** A session in which the server's packets come from the other uplink from some packet on. */
function midSession(wg: Tunnels, isFollowed = true, keys: Keys = {}): { moved: number; followed: number } {
  const session = wg.handshake(SITE, SERVER, keys);
  wg.wait(0.001).chat(session, 10);
  const first = wg.down(session, { from: OTHER });
  const followed = isFollowed ? wg.wait(0.01).up(session, { to: OTHER }) : 0;
  for (let i = 0; i < 8; i++) {
    wg.wait(1).down(session, { from: OTHER });
    if (isFollowed) wg.wait(0.01).up(session, { to: OTHER });
  }
  return { moved: first, followed };
}

const single: Scenario[] = [
  ...siteSeats.map(({ where, at }) =>
    incident(DRIFT, `${where}: in the middle of a session`, 'the index and the counters go on from the new address: certain', () => {
      const wg = new Tunnels(at());
      const { moved: first } = midSession(wg);
      const details = { trigger: 'data', followed: true, peer: null };
      return { capture: wg, expect: [drift({ confidence: 'certain', details, evidenceFrames: [first] })] };
    }),
  ),
  incident(DRIFT, 'server on any: in the middle of a session', 'seen from the host that drifts', () => {
    const wg = new Tunnels(atServer());
    midSession(wg);
    return { capture: wg, expect: [drift({ confidence: 'certain', details: { trigger: 'data', followed: true } })] };
  }),
  incident(DRIFT, 'one direction: in the middle of a session', 'whether the site follows is not seen: warning', () => {
    const wg = new Tunnels(onEthernet());
    wg.sees = (from) => from !== SITE;
    midSession(wg);
    return { capture: wg, expect: [drift({ severity: 'warning', confidence: 'certain', details: { trigger: 'data', followed: false } })] };
  }),
  incident(DRIFT, 'IPv6', 'the same between addresses of IPv6', () => {
    const [site, server, other] = ['[2001:db8::10]:51820', '[2001:db8:1::2]:12345', '[2001:db8:2::2]:12345'];
    const { wg, attempts } = officeIncident(onEthernet(new Lan(), 1, undefined, site), 'site', { site, server, other });
    return {
      capture: wg,
      expect: [
        drift({ confidence: 'likely', details: { followed: true } }, site, server, other),
        unanswered('2001:db8::10', server, { severity: 'notice', count: attempts.length }),
      ],
    };
  }),
  incident(DRIFT, 'cut by the snaplen', 'sixteen octets of the payload are enough for types, indices and counters', () => {
    const { wg, attempts } = officeIncident(onEthernet(new Lan(), 1, 14 + 20 + 8 + 16), 'site', { keys: true });
    return {
      capture: wg,
      // Without mac1 the keys are of no use.
      options: { wgPeers },
      expect: [
        drift({ confidence: 'likely', details: { followed: true, peer: null } }),
        unanswered(address(SITE), SERVER, { severity: 'notice', count: attempts.length }),
      ],
    };
  }),
  incident(DRIFT, 'inside GRE', 'rules run in each layer', () => {
    const wg = new Tunnels(onEthernet());
    wg.wrap = (packet, from) => (from === SITE ? gre('192.0.2.1', '203.0.113.1', packet) : gre('203.0.113.1', '192.0.2.1', packet));
    midSession(wg);
    return { capture: wg, expect: [drift({ confidence: 'certain', encapsulation: ['gre'] }, SITE, SERVER, OTHER, '@gre')] };
  }),
  incident(DRIFT, 'the old address is heard for half a second more', 'packets that are still on their way end within a second', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.wait(0.001).chat(session, 10);
    const back = wg.handshake(OTHER, SITE);
    wg.wait(0.3).down(session);
    wg.wait(0.2).chat(back, 10);
    return { capture: wg, expect: [drift({ confidence: 'likely', details: { trigger: 'initiation', followed: true } })] };
  }),
  incident(DRIFT, 'a response from the other uplink', 'data ran with S before and runs with S′ after it', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.wait(0.001).chat(session, 39);
    const rekeyed = wg.handshake(SITE, SERVER, {}, OTHER);
    wg.wait(0.001).chat(rekeyed, 10);
    return {
      capture: wg,
      expect: [
        drift({
          confidence: 'certain',
          details: { trigger: 'response', followed: true },
          related: [`${REPLY}:${address(SITE)}|${SERVER}`],
        }),
        finding(REPLY, `${address(SITE)}|${SERVER}`, { severity: 'error', confidence: 'certain', count: 1 }),
      ],
    };
  }),
  incident(
    DRIFT,
    'the first packet from the other uplink is missing',
    'the site sends there already when the server is seen there first',
    () => {
      const wg = new Tunnels(onEthernet());
      const session = wg.handshake(SITE, SERVER);
      wg.wait(0.001).chat(session, 10);
      wg.chat({ ...session, responder: OTHER, up: 20, down: 20 }, 10);
      return { capture: wg, expect: [drift({ confidence: 'certain', details: { trigger: 'data', followed: true } })] };
    },
  ),
  incident(DRIFT, 'there and back', 'two moves are two findings, not a flap', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.wait(0.001).chat(session, 5);
    wg.chatBack({ ...session, responder: OTHER, up: 20, down: 20 }, 5);
    wg.chatBack({ ...session, up: 40, down: 40 }, 5);
    return { capture: wg, expect: [drift({ confidence: 'certain' }), drift({ confidence: 'certain' }, SITE, OTHER, SERVER)] };
  }),
  incident(DRIFT, 'one of two servers', 'the other tunnel of the site stays as it is', () => {
    const wg = new Tunnels(onEthernet());
    const third = '203.0.113.99:12345';
    const steady = wg.handshake(SITE, third);
    wg.wait(0.5);
    const session = wg.handshake(SITE, SERVER);
    for (let i = 0; i < 10; i++) {
      wg.wait(0.1).chat(steady, 1, 1);
      wg.chat(session, 1, 1);
    }
    for (let i = 0; i < 10; i++) {
      wg.chat(steady, 1, 1);
      wg.wait(0.1).down(session, { from: OTHER });
      wg.wait(0.1).up(session, { to: OTHER });
    }
    return { capture: wg, expect: [drift({ confidence: 'certain', details: { trigger: 'data' } })] };
  }),
  incident(DRIFT, 'two sites', 'the server drifts for each of them', () => {
    const wg = new Tunnels(atServer());
    const sites = [SITE, '192.0.2.77:51820'];
    const sessions = sites.map((site) => wg.wait(0.2).handshake(site, SERVER));
    for (let i = 0; i < 10; i++) for (const session of sessions) wg.wait(0.1).chat(session, 1, 1);
    for (let i = 0; i < 5; i++) {
      for (const session of sessions) {
        wg.wait(0.5).down(session, { from: OTHER });
        wg.wait(0.02).up(session, { to: OTHER });
      }
    }
    return { capture: wg, expect: sites.map((site) => drift({ confidence: 'certain' }, site)) };
  }),
];

/** Both keep to the first address. */
const repaired = (at: Seat): Play => {
  const { wg, attempts } = officeIncident(at, 'site', { other: SERVER });
  return { capture: wg, expect: [unanswered(address(SITE), SERVER, { severity: 'notice', count: attempts.length })] };
};

const twins: Scenario[] = [
  ...siteSeats.map(({ where, at }) =>
    twin(DRIFT, `${where}: repaired`, 'after the same outage the server comes back by the same address', () => repaired(at())),
  ),
  twin(DRIFT, 'server on any: repaired', 'its tries leave from the address that was dialled', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    wg.wait(0.001).chat(session, 10);
    wg.down(session);
    wg.wait(15);
    const attempts = wg.retry(SERVER, SITE, 18);
    wg.wait(5);
    wg.chat(wg.handshake(SERVER, SITE), 5);
    return { capture: wg, expect: [unanswered(address(SERVER), SITE, { severity: 'notice', count: attempts.length })] };
  }),
  twin(DRIFT, 'the initiator changes', 'the server initiates from the address that was dialled: normal after an outage', () => {
    const wg = new Tunnels(onEthernet());
    wg.wait(0.001).chat(wg.handshake(SITE, SERVER), 39);
    wg.chat(wg.handshake(SERVER, SITE), 39);
    wg.chat(wg.handshake(SITE, SERVER), 10);
    return { capture: wg };
  }),
  twin(DRIFT, 'the site was pointed at another address', 'an observer that initiates to a new address was reconfigured', () => {
    const wg = new Tunnels(onEthernet());
    wg.chat(wg.handshake(SITE, SERVER), 10);
    wg.chat(wg.handshake(SITE, OTHER), 10);
    return { capture: wg };
  }),
  twin(DRIFT, 'two servers on one port', 'the first one goes on sending: they are two peers', () => {
    const wg = new Tunnels(onEthernet());
    const first = wg.handshake(SITE, SERVER);
    wg.chat(first, 5);
    const second = wg.handshake(OTHER, SITE);
    for (let i = 0; i < 20; i++) {
      wg.wait(0.3).chat(first, 1, 1);
      wg.wait(0.3).chat(second, 1, 1);
    }
    return { capture: wg };
  }),
  twin(DRIFT, 'another peer begins when the first falls silent, with the keys', 'mac1 names somebody else', () => {
    const wg = new Tunnels(onEthernet());
    const otherKey = publicKey(103);
    wg.chat(wg.handshake(SITE, SERVER, CALL), 10);
    wg.chat(wg.handshake(OTHER, SITE, { initiator: otherKey, responder: SITE_KEY }), 10);
    return { capture: wg, options: { wgPeers: [...wgPeers, `branch=${keyText(otherKey)}`] } };
  }),
  twin(DRIFT, 'another peer with another port', 'without a key nothing ties it to the silent one', () => {
    const wg = new Tunnels(onEthernet());
    wg.chat(wg.handshake(SITE, SERVER), 10);
    wg.chat(wg.handshake('198.51.100.18:40000', SITE), 10);
    return { capture: wg };
  }),
  twin(DRIFT, 'the capture begins in the middle', 'without a handshake the roles are unknown: neither drift nor roaming', () => {
    const wg = new Tunnels(onEthernet());
    wg.sees = () => false;
    const session = wg.handshake(SITE, SERVER);
    wg.sees = () => true;
    wg.chat(session, 10);
    wg.chatBack({ ...session, responder: OTHER, up: 20, down: 20 }, 10);
    return { capture: wg };
  }),
  incident(
    DRIFT,
    'the capture begins in the middle, and a silent side is called',
    'who contacted whom first is not seen: certain of the peer, not of the kind',
    () => {
      const wg = new Tunnels(onEthernet());
      wg.sees = () => false;
      const session = wg.handshake(SITE, SERVER, CALL);
      wg.sees = () => true;
      wg.chat(session, 10);
      wg.wait(60).retry(SITE, SERVER, 5, CALL);
      wg.wait(2).chat(wg.handshake(OTHER, SITE, { initiator: SERVER_KEY, responder: SITE_KEY }), 10);
      return {
        capture: wg,
        options: { wgPeers },
        expect: [drift({ confidence: 'likely' }), unanswered(address(SITE), SERVER, { severity: 'notice', count: 5 })],
      };
    },
  ),
  twin(DRIFT, 'another peer begins, with the key of the first alone', 'mac1 shows that it is not the first, though not who it is', () => {
    const wg = new Tunnels(onEthernet());
    wg.chat(wg.handshake(SITE, SERVER, CALL), 10);
    wg.wait(30).chat(wg.handshake(OTHER, SITE, { initiator: publicKey(103), responder: SITE_KEY }), 10);
    return { capture: wg, options: { wgPeers } };
  }),
  twin(DRIFT, 'the site is pointed elsewhere', 'it sends to the other address first, and nothing from there was missed', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10);
    wg.chat({ ...session, responder: OTHER }, 10);
    return { capture: wg };
  }),
  incident(
    DRIFT,
    'a router that translates the site, on any: the server calls back from elsewhere',
    'the peer that calls back is known by either name of the site',
    () => {
      const inside = '192.168.1.2:51820';
      const wg = new Tunnels(onRouter(SITE, inside));
      wg.chat(wg.handshake(SITE, SERVER), 10);
      wg.wait(100).chat(wg.handshake(OTHER, SITE), 10);
      return { capture: wg, expect: [drift({ confidence: 'likely' }, inside)] };
    },
  ),
  incident(DRIFT, 'three peers with one port, one of them is called in vain', 'whom the site looks for is who comes back', () => {
    const wg = new Tunnels(onEthernet());
    const peers = ['198.51.100.2:51820', '198.51.100.22:51820', '198.51.100.42:51820'] as const;
    const sessions = peers.map((each) => wg.handshake(SITE, each));
    for (const each of sessions) wg.chat(each, 2, 1);
    const [first, , third] = sessions;
    for (let i = 0; i < 18; i++) {
      wg.initiate(SITE, peers[1]);
      for (const each of [first, third]) if (each) wg.chat(each, 1, 2.5);
    }
    const came = '203.0.113.99:51820';
    wg.chat(wg.handshake(came, SITE), 5);
    for (const each of [first, third]) if (each) wg.chat(each, 2);
    return {
      capture: wg,
      expect: [
        drift({ confidence: 'likely' }, SITE, peers[1], came),
        unanswered(address(SITE), peers[1], { severity: 'notice', count: 18 }),
      ],
    };
  }),
  incident(
    DRIFT,
    'server on any: it drifts in vain and comes back',
    'both sources leave one host from one port, so its return shows no second peer',
    () => {
      const wg = new Tunnels(atServer());
      wg.chat(wg.handshake(SITE, SERVER), 5);
      wg.wait(18).retry(OTHER, SITE, 18);
      wg.wait(270).chat(wg.handshake(SITE, SERVER), 5);
      return {
        capture: wg,
        expect: [
          drift({ severity: 'warning', confidence: 'likely', details: { followed: false } }),
          unanswered(address(OTHER), SITE, { severity: 'notice', count: 18 }),
        ],
      };
    },
  ),
  incident(
    DRIFT,
    'it drifts by a handshake, and the site points that session back',
    'the session that began there and goes on here is of one peer: certain',
    () => {
      const wg = new Tunnels(atServer());
      wg.chat(wg.handshake(SITE, SERVER), 5);
      const back = wg.wait(2).handshake(OTHER, SITE);
      wg.chat(back, 5);
      wg.chatBack({ ...back, initiator: SERVER }, 5);
      return { capture: wg, expect: [drift({ confidence: 'certain', details: { trigger: 'initiation', followed: true } })] };
    },
  ),
  incident(DRIFT, 'it drifts, and is mended by pointing the site back', 'the way back is the remedy, no second drift', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.wait(0.001).chat(session, 5);
    const away = { ...session, responder: OTHER };
    wg.chatBack(away, 5);
    wg.wait(10).chat({ ...away, responder: SERVER }, 5);
    return { capture: wg, expect: [drift({ confidence: 'certain', details: { trigger: 'data', followed: true } })] };
  }),
  incident(DRIFT, 'the site once tried the other address in vain', 'it had given that up when the server went there by itself', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.wait(0.001).chat(session, 4);
    for (let i = 0; i < 2; i++) wg.wait(1).up(session, { to: OTHER });
    wg.wait(1).chat(session, 20);
    wg.chatBack({ ...session, responder: OTHER }, 10);
    return { capture: wg, expect: [drift({ confidence: 'certain', details: { trigger: 'data', followed: true } })] };
  }),
  twin(DRIFT, 'a router passes two spokes on, captured as they leave', 'an old session that goes on is that of another one', () => {
    const hub = '198.51.100.2:51820';
    const host = new LinuxHost();
    const leaving = seat(host, (packet, from) => (from === hub ? host.incoming(packet, 2, mac(1)) : host.outgoing(packet, 2, mac(0x0a))));
    const wg = new Tunnels(leaving);
    const first = wg.handshake('192.0.2.10:51820', hub);
    wg.wait(0.001).chat(first, 3, 2);
    const second = wg.handshake('192.0.2.11:51820', hub);
    for (let i = 0; i < 10; i++) for (const each of [first, second]) wg.chat(each, 1, 1);
    return { capture: wg };
  }),
  twin(DRIFT, 'a replayed packet from another address', 'an old counter moves no endpoint', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10);
    for (let i = 0; i < 3; i++) wg.wait(0.2).packet(OTHER, SITE, transport(session.initiatorIndex, 2 + i));
    wg.chat(session, 10);
    return { capture: wg };
  }),
  twin(DRIFT, 'a packet that belongs to no session', 'an unknown index moves nothing', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10);
    wg.wait(0.2).packet(OTHER, SITE, transport(0x7777_0001, 3));
    wg.chat(session, 10);
    return { capture: wg };
  }),
  ...[
    { name: 'a router that translates the server', at: () => onRouter(SERVER, '10.0.0.2:12345') },
    { name: 'a router that translates the site', at: () => onRouter(SITE, '192.168.1.2:51820') },
    { name: 'a router that passes on', at: () => onRouter(SERVER) },
  ].map(({ name, at }) =>
    twin(DRIFT, `${name}, on any`, 'the same packet before and after: two sightings of one', () => {
      const wg = new Tunnels(at());
      wg.chat(wg.handshake(SITE, SERVER), 39);
      wg.chat(wg.handshake(SITE, SERVER), 10);
      return { capture: wg };
    }),
  ),
  twin(DRIFT, 'the client roams', 'the initiating side moves', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10);
    const elsewhere = '203.0.113.50:51820';
    wg.chat({ ...session, initiator: elsewhere, up: 20, down: 20 }, 10);
    return { capture: wg, expect: [moved(ROAMING, SERVER, SITE, elsewhere)] };
  }),
  twin(DRIFT, 'to and fro', 'at least three moves are a flap', () => {
    const wg = new Tunnels(inPcapng());
    const session = wg.handshake(SITE, SERVER);
    for (let i = 0; i < 8; i++) {
      const responder = i % 2 === 0 ? SERVER : OTHER;
      wg.chatBack({ ...session, responder, up: 10 * i, down: 10 * i }, 3, 1);
    }
    return { capture: wg, expect: [finding(FLAP, SITE, { severity: 'warning' })] };
  }),
];

export const scenarios: Scenario[] = [...seenAtSite, ...seenAtServer, ...single, ...twins];
