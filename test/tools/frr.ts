/* What FRR's `show bgp … json` says, as far as the tests read it. */

export interface FrrPath {
  bestpath?: boolean;
  selectionReason?: string;
  peerId: string;
}

export interface FrrTable {
  routerId: string;
  routes: Record<string, FrrPath[]>;
}

/** FRR's words for a step (bgpd/bgp_route.c, bgp_path_selection_reason2str), and ours. */
export const FRR_STEPS: ReadonlyMap<string, string | null> = new Map([
  ['First path received', 'only-path'],
  ['Local Pref', 'local-pref'],
  ['AS Path', 'as-path'],
  ['Origin', 'origin'],
  ['MED', 'med'],
  ['Peer Type', 'ebgp'],
  ['Confed Peer Type', 'confederation'],
  ['Older Path', 'oldest'],
  ['Router ID', 'router-id'],
  ['Cluster length', 'cluster-list'],
  ['Neighbor IP', 'neighbour-address'],
  ['Nothing left to compare', null],
]);
