import { spawnSync } from 'node:child_process';

export type Packer = (octets: Uint8Array) => Uint8Array;

/** A program that comes with the test set-up; undefined where it is missing: what needs it is skipped. */
function packer(program: string, ...args: string[]): Packer | undefined {
  if (spawnSync(program, ['--version']).status !== 0) return undefined;
  return (octets) => new Uint8Array(spawnSync(program, ['-c', ...args], { input: Buffer.from(octets), maxBuffer: 1 << 28 }).stdout);
}

export const zstd = packer('zstd', '-q');
export const pzstd = packer('pzstd', '-q', '-p', '2');
export const lz4 = packer('lz4', '-q');
export const lz4Linked = packer('lz4', '-q', '-BD', '-B4', '-BX');
