import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import { eachFrame, eachMerged, openOctets } from '../tools/walk.ts';

const packet = fc.record({
  sec: fc.nat(2 ** 31 - 1),
  nsec: fc.nat(999_999_999),
  octets: fc.uint8Array({ maxLength: 200 }),
  more: fc.nat(100),
});
const packets = fc
  .array(packet, { maxLength: 30 })
  .map((all) => all.map(({ more, ...each }) => ({ ...each, origlen: each.octets.length + more })));

/** pcapng whose frames come from several interfaces, a few seconds apart at most: they are put into the order of time. */
const interleaved = (all: { nsec: number; octets: Uint8Array; origlen: number }[]): Uint8Array => {
  const writer = new PcapngWriter().section();
  for (const name of ['a', 'b', 'c']) writer.interface({ linktype: 1, name });
  for (const [i, each] of all.entries()) writer.packet({ ...each, interface: each.origlen % 3, sec: 1000 + (i >> 3) + (each.nsec % 2) });
  return writer.bytes;
};

/** pcapng of one section and one interface. */
const pcapng = (all: { sec: number; nsec: number; octets: Uint8Array; origlen: number }[], littleEndian: boolean): Uint8Array => {
  const writer = new PcapngWriter(littleEndian).section().interface({ linktype: 1, name: 'eth0' });
  for (const each of all) writer.packet({ interface: 0, ...each });
  return writer.bytes;
};

async function frames(octets: Uint8Array, pieceLength?: number): Promise<string[]> {
  const input = await openOctets(octets, pieceLength);
  const seen: string[] = [];
  await eachFrame(input, ({ number, sec, nsec, caplen, origlen, bytes, start }) => {
    seen.push(`${number} ${sec}.${nsec} ${caplen} ${origlen} ${[...bytes.subarray(start, start + caplen)].join(',')}`);
  });
  return [...seen, JSON.stringify(input.problems.list), JSON.stringify([input.first, input.last, input.packets, input.bytes])];
}

describe('readers and writers', () => {
  it('agree', async () => {
    await fc.assert(
      fc.asyncProperty(packets, fc.boolean(), fc.boolean(), async (all, littleEndian, isNg) => {
        const octets = isNg ? pcapng(all, littleEndian) : writePcap({ linktype: 1, nanoseconds: true, littleEndian }, all);
        const expected = all.map(
          ({ sec, nsec, octets: data, origlen }, i) => `${i + 1} ${sec}.${nsec} ${data.length} ${origlen} ${[...data].join(',')}`,
        );
        expect((await frames(octets)).slice(0, -2)).toEqual(expected);
      }),
    );
  });

  it('give the same frames and problems however the input is cut into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(packets, fc.boolean(), fc.integer({ min: 1, max: 70 }), fc.nat(), async (all, isNg, pieceLength, cut) => {
        const whole = isNg ? pcapng(all, true) : writePcap({ linktype: 1 }, all);
        const octets = whole.subarray(0, whole.length - (cut % (whole.length + 1)));
        expect(await frames(octets, pieceLength)).toEqual(await frames(octets));
      }),
    );
  });

  it('order the frames of several interfaces alike, however the input is cut into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(packets, fc.integer({ min: 1, max: 300 }), async (all, pieceLength) => {
        const octets = interleaved(all);
        const seen = await frames(octets);
        expect(await frames(octets, pieceLength)).toEqual(seen);
        expect(
          seen
            .slice(0, -2)
            .map((line) => Number(line.split(' ')[0]))
            .sort((a, b) => a - b),
        ).toEqual(all.map((_, i) => i + 1));
      }),
    );
  });

  it('merge several inputs alike, however each is cut into pieces, and lose no frame', async () => {
    const times = fc.array(fc.nat(40), { maxLength: 25 });
    const piece = fc.integer({ min: 1, max: 400 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(times, { minLength: 2, maxLength: 4 }),
        fc.array(piece, { minLength: 4, maxLength: 4 }),
        async (all, pieceLengths) => {
          const files = all.map((seconds) => {
            // Each file in the order of its time: then the merged ones are, too.
            const inOrder = seconds.toSorted((a, b) => a - b);
            return writePcap(
              { linktype: 1 },
              inOrder.map((sec) => ({ sec, nsec: 0, octets: new Uint8Array(60), origlen: 60 })),
            );
          });
          const merged = async (lengths: readonly (number | undefined)[]): Promise<string[]> => {
            const inputs = await Promise.all(files.map((octets, i) => openOctets(octets, lengths[i], i)));
            const seen: string[] = [];
            await eachMerged(inputs, ({ index, frame }) => seen.push(`${frame.sec} ${index} ${frame.number}`));
            return seen;
          };
          const seen = await merged([]);
          expect(await merged(pieceLengths)).toEqual(seen);
          expect(seen).toEqual(
            all
              .flatMap((seconds, index) => seconds.toSorted((a, b) => a - b).map((sec, i) => ({ sec, index, number: i + 1 })))
              .sort((a, b) => a.sec - b.sec || a.index - b.index || a.number - b.number)
              .map(({ sec, index, number }) => `${sec} ${index} ${number}`),
          );
        },
      ),
    );
  });

  it('survive any damage, in any pieces, alike', async () => {
    const damage = fc.array(fc.record({ at: fc.nat(), octet: fc.nat(255) }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(packets, fc.boolean(), damage, fc.integer({ min: 1, max: 4096 }), async (all, isNg, places, pieceLength) => {
        const octets = (isNg ? pcapng(all, true) : writePcap({ linktype: 1 }, all)).slice();
        for (const { at, octet } of places) octets[at % octets.length] = octet;
        expect(await frames(octets, pieceLength)).toEqual(await frames(octets));
      }),
      { numRuns: 300 },
    );
  });

  it('survive octets that are no capture at all', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 600 }),
        fc.constantFrom('', 'd4c3b2a1', '0a0d0d0a', '1f8b08', '28b52ffd', '04224d18'),
        async (octets, magic) => {
          for (let i = 0; i < magic.length / 2 && i < octets.length; i++) octets[i] = Number.parseInt(magic.slice(2 * i, 2 * i + 2), 16);
          const input = await openOctets(octets);
          await eachFrame(input, () => {});
          expect(input.done).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
