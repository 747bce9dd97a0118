import { analyzeSources, MemorySource } from '../../src/core.ts';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import type { OpenVpnSession } from '../../src/track/openvpn/session.ts';
import { OpenVpnTracker } from '../../src/track/openvpn/tracker.ts';
import { decode } from '../../src/wire/decode.ts';
import { openVpnOpcodeName } from '../../src/wire/openvpn-packet.ts';
import { IpProtocol, Packet } from '../../src/wire/packet.ts';
import { eachFrame, openOctets } from './walk.ts';

/** The records of OpenVPN in a capture, by first frame. */
export async function openVpnSessions(bytes: Uint8Array): Promise<OpenVpnSession[]> {
  const analysis = await analyzeSources([{ path: 'capture', open: () => new MemorySource(bytes) }], { records: new Set(['openvpn']) });
  return [...analysis.records.kept.openvpn].sort((a, b) => a.first.frame - b.first.frame);
}

/** A tracker of its own after all UDP packets of a capture, as flows of OpenVPN; how many records it gave. */
export async function trackedOpenVpn(bytes: Uint8Array): Promise<{ tracker: OpenVpnTracker; packet: Packet; records: number }> {
  const packet = new Packet(UNKNOWN_INTERFACE);
  let records = 0;
  const tracker = new OpenVpnTracker(packet, {
    session: (make) => {
      make();
      records++;
    },
  });
  const input = await openOctets(bytes);
  await eachFrame(input, (frame) => {
    if (decode(packet, frame) && packet.transport === IpProtocol.Udp) tracker.observe(packet);
  });
  tracker.finish();
  return { tracker, packet, records };
}

/** How many packets there are of each opcode. */
export const opcodesOf = ({ opcodes }: OpenVpnSession): Record<string, number> =>
  Object.fromEntries([...opcodes].map(([opcode, count]) => [openVpnOpcodeName(opcode), count]));
