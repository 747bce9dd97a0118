#!/bin/bash
# The gateway of arp-flux with its ARP sysctls set: each card answers for its own address. Then with source rules too: each answers by its own card.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'ping' "$@"

switches lan
nodes client host printer gateway
at gateway sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
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

# rounds CLIENT-FILE GATEWAY-FILE: the same questions and pings as in arp-flux.
rounds() {
  local each
  at gateway ip neighbour flush all
  capture client eth0 "$1"
  capture gateway any "$2"
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
}

rounds client.pcap gateway.pcap

at gateway ip route add 192.0.2.0/24 dev ethA src 192.0.2.1 table 101
at gateway ip route add 192.0.2.0/24 dev ethB src 192.0.2.2 table 102
at gateway ip rule add from 192.0.2.1 lookup 101
at gateway ip rule add from 192.0.2.2 lookup 102
rounds rules-client.pcap rules-gateway.pcap
