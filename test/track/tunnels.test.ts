import { describe, expect, it } from 'vitest';
import {
  AnyCapture,
  be16,
  clientAck,
  clientReset,
  echoRequest,
  espNull,
  espNullTransport,
  geneve,
  gre,
  greKeepalive,
  gtpU,
  initiation,
  ipInIp,
  ipv4Fragments,
  mpls,
  noise,
  octets,
  openvpnData,
  pppoe,
  pptp,
  response,
  serverReset,
  syn,
  transport,
  vxlan,
} from '../craft/index.ts';
import { Flow, type Side } from '../scenarios/tcp-stage.ts';
import { A, B, datagram, framed, inner, MACS, tunnelsOf, Wire } from './tunneling.ts';

/* The inventory of tunnels. */

const C = '203.0.113.3';
const KEY = { key: 42 };

describe('a tunnel', () => {
  it('has its ends, the first sender first, and what went each way', async () => {
    const wire = new Wire().pass(gre(B, A, inner(100), KEY), gre(A, B, inner(1400), KEY), gre(B, A, inner(60), KEY));
    expect(await tunnelsOf(wire)).toMatchObject([
      {
        protocol: 'gre',
        a: { ip: B, port: null },
        b: { ip: A, port: null },
        id: 42,
        packets: 3,
        packetsFromA: 2,
        packetsFromB: 1,
        bytes: 1560 + 3 * 28,
        maxOuter: 1428,
        maxInner: 1400,
        innerMtu: 1472,
        fragments: 0,
        depth: 0,
        inside: null,
        isOffloaded: false,
        first: { frame: 1 },
        last: { frame: 3 },
      },
    ]);
  });

  it('is told by its id, and no id from an id of 0', async () => {
    const wire = new Wire().pass(gre(A, B, inner(60)), gre(A, B, inner(60), { key: 0 }), gre(A, B, inner(60), { key: 1 }));
    expect((await tunnelsOf(wire)).map(({ id }) => id)).toEqual([null, 0, 1]);
  });

  it.each([
    { name: 'ipip', packet: ipInIp(A, B, inner(100)), protocol: 'ipip', id: null, innerMtu: 1480 },
    { name: 'GRE with a key', packet: gre(A, B, inner(100), KEY), protocol: 'gre', id: 42, innerMtu: 1472 },
    { name: 'VXLAN', packet: vxlan(A, B, 7, framed(inner(100))), protocol: 'vxlan', id: 7, innerMtu: 1450 },
    { name: 'GENEVE with options', packet: geneve(A, B, 8, framed(inner(100)), 2), protocol: 'geneve', id: 8, innerMtu: 1442 },
    { name: 'GTP-U', packet: gtpU(A, B, 9, inner(100)), protocol: 'gtp-u', id: 9, innerMtu: 1464 },
    { name: 'PPPoE', packet: pppoe(10, inner(100)), protocol: 'pppoe', id: 10, innerMtu: 1492 },
    { name: 'MPLS, two labels', packet: mpls([11, 12], inner(100)), protocol: 'mpls', innerMtu: 1492 },
    { name: 'ESP, tunnel mode', packet: espNull(A, B, { spi: 13 }, inner(100)), protocol: 'esp', id: 13, innerMtu: 1500 - 20 - 8 - 4 - 16 },
  ])('$name: what fits inside follows from what is around it', async ({ packet, protocol, id, innerMtu }) => {
    expect(await tunnelsOf(new Wire().pass(packet))).toMatchObject([
      { protocol, ...(id === undefined ? {} : { id }), maxInner: 100, innerMtu, assumed: null },
    ]);
  });

  it('of PPTP has a call id, which is no key', async () => {
    expect(await tunnelsOf(new Wire().pass(pptp(A, B, 42, inner(100))))).toMatchObject([{ protocol: 'gre', id: 42, isCall: true }]);
    expect(await tunnelsOf(new Wire().pass(gre(A, B, inner(60), KEY)))).toMatchObject([{ protocol: 'gre', id: 42, isCall: false }]);
  });

  it('of PPPoE and MPLS is between MACs', async () => {
    const [tunnel] = await tunnelsOf(new Wire().pass(pppoe(10, inner(100))));
    expect(tunnel).toMatchObject({ a: { ip: '02:00:00:00:00:01' }, b: { ip: '02:00:00:00:00:02' }, over: null, maxOuter: 108 });
  });

  it('says what runs in it', async () => {
    const wire = new Wire().pass(
      gre(A, B, syn('10.0.0.1:40000', '10.0.0.2:179')),
      gre(A, B, echoRequest({ from: '10.0.0.1', to: '10.0.0.2', id: 1, seq: 1 })),
      gre(A, B, ipInIp('10.0.0.1', '10.0.0.2', inner(60))),
    );
    expect((await tunnelsOf(wire))[0]?.holds).toEqual(['ipip', 'bgp', 'icmp']);
  });

  it('is not made of the keepalives of GRE', async () => {
    expect(await tunnelsOf(new Wire().pass(greKeepalive(A, B)))).toEqual([]);
  });
});

describe('a flow that is known by its later packets', () => {
  const [client, server] = ['192.0.2.10:40001', '198.51.100.7:1194'];
  const both = (wire: Wire, payload: (i: number) => Uint8Array, packets: number): Wire => {
    for (let i = 0; i < packets; i++) wire.pass(i % 3 < 2 ? datagram(client, server, payload(i)) : datagram(server, client, payload(i)));
    return wire;
  };

  it('has the packets of OpenVPN that led to it, their largest too', async () => {
    const wire = both(new Wire(), (i) => openvpnData(5, 100 + i, i === 1 ? 1000 : 100), 12);
    expect(await tunnelsOf(wire)).toMatchObject([
      {
        protocol: 'openvpn',
        packets: 12,
        packetsFromA: 8,
        packetsFromB: 4,
        a: { port: 40_001 },
        maxOuter: 28 + 1024,
        bytes: 12 * 152 + 900,
        first: { frame: 1 },
        last: { frame: 12 },
      },
    ]);
  });

  it('has those of a static key', async () => {
    const random = (i: number): Uint8Array => octets(noise(i === 2 ? 1200 : 80 + 16 * (i % 10 < 4 ? 0 : (i * 7) % 60), i + 1));
    expect(await tunnelsOf(both(new Wire(), random, 60))).toMatchObject([
      {
        protocol: 'openvpn',
        packets: 60,
        packetsFromA: 40,
        maxOuter: 1228,
        innerMtu: 1415,
        assumed: 'UDP, static key, AES-CBC with SHA-256',
        first: { frame: 1 },
      },
    ]);
  });

  it('has the HMAC of a static key by what its lengths leave', async () => {
    const sha1 = (i: number): Uint8Array => octets(noise(84 + 16 * (i % 10 < 4 ? 0 : (i * 7) % 60), i + 1));
    const [tunnel] = await tunnelsOf(both(new Wire(), sha1, 60));
    expect(tunnel).toMatchObject({ innerMtu: 1415, assumed: 'UDP, static key, AES-CBC with SHA-1' });
  });

  it('has no limit inside where it is OpenVPN by TCP', async () => {
    const wire = new Wire();
    const flow = new Flow({ capture: wire, see: (packet) => wire.send(packet, MACS) }, { client: '192.0.2.10:40001', server });
    flow.connect();
    const say = (from: Side, packet: Uint8Array): void => {
      const payload = octets(be16(packet.length), packet);
      flow.say(from, payload.length, { payload });
    };
    const ids = { client: 11, server: 511 };
    say('client', clientReset({ client: ids.client }));
    say('server', serverReset(ids));
    say('client', clientAck(ids));
    for (let i = 1; i <= 4; i++) {
      say('client', openvpnData(0, i));
      say('server', openvpnData(0, i));
    }
    expect(await tunnelsOf(wire)).toMatchObject([{ protocol: 'openvpn', innerMtu: null, assumed: null, isOverTcp: true }]);
  });

  it('has those of WireGuard', async () => {
    const wire = both(new Wire(), (i) => transport(i % 3 < 2 ? 7 : 8, 100 + i, i === 0 ? 1200 : 96), 12);
    expect(await tunnelsOf(wire)).toMatchObject([
      { protocol: 'wireguard', packets: 12, packetsFromA: 8, packetsFromB: 4, maxOuter: 28 + 32 + 1200, first: { frame: 1 } },
    ]);
  });

  it('is one of many that take turns', async () => {
    const wire = new Wire();
    const peers = Array.from({ length: 600 }, (_, i) => `10.0.${i >> 8}.${i & 255}:40001`);
    peers.forEach((peer, i) => {
      wire.pass(
        datagram(peer, server, initiation({ sender: 2 * i })),
        datagram(server, peer, response({ sender: 2 * i + 1, receiver: 2 * i })),
      );
    });
    for (let round = 0; round < 3; round++) wire.pass(...peers.map((peer, i) => datagram(peer, server, transport(2 * i + 1, round))));
    const tunnels = await tunnelsOf(wire);
    expect(tunnels.map(({ a, packets }) => `${a.ip}:${a.port} ${packets}`)).toEqual(peers.map((peer) => `${peer} 5`));
  });

  it('begins anew after a day of silence', async () => {
    const wire = new Wire().pass(
      datagram(client, server, initiation({ sender: 1 })),
      datagram(server, client, response({ sender: 2, receiver: 1 })),
    );
    wire
      .wait(86_500)
      .pass(datagram(client, server, initiation({ sender: 3 })), datagram(server, client, response({ sender: 4, receiver: 3 })));
    expect(await tunnelsOf(wire)).toMatchObject([
      { protocol: 'wireguard', packets: 2, last: { frame: 2 } },
      { protocol: 'wireguard', packets: 2, first: { frame: 3 } },
    ]);
  });

  it('is none where one client sends resets that nobody answers', async () => {
    const reset = (session: number): Uint8Array => clientReset({ client: session });
    expect(await tunnelsOf(new Wire().pass(datagram(client, server, reset(1)), datagram(client, server, reset(2))))).toEqual([]);
    // The same session again: it is a client.
    expect(await tunnelsOf(new Wire().pass(datagram(client, server, reset(1)), datagram(client, server, reset(1))))).toMatchObject([
      { protocol: 'openvpn', packets: 2, first: { frame: 1 } },
    ]);
  });
});

describe('a tunnel in a tunnel', () => {
  it('names the one around it, and has all overheads to bear', async () => {
    const wire = new Wire().pass(gre(A, B, vxlan('10.0.0.1', '10.0.0.2', 5, framed(inner(100)))));
    expect(await tunnelsOf(wire)).toMatchObject([
      { protocol: 'gre', depth: 0, innerMtu: 1476, maxInner: 150, holds: ['vxlan'] },
      { protocol: 'vxlan', depth: 1, innerMtu: 1426, maxInner: 100, inside: { protocol: 'gre', a: { ip: A }, b: { ip: B }, id: null } },
    ]);
  });

  it('of ESP in transport mode, too', async () => {
    const wire = new Wire().pass(espNullTransport(gre(A, B, inner(100)), { spi: 77 }));
    // GRE of 124 octets; ESP adds 8, a trailer of 2 to a multiple of 4, and 16.
    expect(await tunnelsOf(wire)).toMatchObject([
      { protocol: 'esp', id: 77, maxInner: 124, innerMtu: 1472, holds: ['gre'] },
      { protocol: 'gre', depth: 1, maxInner: 100, innerMtu: 1448, inside: { protocol: 'esp', id: 77 } },
    ]);
  });

  it('that is encrypted leaves less room in the one around it', async () => {
    const [from, to] = ['10.0.0.1:51820', '10.0.0.2:51820'];
    const wire = new Wire().pass(
      gre(A, B, datagram(from, to, initiation({ sender: 1 }))),
      gre(B, A, datagram(to, from, response({ sender: 2, receiver: 1 }))),
      gre(A, B, datagram(from, to, transport(2, 0, 96))),
    );
    expect(await tunnelsOf(wire)).toMatchObject([
      { protocol: 'gre', holds: ['wireguard'] },
      { protocol: 'wireguard', depth: 1, innerMtu: 1416, packets: 3, maxInner: null, inside: { protocol: 'gre' } },
    ]);
  });
});

describe('packets', () => {
  it('that pass through the capturing host count once', async () => {
    const host = new AnyCapture();
    for (let i = 1; i <= 5; i++) {
      host.wait(0.1).incoming(gre(A, B, inner(100, i)), 2, '02:00:00:00:00:01');
      host.incoming(gre(A, B, inner(100, i)), 4, '02:00:00:00:00:01');
      host.outgoing(gre(A, B, inner(100, i)), 3, '02:00:00:00:00:03');
      if (i > 3) continue;
      host.incoming(gre(B, A, inner(200, i)), 3, '02:00:00:00:00:04');
      host.outgoing(gre(B, A, inner(200, i)), 2, '02:00:00:00:00:05');
    }
    expect(await tunnelsOf(host)).toMatchObject([{ packetsFromA: 5, packetsFromB: 3, bytes: 5 * 124 + 3 * 224 }]);
  });

  it('are those of the place that sees most of them', async () => {
    const host = new AnyCapture();
    for (let i = 1; i <= 4; i++) {
      if (i === 1) host.incoming(gre(A, B, inner(100, i)), 2, '02:00:00:00:00:01');
      host.wait(0.1).outgoing(gre(A, B, inner(100, i)), 3, '02:00:00:00:00:03');
    }
    expect(await tunnelsOf(host)).toMatchObject([{ packets: 4, bytes: 4 * 124 }]);
  });

  it('in fragments count once, with the size that they had', async () => {
    const payload = octets(0, 0, 8, 0, inner(3000).octets);
    const pieces = (ident: number) => ipv4Fragments({ from: A, to: B, protocol: 47, payload, ident, df: false }, 1480);
    const wire = new Wire().pass(...pieces(1), ...pieces(2), gre(A, B, inner(100)));
    expect(await tunnelsOf(wire)).toMatchObject([
      {
        packets: 3,
        fragmented: 2,
        fragments: 6,
        maxOuter: 3024,
        maxFragment: 1500,
        maxInner: 3000,
        bytes: 2 * (3024 + 40) + 124,
        firstFragment: { frame: 1 },
        lastFragment: { frame: 6 },
        isOffloaded: false,
      },
    ]);
  });

  it('that a card will cut are no MTU', async () => {
    expect(await tunnelsOf(new Wire().pass(gre(A, B, inner(9000))))).toMatchObject([{ maxOuter: 9024, isOffloaded: true, innerMtu: 1476 }]);
  });

  it('by the port of tinc alone are a tunnel only if there are some', async () => {
    const once = datagram(`${A}:40000`, `${B}:655`, octets(noise(60, 1)));
    expect(await tunnelsOf(new Wire().pass(once))).toEqual([]);
    const back = datagram(`${B}:655`, `${A}:40000`, octets(noise(60, 2)));
    expect(await tunnelsOf(new Wire().pass(once, back))).toMatchObject([
      { protocol: 'tinc', packetsFromA: 1, packetsFromB: 1, innerMtu: null },
    ]);
  });
});

it('keeps a bounded number of tunnels', async () => {
  const wire = new Wire();
  for (let i = 0; i < 9000; i++) wire.pass(gre(A, i % 2 ? B : C, inner(30), { key: i }));
  const tunnels = await tunnelsOf(wire);
  // All are told: those that had to make room first.
  expect(tunnels).toHaveLength(9000);
  expect(tunnels[0]).toMatchObject({ id: 0 });
});
