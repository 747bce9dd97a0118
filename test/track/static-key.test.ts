import { describe, expect, it } from 'vitest';
import { StaticKeyCandidate } from '../../src/track/openvpn/static-key.ts';
import { noise, octets, udp } from '../craft/index.ts';
import { decodeWhole } from '../wire/layers.ts';

/* OpenVPN with a static key is what looks random in all places, in lengths of whole blocks. */

const [LOWER, UPPER] = ['192.0.2.1:4000', '198.51.100.2:5000'];
const ENOUGH = 50;

interface Sent {
  length?: (i: number) => number;
  change?: (payload: Uint8Array, i: number) => void;
  fromLower?: (i: number) => boolean;
}

/** What is said after each packet until it is said for good, and after how many that was. */
function verdict({
  length = (i) => 80 + 16 * (i % 5),
  change = () => {},
  fromLower = (i) => i % 2 === 0,
}: Sent): [boolean | undefined, number] {
  const sent = (i: number) => {
    const payload = octets(noise(length(i), i + 1));
    change(payload, i);
    return decodeWhole(udp({ from: fromLower(i) ? LOWER : UPPER, to: fromLower(i) ? UPPER : LOWER, payload }));
  };
  const candidate = new StaticKeyCandidate(sent(0), fromLower(0));
  for (let i = 0; i < ENOUGH; i++) {
    const said = candidate.add(sent(i), fromLower(i));
    if (said !== undefined) return [said, i + 1];
  }
  return [undefined, ENOUGH];
}

describe('a static key', () => {
  it('is told by fifty packets, from pings of both ends up', () => {
    // Lengths of both ends take turns, so that each has pings.
    expect(verdict({ length: (i) => 80 + 16 * ((i >> 1) % 5) })).toEqual([true, ENOUGH]);
  });

  it.each([
    { name: 'all lengths are one', sent: { length: () => 80 } },
    { name: 'one end is hardly heard', sent: { fromLower: (i: number) => i > 2 } },
    { name: 'the smallest packets of the ends differ', sent: { length: (i: number) => (i % 2 === 0 ? 80 : 96) + 16 * ((i >> 1) % 3) } },
    {
      name: 'an octet has few values',
      sent: {
        length: (i: number) => 80 + 16 * ((i >> 1) % 5),
        change: (payload: Uint8Array, i: number) => {
          payload[30] = i % 35;
        },
      },
    },
  ])('is none where $name', ({ sent }) => {
    expect(verdict(sent)).toEqual([false, ENOUGH]);
  });

  it('is none after sixteen packets where an octet hardly changes', () => {
    const change = (payload: Uint8Array, i: number): void => {
      payload[8] = i % 9;
    };
    expect(verdict({ change })).toEqual([false, 16]);
  });

  it('is none as soon as a length leaves another remainder', () => {
    expect(verdict({ length: (i) => (i === 5 ? 92 : 80) })).toEqual([false, 6]);
  });
});
