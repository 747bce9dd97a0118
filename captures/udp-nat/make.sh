#!/bin/bash
# A box does NAT in all its forms for UDP: masquerade for those inside, a port forward for those outside, and both at once for those inside that ask the
# public address. Seen on both of its sides, each packet has two faces; all is well.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'nft unbound dig socat cmp' "$@"
. "$here/../udp.sh"

switches lan
nodes client second inner remote
routers nat
plug nat lan0 02:00:00:00:01:01 lan
plug client eth0 02:00:00:00:00:10 lan
plug second eth0 02:00:00:00:00:11 lan
plug inner eth0 02:00:00:00:00:20 lan
cable nat wan0 02:00:00:00:01:02 remote eth0 02:00:00:00:00:01
address nat lan0 192.0.2.1/24
address client eth0 192.0.2.10/24
address second eth0 192.0.2.11/24
address inner eth0 192.0.2.20/24
address nat wan0 198.51.100.2/28
address remote eth0 198.51.100.1/28
for each in client second inner; do at $each ip route add default via 192.0.2.1; done
at nat nft -f - <<'END'
table ip nat {
  chain in {
    type nat hook prerouting priority dstnat
    ip daddr 198.51.100.2 udp dport 53 dnat to 192.0.2.20
    ip daddr 198.51.100.2 udp dport 7007 dnat to 192.0.2.20:7
  }
  chain out {
    type nat hook postrouting priority srcnat
    oifname "wan0" masquerade
    ip saddr 192.0.2.0/24 oifname "lan0" ct status dnat masquerade
  }
}
END
for each in inner remote; do
  unbound_server $each no
  echo_server $each ''
done

capture nat any router.pcap
capture nat lan0 inside.pcap
capture nat wan0 outside.pcap
for each in 1 2 3; do
  ask_name client 198.51.100.1 "masqueraded$each.example.net" || die 1 'the masquerade does not work'
  # Both ask from one port: behind the box, one of them has another.
  for node in client second; do ask_echo $node 198.51.100.1 7 $((20000 + each)) || die 1 "the masquerade does not work for $node"; done
  ask_name remote 198.51.100.2 "forwarded$each.example.net" || die 1 'the port forward does not work'
  ask_echo remote 198.51.100.2 7007 $((21000 + each)) || die 1 'the forward to another port does not work'
  ask_name client 198.51.100.2 "hairpin$each.example.net" || die 1 'the hairpin does not work'
  ask_echo second 198.51.100.2 7007 $((22000 + each)) || die 1 'the hairpin to another port does not work'
done
context client second inner remote nat
at nat nft -j list ruleset | context_part nat nftables
captured
