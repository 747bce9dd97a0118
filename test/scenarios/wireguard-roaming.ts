import { keyText, publicKey, transport } from '../craft/index.ts';
import { incident, type Scenario, twin } from './scenario.ts';
import { LinuxHost, mac } from './stage.ts';
import {
  atServer,
  drift,
  moved,
  OTHER,
  onEthernet,
  REBIND,
  ROAMING,
  SERVER,
  SERVER_KEY,
  type Seat,
  type Session,
  SITE,
  SITE_KEY,
  seat,
  siteSeats,
  Tunnels,
  wgPeers,
} from './wireguard-stage.ts';

const PHONE = '203.0.113.50:51820';
const KEYS = { initiator: SITE_KEY, responder: SERVER_KEY };
const ANOTHER_PORT = '192.0.2.10:33000';

/** On the phone's own interfaces: Wi-Fi is 2, mobile 3. */
function atPhone(): Seat {
  const host = new LinuxHost();
  const card = (own: string): number => (own === PHONE ? 3 : 2);
  return seat(host, (packet, from, to) =>
    to === SERVER ? host.outgoing(packet, card(from), mac(0x10 + card(from))) : host.incoming(packet, card(to), mac(0x01)),
  );
}

const seats = [
  { where: 'server on any', at: () => atServer() },
  { where: 'before the server, Ethernet', at: () => onEthernet() },
  { where: 'mirror port, everything twice', at: () => siteSeats.at(-1)?.at() ?? onEthernet() },
  { where: 'client on any', at: () => atPhone() },
];

/** The same session from another endpoint of its initiator; counters go on. */
const movedTo = (session: Session, initiator: string): Session => ({ ...session, initiator, up: session.up + 50, down: session.down + 50 });

const roams = (to: string, kind: string, name: string, why: string): Scenario[] => [
  ...seats.map(({ where, at }) =>
    incident(kind, `${where}: ${name}`, why, () => {
      const wg = new Tunnels(at());
      const session = wg.handshake(SITE, SERVER);
      wg.wait(0.001).chat(session, 10);
      wg.wait(30);
      const later = wg.chat(movedTo(session, to), 10);
      return {
        capture: wg,
        expect: [moved(kind, SERVER, SITE, to, { confidence: 'certain', evidenceFrames: [later[0] ?? 0] })],
      };
    }),
  ),
  incident(kind, `server on any, with the keys: ${name}`, 'the subject is the peer by its name', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER, KEYS);
    wg.wait(0.001).chat(session, 10);
    wg.chat(movedTo(session, to), 10);
    return { capture: wg, options: { wgPeers }, expect: [moved(kind, 'site', SITE, to, { confidence: 'certain' })] };
  }),
  incident(kind, `server on any: ${name}, with a new handshake`, 'no index goes on; the old endpoint is silent: likely', () => {
    const wg = new Tunnels(atServer());
    wg.chat(wg.handshake(SITE, SERVER), 10);
    wg.wait(600);
    wg.chat(wg.handshake(to, SERVER), 10);
    return { capture: wg, expect: [moved(kind, SERVER, SITE, to, { confidence: 'likely' })] };
  }),
  incident(kind, `server on any: ${name}, with a new handshake and the keys`, 'mac1 of both responses names the peer: certain', () => {
    const wg = new Tunnels(atServer());
    wg.chat(wg.handshake(SITE, SERVER, KEYS), 10);
    wg.wait(600);
    wg.chat(wg.handshake(to, SERVER, KEYS), 10);
    return { capture: wg, options: { wgPeers }, expect: [moved(kind, 'site', SITE, to, { confidence: 'certain' })] };
  }),
  incident(kind, `server on any: ${name}, with a keepalive`, 'an empty packet moves the endpoint as well', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10);
    const later = movedTo(session, to);
    for (let i = 0; i < 3; i++) {
      wg.wait(25).keepalive(later);
    }
    return { capture: wg, expect: [moved(kind, SERVER, SITE, to, { confidence: 'certain' })] };
  }),
];

const roaming: Scenario[] = [
  ...roams(PHONE, ROAMING, 'the client goes to another network', 'the initiating side moves: index and counters go on, certain'),
  incident(ROAMING, 'server on any: another network, another port, with the keys', 'the key alone says who it is', () => {
    const wg = new Tunnels(atServer());
    const to = '203.0.113.50:40111';
    wg.chat(wg.handshake(SITE, SERVER, KEYS), 10);
    wg.wait(600).chat(wg.handshake(to, SERVER, KEYS), 10);
    return { capture: wg, options: { wgPeers }, expect: [moved(ROAMING, 'site', SITE, to, { confidence: 'certain' })] };
  }),
  incident(ROAMING, 'server on any: another network, another port', 'mobile networks translate the port: the index goes on', () => {
    const wg = new Tunnels(atServer());
    const to = '203.0.113.50:40111';
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10);
    wg.chat(movedTo(session, to), 10);
    return { capture: wg, expect: [moved(ROAMING, SERVER, SITE, to, { confidence: 'certain' })] };
  }),
  incident(ROAMING, 'server on any: from Wi-Fi to mobile and home again', 'two moves', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10);
    const away = movedTo(session, PHONE);
    wg.chat(away, 10);
    wg.chat(movedTo(away, SITE), 10);
    return { capture: wg, expect: [moved(ROAMING, SERVER, SITE, PHONE), moved(ROAMING, SERVER, PHONE, SITE)] };
  }),
  incident(ROAMING, 'IPv6', 'the same between addresses of IPv6', () => {
    const [home, phone, server] = ['[2001:db8::10]:51820', '[2001:db8:77::5]:51820', '[2001:db8:1::2]:12345'];
    const wg = new Tunnels(atServer(server));
    const session = wg.handshake(home, server);
    wg.chat(session, 10);
    wg.chat(movedTo(session, phone), 10);
    return { capture: wg, expect: [moved(ROAMING, server, home, phone, { confidence: 'certain' })] };
  }),

  twin(ROAMING, 'a client that stays, over three rekeyings', 'a handshake each two minutes', () => {
    const wg = new Tunnels(atServer());
    for (let i = 0; i < 4; i++) wg.chat(wg.handshake(SITE, SERVER), 40);
    return { capture: wg };
  }),
  twin(ROAMING, 'two clients of one server', 'both go on', () => {
    const wg = new Tunnels(atServer());
    const first = wg.handshake(SITE, SERVER);
    wg.chat(first, 3);
    const second = wg.handshake(PHONE, SERVER);
    for (let i = 0; i < 20; i++) {
      wg.chat(first, 1, 1);
      wg.chat(second, 1, 1);
    }
    return { capture: wg };
  }),
  twin(ROAMING, 'another client begins when the first has gone, with the keys', 'mac1 of the response names somebody else', () => {
    const wg = new Tunnels(atServer());
    const guest = publicKey(104);
    wg.chat(wg.handshake(SITE, SERVER, KEYS), 10);
    wg.wait(60).chat(wg.handshake(PHONE, SERVER, { initiator: guest, responder: SERVER_KEY }), 10);
    return { capture: wg, options: { wgPeers: [...wgPeers, `guest=${keyText(guest)}`] } };
  }),
  twin(ROAMING, 'another client with another port', 'without a key nothing ties it to the one before', () => {
    const wg = new Tunnels(atServer());
    wg.chat(wg.handshake(SITE, SERVER), 10);
    wg.wait(60).chat(wg.handshake('203.0.113.50:40111', SERVER), 10);
    return { capture: wg };
  }),
  twin(ROAMING, 'a replayed packet', 'an old counter from elsewhere moves nothing', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10);
    wg.wait(0.1).packet(PHONE, SERVER, transport(session.responderIndex, 3));
    wg.chat(session, 10);
    return { capture: wg };
  }),
  twin(ROAMING, 'the contacted side moves', 'that is a drift', () => {
    const wg = new Tunnels(onEthernet());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10);
    wg.chatBack({ ...session, responder: OTHER, up: 50, down: 50 }, 10);
    return { capture: wg, expect: [drift({ confidence: 'certain' })] };
  }),
];

const rebind: Scenario[] = [
  ...roams(ANOTHER_PORT, REBIND, 'the NAT forgets the client', 'the port alone changes: index and counters go on, certain'),
  incident(REBIND, 'server on any: at once', 'a flushed table binds anew without any silence', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10, 1);
    wg.chat(movedTo(session, ANOTHER_PORT), 10, 1);
    return { capture: wg, expect: [moved(REBIND, SERVER, SITE, ANOTHER_PORT, { confidence: 'certain' })] };
  }),
  incident(REBIND, 'server on any: after a roaming', 'first the address changes, then the port', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 10);
    const away = movedTo(session, PHONE);
    wg.chat(away, 10);
    const port = '203.0.113.50:40111';
    wg.chat(movedTo(away, port), 10);
    return { capture: wg, expect: [moved(ROAMING, SERVER, SITE, PHONE), moved(REBIND, SERVER, PHONE, port)] };
  }),
  incident(REBIND, 'server on any: again and again', 'without a keepalive the NAT forgets after each pause', () => {
    const wg = new Tunnels(atServer());
    let session: Session = wg.handshake(SITE, SERVER);
    const ends = [SITE];
    wg.chat(session, 2);
    for (let i = 1; i <= 5; i++) {
      const next = `192.0.2.10:${33_000 + i}`;
      session = movedTo(session, next);
      wg.wait(30).chat(session, 1);
      ends.push(next);
    }
    const rebinds = ends.slice(1).map((to, i) => moved(REBIND, SERVER, ends[i] ?? '', to));
    // How often is frequent, the rule does not say.
    return { capture: wg, expect: rebinds.map(({ severity: _, ...each }) => each) };
  }),

  twin(REBIND, 'two clients behind one NAT', 'one address, two ports, both go on', () => {
    const wg = new Tunnels(atServer());
    const first = wg.handshake(SITE, SERVER);
    wg.chat(first, 3);
    const second = wg.handshake(ANOTHER_PORT, SERVER);
    for (let i = 0; i < 20; i++) {
      wg.chat(first, 1, 1);
      wg.chat(second, 1, 1);
    }
    return { capture: wg };
  }),
  twin(REBIND, 'two clients behind one NAT, one after the other, with the keys', 'mac1 names another one', () => {
    const wg = new Tunnels(atServer());
    const guest = publicKey(104);
    wg.chat(wg.handshake(SITE, SERVER, KEYS), 10);
    wg.wait(60).chat(wg.handshake(ANOTHER_PORT, SERVER, { initiator: guest, responder: SERVER_KEY }), 10);
    return { capture: wg, options: { wgPeers: [...wgPeers, `guest=${keyText(guest)}`] } };
  }),
  twin(REBIND, 'keepalives', 'the NAT keeps its binding', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    for (let i = 0; i < 6; i++) wg.wait(25).keepalive(session);
    return { capture: wg };
  }),
  twin(REBIND, 'long silence, the same port', 'a pause alone is nothing', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 3);
    wg.wait(120).chat(session, 3);
    return { capture: wg };
  }),
  twin(REBIND, 'a late packet from the port before', 'what was overtaken on the way has the older counter', () => {
    const wg = new Tunnels(atServer());
    const session = wg.handshake(SITE, SERVER);
    wg.chat(session, 5);
    const overtaken = session.up++;
    const late = transport(session.responderIndex, overtaken);
    const after = wg.wait(0.01);
    after.packet(SITE, SERVER, transport(session.responderIndex, session.up++));
    after.wait(0.002).packet(SITE, SERVER, late);
    wg.wait(1).chat(session, 5);
    return { capture: wg };
  }),
];

export const scenarios: Scenario[] = [...roaming, ...rebind];
