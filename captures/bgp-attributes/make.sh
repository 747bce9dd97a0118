#!/bin/bash
# One router and six neighbours that say all that BGP can say: every attribute, both families, path identifiers, AS numbers of two and of four octets, a confederation.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp.sh"
lab_begin 180 "$frr_programs" "$@"

switches switch
routers hub upa upb old cla clb cona conb
last=0
for each in hub upa upb old cla clb cona conb; do
  last=$((last + 1))
  plug $each lan 02:00:00:00:00:0$last switch
  address $each lan 192.0.2.$last/24
done
for each in hub:1 clb:6; do
  at ${each%:*} sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.lan.disable_ipv6=0 net.ipv6.conf.lan.accept_ra=0 net.ipv6.conf.all.forwarding=1
  at ${each%:*} ip address add 2001:db8::${each#*:}/64 dev lan nodad
done
capture hub lan hub.pcap
capture conb lan conb.pcap

# A speaker of 1995: no capabilities, AS numbers of two octets.
bgp_router old 64515 10.255.0.4 "$(bgp_neighbor 192.0.2.1 64512 passive dont-capability-negotiate)
 address-family ipv4 unicast
  network 10.4.0.0/24"
bgp_router upa 64513 10.255.0.2 "$(bgp_neighbor 192.0.2.1 64512 passive)
 address-family ipv4 unicast
  network 10.2.1.0/24 route-map tagged
  network 10.2.2.0/24 route-map long
  network 10.2.3.0/24
  network 10.64.1.0/24
  network 10.65.1.0/24
  network 10.100.1.0/24 route-map far
  network 10.100.2.0/24
route-map tagged permit 10
 set community 64513:100 65535:0 no-peer
 set extcommunity rt 64513:7 192.0.2.2:8
 set extcommunity soo 4200000001:9
 set large-community 64513:1:2 4294967295:4294967295:0
 set metric 50
route-map long permit 10
 set as-path prepend 64513 64513 64513
 set origin incomplete
route-map far permit 10
 set metric 520"
bgp_router upb 4200000001 10.255.0.3 "$(bgp_neighbor 192.0.2.1 64512 passive)
 address-family ipv4 unicast
  network 10.64.2.0/24
  network 10.65.2.0/24
  network 10.66.1.0/24
  aggregate-address 10.66.0.0/16 summary-only
  network 10.100.1.0/24 route-map near
  network 10.100.2.0/24 route-map long
route-map near permit 10
 set metric 510
route-map long permit 10
 set as-path prepend 4200000001"
bgp_router cla 64512 10.255.0.5 "$(bgp_neighbor 192.0.2.1 64512 passive)
 address-family ipv4 unicast
  network 10.5.0.0/24
  network 10.100.1.0/24"
bgp_router clb 64512 10.255.0.6 "$(bgp_neighbor 2001:db8::1 64512 passive 'capability extended-nexthop')
 address-family ipv4 unicast
  neighbor 2001:db8::1 activate
  network 10.6.0.0/24
 exit-address-family
 address-family ipv6 unicast
  neighbor 2001:db8::1 activate
  network 2001:db8:6::/48
 exit-address-family
 address-family ipv4 vpn
  neighbor 2001:db8::1 activate"
# AS 64516 for all others, 65001 and 65002 within.
bgp_router cona 65001 10.255.0.7 " bgp confederation identifier 64516
 bgp confederation peers 65002
$(bgp_neighbor 192.0.2.1 64512 passive)
$(bgp_neighbor 192.0.2.8 65002)
 address-family ipv4 unicast
  network 10.7.0.0/24"
bgp_router conb 65002 10.255.0.8 " bgp confederation identifier 64516
 bgp confederation peers 65001
$(bgp_neighbor 192.0.2.7 65001 passive)
 address-family ipv4 unicast
  network 10.8.0.0/24"
bgp_router hub 64512 10.255.0.1 "$(
  bgp_neighbor 192.0.2.2 64513
  bgp_neighbor 192.0.2.3 4200000001
  bgp_neighbor 192.0.2.4 64515 dont-capability-negotiate
  bgp_neighbor 192.0.2.5 64512
  bgp_neighbor 2001:db8::6 64512 'capability extended-nexthop'
  bgp_neighbor 192.0.2.7 64516
)
 address-family ipv4 unicast
  network 10.1.0.0/24
  aggregate-address 10.64.0.0/16 as-set summary-only
  aggregate-address 10.65.0.0/16 summary-only
  neighbor 192.0.2.2 route-map preferred in
  neighbor 192.0.2.5 route-reflector-client
  neighbor 192.0.2.5 next-hop-self force
  neighbor 192.0.2.5 addpath-tx-all-paths
  neighbor 2001:db8::6 activate
  neighbor 2001:db8::6 route-reflector-client
  neighbor 2001:db8::6 next-hop-self force
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:1::/48
  neighbor 2001:db8::6 activate
 exit-address-family
 address-family ipv4 vpn
  network 10.200.0.0/24 rd 64512:200 label 300
  network 10.201.0.0/24 rd 192.0.2.1:201 label 301
  neighbor 2001:db8::6 activate
 exit-address-family
ip prefix-list preferred permit 10.2.2.0/24
route-map preferred permit 10
 match ip address prefix-list preferred
 set local-preference 200
route-map preferred permit 20"

for each in 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 2001:db8::6 192.0.2.7; do until_bgp hub $each Established 20; done
until_bgp conb 192.0.2.7 Established 20
# What comes from the farthest has come everywhere.
has_route() { frr_show "$1" "bgp ipv4 unicast $2 json" | grep paths; }
for each in old cla clb conb; do until_true 20 "10.66.0.0/16 at $each" has_route $each 10.66.0.0/16; done
until_true 20 '10.8.0.0/24 at cla' has_route cla 10.8.0.0/24
until_true 20 '10.6.0.0/24 at conb' has_route conb 10.6.0.0/24
pause 2
# A withdrawal, a prefix that changes, and both ways to ask for all of it again.
private_at upa vtysh -c 'configure terminal' -c 'router bgp 64513' -c 'address-family ipv4 unicast' -c 'no network 10.2.3.0/24' \
  -c 'network 10.2.1.0/24 route-map far'
private_at clb vtysh -c 'configure terminal' -c 'router bgp 64512' -c 'address-family ipv6 unicast' -c 'no network 2001:db8:6::/48'
is_gone() { ! has_route "$1" "$2"; }
until_true 20 '10.2.3.0/24 gone at conb' is_gone conb 10.2.3.0/24
private_at cla vtysh -c 'clear bgp ipv4 unicast 192.0.2.1 soft in'
private_at hub vtysh -c 'clear bgp ipv4 unicast 192.0.2.5 soft out'
pause 2
context hub conb
for each in hub cla clb conb old; do frr_show $each 'bgp ipv4 unicast json' >"$tmp/bgp-$each.json"; done
for each in hub conb; do context_part $each bgp <"$tmp/bgp-$each.json"; done
captured
for each in hub cla clb conb old; do keep bgp-$each.json; done
