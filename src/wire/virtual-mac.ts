import type { Mac } from '../net/mac.ts';

/** Protocols whose routers share a MAC, so that a host's gateway can change without its noticing. */
export type RedundancyProtocol = 'vrrp' | 'carp' | 'hsrp' | 'glbp' | 'nlb';

export interface VirtualMac {
  protocol: RedundancyProtocol;
  /** VRID, VHID or group number; null where the MAC holds none. */
  id: number | null;
}

/**
 * What a MAC's form says: VRRP and CARP 00:00:5e:00:01:id (IPv6 00:00:5e:00:02:id; RFC 9568 section 7.3), HSRP version 1 00:00:0c:07:ac:group
 * (RFC 2281) and version 2 00:00:0c:9f:fg:gg (IPv6 00:05:73:a0:0g:gg), GLBP 00:07:b4:0x:xx:yy (Cisco), Microsoft's NLB 02:bf and 03:bf.
 */
export function virtualMac(mac: Mac): VirtualMac | undefined {
  const high = Math.floor(mac / 2 ** 24);
  const low = mac % 2 ** 24;
  if (high === 0x00005e && (low >> 8 === 0x0001 || low >> 8 === 0x0002)) return { protocol: 'vrrp', id: low & 0xff };
  if (high === 0x00000c && low >> 8 === 0x07ac) return { protocol: 'hsrp', id: low & 0xff };
  if (high === 0x00000c && low >> 12 === 0x9ff) return { protocol: 'hsrp', id: low & 0xfff };
  if (high === 0x000573 && low >> 12 === 0xa00) return { protocol: 'hsrp', id: low & 0xfff };
  if (high === 0x0007b4 && low >> 20 === 0) return { protocol: 'glbp', id: (low >> 8) & 0x3ff };
  const first = Math.floor(mac / 2 ** 32);
  if (first === 0x02bf || first === 0x03bf) return { protocol: 'nlb', id: null };
  return undefined;
}
