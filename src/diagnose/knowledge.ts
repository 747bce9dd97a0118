import type { Context } from '../context/context.ts';
import type { Trackers } from '../track/trackers.ts';

/** What a diagnosis may look at. */
export interface Knowledge
  extends Pick<
    Trackers,
    | 'arp'
    | 'gateways'
    | 'deliveries'
    | 'ndp'
    | 'icmp'
    | 'kinship'
    | 'mismatches'
    | 'neighbourhood'
    | 'ownMacs'
    | 'redundancy'
    | 'relay'
    | 'udp'
    | 'ways'
    | 'wireguard'
  > {
  /** What hosts say of themselves; without `--context` it has no hosts. */
  context: Context;
  /** The capture says that it lost packets: what rests on absence is less sure. */
  drops: boolean;
  /** Capture time of the last packet, in seconds. */
  end: number;
}
