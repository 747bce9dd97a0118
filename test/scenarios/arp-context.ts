import { arpReply } from '../craft/index.ts';
import { contextOf, type HostFields } from './host-document.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac, type OwnCard } from './stage.ts';

/* What the context makes of questions and answers for addresses: whose cards they are, which of them has the address. */

const FLUX = 'arp-flux';
const DUPLICATE = 'arp-duplicate-address';
const FOREIGN = 'arp-foreign-source';
const REALSERVER = 'vip-answered-by-realserver';
/** The gateway with two cards in one subnet. */
const A = mac(0x0a);
const B = mac(0x0b);
const IP_A = '192.0.2.1';
const IP_B = '192.0.2.2';
const CARD_A: OwnCard = { mac: A, ip: IP_A, ifindex: 2 };
const CLIENT = card(0x10, '192.0.2.10');
const TARGET = card(0x20, '192.0.2.20');
const FIRST = card(0x31, '192.0.2.31');
const SECOND = card(0x32, '192.0.2.32');
const SHARED = '192.0.2.5';
const AFAR = '198.51.100.1';

const ETH_A = { name: 'ethA', ifindex: 2, mac: A, addresses: [`${IP_A}/24`] };
const ETH_B = { name: 'ethB', ifindex: 3, mac: B, addresses: [`${IP_B}/24`] };
const gateway = (...cards: HostFields['cards']): HostFields => ({ name: 'gateway', cards: cards.length > 0 ? cards : [ETH_A, ETH_B] });
const hostWith = (name: string, { mac: of, ip }: { mac: string; ip: string }, ...more: string[]): HostFields => ({
  name,
  cards: [{ name: 'eth0', ifindex: 2, mac: of, addresses: [`${ip}/24`, ...more.map((each) => `${each}/24`)] }],
});
/** The capture is of somebody else. */
const context = (...hosts: HostFields[]) => ({ context: contextOf(hosts, { isElsewhere: true }) });

const both = [
  { by: A, after: 0.0001 },
  { by: B, after: 0.00014 },
];
const NAMED_A = { index: 2, name: 'ethA' };
const NAMED_B = { index: 3, name: 'ethB' };

/** Only A is to be seen answering for both addresses. */
function onlyA(): Lan {
  const capture = new Lan();
  for (const ip of [IP_A, IP_B, IP_B]) {
    capture.resolve(CLIENT, { mac: A, ip });
    capture.wait(3);
  }
  return capture;
}

const halfSeen = (severity: string) =>
  finding(FLUX, IP_B, {
    severity,
    confidence: 'certain',
    count: 2,
    details: { requests: 2, winner: A, macs: [{ mac: A, answers: 2, firstAnswers: 2, interface: NAMED_A }] },
  });

const asking = (ip: string, times = 1): Lan => {
  const capture = new Lan();
  for (let i = 0; i < times; i++) {
    capture.resolve({ mac: A, ip }, TARGET);
    capture.wait(3);
  }
  return capture;
};

export const scenarios: Scenario[] = [
  incident(FLUX, 'client, context: one question is enough', 'both MACs are cards of one host: certain, with their names', () => {
    const capture = new Lan();
    const { request, answers } = capture.ask(CLIENT, IP_B, both);
    capture.wait(2);
    const macs = [
      { mac: A, answers: 1, firstAnswers: 1, interface: NAMED_A },
      { mac: B, answers: 1, firstAnswers: 0, interface: NAMED_B },
    ];
    const details = { requests: 1, winner: A, macs };
    const expected = finding(FLUX, IP_B, {
      severity: 'warning',
      confidence: 'certain',
      count: 1,
      details,
      evidenceFrames: [request, ...answers],
    });
    return { capture, expect: [expected], options: context(gateway()) };
  }),
  incident(FLUX, 'client, context: the other card answers alone', 'one MAC answers, and the address is on another card: certain', () => ({
    capture: onlyA(),
    expect: [halfSeen('warning')],
    options: context(gateway()),
  })),
  incident(FLUX, 'client, context: the card with the address is down', 'the other card keeps it in reach: a notice', () => ({
    capture: onlyA(),
    expect: [halfSeen('notice')],
    options: context(gateway(ETH_A, { ...ETH_B, isDown: true })),
  })),
  incident(FLUX, 'client, context: a rule waits for the card that is down', 'the policy expects what never comes by it: a warning', () => ({
    capture: onlyA(),
    expect: [halfSeen('warning')],
    options: context({
      ...gateway(ETH_A, { ...ETH_B, isDown: true }),
      rules: [{ priority: 100, src: 'all', iif: 'ethB', table: '200' }],
    }),
  })),
  incident(FLUX, 'client, context: a macvlan and its parent', 'both answer, but frames come in by one wire: a notice', () => {
    const capture = new Lan();
    capture.ask(CLIENT, IP_B, both);
    capture.wait(2);
    const options = context(gateway(ETH_A, { ...ETH_B, name: 'mv0', kind: 'macvlan', parent: 'ethA' }));
    return { capture, expect: [finding(FLUX, IP_B, { severity: 'notice', confidence: 'certain' })], options };
  }),
  twin(FLUX, 'context: members of a bond', 'whichever of them answers, frames arrive at the bond', () => {
    const capture = new Lan();
    capture.ask(CLIENT, IP_A, both);
    capture.wait(2);
    const bond = { name: 'bond0', ifindex: 4, mac: A, kind: 'bond', addresses: [`${IP_A}/24`] };
    const members = [
      { name: 'ethA', ifindex: 2, mac: A, master: 'bond0' },
      { name: 'ethB', ifindex: 3, mac: B, master: 'bond0' },
    ];
    return { capture, options: context(gateway(...members, bond)) };
  }),
  twin(FLUX, 'context: each card answers for its own address', 'repaired', () => {
    const capture = new Lan();
    capture.resolve(CLIENT, CARD_A);
    capture.wait(3);
    capture.resolve(CLIENT, { mac: B, ip: IP_B });
    return { capture, options: context(gateway()) };
  }),
  twin(FLUX, 'context: an address on lo', 'no card has it: whichever answers is right', () => ({
    capture: onlyA(),
    options: context(gateway(ETH_A, { name: 'dummy0', ifindex: 4, mac: mac(0x4d), kind: 'dummy', addresses: [`${IP_B}/32`] })),
  })),
  twin(FLUX, 'context: a bridge with the MAC of its port', 'the MAC has the address', () => ({
    capture: onlyA(),
    options: context(
      gateway(
        { name: 'ethA', ifindex: 2, mac: A, master: 'br0' },
        { name: 'br0', ifindex: 3, mac: A, kind: 'bridge', addresses: [`${IP_A}/24`, `${IP_B}/24`] },
      ),
    ),
  })),
  twin(FLUX, 'context: an address of another network', 'who asks here for the far address reaches it here: nothing goes astray', () => {
    const capture = new Lan();
    capture.resolve(CLIENT, { mac: A, ip: AFAR });
    return { capture, options: context(gateway(ETH_A, { ...ETH_B, addresses: [`${AFAR}/24`] })) };
  }),
  twin(FLUX, 'context: one host each, in one order', 'the capture looks like one machine, the context says two: no flux', () => {
    const capture = new Lan();
    for (const ip of [IP_A, IP_B, IP_A, IP_B]) {
      capture.ask(CLIENT, ip, both);
      capture.wait(2);
    }
    const options = context(hostWith('first', { mac: A, ip: IP_A }, IP_B), hostWith('second', { mac: B, ip: IP_B }, IP_A));
    return { capture, expect: [IP_A, IP_B].map((ip) => finding(DUPLICATE, ip, { severity: 'error', confidence: 'certain' })), options };
  }),

  incident(DUPLICATE, 'client, context: two hosts have the address', 'once is enough, for the context has it twice: certain', () => {
    const capture = new Lan();
    capture.ask(CLIENT, SHARED, [
      { by: FIRST.mac, after: 0.0002 },
      { by: SECOND.mac, after: 0.0009 },
    ]);
    capture.wait(2);
    const options = context(hostWith('first', FIRST, SHARED), hostWith('second', SECOND, SHARED));
    return { capture, expect: [finding(DUPLICATE, SHARED, { severity: 'error', confidence: 'certain', count: 1 })], options };
  }),
  incident(
    DUPLICATE,
    'client, context: a stranger answers too',
    'the host that has it lists its cards: the other MAC is none of them',
    () => {
      const capture = new Lan();
      capture.ask(CLIENT, SHARED, [
        { by: SECOND.mac, after: 0.0002 },
        { by: FIRST.mac, after: 0.0009 },
      ]);
      capture.wait(2);
      const options = context(hostWith('first', FIRST, SHARED));
      return { capture, expect: [finding(DUPLICATE, SHARED, { severity: 'error', confidence: 'certain', count: 1 })], options };
    },
  ),
  incident(DUPLICATE, 'client, context: the stranger always comes late', 'it may be a proxy: likely', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.ask(CLIENT, SHARED, [
        { by: FIRST.mac, after: 0.0002 },
        { by: SECOND.mac, after: 0.3 + i / 10 },
      ]);
      capture.wait(2);
    }
    const options = context(hostWith('first', FIRST, SHARED));
    return { capture, expect: [finding(DUPLICATE, SHARED, { confidence: 'likely', count: 3 })], options };
  }),
  incident(
    DUPLICATE,
    'host on any, context: its guest answers too',
    'both answers leave the capturing host, but one MAC is another machine’s',
    () => {
      const capture = new LinuxHost();
      const [own, guest] = [CARD_A, { mac: B, ip: IP_B, ifindex: 3 }];
      const { answers } = capture.asked(
        CLIENT,
        IP_A,
        [own, guest],
        [
          { from: own, after: 0.0001 },
          { from: guest, after: 0.0002 },
        ],
      );
      capture.wait(2);
      const options = {
        context: contextOf([gateway(ETH_A, { name: 'tap0', ifindex: 3, mac: mac(0x4e) }), hostWith('guest', { mac: B, ip: IP_B }, IP_A)]),
      };
      const expected = finding(DUPLICATE, IP_A, { severity: 'error', confidence: 'certain', count: 1, evidenceFrames: answers });
      return { capture, expect: [expected], options };
    },
  ),
  twin(DUPLICATE, 'context: clones with one MAC', 'whose MAC it is cannot be told: as without a context', () => {
    const capture = new Lan();
    capture.ask(CLIENT, IP_B, both);
    capture.wait(2);
    const clones = [hostWith('first', { mac: A, ip: IP_A }), hostWith('second', { mac: A, ip: IP_A })];
    const expected = finding('arp-multi-mac-answer', IP_B, { confidence: 'certain' });
    return { capture, expect: [expected], options: context(...clones, hostWith('third', { mac: B, ip: IP_B })) };
  }),
  twin(DUPLICATE, 'context: both are cards of one host', 'flux, whatever it looks like', () => {
    const capture = new Lan();
    capture.ask(CLIENT, IP_B, both);
    capture.wait(2);
    capture.resolve(CLIENT, CARD_A);
    capture.wait(2);
    return { capture, expect: [finding(FLUX, IP_B, { confidence: 'certain' })], options: context(gateway()) };
  }),
  twin(DUPLICATE, 'context: a proxy that leaves the owner the time to answer', 'proxy_arp=1, and it does not have the address', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.ask(CLIENT, SHARED, [
        { by: FIRST.mac, after: 0.0002 },
        { by: A, after: 0.3 + i / 10 },
      ]);
      capture.wait(2);
    }
    return { capture, options: context(hostWith('first', FIRST, SHARED), { ...gateway(), sysctls: { proxy_arp: 1 } }) };
  }),
  incident('arp-multi-mac-answer', 'context: a proxy that comes first', 'it answers for an address that its owner answers for too', () => {
    const capture = new Lan();
    capture.ask(CLIENT, SHARED, [
      { by: A, after: 0.0002 },
      { by: FIRST.mac, after: 0.0009 },
    ]);
    capture.wait(2);
    const expected = finding('arp-multi-mac-answer', SHARED, { severity: 'warning', confidence: 'certain', count: 1 });
    return { capture, expect: [expected], options: context(hostWith('first', FIRST, SHARED), { ...gateway(), sysctls: { proxy_arp: 1 } }) };
  }),
  twin(
    'arp-spoof-suspect',
    'context: a host announces its address by both of its cards',
    'both MACs are one machine: nothing is drawn away',
    () => {
      const capture = new Lan();
      capture.resolve(CLIENT, CARD_A);
      for (let i = 0; i < 6; i++) {
        capture.wait(2);
        capture.unicast(arpReply({ mac: B, ip: IP_A }, CLIENT), B, CLIENT.mac);
      }
      capture.resolve(TARGET, CARD_A);
      capture.wait(2);
      return { capture, options: context(gateway()) };
    },
  ),

  incident(
    FOREIGN,
    'client, context: the address of a card in the same subnet',
    'the context has it on ethB: certain, once is enough',
    () => {
      const details = { interface: NAMED_A, owner: 'ethB', targets: [TARGET.ip] };
      const expected = finding(FOREIGN, `${IP_B}|${A}`, { severity: 'warning', confidence: 'certain', count: 1, details });
      return { capture: asking(IP_B), expect: [expected], options: context(gateway()) };
    },
  ),
  incident(FOREIGN, 'client, context: an address of another subnet', 'the asking card has one in the target’s: certain', () => {
    const details = { interface: NAMED_A, owner: 'ethB', targets: [TARGET.ip] };
    const expected = finding(FOREIGN, `${AFAR}|${A}`, { confidence: 'certain', count: 2, details });
    return { capture: asking(AFAR, 2), expect: [expected], options: context(gateway(ETH_A, { ...ETH_B, addresses: [`${AFAR}/24`] })) };
  }),
  incident(
    FOREIGN,
    'client, context: a real server asks with the virtual address',
    'it has it on lo, another machine has it on a card',
    () => {
      const server = gateway(ETH_A, { name: 'dummy0', ifindex: 4, kind: 'dummy', addresses: [`${SHARED}/32`] });
      const expected = finding(FOREIGN, `${SHARED}|${A}`, { confidence: 'certain', details: { owner: 'dummy0' } });
      return { capture: asking(SHARED), expect: [expected], options: context(server, hostWith('director', FIRST, SHARED)) };
    },
  ),
  twin(FOREIGN, 'context: an address on lo', 'no card has it: whoever learned it at this one is right', () => ({
    capture: asking(SHARED),
    options: context(gateway(ETH_A, { name: 'dummy0', ifindex: 4, kind: 'dummy', addresses: [`${SHARED}/32`] })),
  })),
  twin(FOREIGN, 'context: a second address of the same card', 'also where it fits the target less', () => {
    const capture = asking(IP_A);
    capture.resolve({ mac: A, ip: AFAR }, TARGET);
    return { capture, options: context(gateway({ ...ETH_A, addresses: [`${IP_A}/24`, `${AFAR}/24`] })) };
  }),
  twin(FOREIGN, 'context: an address of a macvlan on the card', 'what is sent to the card arrives', () => ({
    capture: asking(IP_B),
    options: context(gateway(ETH_A, { ...ETH_B, name: 'mv0', kind: 'macvlan', parent: 'ethA' })),
  })),
  twin(FOREIGN, 'context: an unnumbered card', 'it has no address of its own to ask with, whoever answers for this one', () => {
    const capture = new Lan();
    capture.resolve(CLIENT, { mac: B, ip: IP_B });
    capture.wait(3);
    capture.resolve({ mac: A, ip: IP_B }, TARGET);
    capture.wait(3);
    capture.resolve(CLIENT, { mac: B, ip: IP_B });
    return { capture, options: context(gateway({ ...ETH_A, addresses: [] }, ETH_B)) };
  }),
  twin(FOREIGN, 'context: the answer does not pass here', 'what waits for it may have to have this source: a DHCP relay', () => {
    const capture = new Lan();
    capture.ask({ mac: A, ip: AFAR }, TARGET.ip, []);
    capture.wait(3);
    return { capture, options: context(gateway(ETH_A, { ...ETH_B, addresses: [`${AFAR}/24`] })) };
  }),

  incident(
    REALSERVER,
    'client, context: one server beside the director',
    'two MACs alone; the context has the address on lo of one of them',
    () => {
      const capture = new Lan();
      capture.ask(CLIENT, SHARED, [
        { by: FIRST.mac, after: 0.0002 },
        { by: A, after: 0.0006 },
      ]);
      capture.wait(2);
      const server = gateway(ETH_A, { name: 'dummy0', ifindex: 4, kind: 'dummy', addresses: [`${SHARED}/32`] });
      const expected = finding(REALSERVER, SHARED, { severity: 'warning', confidence: 'certain', count: 1 });
      return { capture, expect: [expected], options: context(server, hostWith('director', FIRST, SHARED)) };
    },
  ),
  incident(
    REALSERVER,
    'server, context: its own answer',
    'the director’s answer does not come here; the context has the address on its card',
    () => {
      const capture = new LinuxHost();
      capture.asked(CLIENT, SHARED, [CARD_A], [{ from: CARD_A, after: 0.0001 }]);
      capture.wait(2);
      const server = gateway(ETH_A, { name: 'dummy0', ifindex: 4, kind: 'dummy', addresses: [`${SHARED}/32`] });
      const expected = finding(REALSERVER, SHARED, { severity: 'warning', confidence: 'certain', count: 1 });
      return { capture, expect: [expected], options: { context: contextOf([server, hostWith('director', FIRST, SHARED)]) } };
    },
  ),
  twin(REALSERVER, 'context: an address on lo that no other machine has', 'anycast, a router’s own: it may be asked for', () => {
    const capture = new LinuxHost();
    capture.asked(CLIENT, SHARED, [CARD_A], [{ from: CARD_A, after: 0.0001 }]);
    capture.wait(2);
    const options = { context: contextOf([gateway(ETH_A, { name: 'dummy0', ifindex: 4, kind: 'dummy', addresses: [`${SHARED}/32`] })]) };
    return { capture, options };
  }),
];
