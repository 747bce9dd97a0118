#!/bin/bash
# Two hosts with one address, and a client that asks for it: behind a switch, then behind a hub, where each host hears the other one answer.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'ping arping' "$@"

switches lan
nodes client first second
plug client eth0 02:00:00:00:00:10 lan
plug first eth0 02:00:00:00:00:11 lan
plug second eth0 02:00:00:00:00:12 lan
address client eth0 192.0.2.10/24
address first eth0 192.0.2.11/24 192.0.2.5/24
address second eth0 192.0.2.12/24 192.0.2.5/24

# rounds: the client forgets, asks for all three addresses, and pings them; the shared one may well answer twice, once, or from the other host.
rounds() {
  local each
  for _ in 1 2 3 4; do
    at client ip neighbour flush dev eth0
    for each in 192.0.2.5 192.0.2.11 192.0.2.12; do
      at client ping -q -c 1 -W 2 $each >"$tmp/ping.log" || die 1 "$each does not answer"
    done
    pause 1.5
  done
}

capture client eth0 client.pcap
capture first any host.pcap
rounds
# The first host looks for a rival: an ARP probe for its own address (RFC 5227), which the second one answers.
at first arping -0 -c 2 -w 4 -I eth0 192.0.2.5 >"$tmp/arping.log" || die 1 'the second host does not answer the probe'
captured

# A switch that forgets at once where everybody is sends everything everywhere: a hub.
at lan ip link set dev switch type bridge ageing_time 0
capture first any hub-host.pcap
rounds
captured
