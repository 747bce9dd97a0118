import { describe, expect, it } from 'vitest';
import { analyzeSources, type Finding, MemorySource } from '../../src/core.ts';
import { arpReply, arpRequest, echoReply, echoRequest, type NetworkPacket, syn } from '../craft/index.ts';
import { contextOf, type HostFields } from '../scenarios/host-document.ts';
import { analysisOptionsOf } from '../scenarios/options.ts';
import { card, LinuxHost, mac, type OwnCard } from '../scenarios/stage.ts';

/* What findings say of the host that the context describes: which rule decides, what does not match, and what to set. */

const CLIENT = card(0x10, '192.0.2.10');
const A: OwnCard = { mac: mac(0x0a), ip: '192.0.2.1', ifindex: 3 };
const B: OwnCard = { mac: mac(0x0b), ip: '192.0.2.2', ifindex: 2 };

/** A gateway with two cards in one network and an uplink; what comes in by ethB goes into the VPN. */
const gateway = (more: Partial<HostFields> = {}): HostFields => ({
  cards: [
    { name: 'ethB', ifindex: 2, mac: B.mac, addresses: ['192.0.2.2/24'] },
    { name: 'ethA', ifindex: 3, mac: A.mac, addresses: ['192.0.2.1/24'] },
    { name: 'wan', ifindex: 9, mac: mac(0x99), addresses: ['203.0.113.2/30'] },
    { name: 'vpn', ifindex: 10, kind: 'wireguard', addresses: ['10.9.0.1/24'] },
  ],
  routes: [
    { dst: 'default', gateway: '203.0.113.1', dev: 'wan' },
    { dst: 'default', dev: 'vpn', table: 200 },
  ],
  rules: [{ priority: 100, src: 'all', iif: 'ethB', table: 200 }],
  sysctls: { forwarding: 1 },
  ...more,
});

async function found(capture: LinuxHost, host: HostFields, kind: string): Promise<Finding> {
  const source = { path: 'capture', open: () => new MemorySource(capture.bytes) };
  const { findings } = await analyzeSources([source], analysisOptionsOf({ context: contextOf([host]) }));
  const finding = findings.find((each) => each.kind === kind);
  if (!finding) expect.fail(`no ${kind} in ${findings.map(({ id }) => id).join(', ')}`);
  return finding;
}

/** The client pings B's address, and opens a connection through the gateway; both come in by A. */
function misdelivered(): LinuxHost {
  const capture = new LinuxHost();
  capture.asked(
    CLIENT,
    B.ip,
    [A, B],
    [
      { from: A, after: 0.00002 },
      { from: B, after: 0.00003 },
    ],
  );
  capture.wait(0.0001);
  capture.incoming(echoRequest({ from: CLIENT.ip, to: B.ip, id: 7, seq: 1 }), A.ifindex, CLIENT.mac);
  capture.wait(1);
  const opened = (ttl: number): NetworkPacket => syn(`${CLIENT.ip}:40000`, '198.51.100.9:80', 1000, { ttl });
  capture.incoming(opened(64), A.ifindex, CLIENT.mac);
  capture.outgoing(opened(63), 9, mac(0x99));
  return capture;
}

const delivery = (host: HostFields = gateway()): Promise<Finding> => found(misdelivered(), host, 'wrong-interface-delivery');

describe('frames that arrive at the wrong card', () => {
  it('tell the whole chain: who answers, which rule does not match, and where the packet goes instead', async () => {
    const { because, title } = await delivery();
    expect(title).toBe('1 packet for 192.0.2.2, an address of ethB, arrives at ethA of gateway');
    expect(because).toEqual([
      'Frame 5 from 192.0.2.10 is for 192.0.2.2 and comes in by ethA.',
      '1 packet arrives so.',
      '192.0.2.10 asks by ARP for 192.0.2.2, and for no other address of gateway: that is its gateway, as far as the capture shows.',
      'What it sends through gateway comes in by ethA (1 packet): first frame 6, from 192.0.2.10 to 198.51.100.9.',
      'By the context (2024-01-15T08:00:00.000000Z), 192.0.2.2 is an address of ethB (02:00:00:00:00:0b), not of ethA (02:00:00:00:00:0a).',
      'ethA answers ARP for 192.0.2.2 too (frame 3), and comes first in 1 of 1 question: who keeps the first answer sends to ethA.',
      'The rule `100: from all iif ethB lookup 200` of gateway is for what comes in by ethB: what comes in by ethA does not match.',
      'Frame 6, from 192.0.2.10 to 198.51.100.9, comes in by ethA too: the rule `32766: from all lookup main` decides, out by wan via 203.0.113.1. Had it come in by ethB, `100: from all iif ethB lookup 200` would: out by vpn.',
      'rp_filter at ethA is 0 (what counts of all and the card): they are let in, though the way back to 192.0.2.10 is by ethB. With 1 they would be dropped.',
    ]);
  });

  it('are dropped where rp_filter is strict and the way back is by the other card', async () => {
    const { because } = await delivery(gateway({ sysctls: { rp_filter: 1, forwarding: 1 } }));
    expect(because.at(-1)).toBe(
      'rp_filter at ethA is 1 (what counts of all and the card), and the way back to 192.0.2.10 is by ethB: the kernel drops these packets without a word.',
    );
  });

  it.each([
    {
      name: 'none of its rules looks at the interface, and the filter is unknown',
      host: gateway({ rules: [] }),
      says: 'No routing rule of gateway looks for ethB (`iif`); its packet filter (`iifname`, `-i`) was not read.',
    },
    {
      name: 'nothing looks at the interface',
      host: gateway({ rules: [], iptables: ['-A FORWARD -i ethA -j ACCEPT', '-A FORWARD ! -i ethB -j DROP'] }),
      says: 'No rule of gateway looks for ethB, neither in routing (`iif`) nor in its packet filter.',
    },
    {
      name: 'iptables look at the interface',
      host: gateway({ rules: [], iptables: ['-A PREROUTING -i ethB -j MARK --set-xmark 0x1/0x1', '-A INPUT -i eth+ -j ACCEPT'] }),
      says: 'The packet filter of gateway looks for ethB too: `-A PREROUTING -i ethB -j MARK --set-xmark 0x1/0x1` and `-A INPUT -i eth+ -j ACCEPT`. That does not match either.',
    },
    {
      name: 'nftables look at the interface',
      host: gateway({
        rules: [],
        nftables: {
          nftables: [
            { metainfo: { version: '1.0.6' } },
            { rule: nftRule('mark', { op: '==', left: { meta: { key: 'iifname' } }, right: 'ethB' }) },
            { rule: nftRule('other', { op: '!=', left: { meta: { key: 'iifname' } }, right: 'ethB' }) },
            { rule: nftRule('some', { op: '==', left: { meta: { key: 'iifname' } }, right: { set: ['ethB', 'lo'] } }) },
          ],
        },
      }),
      says: 'The packet filter of gateway looks for ethB too: nftables, chain ip filter mark and nftables, chain ip filter some. That does not match either.',
    },
  ])('where $name', async ({ host, says }) => {
    expect((await delivery(host)).because).toContain(says);
  });

  it('are mended by the ARP settings of this host, or by rules that look at something else', async () => {
    const { remedies } = await delivery();
    expect(remedies[0]).toMatchObject({
      host: 'gateway',
      commands: ['sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2'],
    });
    expect(remedies.at(-1)).toMatchObject({ commands: ['ip rule add from SUBNET lookup TABLE'] });
  });
});

/** A rule of a chain, as `nft -j` has it. */
function nftRule(chain: string, match: unknown): unknown {
  return { family: 'ip', table: 'filter', chain, handle: 4, expr: [{ match }, { accept: null }] };
}

const WAN_A: OwnCard = { mac: mac(0x0a), ip: '198.51.100.2', ifindex: 2 };
const WAN_B: OwnCard = { mac: mac(0x0b), ip: '203.0.113.2', ifindex: 3 };

describe('an address that is asked by one uplink and answers by the other', () => {
  const server = (more: Partial<HostFields> = {}): HostFields => ({
    name: 'server',
    cards: [
      { name: 'wanA', ifindex: 2, mac: WAN_A.mac, addresses: ['198.51.100.2/28'] },
      { name: 'wanB', ifindex: 3, mac: WAN_B.mac, addresses: ['203.0.113.2/28'] },
    ],
    routes: [
      { dst: 'default', gateway: '198.51.100.1', dev: 'wanA' },
      { dst: 'default', gateway: '203.0.113.1', dev: 'wanB', table: 102 },
    ],
    ...more,
  });

  function pinged(): LinuxHost {
    const capture = new LinuxHost();
    capture.incoming(echoRequest({ from: CLIENT.ip, to: WAN_B.ip, id: 7, seq: 1, ttl: 57 }), 3, mac(0xb1));
    capture.wait(0.0001);
    capture.outgoing(echoReply({ from: WAN_B.ip, to: CLIENT.ip, id: 7, seq: 1 }), 2, WAN_A.mac);
    return capture;
  }

  it('names the rule and the route that decide, and the rule that is missing', async () => {
    const { because, remedies, confidence } = await found(pinged(), server(), 'interface-asymmetry');
    expect(confidence).toBe('certain');
    expect(because).toEqual([
      'Frame 1, from 192.0.2.10 to 203.0.113.2 (ping), comes in by wanB; what goes back, frame 2, leaves by wanA.',
      '1 packet of 1 flow (ICMP) leaves so; none leaves by wanB.',
      '203.0.113.2 is an address of wanB, and in no network of wanA (198.51.100.0/28), as server says: whoever drops foreign sources there (BCP 38, rp_filter), or keeps state of connections, breaks it.',
      'On server the rule `32766: from all lookup main` decides what goes to 192.0.2.10, by the route `default via 198.51.100.1 dev wanA`: out by wanA via 198.51.100.1 with the source 203.0.113.2.',
      'rp_filter at wanB is 0: with 1 (strict) the kernel would drop what comes in there, for the way back to 192.0.2.10 is by wanA.',
    ]);
    // The table is there already.
    expect(remedies).toMatchObject([{ host: 'server', checked: expect.stringContaining('wanB') }]);
    expect(remedies[0]?.commands.join('\n')).toMatch(/^ip rule add from 203\.0\.113\.2 .*lookup 102/m);
    expect(remedies[0]?.commands.join('\n')).not.toContain('ip route add');
  });

  it('says where the host’s routing is another one by now', async () => {
    const { because, confidence } = await found(
      pinged(),
      server({ rules: [{ priority: 100, src: WAN_B.ip, table: 102 }] }),
      'interface-asymmetry',
    );
    expect(confidence).toBe('likely');
    expect(because.join('\n')).toContain('it would not leave by wanA, but by wanB: it was set otherwise then');
  });

  it('says without a context what the capture shows of the network', async () => {
    const capture = new LinuxHost();
    capture.outgoing(arpRequest(WAN_A, '198.51.100.1'), 2, WAN_A.mac);
    capture.incoming(arpReply({ mac: mac(0xa1), ip: '198.51.100.1' }, WAN_A), 2, mac(0xa1));
    capture.incoming(echoRequest({ from: CLIENT.ip, to: WAN_B.ip, id: 7, seq: 1, ttl: 57 }), 3, mac(0xb1));
    capture.outgoing(echoReply({ from: WAN_B.ip, to: CLIENT.ip, id: 7, seq: 1 }), 2, WAN_A.mac);
    const source = { path: 'capture', open: () => new MemorySource(capture.bytes) };
    const { findings } = await analyzeSources([source]);
    expect(findings[0]?.because.slice(0, 3)).toEqual([
      'Frame 3, from 192.0.2.10 to 203.0.113.2 (ping), comes in by interface 3; what goes back, frame 4, leaves by interface 2 (numbers as in `ip link`).',
      '1 packet of 1 flow (ICMP) leaves so; none leaves by interface 3.',
      'By interface 2 the host resolves 198.51.100.1, and nothing near 203.0.113.2: by what the capture shows, 203.0.113.2 is of another network; whoever drops foreign sources there (BCP 38, rp_filter), or keeps state of connections, breaks it.',
    ]);
    expect(findings[0]?.remedies.at(-1)).toMatchObject({
      commands: ['ip route get 192.0.2.10 from 203.0.113.2', 'fluxcap context > context.json'],
    });
  });
});
