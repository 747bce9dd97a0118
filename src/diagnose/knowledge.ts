import type { Context } from '../context/context.ts';
import type { Trackers } from '../track/trackers.ts';
import type { ExpectedVia } from './expectations.ts';

/** What a diagnosis may look at. */
export interface Knowledge
  extends Pick<
    Trackers,
    | 'answers'
    | 'arp'
    | 'bgp'
    | 'gateways'
    | 'deliveries'
    | 'handovers'
    | 'loops'
    | 'ndp'
    | 'traceroutes'
    | 'tunnelEnds'
    | 'tunnels'
    | 'openvpn'
    | 'associations'
    | 'ike'
    | 'tcp'
    | 'icmp'
    | 'igp'
    | 'interfaces'
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
  /** What the user says that routes say (`--expect-via`). */
  expectVia: readonly ExpectedVia[];
  /** The capture says that it lost packets: what rests on absence is less sure. */
  drops: boolean;
  /** Capture time of the last packet, in seconds. */
  end: number;
}
