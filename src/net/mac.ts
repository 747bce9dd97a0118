/** A MAC address as one integer of 48 bits, first octet most significant: it compares with `===` and serves as a Map key. */
export type Mac = number;

export const BROADCAST_MAC: Mac = 0xffff_ffff_ffff;

/** Reads the six octets at `at` of `view`. The caller has made sure that they are there. */
export const readMac = (view: DataView, at: number): Mac => view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);

/** Lower case with colons: `02:00:00:00:00:0a`. */
export const macText = (mac: Mac): string =>
  mac
    .toString(16)
    .padStart(12, '0')
    .replace(/(..)(?!$)/g, '$1:');

/** The MAC that `text` names, with colons, dashes or dots; undefined where it names none. */
export function parseMac(text: string): Mac | undefined {
  const digits = text.replace(/[:.-]/g, '');
  return /^[0-9a-f]{12}$/i.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

/** Broadcast and multicast: the lowest bit of the first octet is set (IEEE 802). */
export const isGroupMac = (mac: Mac): boolean => Math.floor(mac / 2 ** 40) % 2 === 1;

/** The first five octets are equal, the last ones differ by one: ports of one card often do. Proves nothing by itself. */
export const areAdjacentMacs = (a: Mac, b: Mac): boolean => Math.abs(a - b) === 1;

/**
 * The MAC that an IPv6 interface identifier of the modified EUI-64 form holds (RFC 4291 appendix A), or undefined.
 * @param high the upper 32 bits of the identifier, unsigned
 * @param low the lower 32 bits
 */
export function macOfEui64(high: number, low: number): Mac | undefined {
  const holdsFffe = (high & 0xff) === 0xff && low >>> 24 === 0xfe;
  if (!holdsFffe) return undefined;
  return ((high >>> 8) ^ 0x020000) * 2 ** 24 + (low & 0xffffff);
}
