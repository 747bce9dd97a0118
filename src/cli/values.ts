import { type ExpectedVia, parseExpectedVia } from '../diagnose/expectations.ts';
import { canonicalIp } from '../net/ip.ts';
import { type KnownPeer, parsePublicKey } from '../track/wireguard/keys.ts';
import { UsageError } from './io.ts';

/** The addresses of `--local`, in canonical form. */
export function parseLocal(given: readonly string[] | undefined): string[] {
  return (given ?? [])
    .flatMap((each) => each.split(','))
    .map((text) => {
      const ip = canonicalIp(text.trim());
      if (ip === undefined) throw new UsageError(`--local: expected an IP address, got "${text}"`);
      return ip;
    });
}

/** The peers of `--wg-peer`. */
export function parsePeers(given: readonly string[] | undefined): KnownPeer[] {
  return (given ?? []).map((text) => {
    const [, name, key] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    const publicKey = key === undefined ? undefined : parsePublicKey(key);
    if (!name || !publicKey) throw new UsageError(`--wg-peer: expected NAME=PUBLICKEY with a key of 44 base64 characters, got "${text}"`);
    return { name, publicKey };
  });
}

/** The expectations of `--expect-via`. */
export function parseExpectVia(given: readonly string[] | undefined): ExpectedVia[] {
  return (given ?? []).map((text) => {
    const parsed = parseExpectedVia(text);
    if (typeof parsed === 'string') throw new UsageError(`--expect-via: ${parsed}, got "${text}"`);
    return parsed;
  });
}

/** `--max-records`: a whole number. */
export function parseMaxRecords(given: string): number {
  const most = given.trim() === '' ? Number.NaN : Number(given);
  if (!Number.isSafeInteger(most) || most < 0) throw new UsageError(`--max-records: expected a whole number from 0 up, got "${given}"`);
  return most;
}
