# What the labs about BGP over a GRE tunnel have in common: two sites, and a network behind the card that bears the end of the tunnel. Read after lab.sh.
#
#      left wan ─────────────── one inet two ─────────────── wan right
#      192.0.2.2/28            .1        .1          203.0.113.2/24, also right's office
#      gre-right 10.0.8.1/30 ═══════════ GRE, key 42 ═══════════ gre-left 10.0.8.2/30
#      AS 64512                                                    AS 64513
. "$here/../bgp.sh"
. "$here/../site.sh"

# over_gre: the network and the tunnel; left reaches the other end by its default route.
over_gre() {
  routers left inet right
  cable left wan 02:00:00:00:00:02 inet one 02:00:00:00:00:01
  cable inet two 02:00:00:00:00:11 right wan 02:00:00:00:00:12
  address left wan 192.0.2.2/28
  address inet one 192.0.2.1/28
  address inet two 203.0.113.1/24
  address right wan 203.0.113.2/24
  at left ip route add default via 192.0.2.1
  at right ip route add default via 203.0.113.1
  gre left gre-right 192.0.2.2 203.0.113.2 10.0.8.1
  gre right gre-left 203.0.113.2 192.0.2.2 10.0.8.2
  capture left wan left-wan.pcap
  # Packets that are sent into the tunnel again and again grow each time; their beginnings are enough.
  capture left gre-right left-gre.pcap -s 256
  capture right any right.pcap
}

# over_gre_bgp: right announces the network in which its end of the tunnel is.
over_gre_bgp() {
  bgp_router right 64513 10.255.0.2 "$(bgp_neighbor 10.0.8.1 64512 passive)
 address-family ipv4 unicast
  network 203.0.113.0/24"
  bgp_router left 64512 10.255.0.1 "$(bgp_neighbor 10.0.8.2 64513)"
}
