import { CaptureInput } from '../../src/capture/input.ts';
import { MergedInputs } from '../../src/capture/merge.ts';
import { nodeUnpackers } from '../../src/capture/node/unpackers.ts';
import { MemorySource } from '../../src/capture/source.ts';
import { type Frame, InterfaceRegistry, UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { decode, decodeInner } from '../../src/wire/decode.ts';
import { Packet } from '../../src/wire/packet.ts';

/** Opens octets as an input that hands them out in pieces of this length. */
export async function openOctets(octets: Uint8Array, pieceLength?: number, index = 0): Promise<CaptureInput> {
  const open = () => new MemorySource(octets, pieceLength);
  const input = new CaptureInput({ path: 'memory', index, open, registry: new InterfaceRegistry(), unpackers: nodeUnpackers() });
  await input.open();
  return input;
}

/** Every frame of an input, in the order it gives them. */
export async function eachFrame(input: CaptureInput, visit: (frame: Frame) => void): Promise<void> {
  while (!input.done) {
    while (input.next()) visit(input.frame);
    if (!input.done) await input.fill();
  }
  await input.close();
}

/** Every frame of several inputs as one timeline. */
export async function eachMerged(inputs: readonly CaptureInput[], visit: (input: CaptureInput) => void): Promise<void> {
  const merged = new MergedInputs(inputs);
  for (;;) {
    for (let input = merged.next(); input; input = merged.next()) visit(input);
    const { starving } = merged;
    if (!starving) break;
    await starving.fill();
  }
  for (const input of inputs) await input.close();
}

/** Every layer of every frame: `visit` is called with the outermost packet, then with each one inside. */
export async function eachPacket(octets: Uint8Array, visit: (packet: Packet, frame: Frame) => void): Promise<CaptureInput> {
  const input = await openOctets(octets);
  const packet = new Packet(UNKNOWN_INTERFACE);
  await eachFrame(input, (frame) => {
    if (!decode(packet, frame)) return;
    do visit(packet, frame);
    while (decodeInner(packet));
  });
  return input;
}
