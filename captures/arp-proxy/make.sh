#!/bin/bash
# A router that answers ARP for the machines behind it (proxy_arp): the clients have a netmask that is too wide, and do not notice.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping' "$@"
. "$here/../arp.sh"

switches lan far
nodes client host third fourth
routers router
plug client eth0 02:00:00:00:00:10 lan
plug host eth0 02:00:00:00:00:20 lan
plug router lan0 02:00:00:00:00:01 lan
plug router far0 02:00:00:00:00:02 far
plug third eth0 02:00:00:00:00:30 far
plug fourth eth0 02:00:00:00:00:40 far
address client eth0 192.0.2.10/24
address host eth0 192.0.2.20/24
address router lan0 192.0.2.1/25
address router far0 192.0.2.129/25
address third eth0 192.0.2.130/25
address fourth eth0 192.0.2.140/25
for each in third fourth; do at $each ip route add default via 192.0.2.129; done
at router sysctl -qw net.ipv4.conf.lan0.proxy_arp=1

capture client eth0 client.pcap
capture router any router.pcap
for _ in 1 2 3; do
  at client ip neighbour flush dev eth0
  ping_once client 192.0.2.1 192.0.2.20 192.0.2.130 192.0.2.140
  # Nobody has this one; the router answers for it all the same.
  at client ping -q -c 1 -W 1 192.0.2.150 >"$tmp/ping.log" && die 1 '192.0.2.150 answers'
  pause 1
done
context router client host
captured
