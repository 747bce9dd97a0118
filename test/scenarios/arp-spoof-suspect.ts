import { arpReply, echoReply, echoRequest, forwarded, gratuitousReply, type Host, vrrpMac } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac, type OwnCard } from './stage.ts';

const KIND = 'arp-spoof-suspect';
const GATEWAY = card(0x01, '192.0.2.1');
const VICTIM = card(0x10, '192.0.2.10');
const WITNESS = card(0x20, '192.0.2.20');
const INTRUDER = card(0x66, '192.0.2.66');
const FAR = '203.0.113.80';

/** Gateway and victim are what everybody knows them to be. */
function stableOwners(capture: Lan): void {
  for (let i = 0; i < 3; i++) {
    capture.resolve(VICTIM, GATEWAY);
    capture.wait(3);
    capture.resolve(GATEWAY, VICTIM);
    capture.wait(3);
    capture.resolve(INTRUDER, GATEWAY);
    capture.wait(1);
    capture.resolve(INTRUDER, VICTIM);
    capture.wait(3);
  }
}

/** Tells `victim` that the address of `owner` is at the intruder. */
const claim = (capture: Lan, owner: Host, victim: Host): number =>
  capture.unicast(arpReply({ mac: INTRUDER.mac, ip: owner.ip }, victim), INTRUDER.mac, victim.mac);

/** A ping of the victim that goes through the intruder, each packet seen twice. */
function relayedPing(capture: Lan, seq: number): number[] {
  const request = echoRequest({ from: VICTIM.ip, to: FAR, id: 9, seq });
  const reply = echoReply({ from: FAR, to: VICTIM.ip, id: 9, seq, ttl: 57 });
  return [
    capture.unicast(request, VICTIM.mac, INTRUDER.mac),
    capture.wait(0.0002).unicast(forwarded(request), INTRUDER.mac, GATEWAY.mac),
    capture.wait(0.02).unicast(reply, GATEWAY.mac, INTRUDER.mac),
    capture.wait(0.0002).unicast(forwarded(reply), INTRUDER.mac, VICTIM.mac),
  ];
}

const suspect = (owner: Host, rest: object) =>
  finding(KIND, `${owner.ip}|${INTRUDER.mac}`, { severity: 'warning', ...rest, details: { previousMac: owner.mac } });

export const scenarios: Scenario[] = [
  incident(
    KIND,
    'mirror port: claims to both ends, and packets passed on',
    'the same packet a second time from the intruder: certain',
    () => {
      const capture = new Lan();
      stableOwners(capture);
      const claims: number[] = [];
      for (let i = 0; i < 8; i++) {
        claims.push(claim(capture, GATEWAY, VICTIM));
        claims.push(claim(capture.wait(0.01), VICTIM, GATEWAY));
        relayedPing(capture.wait(0.5), i);
        capture.wait(1.2);
      }
      capture.wait(2);
      capture.resolve(WITNESS, GATEWAY);
      return {
        capture,
        expect: [
          suspect(GATEWAY, { confidence: 'certain', evidenceFrames: claims.slice(0, 1) }),
          suspect(VICTIM, { confidence: 'certain', evidenceFrames: claims.slice(1, 2) }),
        ],
      };
    },
  ),
  incident(KIND, 'claims to both ends, again and again', 'two-sided and regular, without a packet that was passed on: likely', () => {
    const capture = new Lan();
    stableOwners(capture);
    for (let i = 0; i < 8; i++) {
      claim(capture, GATEWAY, VICTIM);
      claim(capture.wait(0.01), VICTIM, GATEWAY);
      capture.wait(1.99);
    }
    capture.resolve(WITNESS, GATEWAY);
    capture.wait(2);
    capture.resolve(WITNESS, VICTIM);
    return { capture, expect: [suspect(GATEWAY, { confidence: 'likely' }), suspect(VICTIM, { confidence: 'likely' })] };
  }),
  incident(KIND, 'mirror port: two attacks with a pause between them', 'each row is regular, the pause is none of it', () => {
    const capture = new Lan();
    stableOwners(capture);
    for (const _ of [1, 2]) {
      for (let i = 0; i < 4; i++) {
        claim(capture, GATEWAY, VICTIM);
        claim(capture.wait(0.01), VICTIM, GATEWAY);
        relayedPing(capture.wait(0.5), i);
        capture.wait(1.2);
      }
      capture.wait(60);
    }
    return { capture, expect: [suspect(GATEWAY, { confidence: 'certain' }), suspect(VICTIM, { confidence: 'certain' })] };
  }),
  incident(KIND, 'victim on any: claims for the gateway only', 'the victim sees only what it is told itself', () => {
    const capture = new LinuxHost();
    const own: OwnCard = { ...VICTIM, ifindex: 2 };
    for (let i = 0; i < 3; i++) {
      capture.asks(own, GATEWAY.ip, [{ by: GATEWAY.mac, after: 0.0003 }]);
      capture.wait(5);
    }
    const claims: number[] = [];
    for (let i = 0; i < 8; i++) {
      claims.push(capture.wait(2).incoming(arpReply({ mac: INTRUDER.mac, ip: GATEWAY.ip }, VICTIM), 2, INTRUDER.mac));
    }
    capture.wait(2);
    capture.asks(own, GATEWAY.ip, [{ by: GATEWAY.mac, after: 0.0003 }]);
    return { capture, expect: [suspect(GATEWAY, { evidenceFrames: claims.slice(0, 1) })] };
  }),

  twin(KIND, 'a failover announced in a burst', 'announced once, and it stays', () => {
    const capture = new Lan();
    stableOwners(capture);
    for (let i = 0; i < 5; i++) capture.wait(0.2).broadcast(gratuitousReply({ mac: INTRUDER.mac, ip: GATEWAY.ip }), INTRUDER.mac);
    for (let i = 0; i < 5; i++) {
      capture.wait(4);
      capture.resolve(VICTIM, { mac: INTRUDER.mac, ip: GATEWAY.ip });
    }
    const details = { from: GATEWAY.mac, to: INTRUDER.mac, reason: 'gratuitous' };
    return { capture, expect: [finding('arp-address-moved', GATEWAY.ip, { severity: 'info', details })] };
  }),
  twin(KIND, 'a failover announced twice, seen on a trunk', 'the new firewall passes packets on, but not to or from the old one', () => {
    const capture = new Lan();
    stableOwners(capture);
    const next = { mac: INTRUDER.mac, ip: GATEWAY.ip };
    const passOn = (id: number): void => {
      const request = echoRequest({ from: VICTIM.ip, to: FAR, id, seq: 1 });
      capture.wait(0.7).unicast(request, VICTIM.mac, next.mac, { vlans: [10] });
      capture.wait(0.0002).unicast(forwarded(request), next.mac, mac(0x99), { vlans: [20] });
    };
    for (const burst of [1, 2]) {
      for (let i = 0; i < 5; i++) capture.wait(0.2).broadcast(gratuitousReply(next), next.mac);
      for (let i = 0; i < 4; i++) passOn(10 * burst + i);
    }
    const details = { from: GATEWAY.mac, to: next.mac, reason: 'gratuitous' };
    return { capture, expect: [finding('arp-address-moved', GATEWAY.ip, { severity: 'info', details })] };
  }),
  twin(KIND, 'one claim alone', 'a single unsolicited packet is nothing', () => {
    const capture = new Lan();
    stableOwners(capture);
    claim(capture, GATEWAY, VICTIM);
    capture.wait(3);
    stableOwners(capture);
    return { capture };
  }),
  twin(KIND, 'the owner refreshes its neighbours', 'regular and unsolicited, but it is the owner', () => {
    const capture = new Lan();
    stableOwners(capture);
    for (let i = 0; i < 10; i++) capture.wait(5).broadcast(gratuitousReply(GATEWAY), GATEWAY.mac);
    stableOwners(capture);
    return { capture };
  }),
  twin(KIND, 'a virtual MAC takes the address', 'a known virtual MAC is no intruder', () => {
    const capture = new Lan();
    const virtual = { mac: vrrpMac(1), ip: GATEWAY.ip };
    stableOwners(capture);
    for (let i = 0; i < 6; i++) {
      capture.wait(5).broadcast(gratuitousReply(virtual), virtual.mac);
      capture.wait(0.5);
      capture.resolve(VICTIM, virtual);
    }
    return {
      capture,
      expect: [finding('arp-address-moved', GATEWAY.ip, { severity: 'info', details: { from: GATEWAY.mac, to: virtual.mac } })],
    };
  }),
  twin(KIND, 'a proxy answers what it is asked', 'there is a request to each of its answers', () => {
    const capture = new Lan();
    for (let i = 0; i < 10; i++) {
      capture.ask(i % 2 === 0 ? VICTIM : WITNESS, `198.51.100.${10 + i}`, [{ by: mac(0x99), after: 0.4 }]);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'a router passes packets on', 'the same packet twice, with nothing claimed before', () => {
    const capture = new Lan();
    stableOwners(capture);
    for (let i = 0; i < 6; i++) {
      relayedPing(capture.wait(1), i);
    }
    return { capture };
  }),
];
