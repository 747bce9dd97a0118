import { type CaptureInterface, Direction } from '../frame.ts';
import { type Mac, readMac } from '../net/mac.ts';
import { hardwareOf } from '../wire/layer3.ts';
import { linktypeName } from '../wire/linktype.ts';
import { type Packet, PacketType } from '../wire/packet.ts';
import { type CaptureFile, CaptureFiles } from './capture-files.ts';

/** What names an interface in records: SLL2's ifindex, else the pcapng interface id; name null where unknown. */
export interface InterfaceName {
  index: number;
  name: string | null;
}

/** An interface of the observed host, or the one place that a capture without interfaces has. */
export interface ObservedInterface {
  /** Small, from 0, in the order of appearance: what other trackers put into their keys. */
  readonly id: number;
  /** Of its first frame: several inputs may show one interface. */
  readonly input: number;
  /** Null where the capture knows no interfaces. */
  readonly name: InterfaceName | null;
  readonly linktype: string;
  /** ARPHRD_ number of LINUX_SLL2; -1 elsewhere. */
  readonly hardware: number;
  /** What the capture says of its addresses. */
  readonly addresses: readonly string[];
  readonly prefixLengths: readonly number[];
  /** As the capture says it; -1 where it does not. */
  readonly mac: Mac;
  /** The MAC with which the capturing host sends by it, where the capture tells directions; -1 where it is not known. */
  ownMac: Mac;
  packets: number;
  /** Frames that came in and went out, where the capture says it. */
  in: number;
  out: number;
}

/** Far more than any host has. */
const MOST_INTERFACES = 16_384;
/** More than there are values of `CaptureInterface.key`. */
const MOST_KEYS = 2 ** 32;

/** Counts what passed on each interface and gives interfaces their ids. */
export class InterfaceTracker {
  private readonly known: ObservedInterface[] = [];
  private readonly captures: CaptureFiles;
  /** By capture and `CaptureInterface.key`, then by ifindex. */
  private readonly bySource = new Map<number, Map<number, ObservedInterface>>();
  private lastSource: CaptureInterface | undefined;
  private lastIndex = -1;
  private last: ObservedInterface | undefined;
  private readonly nameOfIndex: (index: number) => string | null;

  /**
   * @param nameOfIndex what the machine that captures calls an ifindex of LINUX_SLL2; null where that is not known
   * @param inputs all of the run: two hosts have interfaces with the same numbers
   */
  constructor(nameOfIndex: (index: number) => string | null = () => null, inputs: readonly CaptureFile[] = []) {
    this.nameOfIndex = nameOfIndex;
    this.captures = new CaptureFiles(inputs, (capture, absorbed) => this.join(capture, absorbed));
  }

  /** Counts the frame and gives the packet its `interfaceId`. Called once for each frame. */
  observe(packet: Packet): void {
    const { source, ifindex } = packet;
    const observed = this.last && this.lastSource === source && this.lastIndex === ifindex ? this.last : this.lookUp(packet);
    observed.packets++;
    if (packet.direction === Direction.In) {
      if (packet.packetType !== PacketType.OtherHost) observed.in++;
    } else if (packet.direction === Direction.Out) {
      observed.out++;
      if (observed.ownMac < 0) learnMac(observed, packet);
    }
    packet.interfaceId = observed.id;
  }

  /** The interface of the packet that was observed last, or before, by the id it was given. */
  of({ interfaceId }: Packet): ObservedInterface {
    const observed = this.known[interfaceId];
    if (!observed) throw new Error(`no interface has the id ${interfaceId}`);
    return observed;
  }

  /** Asks again for names that were not known: an interface may be younger than the list of names. */
  nameAgain(): void {
    for (const { name } of this.known) if (name && name.name === null) name.name = this.nameOfIndex(name.index);
  }

  /** Each by its id. An interface of which a file was first taken for another capture's is there twice. */
  get list(): readonly ObservedInterface[] {
    return this.known;
  }

  /** Each once. */
  get distinct(): readonly ObservedInterface[] {
    return [...new Set(this.known)];
  }

  /** Those of which the capture gives the ifindex that they have at the host (LINUX_SLL2), with the MACs that it shows of them. */
  get indexed(): { capture: number; index: number; ownMac: Mac }[] {
    return [...this.bySource].flatMap(([key, indices]) =>
      [...indices.values()].flatMap(({ linktype, name, ownMac }) =>
        linktype === SLL2 && name ? [{ capture: Math.floor(key / MOST_KEYS), index: name.index, ownMac }] : [],
      ),
    );
  }

  private lookUp(packet: Packet): ObservedInterface {
    const { source, ifindex, input, at } = packet;
    // A pcapng interface called "any" holds many of the host's interfaces: the index is what tells them apart.
    const indices = this.indicesOf(this.captures.of(input, at) * MOST_KEYS + source.key);
    let observed = indices.get(ifindex);
    if (!observed) {
      // A capture with more interfaces is forged: what comes after counts to the last one.
      observed = (this.known.length >= MOST_INTERFACES && this.known.at(-1)) || this.meet(packet);
      if (this.known.length < MOST_INTERFACES) indices.set(ifindex, observed);
    }
    this.lastSource = source;
    this.lastIndex = ifindex;
    this.last = observed;
    return observed;
  }

  private indicesOf(key: number): Map<number, ObservedInterface> {
    const known = this.bySource.get(key);
    if (known) return known;
    const indices = new Map<number, ObservedInterface>();
    this.bySource.set(key, indices);
    return indices;
  }

  /** What was seen of a file that continues a capture is the capture's; the ids that its first frames had stay valid. */
  private join(capture: number, absorbed: number): void {
    for (const [key, indices] of this.bySource) {
      if (Math.floor(key / MOST_KEYS) !== absorbed) continue;
      this.bySource.delete(key);
      const kept = this.indicesOf((capture - absorbed) * MOST_KEYS + key);
      for (const [ifindex, observed] of indices) {
        const same = kept.get(ifindex);
        if (same) this.replace(observed, same);
        else kept.set(ifindex, observed);
      }
    }
    this.last = undefined;
  }

  private replace(observed: ObservedInterface, by: ObservedInterface): void {
    by.packets += observed.packets;
    by.in += observed.in;
    by.out += observed.out;
    this.known[observed.id] = by;
  }

  private meet(packet: Packet): ObservedInterface {
    const { source, ifindex, input } = packet;
    const observed = {
      id: this.known.length,
      input,
      name: this.nameOf(source, ifindex),
      linktype: linktypeName(source.linktype),
      hardware: ifindex < 0 ? -1 : hardwareOf(packet),
      addresses: ifindex < 0 ? source.ips : [],
      prefixLengths: ifindex < 0 ? source.prefixLengths : [],
      mac: (ifindex < 0 ? source.mac : null) ?? -1,
      ownMac: -1,
      packets: 0,
      in: 0,
      out: 0,
    };
    this.known.push(observed);
    return observed;
  }

  /** SLL2 gives an index and no name. The name that pcapng has is that of the whole capture, or, in evidence that was written so, of the card. */
  private nameOf(source: CaptureInterface, ifindex: number): InterfaceName | null {
    if (ifindex >= 0)
      return { index: ifindex, name: source.name === ALL ? this.nameOfIndex(ifindex) : (source.name ?? this.nameOfIndex(ifindex)) };
    return source.id === null ? null : { index: source.id, name: source.name };
  }
}

function learnMac(observed: ObservedInterface, { view, ethernetAt, senderMacAt }: Packet): void {
  const at = ethernetAt >= 0 ? ethernetAt + 6 : senderMacAt;
  if (at >= 0) observed.ownMac = readMac(view, at);
}

const SLL2 = 'LINUX_SLL2';

/** What libpcap calls all interfaces at once. */
const ALL = 'any';
