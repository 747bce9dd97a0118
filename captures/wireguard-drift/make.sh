#!/bin/bash
# L2, behind NAT, is connected to the first address of L1. After an outage of more than three minutes L1 asks from its second address, and L2 follows.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 360 'wireguard-go wg nft ping' "$@"
. "$here/../wireguard.sh"

uplinks 2 nat l1
default_by 2 l1
nodes l2
cable l2 eth0 02:00:00:00:00:20 nat lan 02:00:00:00:00:21
address l2 eth0 192.168.1.2/24
address nat lan 192.168.1.1/24
at l2 ip route add default via 192.168.1.1
nat nat eth0
at nat nft 'table ip forward { chain in { type nat hook prerouting priority dstnat; fib daddr type local udp dport 12345 dnat to 192.168.1.2; }; }'

wg_keys L1 L2
wg_start l1 L1 10.9.0.1/24 12345
wg_start l2 L2 10.9.0.2/24 12345
wg_peer l1 L1 L2 allowed-ips 10.9.0.2/32
wg_peer l2 L2 L1 allowed-ips 10.9.0.1/32 endpoint 198.51.100.2:12345

capture l2 eth0 l2.pcap 'udp port 12345 or icmp'
capture l1 any l1.pcap 'udp port 12345 or icmp'
at l2 ping -q -c 3 10.9.0.1 >"$tmp/ping.log" || die 1 'the tunnel does not carry'
spawn l1 l1-ping.log ping -q -i 3 10.9.0.2
spawn l2 l2-ping.log ping -q -i 3 10.9.0.1
pause 12

say 'the outage begins, for more than three minutes'
at inet nft 'table ip outage { chain cut { type filter hook forward priority 0; drop; }; }'
pause 197
# Both ends try every five seconds now. Just after a try of L2 it is the turn of L1.
tries() { grep -c 'Sending handshake initiation' "$tmp/L2.log" || true; }
before=$(tries)
until [ "$(tries)" -gt "$before" ]; do pause 0.05; done
pause 0.4
say 'the outage ends'
at inet nft delete table ip outage
pause 25

at l2 wg show "$(wg_card L2)" endpoints | grep -q '198.51.100.18:12345' || die 1 'L2 did not follow to the second address'
captured
cp "$tmp/peers.txt" "$out/peers.txt"
