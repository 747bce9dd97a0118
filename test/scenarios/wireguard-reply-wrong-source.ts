import { finding, incident, type Scenario, twin } from './scenario.ts';
import { Lan } from './stage.ts';
import {
  address,
  atBothCards,
  atServer,
  OTHER,
  onEthernet,
  onRouter,
  REPLY,
  SERVER,
  SERVER_KEY,
  SITE,
  SITE_KEY,
  siteSeats,
  Tunnels,
  wgPeers,
} from './wireguard-stage.ts';

const wrong = (rest: object = {}, initiator = SITE, asked = SERVER) =>
  finding(REPLY, `${address(initiator)}|${asked}`, { severity: 'error', confidence: 'certain', count: 1, ...rest });

const answeredFrom = (packets: number, from = OTHER) => {
  const port = from.slice(from.lastIndexOf(':') + 1);
  return [{ ip: address(from), port: Number(port), packets }];
};
const indexText = (index: number): string => `0x${index.toString(16).padStart(8, '0')}`;

const seats = [
  ...siteSeats,
  { where: 'server on any', at: () => atServer() },
  { where: 'server, both cards in pcapng', at: () => atBothCards() },
];

export const scenarios: Scenario[] = [
  ...seats.map(({ where, at }) =>
    incident(REPLY, `${where}: the response comes from the other uplink`, 'the receiver index is that of the initiation: certain', () => {
      const wg = new Tunnels(at());
      const session = wg.handshake(SITE, SERVER, {}, OTHER);
      wg.wait(0.001).chat(session, 10);
      const details = { answeredFrom: answeredFrom(1), receiverIndex: indexText(session.initiatorIndex) };
      return { capture: wg, expect: [wrong({ details, evidenceFrames: session.frames })] };
    }),
  ),
  ...seats.map(({ where, at }) =>
    incident(
      REPLY,
      `${where}: a firewall before the site drops each response`,
      'the site tries again and again; answered, but not heard',
      () => {
        const wg = new Tunnels(at());
        const first = wg.handshake(SITE, SERVER, {}, OTHER);
        for (let i = 1; i < 6; i++) {
          wg.wait(5.1);
          wg.handshake(SITE, SERVER, {}, OTHER);
        }
        wg.wait(5);
        const details = { answeredFrom: answeredFrom(6), receiverIndex: indexText(first.initiatorIndex) };
        return { capture: wg, expect: [wrong({ count: 6, details })] };
      },
    ),
  ),
  incident(REPLY, 'with the keys', 'the response is for the site, whatever its source', () => {
    const wg = new Tunnels(onEthernet());
    wg.chat(wg.handshake(SITE, SERVER, { initiator: SITE_KEY, responder: SERVER_KEY }, OTHER), 10);
    return { capture: wg, options: { wgPeers }, expect: [wrong({ details: { answeredFrom: answeredFrom(1) } })] };
  }),
  incident(REPLY, 'IPv6', 'the same between addresses of IPv6', () => {
    const [site, server, other] = ['[2001:db8::10]:51820', '[2001:db8:1::2]:12345', '[2001:db8:2::2]:12345'];
    const wg = new Tunnels(onEthernet(new Lan(), 1, undefined, site));
    wg.chat(wg.handshake(site, server, {}, other), 10);
    return { capture: wg, expect: [wrong({ details: { answeredFrom: answeredFrom(1, other) } }, site, server)] };
  }),
  incident(REPLY, 'cut by the snaplen', 'the indices stand in the first octets', () => {
    const wg = new Tunnels(onEthernet(new Lan(), 1, 14 + 20 + 8 + 16));
    wg.chat(wg.handshake(SITE, SERVER, {}, OTHER), 10);
    return { capture: wg, expect: [wrong()] };
  }),
  incident(REPLY, 'two sites', 'one finding for each initiator', () => {
    const wg = new Tunnels(atServer());
    const sites = [SITE, '192.0.2.77:51820'];
    for (const site of sites) wg.wait(1).chat(wg.handshake(site, SERVER, {}, OTHER), 3);
    return { capture: wg, expect: sites.map((site) => wrong({}, site)) };
  }),
  incident(REPLY, 'a phone that takes a new port for each try', 'an initiator counts by its address', () => {
    const wg = new Tunnels(atServer());
    for (const port of [40_001, 40_002, 40_003]) {
      wg.handshake(`192.0.2.10:${port}`, SERVER, {}, OTHER);
      wg.wait(5.1);
    }
    return { capture: wg, expect: [wrong({ count: 3, details: { answeredFrom: answeredFrom(3) } })] };
  }),
  incident(REPLY, 'the answers take turns', 'two uplinks beside the one that was asked', () => {
    const wg = new Tunnels(onEthernet());
    const third = '198.51.100.34:12345';
    for (let i = 0; i < 4; i++) {
      wg.handshake(SITE, SERVER, {}, i % 2 === 0 ? OTHER : third);
      wg.wait(5.1);
    }
    return { capture: wg, expect: [wrong({ count: 4, details: { answeredFrom: [...answeredFrom(2), ...answeredFrom(2, third)] } })] };
  }),

  ...seats.map(({ where, at }) =>
    twin(REPLY, `${where}: repaired`, 'the response comes from where the initiation went', () => {
      const wg = new Tunnels(at());
      wg.wait(0.001).chat(wg.handshake(SITE, SERVER), 39);
      wg.chat(wg.handshake(SITE, SERVER), 10);
      return { capture: wg };
    }),
  ),
  twin(REPLY, 'a response to nobody', 'its receiver index is of no initiation here', () => {
    const wg = new Tunnels(onEthernet());
    const first = wg.initiate(SITE, SERVER);
    wg.wait(0.03).respond(0x0bad_0001, OTHER, SITE);
    wg.wait(0.01).respond(first.sender, SERVER, SITE);
    wg.wait(3);
    return { capture: wg };
  }),
  twin(REPLY, 'two servers are asked at once', 'each answers for itself', () => {
    const wg = new Tunnels(onEthernet());
    const first = wg.initiate(SITE, SERVER);
    const second = wg.wait(0.001).initiate(SITE, OTHER);
    wg.wait(0.03).respond(second.sender, OTHER, SITE);
    wg.wait(0.001).respond(first.sender, SERVER, SITE);
    wg.wait(3);
    return { capture: wg };
  }),
  twin(REPLY, 'two clients with one index', 'indices are chosen by each: the same one can be in use twice', () => {
    const wg = new Tunnels(atServer());
    const clients = [
      { client: '192.0.2.77:51820', server: SERVER },
      { client: '192.0.2.78:51820', server: OTHER },
    ];
    wg.index = () => 0x5050_5050;
    for (const { client, server } of clients) wg.wait(0.001).initiate(client, server);
    wg.index = () => 0x6060_6060;
    for (const { client, server } of clients.toReversed()) wg.wait(0.01).respond(0x5050_5050, server, client);
    wg.wait(3);
    return { capture: wg };
  }),
  twin(
    REPLY,
    'a router that translates the server, on any',
    'inside it is asked and answers by another address, both legs are there',
    () => {
      const wg = new Tunnels(onRouter(SERVER, '10.0.0.2:12345'));
      wg.chat(wg.handshake(SITE, SERVER), 10);
      return { capture: wg };
    },
  ),
  twin(REPLY, 'a router that translates the server, on any, one packet missed', 'the response shows both addresses at once, too', () => {
    const wg = new Tunnels(onRouter(SERVER, '10.0.0.2:12345', 0));
    wg.chat(wg.handshake(SITE, SERVER), 39);
    wg.chat(wg.handshake(SITE, SERVER), 10);
    return { capture: wg };
  }),
  twin(REPLY, 'a response from another port of the asked address', 'the address is what counts', () => {
    const wg = new Tunnels(onEthernet());
    const [ip] = SERVER.split(':');
    wg.chat(wg.handshake(SITE, SERVER, {}, `${ip}:5555`), 5);
    return { capture: wg };
  }),
  twin(REPLY, 'a response in good time after a cookie', 'the second initiation is answered, by the one that was asked', () => {
    const wg = new Tunnels(onEthernet());
    const first = wg.initiate(SITE, SERVER);
    wg.wait(0.03).cookie(first.sender, SERVER, SITE);
    wg.wait(5.1).chat(wg.handshake(SITE, SERVER), 10);
    return { capture: wg };
  }),
];
