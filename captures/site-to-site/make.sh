#!/bin/bash
# Two sites, and a route reflector between them: GRE in IPsec behind NAT on one side, OpenVPN with a static key on the other, BGP across both. All is well.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../ipsec.sh"
. "$here/../frr.sh"
. "$here/../site.sh"
lab_begin 120 "$ipsec_programs $frr_programs openvpn mtr /usr/bin/python3" "$@"

nodes hostus hostjp
routers us nat inet rr jp
cable hostus eth0 02:00:00:00:01:10 us lan 02:00:00:00:01:01
cable us wan 02:00:00:00:02:02 nat inside 02:00:00:00:02:01
cable nat outside 02:00:00:00:03:10 inet towardus 02:00:00:00:03:01
cable rr wan 02:00:00:00:04:02 inet towardrr 02:00:00:00:04:01
cable jp wan 02:00:00:00:05:02 inet towardjp 02:00:00:00:05:01
cable hostjp eth0 02:00:00:00:06:10 jp lan 02:00:00:00:06:01
address hostus eth0 10.1.0.10/24
address us lan 10.1.0.1/24
address us wan 192.168.1.2/24
address nat inside 192.168.1.1/24
address nat outside 203.0.113.10/24
address inet towardus 203.0.113.1/24
address inet towardrr 198.51.100.1/24
address inet towardjp 192.0.2.1/24
address rr wan 198.51.100.2/24
address jp wan 192.0.2.2/24
address jp lan 10.2.0.1/24
address hostjp eth0 10.2.0.10/24
# The ends of GRE, which is all that IPsec carries.
address us lo 10.0.7.1/32
address rr lo 10.0.7.2/32
at hostus ip route add default via 10.1.0.1
at hostjp ip route add default via 10.2.0.1
at us ip route add default via 192.168.1.1
at nat ip route add default via 203.0.113.1
at rr ip route add default via 198.51.100.1
at jp ip route add default via 192.0.2.1
at nat nft 'table ip nat { chain out { type nat hook postrouting priority srcnat; oifname "outside" masquerade; }; }'
# Both routers in the middle keep silent where a packet's time is over.
for each in rr jp; do
  at $each nft 'table ip silent { chain out { type filter hook output priority 0; icmp type time-exceeded drop; }; }'
done

ipsec_psk
for each in rr us; do ipsec_start $each 'kernel-libipsec kernel-netlink' 1; done
ipsec_connection rr 198.51.100.2 %any "$(ipsec_child gre 10.0.7.2/32 10.0.7.1/32)" rr.example us.example
ipsec_connection us 192.168.1.2 198.51.100.2 "$(ipsec_child gre 10.0.7.1/32 10.0.7.2/32)" us.example rr.example
gre rr gre-us 10.0.7.2 10.0.7.1 10.0.8.2
gre us gre-rr 10.0.7.1 10.0.7.2 10.0.8.1
openvpn --genkey secret "$tmp/static.key" >"$tmp/genkey.log"
# A static key has no handshake: this tunnel is there already when the captures begin.
static_openvpn rr tun-jp 192.0.2.2 10.0.9.2 10.0.9.1 0
static_openvpn jp tun-rr 198.51.100.2 10.0.9.1 10.0.9.2 1
for each in tun-jp tun-rr; do until_log $each.log 'Initialization Sequence Completed' 20; done
clamp us gre-rr
clamp rr gre-us
clamp jp tun-rr

capture hostus eth0 host-us.pcap
capture us wan us-wan.pcap
capture us ipsec0 us-ipsec.pcap
capture us gre-rr us-gre.pcap
capture rr wan rr-wan.pcap
capture rr any rr.pcap
capture jp tun-rr jp-tunnel.pcap
swanctl_at us --initiate --child gre
until_log rr-charon.log 'CHILD_SA gre{1} established' 10

# bgp_of NODE ROUTER-ID LINES: the configuration of one that has the routers in LINES as neighbours.
bgp_of() {
  printf '%s\n' 'frr defaults traditional' "hostname $1" 'router bgp 64512' " bgp router-id $2" ' timers bgp 3 9' "$3"
}
for each in rr us jp; do frr $each zebra "hostname $each"; done
# OpenVPN gives the reflector the other end alone, 10.0.9.1/32: the aggregate is what says to the others where next hop 10.0.9.1 is.
frr rr bgpd "$(bgp_of rr 10.255.0.2 ' neighbor 10.0.8.1 remote-as 64512
 neighbor 10.0.8.1 passive
 neighbor 10.0.9.1 remote-as 64512
 neighbor 10.0.9.1 passive
 address-family ipv4 unicast
  neighbor 10.0.8.1 route-reflector-client
  neighbor 10.0.9.1 route-reflector-client
  network 10.0.8.0/30
  network 10.0.9.1/32
  aggregate-address 10.0.9.0/30 summary-only')"
frr us bgpd "$(bgp_of us 10.255.0.1 ' neighbor 10.0.8.2 remote-as 64512
 address-family ipv4 unicast
  network 10.1.0.0/24')"
frr jp bgpd "$(bgp_of jp 10.255.0.3 ' neighbor 10.0.9.2 remote-as 64512
 address-family ipv4 unicast
  network 10.2.0.0/24')"
until_route us 10.2.0.0/24
until_route jp 10.1.0.0/24

at hostus ping -q -c 2 -i 0.3 -W 5 10.2.0.10 >"$tmp/ping.log" || die 1 'the sites do not reach each other'
transfer hostus 10.2.0.10 hostjp 3000
run hostus mtr.log mtr -n -r -c 3 -i 0.5 -G 1 10.2.0.10
grep -q '2\.|-- ???' "$tmp/mtr.log" && grep -q '4\.|-- 10\.2\.0\.10 ' "$tmp/mtr.log" || die 1 "another way: $(cat "$tmp/mtr.log")"
pause 2
context us rr jp hostus
for each in us rr; do ipsec_context $each; done
for each in us rr jp; do
  frr_show $each 'bgp ipv4 unicast json' >"$tmp/bgp-$each.json"
  context_part $each bgp <"$tmp/bgp-$each.json"
done
captured
keep bgp-us.json bgp-rr.json bgp-jp.json
