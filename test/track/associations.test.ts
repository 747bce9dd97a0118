import { describe, expect, it } from 'vitest';
import { cipherGuess } from '../../src/track/tunnels/inner-mtu.ts';
import { AnyCapture, ah, be32, esp, gre, ipv4Fragments, natT, noise, octets } from '../craft/index.ts';
import { A, B, inner, tunnelsOf, Wire } from './tunneling.ts';

/* ESP and AH by SPI. */

const each = (wire: Wire, times: number, ...ways: readonly (readonly [string, string, number])[]): Wire => {
  for (let i = 1; i <= times; i++)
    for (const [from, to, spi] of ways) wire.wait(0.1).pass(esp(from, to, { spi, sequence: i }, 100 + 4 * (i % 9)));
  return wire;
};

describe('the way back', () => {
  it('is the association that began at the same time', async () => {
    const wire = each(new Wire(), 10, [A, B, 0xa1], [B, A, 0xb1]);
    expect((await tunnelsOf(wire)).map(({ id, pair, packets }) => ({ id, pair, packets }))).toEqual([
      { id: 0xa1, pair: 0xb1, packets: 10 },
      { id: 0xb1, pair: 0xa1, packets: 10 },
    ]);
  });

  it('is the next one after new keys', async () => {
    const wire = each(new Wire(), 10, [A, B, 0xa1], [B, A, 0xb1]).wait(600);
    const tunnels = await tunnelsOf(each(wire, 10, [B, A, 0xb2], [A, B, 0xa2]));
    expect(tunnels.map(({ id, pair }) => [id, pair])).toEqual([
      [0xa1, 0xb1],
      [0xb1, 0xa1],
      [0xb2, 0xa2],
      [0xa2, 0xb2],
    ]);
  });

  it('is not known where two begin at once', async () => {
    const wire = each(new Wire(), 10, [A, B, 0xa1], [B, A, 0xb1], [A, B, 0xa2], [B, A, 0xb2]);
    expect((await tunnelsOf(wire)).map(({ pair }) => pair)).toEqual([null, null, null, null]);
  });

  it('is found among thousands', async () => {
    const wire = new Wire();
    for (let i = 0; i < 1500; i++)
      wire.wait(1).pass(esp(A, B, { spi: 1000 + i, sequence: 1 }, 100), esp(B, A, { spi: 5000 + i, sequence: 1 }, 100));
    const tunnels = await tunnelsOf(wire);
    expect(tunnels.filter(({ id, pair }) => id !== null && Math.abs((pair ?? 0) - id) === 4000)).toHaveLength(3000);
  });

  it('is not that of another protocol, or of others', async () => {
    const wire = new Wire().pass(
      esp(A, B, { spi: 1 }, 96),
      natT(`${B}:4500`, `${A}:4500`, { spi: 2 }, 96),
      esp('203.0.113.9', A, { spi: 3 }, 96),
    );
    expect((await tunnelsOf(wire)).map(({ protocol, pair }) => [protocol, pair])).toEqual([
      ['esp', null],
      ['nat-t', null],
      ['esp', null],
    ]);
  });

  it('has its ports in UDP', async () => {
    const wire = new Wire().pass(natT(`${A}:1027`, `${B}:4500`, { spi: 1 }, 96), natT(`${B}:4500`, `${A}:1027`, { spi: 2 }, 96));
    expect(await tunnelsOf(wire)).toMatchObject([
      { a: { ip: A, port: 1027 }, b: { ip: B, port: 4500 }, id: 1, pair: 2 },
      { a: { ip: B, port: 4500 }, b: { ip: A, port: 1027 }, id: 2, pair: 1 },
    ]);
  });
});

describe('packets', () => {
  it('that are sighted again count once, by their sequence numbers, in whatever order they come', async () => {
    const host = new AnyCapture();
    for (const sequence of [1, 2, 2, 4, 3, 4, 3, 40, 39, 40, 1]) host.wait(0.1).incoming(esp(A, B, { spi: 1, sequence }, 96), 2);
    // 1 comes from too far behind to be told.
    expect(await tunnelsOf(host)).toMatchObject([{ packets: 7 }]);
  });

  it('count again where the sender counts anew', async () => {
    const wire = new Wire().pass(
      esp(A, B, { spi: 1, sequence: 100_000 }, 96),
      esp(A, B, { spi: 1, sequence: 1 }, 96),
      esp(A, B, { spi: 1, sequence: 2 }, 96),
      esp(A, B, { spi: 1, sequence: 2 }, 96),
    );
    expect(await tunnelsOf(wire)).toMatchObject([{ packets: 3 }]);
  });

  it('in fragments keep their sizes', async () => {
    const payload = octets(be32(9), be32(1), octets(noise(1592, 1)));
    const wire = new Wire().pass(...ipv4Fragments({ from: A, to: B, protocol: 50, payload, ident: 5, df: false }, 1480));
    expect(await tunnelsOf(wire)).toMatchObject([
      { packets: 1, fragmented: 1, fragments: 2, maxOuter: 1620, bytes: 1640, maxFragment: 1500 },
    ]);
  });

  it('of AH are one association, and their inside is read', async () => {
    const tunnels = await tunnelsOf(new Wire().pass(ah(gre(A, B, inner(100)), 5, 1), ah(gre(A, B, inner(100)), 5, 2)));
    expect(tunnels).toMatchObject([
      { protocol: 'ah', id: 5, packets: 2 },
      { protocol: 'gre', packets: 2 },
    ]);
  });
});

describe('what fits through a cipher', () => {
  const lengthsOf = (lengths: readonly number[]): { residues: number; lengthChanges: number } => ({
    residues: lengths.reduce((bits, length) => bits | (1 << (length % 16)), 0),
    lengthChanges: lengths.length,
  });
  const CBC = [1, 2, 3, 4, 5, 6, 7];

  it.each([
    { name: 'AES-CBC with SHA-256', lengths: CBC.map((n) => 8 + 16 + 16 * n + 16), guess: 'AES-CBC with SHA-256' },
    { name: 'AES-CBC with SHA-1', lengths: CBC.map((n) => 8 + 16 + 16 * n + 12), guess: 'AES-CBC with SHA-1' },
    { name: 'AES-CBC with SHA-384', lengths: CBC.map((n) => 8 + 16 + 16 * n + 24), guess: 'AES-CBC with SHA-384' },
    { name: 'AES-GCM', lengths: CBC.map((n) => 8 + 8 + 4 * n + 16), guess: 'AES-GCM' },
    { name: 'lengths that are no cipher’s', lengths: CBC.map((n) => 101 + n), guess: undefined },
    { name: 'too few to tell', lengths: [40, 56], guess: undefined },
  ])('$name', ({ lengths, guess }) => expect(cipherGuess(lengthsOf(lengths))?.name).toBe(guess));

  it('is told with what was taken for granted', async () => {
    const wire = new Wire();
    for (let i = 1; i <= 10; i++) wire.pass(esp(A, B, { spi: 1, sequence: i }, 16 + 16 * i + 16));
    expect(await tunnelsOf(wire)).toMatchObject([{ innerMtu: 1438, assumed: 'AES-CBC with SHA-256, tunnel mode', maxInner: null }]);
  });
});
