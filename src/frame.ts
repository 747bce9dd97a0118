/** Which way a packet went, as seen by the machine that captured it. */
export const Direction = { Unknown: 0, In: 1, Out: 2 } as const;

/** What a capture says of the place where packets were taken: an interface of a pcapng section, or the whole of a classic pcap file. */
export interface CaptureInterface {
  /** Equal for the same interface in several inputs and sections: same link type, id and name. Small, from 0. */
  readonly key: number;
  /** pcapng interface id within its section; null in classic pcap, which knows no interfaces. */
  readonly id: number | null;
  readonly name: string | null;
  /** LINKTYPE_ number (https://www.tcpdump.org/linktypes.html). */
  readonly linktype: number;
  /** 0: unlimited. */
  readonly snaplen: number;
  /** Digits of a second's fraction that its times deserve: 6, or 9 where its clock is finer. */
  readonly digits: number;
  /** Addresses that the capture gives this interface (pcapng if_MACaddr, if_IPv4addr, if_IPv6addr), as 48-bit integer and text. */
  readonly mac: number | null;
  readonly ips: readonly string[];
  /** How long the prefix of each of these addresses is. */
  readonly prefixLengths: readonly number[];
}

/**
 * One captured frame. A reader has a single instance and refills it: whoever needs something of it later copies the numbers out.
 * The octets stay where they are, in a buffer that the reader moves on its next step.
 */
export class Frame {
  /** Position of the input in the run, from 0. */
  input = 0;
  /** Number in the input, from 1, as Wireshark counts. */
  number = 0;
  /** Whole seconds since 1970 and nanoseconds within them; without meaning where `timed` is false (pcapng Simple Packet Block). */
  sec = 0;
  nsec = 0;
  timed = true;
  caplen = 0;
  /** Length on the wire; never below `caplen`. */
  origlen = 0;
  bytes: Uint8Array = new Uint8Array(0);
  /** Over the same octets as `bytes`, offset for offset. */
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Where in `bytes` the frame begins. */
  start = 0;
  /** LINKTYPE_ number; -1 for what is numbered but no packet (pcapng custom and journal blocks, packets of an interface never described). */
  linktype = -1;
  /** Octets of frame check sequence at the end, 0 where there are none or it is not known. */
  fcsLength = 0;
  source: CaptureInterface = UNKNOWN_INTERFACE;
  /** `Direction`, as pcapng's epb_flags say it. */
  direction = 0;
  /** ifindex and packet type (as in LINUX_SLL) of the "modified" pcap's record header; -1 elsewhere. */
  ifindex = -1;
  packetType = -1;
}

export const UNKNOWN_INTERFACE: CaptureInterface = {
  key: -1,
  id: null,
  name: null,
  linktype: -1,
  snaplen: 0,
  digits: 6,
  mac: null,
  ips: [],
  prefixLengths: [],
};

/** Gives interfaces their `key`: one for all inputs of a run, so that rotated files and several sections continue each other. */
export class InterfaceRegistry {
  private readonly keys = new Map<string, number>();

  keyOf(linktype: number, id: number | null, name: string | null): number {
    const identity = JSON.stringify([linktype, id, name]);
    const known = this.keys.get(identity);
    if (known !== undefined) return known;
    const key = this.keys.size;
    this.keys.set(identity, key);
    return key;
  }
}
