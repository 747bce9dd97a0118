# What the labs about BGP over a path with a narrow link have in common: two routers, a router between, and a table that fills several packets. Read after lab.sh.
#
#      left wan ──────────── one narrow two ──────────── wan right
#      198.51.100.2/28      .1  MTU 1400  .17        198.51.100.18/28
. "$here/../bgp.sh"

# long_way: the network; the router between has a card of 1400 octets towards right.
long_way() {
  routers left narrow right
  cable left wan 02:00:00:00:00:02 narrow one 02:00:00:00:00:01
  cable narrow two 02:00:00:00:00:11 right wan 02:00:00:00:00:12
  address left wan 198.51.100.2/28
  address narrow one 198.51.100.1/28
  address narrow two 198.51.100.17/28
  address right wan 198.51.100.18/28
  at narrow ip link set dev two mtu 1400
  at left ip route add 198.51.100.16/28 via 198.51.100.1
  at right ip route add 198.51.100.0/28 via 198.51.100.17
  # The same on every machine, whatever its administrator prefers.
  for each in left right; do at $each sysctl -qw net.ipv4.tcp_mtu_probing=0 net.ipv4.tcp_congestion_control=reno; done
  # The port of a connection names what is found: of two the kernel takes the even one first.
  at left sysctl -qw net.ipv4.ip_local_port_range='40000 40001'
  capture left wan left.pcap
  capture right wan right.pcap
}

# long_way_bgp: iBGP; left announces 400 prefixes, which do not fit into one packet.
long_way_bgp() {
  local i networks=''
  for ((i = 0; i < 400; i++)); do networks+="
  network 10.$((100 + i / 256)).$((i % 256)).0/24"; done
  bgp_router right 64512 10.255.0.2 "$(bgp_neighbor 198.51.100.2 64512 passive)"
  bgp_router left 64512 10.255.0.1 "$(bgp_neighbor 198.51.100.18 64512)
 address-family ipv4 unicast$networks"
}
