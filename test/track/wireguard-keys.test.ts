import { describe, expect, it } from 'vitest';
import { mac1KeyOf, mac1Of, parsePublicKey } from '../../src/track/wireguard/keys.ts';
import { hexOctets } from '../tools/octets.ts';

const hex = (octets: Uint8Array): string => [...octets].map((octet) => octet.toString(16).padStart(2, '0')).join('');
const ascending = (from: number, length: number): number[] => Array.from({ length }, (_, i) => (from + i) & 255);

describe('mac1 (WireGuard white paper section 5.4.4)', () => {
  const key = mac1KeyOf(Uint8Array.from(ascending(1, 32)));

  it('is keyed with the hash of label and public key', () => {
    expect(hex(key)).toBe('121b33018813efaa1d3128cdec1392897828e98831f01822c250ddfdf7090183');
  });

  it('signs an initiation up to its mac1', () => {
    expect(hex(mac1Of(key, Uint8Array.from([1, 0, 0, 0, ...ascending(4, 112)])))).toBe('91c3b32b396df30896b9c9c820aa57a8');
  });

  it('signs a response up to its mac1', () => {
    expect(hex(mac1Of(key, Uint8Array.from([2, 0, 0, 0, ...ascending(4, 56)])))).toBe('6afa0527f443c3948da8490ef630c129');
  });
});

describe('public keys as wg prints them', () => {
  it('are 32 octets in base64', () => {
    expect(parsePublicKey('AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=')).toEqual(
      hexOctets('0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'),
    );
  });
  it.each(['', 'AAAA', 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA', 'not a key at all, but of 44 characters.....!'])(
    'are nothing else: %s',
    (text) => {
      expect(parsePublicKey(text)).toBeUndefined();
    },
  );
});
