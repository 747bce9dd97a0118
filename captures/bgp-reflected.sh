# What the labs about next hops behind a route reflector have in common. Read after lab.sh.
#
#      provider ── 198.51.100.0/30 ── edge ─┬─ 192.0.2.0/24 ─┬─ reflector    inner: no link to provider's network, no IGP
#      .1  AS 64513                  .2     .2               .1              .3
#                                           └────────────────┴─ inner
. "$here/../bgp.sh"

# reflected [WORDS]: the network, and BGP; WORDS are one more setting of edge for the reflector.
reflected() {
  switches switch
  routers provider edge reflector inner
  cable provider wan 02:00:00:00:01:01 edge wan 02:00:00:00:01:02
  plug reflector lan 02:00:00:00:00:01 switch
  plug edge lan 02:00:00:00:00:02 switch
  plug inner lan 02:00:00:00:00:03 switch
  address provider wan 198.51.100.1/30
  address edge wan 198.51.100.2/30
  address reflector lan 192.0.2.1/24
  address edge lan 192.0.2.2/24
  address inner lan 192.0.2.3/24
  # An iBGP route is passed on only where its next hop has a way: the reflector has one, inner has none.
  at reflector ip route add 198.51.100.0/30 via 192.0.2.2
  capture reflector lan reflector.pcap
  capture edge any edge.pcap
  capture inner lan inner.pcap
  bgp_router provider 64513 10.255.1.1 "$(bgp_neighbor 198.51.100.2 64512 passive)
 address-family ipv4 unicast
  network 203.0.113.0/24
  network 203.0.112.0/24"
  bgp_router reflector 64512 10.255.0.1 "$(bgp_neighbor 192.0.2.2 64512 passive)
$(bgp_neighbor 192.0.2.3 64512 passive)
 address-family ipv4 unicast
  neighbor 192.0.2.2 route-reflector-client
  neighbor 192.0.2.3 route-reflector-client"
  bgp_router edge 64512 10.255.0.2 "$(bgp_neighbor 198.51.100.1 64513)
$(bgp_neighbor 192.0.2.1 64512)
 address-family ipv4 unicast
  ${1:-}"
  bgp_router inner 64512 10.255.0.3 "$(bgp_neighbor 192.0.2.1 64512)
 address-family ipv4 unicast
  network 10.3.0.0/24"
  until_bgp edge 198.51.100.1 Established 20
  for each in edge inner; do until_bgp $each 192.0.2.1 Established 20; done
  until_true 20 'route at inner' frr_show inner 'bgp ipv4 unicast 203.0.113.0/24 json'
}
