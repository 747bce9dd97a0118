# What the labs about BGP peers that do not come up have in common: a router with four neighbours on one LAN. Read after lab.sh.
#
#      hub lan 192.0.2.1 ───┬─ good    192.0.2.2  AS 64513
#      AS 64512             ├─ renamed 192.0.2.3  AS 64514
#                           ├─ empty   192.0.2.4
#                           └─ dark    192.0.2.5  AS 64516
. "$here/../bgp.sh"

# peers: the network, and good, with which all is well.
peers() {
  local each last=1
  switches switch
  routers hub good renamed empty dark
  for each in hub good renamed empty dark; do
    plug $each lan 02:00:00:00:00:0$last switch
    address $each lan 192.0.2.$last/24
    last=$((last + 1))
  done
  capture hub lan hub.pcap
  peer good 64513 2
}

# peer NODE AS LAST: its BGP, which waits for the hub to connect.
peer() {
  bgp_router "$1" "$2" "10.255.0.$3" "$(bgp_neighbor 192.0.2.1 64512 passive)
 address-family ipv4 unicast
  network 10.$3.0.0/24"
}

# hub AS: its BGP; it takes `renamed` to have this AS.
hub() {
  bgp_router hub 64512 10.255.0.1 "$(
    bgp_neighbor 192.0.2.2 64513
    bgp_neighbor 192.0.2.3 "$1"
    bgp_neighbor 192.0.2.4 64515
    bgp_neighbor 192.0.2.5 64516
  )"
  until_bgp hub 192.0.2.2 Established 20
}
