import { Encapsulation } from './encapsulation.ts';
import { Inner, type Packet } from './packet.ts';
import { isWholeEthernet } from './proof.ts';
import { isIpVersion, leadWithId } from './tunnel.ts';

const ENTRY = 4;
const BOTTOM = 0x100;
const CONTROL_WORD = 4;
/** Far more than any network pushes; a crafted stack ends here. */
const MOST_LABELS = 16;

/**
 * MPLS (RFC 3032): labels to the bottom of the stack; what follows is guessed by its first octet, as every router does, but for a whole Ethernet
 * frame, whose MAC begins like anything. Its id is the bottom label.
 */
export function decodeMpls(packet: Packet, at: number): void {
  const { view } = packet;
  let next = at;
  for (let i = 0; i < MOST_LABELS; i++) {
    if (!packet.has('mpls', next, ENTRY)) return;
    const entry = view.getUint32(next);
    next += ENTRY;
    if (!(entry & BOTTOM)) continue;
    if (!packet.has('mpls', next, 1)) return;
    const nibble = view.getUint8(next) >> 4;
    const label = entry >>> 12;
    if (isWholeEthernet(view, next, packet.end, packet.capturedEnd)) leadWithId(packet, Inner.Ethernet, next, Encapsulation.Mpls, label);
    else if (isIpVersion(nibble)) leadWithId(packet, Inner.Ip, next, Encapsulation.Mpls, label);
    // A pseudowire control word (RFC 4385), with Ethernet behind it in practice.
    else if (nibble === 0) leadWithId(packet, Inner.Ethernet, next + CONTROL_WORD, Encapsulation.Mpls, label);
    return;
  }
  packet.halt('malformed', 'mpls', next);
}
