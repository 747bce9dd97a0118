import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

/** Real captures of others with what tshark says of each, beside the checkout; not part of the project. */
export const publicCaptures = resolve(root, '../shared/captures-public');
export const hasPublicCaptures = existsSync(join(publicCaptures, 'expected.json'));

/** Every capture under captures/, as path below the project. */
export const bundledCaptures = (): string[] =>
  existsSync(join(root, 'captures'))
    ? readdirSync(join(root, 'captures'), { recursive: true })
        .map(String)
        .filter((path) => /\.(pcap|pcapng)(\.gz|\.zst|\.lz4)?$/.test(path))
        .map((path) => join('captures', path))
        .sort()
    : [];

export const readOctets = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
