import type { RouteDocument } from '../../src/context/document.ts';
import { arpReply, arpRequest, bgpKeepalive, bgpOpen, type EthernetCapture, echoReply, echoRequest, ip } from '../craft/index.ts';
import { type BgpRouter, BgpStage, bgpRouter, type Line, type View } from './bgp-stage.ts';
import { contextOf } from './host-document.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { mac } from './stage.ts';

const KIND = 'bgp-next-hop-unreachable';
const AS = 64_512;
/** A route reflector, a client of it, and the border router, whose provider is the next hop. */
const REFLECTOR = bgpRouter(1, '192.0.2.1', AS);
const INNER = bgpRouter(3, '192.0.2.3', AS);
const BORDER = bgpRouter(2, '192.0.2.2', AS);
const PROVIDER = bgpRouter(9, '198.51.100.1', 64_513);
const HOP = PROVIDER.ip;

interface Told {
  announced?: string[];
  nextHop?: string;
  asPath?: number[];
  originatorId?: string;
}

const reflected = ({ announced = ['203.0.113.0/24'], nextHop = HOP, asPath = [64_513], originatorId = BORDER.id }: Told = {}) => ({
  announced,
  nextHop,
  asPath,
  localPref: 100,
  originatorId,
  clusterList: [REFLECTOR.id],
});
const lives = (line: Line): void => {
  line.endOfRib().keepalives(9);
};

const told = (play: (line: Line) => void, view: View = 'Ethernet', client: BgpRouter = INNER): BgpStage => {
  const stage = new BgpStage(view);
  const line = stage.session(client, REFLECTOR);
  play(line);
  lives(line);
  ping(stage, client);
  return stage;
};
/** The capture holds more than BGP: an IGP would be in it. */
const ping = (stage: BgpStage, { ip: from }: BgpRouter): void => {
  stage.send(echoRequest({ from, to: from.includes(':') ? '2001:db8::250' : '192.0.2.250', id: 1, seq: 1 }), from);
};
const unreachable = (rest: Parameters<typeof finding>[2] = {}, subject = HOP) =>
  finding(KIND, subject, { severity: 'warning', confidence: 'likely', count: 1, ...rest });

const inner = (routes: RouteDocument[]) => ({
  context: contextOf([{ name: 'inner', cards: [{ name: 'lan', ifindex: 2, mac: mac(0x03), addresses: ['192.0.2.3/24'] }], routes }]),
});
const plain = (line: Line): number => line.announce(REFLECTOR, reflected());

const lost: Scenario[] = [
  ...(['Ethernet', 'RAW', 'any'] as const).map((view) =>
    incident(
      KIND,
      `${view}: a reflected route keeps its next hop`,
      'the provider of the border router, on a link that the client does not know',
      () => {
        let update = 0;
        const stage = told((line) => {
          update = plain(line);
        }, view);
        const details = { from: REFLECTOR.ip, to: INNER.ip, prefixes: ['203.0.113.0/24'], receivers: [INNER.ip], byContext: false };
        return { capture: stage, expect: [unreachable({ details, evidenceFrames: [update] })] };
      },
    ),
  ),
  incident(KIND, 'inside GRE', 'at the depth at which BGP is', () => ({
    capture: told(plain, 'GRE'),
    expect: [unreachable({ encapsulation: ['gre'] }, `${HOP}@gre`)],
  })),
  incident(KIND, 'the border router tells it itself', 'iBGP without next-hop-self, no reflector', () => {
    const stage = new BgpStage();
    const line = stage.session(INNER, BORDER);
    line.announce(BORDER, { announced: ['203.0.113.0/24', '203.0.112.0/24'], nextHop: HOP, asPath: [64_513], localPref: 100 });
    lives(line);
    ping(stage, INNER);
    return { capture: stage, expect: [unreachable({ details: { from: BORDER.ip, prefixes: ['203.0.112.0/24', '203.0.113.0/24'] } })] };
  }),
  incident(KIND, 'a prefix that holds it has the same next hop', 'a route cannot be the way to its own next hop', () => ({
    capture: told((line) => line.announce(REFLECTOR, reflected({ announced: ['203.0.113.0/24', '198.51.100.0/24'] }))),
    expect: [unreachable({ details: { routes: 2 } })],
  })),
  incident(KIND, 'the receiver says it has no route', 'with its routes it is certain', () => ({
    capture: told(plain),
    options: inner([]),
    expect: [unreachable({ confidence: 'certain', details: { byContext: true } })],
  })),
  incident(KIND, 'the receiver has its default route alone', 'BGP does not resolve next hops by it', () => ({
    capture: told(plain),
    options: inner([{ dst: 'default', gateway: '192.0.2.254', dev: 'lan' }]),
    expect: [unreachable({ confidence: 'certain' })],
  })),
  incident(KIND, 'the session began before the capture', 'more may have been told before: possible', () => {
    const stage = new BgpStage();
    stage.sees = () => false;
    const line = stage.session(INNER, REFLECTOR);
    stage.sees = () => true;
    line.keepalives(3);
    plain(line);
    line.keepalives(9);
    return { capture: stage, expect: [unreachable({ confidence: 'possible' })] };
  }),
  incident(KIND, 'OSPF is seen', 'it may know the way: possible', () => {
    const stage = told(plain);
    const hello = ip({ from: '192.0.2.9', to: '224.0.0.5', protocol: 89, payload: new Uint8Array(44), ttl: 1 });
    (stage.capture as EthernetCapture).send(hello, { source: mac(9), destination: '01:00:5e:00:00:05' });
    return { capture: stage, expect: [unreachable({ confidence: 'possible' })] };
  }),
  incident(KIND, 'sessions between loopbacks', 'there is an IGP below: possible', () => {
    const stage = new BgpStage();
    const [a, b] = [bgpRouter(1, '10.255.0.1', AS), bgpRouter(5, '10.254.7.2', AS)];
    const line = stage.session(b, a);
    line.announce(a, reflected());
    lives(line);
    return { capture: stage, expect: [unreachable({ confidence: 'possible' })] };
  }),
  incident(KIND, 'the capture has nothing but BGP', 'loopbacks of one /24, and an IGP that a filter keeps out of it: possible', () => {
    const stage = new BgpStage();
    const [a, b] = [bgpRouter(1, '10.255.0.1', AS), bgpRouter(5, '10.255.0.5', AS)];
    const line = stage.session(b, a);
    line.announce(a, reflected());
    lives(line);
    return { capture: stage, expect: [unreachable({ confidence: 'possible' })] };
  }),
  incident(KIND, 'the next hop answers somebody else on the link', 'who is told it did not ask', () => {
    const stage = told(plain);
    ask(stage, mac(0x22), '192.0.2.77', HOP);
    return { capture: stage, expect: [unreachable()] };
  }),
  incident(KIND, 'the receiver pings it in vain', 'nobody answers', () => {
    const stage = told(plain);
    for (const seq of [1, 2, 3]) stage.wait(1).send(echoRequest({ from: INNER.ip, to: HOP, id: 2, seq }), INNER.ip);
    return { capture: stage, expect: [unreachable()] };
  }),
  incident(KIND, 'the capture is of the reflector', 'what its client knows from others is not seen: possible', () => {
    const stage = new BgpStage();
    const third = bgpRouter(4, '192.0.2.4', AS);
    const [one, two] = [stage.session(INNER, REFLECTOR), stage.session(third, REFLECTOR)];
    two.keepalives(3);
    plain(one);
    lives(one);
    return { capture: stage, expect: [unreachable({ confidence: 'possible' })] };
  }),
  incident(KIND, 'IPv6', 'MP_REACH_NLRI with a next hop of another network', () => {
    const stage = new BgpStage();
    const [a, b] = [bgpRouter(1, '2001:db8::1', AS), bgpRouter(2, '2001:db8::2', AS)];
    const line = stage.session(b, a);
    line.announce(a, {
      asPath: [64_513],
      localPref: 100,
      reach: { family: '2/1', nextHop: '2001:db8:99::1', announced: ['2001:db8:5::/48'] },
    });
    lives(line);
    ping(stage, b);
    return { capture: stage, expect: [unreachable({ details: { prefixes: ['2001:db8:5::/48'] } }, '2001:db8:99::1')] };
  }),
];

/** ARP, answered by a machine of the link. */
function ask({ capture }: BgpStage, asker: string, ip: string, target: string): void {
  const link = capture as EthernetCapture;
  link.send(arpRequest({ mac: asker, ip }, target), { source: asker, destination: 'ff:ff:ff:ff:ff:ff' });
  link.wait(0.001);
  link.send(arpReply({ mac: mac(7), ip: target }, { mac: asker, ip }), { source: mac(7), destination: asker });
}

/** A session that tells IPv6 routes as well as IPv4 ones. */
function bothFamilies(a: BgpRouter, b: BgpRouter, update: Parameters<Line['announce']>[1]): BgpStage {
  const stage = new BgpStage();
  const line = stage.line(b, a).connect();
  const capabilities = { families: ['1/1', '2/1'], as4: AS };
  for (const each of [a, b]) line.say(each, bgpOpen({ as: AS, id: each.id, holdTime: 9, capabilities }));
  for (const each of [a, b]) line.say(each, bgpKeepalive());
  line.announce(a, { as4: true, localPref: 100, asPath: [], ...update });
  lives(line);
  ping(stage, b);
  return stage;
}
const [A6, B6] = [bgpRouter(1, '2001:db8::1', AS), bgpRouter(2, '2001:db8::2', AS)];

const found: Scenario[] = [
  twin(KIND, 'the receiver asks for it by ARP', 'and is answered: its network is wider than /24', () => {
    const stage = told((line) => line.announce(REFLECTOR, reflected({ nextHop: '192.0.3.7' })));
    ask(stage, mac(0x02), INNER.ip, '192.0.3.7');
    return { capture: stage };
  }),
  twin(KIND, 'the receiver pings it', 'and is answered', () => {
    const stage = told(plain);
    stage.send(echoRequest({ from: INNER.ip, to: HOP, id: 2, seq: 1 }), INNER.ip);
    stage.wait(0.002).send(echoReply({ from: HOP, to: INNER.ip, id: 2, seq: 1 }), HOP);
    return { capture: stage };
  }),
  twin(KIND, 'IPv6 routes over IPv4', 'the border router names itself, by its address of IPv6', () => ({
    capture: bothFamilies(REFLECTOR, INNER, { reach: { family: '2/1', nextHop: '2001:db8:1::1', announced: ['2001:db8:77::/48'] } }),
  })),
  twin(KIND, 'IPv6 routes over IPv4, next hop self', 'its IPv4 address, mapped', () => ({
    capture: bothFamilies(REFLECTOR, INNER, {
      reach: { family: '2/1', nextHop: `::ffff:${REFLECTOR.ip}`, announced: ['2001:db8:77::/48'] },
    }),
  })),
  twin(KIND, 'IPv4 routes over IPv6', 'the border router names itself, by its address of IPv4', () => ({
    capture: bothFamilies(A6, B6, { announced: ['203.0.113.0/24'], nextHop: '192.0.2.2' }),
  })),
  twin(KIND, 'next-hop-self', 'the border router names itself', () => ({
    capture: told((line) => line.announce(REFLECTOR, reflected({ nextHop: BORDER.ip }))),
  })),
  twin(KIND, 'the link network is told too', 'by another next hop', () => ({
    capture: told((line) => {
      plain(line);
      line.announce(REFLECTOR, reflected({ announced: ['198.51.100.0/30'], nextHop: BORDER.ip, asPath: [] }));
    }),
  })),
  twin(KIND, 'an aggregate holds it', 'of the reflector itself', () => ({
    capture: told((line) => {
      line.announce(REFLECTOR, { announced: ['198.51.0.0/16'], nextHop: REFLECTOR.ip, localPref: 100 });
      plain(line);
    }),
  })),
  twin(KIND, 'the receiver announces the network itself', 'it has it', () => ({
    capture: told((line) => {
      line.announce(INNER, { announced: ['198.51.100.0/30'], nextHop: INNER.ip, localPref: 100 });
      plain(line);
    }),
  })),
  twin(KIND, 'eBGP', 'a router of another AS names somebody on the common link', () => {
    const stage = new BgpStage();
    const line = stage.session(bgpRouter(3, '192.0.2.3', 64_599), REFLECTOR);
    line.announce(REFLECTOR, { announced: ['203.0.113.0/24'], nextHop: HOP, asPath: [AS, 64_513] });
    lives(line);
    return { capture: stage };
  }),
  twin(KIND, 'a third router on the network of the session', 'the receiver is on it too', () => ({
    capture: told((line) => line.announce(REFLECTOR, reflected({ nextHop: '192.0.2.77' }))),
  })),
  twin(KIND, 'its own route comes back', 'its identifier is the ORIGINATOR_ID', () => ({
    capture: told((line) => line.announce(REFLECTOR, reflected({ originatorId: INNER.id, nextHop: '10.9.9.9' }))),
  })),
  twin(KIND, 'the receiver passes it on', 'so it uses it', () => {
    const stage = new BgpStage();
    const [one, two] = [stage.session(REFLECTOR, BORDER), stage.session(REFLECTOR, bgpRouter(4, '192.0.2.4', AS))];
    one.announce(BORDER, { announced: ['203.0.113.0/24'], nextHop: HOP, asPath: [64_513], localPref: 100 });
    two.announce(REFLECTOR, reflected({ nextHop: REFLECTOR.ip }));
    lives(one);
    return { capture: stage };
  }),
  twin(KIND, 'the receiver has a static route', 'in its context', () => ({
    capture: told(plain),
    options: inner([{ dst: '198.51.100.0/30', gateway: '192.0.2.2', dev: 'lan' }]),
  })),
  twin(KIND, 'the receiver uses the route', 'its context has it, of BGP', () => ({
    capture: told(plain),
    options: inner([{ dst: '203.0.113.0/24', gateway: '192.0.2.2', dev: 'lan', protocol: 'bgp' }]),
  })),
  twin(KIND, 'withdrawn', 'it is not told any more', () => ({
    capture: told((line) => {
      plain(line);
      line.announce(REFLECTOR, { withdrawn: ['203.0.113.0/24'] });
    }),
  })),
];

export const scenarios: Scenario[] = [...lost, ...found];
