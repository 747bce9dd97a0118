import { Encapsulation } from '../../wire/encapsulation.ts';
import type { QuotedPacket } from '../../wire/icmp.ts';
import type { Packet } from '../../wire/packet.ts';

/** Encapsulations whose id names an overlay, and is one in both directions; a label, a TEID or a session id may be a new one each time. */
const OVERLAYS: readonly number[] = [Encapsulation.Gre, Encapsulation.Vxlan, Encapsulation.Geneve];
const INNERMOST = 0xf;

/**
 * Where a segment is sighted, as a number: tunnels, overlay and VLANs around it and, as link-local addresses mean something on their link alone, their interface. Two
 * sessions between the same addresses are in different lanes. One session may be sighted in several.
 */
export function laneOf({ path, tunnelId, vlanCount, vlans, interfaceId }: Packet, isLinkLocal: boolean): number {
  let lane = mix(path, OVERLAYS.includes(path & INNERMOST) ? tunnelId : 0);
  for (let i = 0; i < vlanCount; i++) lane = mix(lane, (vlans[i] ?? 0) + 1);
  return isLinkLocal ? mix(lane, -1 - interfaceId) : lane;
}

const LINK_LOCAL = 0xfe80;
const PREFIX = 0xffc0;

/** Its source is in fe80::/10: so is then its destination. */
export const isLinkLocal = ({ version, view, ipAt }: Packet | QuotedPacket): boolean =>
  version === 6 && (view.getUint16(ipAt + 8) & PREFIX) === LINK_LOCAL;

const mix = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
};
