import type { Trackers } from '../track/trackers.ts';

/** What a diagnosis may look at. */
export interface Knowledge
  extends Pick<
    Trackers,
    'arp' | 'ndp' | 'icmp' | 'kinship' | 'mismatches' | 'neighbourhood' | 'ownMacs' | 'redundancy' | 'relay' | 'udp' | 'wireguard'
  > {
  /** The capture says that it lost packets: what rests on absence is less sure. */
  drops: boolean;
  /** Capture time of the last packet, in seconds. */
  end: number;
}
