#!/bin/bash
# A gateway with two cards in one subnet and the kernel's ARP defaults: both cards answer for both addresses.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping' "$@"

switches lan
nodes client host printer gateway
plug gateway ethA 02:00:00:00:00:0a lan
plug gateway ethB 02:00:00:00:00:0b lan
plug client eth0 02:00:00:00:00:10 lan
plug host eth0 02:00:00:00:00:20 lan
plug printer eth0 02:00:00:00:00:30 lan
address gateway ethA 192.0.2.1/24
address gateway ethB 192.0.2.2/24
address client eth0 192.0.2.10/24
address host eth0 192.0.2.20/24
address printer eth0 192.0.2.30/24

capture client eth0 client.pcap
capture gateway any gateway.pcap
for _ in 1 2 3 4 5 6 7 8; do
  for each in client host; do at $each ip neighbour flush dev eth0; done
  for each in 192.0.2.1 192.0.2.2 192.0.2.20 192.0.2.30; do
    at client ping -q -c 1 -W 2 $each >"$tmp/ping.log" || die 1 "$each does not answer"
  done
  for each in 192.0.2.1 192.0.2.2; do
    at host ping -q -c 1 -W 2 $each >"$tmp/ping.log" || die 1 "$each does not answer"
  done
  pause 1.5
done
captured
