# What the labs about BGP have in common: routers with FRR that find each other quickly. Read after lab.sh.
. "$here/../frr.sh"

# bgp_router NODE AS ID LINES: zebra and bgpd; LINES are those below `router bgp`, and what follows them. Hold time 9 s, a new try every 2 s.
bgp_router() {
  frr "$1" zebra "hostname $1"
  frr "$1" bgpd "frr defaults traditional
hostname $1
router bgp $2
 bgp router-id $3
 no bgp ebgp-requires-policy
 no bgp network import-check
 timers bgp 3 9
$4"
}

# bgp_neighbor ADDRESS AS [WORDS]…: lines of a neighbour that is tried every 2 s.
bgp_neighbor() {
  local address=$1 each
  printf ' neighbor %s remote-as %s\n neighbor %s timers connect 2\n' "$address" "$2" "$address"
  shift 2
  for each in "$@"; do printf ' neighbor %s %s\n' "$address" "$each"; done
}

# bgp_is NODE ADDRESS STATE: whether the session of NODE with ADDRESS is in this state (Established, Active, Connect, Idle …).
bgp_is() { frr_show "$1" "bgp neighbors $2" | grep "BGP state = $3"; }

# until_bgp NODE ADDRESS STATE SECONDS
until_bgp() { until_true "$4" "session of $1 with $2 $3" bgp_is "$1" "$2" "$3"; }

# until_bgp_route NODE PREFIX: waits until BGP gave it to the kernel.
until_bgp_route() { until_true 20 "route of $1 to $2" has_bgp_route "$1" "$2"; }
has_bgp_route() { at "$1" ip route show "$2" proto bgp | grep .; }

# bgp_context NODE…: what they know of themselves, and of BGP.
bgp_context() {
  local each
  context "$@"
  for each in "$@"; do frr_show "$each" 'bgp ipv4 unicast json' | context_part "$each" bgp; done
}
