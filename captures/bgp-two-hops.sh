# What the labs about a BGP peer two hops away have in common: two routers of different AS, and one that is no BGP router between them. Read after lab.sh.
#
#      east wan ──────────────── one transit two ─────────────── wan west lan
#      198.51.100.2/28          .1           .17      198.51.100.18/28   10.3.0.1/24
#      AS 64512                                                AS 64513
. "$here/../bgp.sh"

# two_hops [WORDS]…: the network; WORDS are more settings that both have for each other.
two_hops() {
  routers east transit west
  cable east wan 02:00:00:00:00:02 transit one 02:00:00:00:00:01
  cable transit two 02:00:00:00:00:11 west wan 02:00:00:00:00:12
  address east wan 198.51.100.2/28
  address transit one 198.51.100.1/28
  address transit two 198.51.100.17/28
  address west wan 198.51.100.18/28
  address west lo 10.3.0.1/24
  at east ip route add 198.51.100.16/28 via 198.51.100.1
  at west ip route add 198.51.100.0/28 via 198.51.100.17
  at transit sysctl -qw net.ipv4.icmp_ratelimit=0
  capture east wan east.pcap
  capture east any east-any.pcap
  capture transit any transit.pcap
  bgp_router west 64513 10.255.0.2 "$(bgp_neighbor 198.51.100.2 64512 passive "$@")
 address-family ipv4 unicast
  network 10.3.0.0/24"
  bgp_router east 64512 10.255.0.1 "$(bgp_neighbor 198.51.100.18 64513 "$@")"
}
