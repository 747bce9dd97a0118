import type { CaptureInterface, Frame } from '../frame.ts';

/** Losses that a capture itself reports; null where it does not say. */
export interface Drops {
  /** By the operating system, for want of buffer. */
  kernel: number | null;
  /** By the interface. */
  interface: number | null;
}

/** Walks the records of one capture format inside the window that it was given. */
export interface FrameReader {
  readonly format: 'pcap' | 'pcapng';
  /** Refilled by `next`. */
  readonly frame: Frame;
  /** Interfaces in the order the capture names them. */
  readonly interfaces: readonly CaptureInterface[];
  readonly drops: Drops;
  /**
   * Goes to the next frame. False: more octets are wanted (`window.wanted`), or, once `window.ended`, all frames were given and what was left over
   * is among the problems.
   */
  next(): boolean;
  /** Position in the window of the first octet that is still needed, at most `window.start`. */
  readonly keepFrom: number;
  /** The window moved its octets to the front by `distance`. */
  moved(distance: number): void;
}
/**
 * The longest captured packet that is believed, as in libpcap and Wireshark; more means that the record header is damaged.
 * USB and D-Bus captures really hold longer ones.
 */
export const mostCaplen = (linktype: number): number => (LONG_RECORDS.has(linktype) ? 128 << 20 : 262_144);

/** LINKTYPE_USB_LINUX, USB_LINUX_MMAPPED, USBPCAP, DBUS, USB_DARWIN. */
const LONG_RECORDS = new Set([189, 220, 249, 231, 266]);
