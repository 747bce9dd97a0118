import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encapsulationName } from '../../src/wire/encapsulation.ts';
import { Inner, IpProtocol, type Packet } from '../../src/wire/packet.ts';
import { Capture, Links } from '../craft/index.ts';
import { eachPacket } from '../tools/walk.ts';
import { LAYERS, type LayerKind, nestOf } from './nests.ts';

/*
 * tshark's view of nests that we made, layer by layer; without tshark these tests are skipped, and say so. It knows neither FOU nor GUE, takes the
 * cipher NULL on trust and only with an ICV of 12 octets, and does not look for frames in MPLS or in L2TPv3 whose control messages it did not see.
 */
const hasTshark = spawnSync('tshark', ['--version']).status === 0;

const UNKNOWN_TO_TSHARK = new Set<LayerKind>(['fou', 'fouGre', 'gue', 'gueDirect', 'gueGre', 'natT', 'mplsEthernet', 'l2tpv3']);
const kinds = (Object.keys(LAYERS) as LayerKind[]).filter((kind) => !UNKNOWN_TO_TSHARK.has(kind));

/** Our names as tshark's; '' for what is seen by its own header (IP in IP). */
const TSHARK_NAMES: Record<string, string> = { 'gtp-u': 'gtp', pppoe: 'pppoes', ipip: '', sit: '', '4in6': '', '6in6': '' };
const COMPARED = new Set(['ip', 'ipv6', 'udp', 'gre', 'erspan', 'vxlan', 'geneve', 'gtp', 'mpls', 'pppoes', 'l2tp', 'esp', 'ah', 'teredo']);

const VXLAN_GPE = 4790;

/** frame.protocols of each frame, as far as both know them. */
function tshark(path: string): string[] {
  const args = ['-r', path, '-n', '-o', 'esp.enable_null_encryption_decode_heuristic:TRUE', '-T', 'fields', '-e', 'frame.protocols'];
  const out = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return out
    .trimEnd()
    .split('\n')
    .map((line) => compared(line.split(':')));
}

const compared = (names: readonly string[]): string => names.filter((name) => COMPARED.has(name)).join(':');

/** A layer in tshark's words. The IP header of what ESP holds in transport mode is told once. */
function wordsOf(packet: Packet, before: number): string[] {
  const words: string[] = [];
  if (packet.version !== 0 && before !== Inner.Upper) words.push(packet.version === 4 ? 'ip' : 'ipv6');
  if (packet.transport === IpProtocol.Udp) words.push('udp');
  if (packet.inner === Inner.None) return words;
  const name = encapsulationName(packet.innerEncapsulation);
  if (name === 'erspan') words.push('gre');
  // It reads VXLAN-GPE, and leaves it out of the list.
  words.push(packet.destinationPort === VXLAN_GPE && name === 'vxlan' ? '' : (TSHARK_NAMES[name] ?? name));
  return words;
}

describe.skipIf(!hasTshark)('nests of tunnels as tshark sees them (skipped where tshark is missing)', () => {
  const nests: LayerKind[][] = [
    ...kinds.map((kind) => [kind]),
    ...kinds.flatMap((outer, i) => [
      [outer, kinds[(i * 7 + 3) % kinds.length] ?? 'gre'],
      [outer, kinds[(i * 11 + 5) % kinds.length] ?? 'gre', outer],
    ]),
  ] as LayerKind[][];

  it.each([4, 6])('over IPv%s', async (family) => {
    const capture = new Capture(Links.Ethernet);
    for (const nest of nests) capture.add(nestOf(nest, family).frame);
    const octets = capture.bytes;
    const seen: string[][] = [];
    let before: number = Inner.None;
    await eachPacket(octets, (packet) => {
      if (packet.depth === 0) seen.push([]);
      seen.at(-1)?.push(...wordsOf(packet, packet.depth === 0 ? Inner.None : before));
      before = packet.inner;
    });
    const folder = mkdtempSync(join(tmpdir(), 'fluxcap-nests-'));
    try {
      writeFileSync(join(folder, 'nests.pcap'), octets);
      const theirs = tshark(join(folder, 'nests.pcap'));
      const ours = seen.map(compared);
      expect(nests.map((nest, i) => `${nest.join(' ')}: ${ours[i]}`)).toEqual(nests.map((nest, i) => `${nest.join(' ')}: ${theirs[i]}`));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
