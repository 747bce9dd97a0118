#!/bin/bash
# Two hosts with one address, and a client that asks for it: behind a switch, then behind a hub, where each host hears the other one answer.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'ping busybox' "$@"
. "$here/../arp.sh"

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
  for _ in 1 2 3 4; do
    at client ip neighbour flush dev eth0
    ping_once client 192.0.2.5 192.0.2.11 192.0.2.12
    pause 1.5
  done
}

capture client eth0 client.pcap
capture first any host.pcap
rounds
# The first host looks for a rival: an ARP probe for its own address (arping -D, RFC 5227), which the second one answers.
at first busybox arping -D -q -c 2 -w 4 -I eth0 192.0.2.5 && die 1 'the second host does not answer the probe'
context first second client
captured

# A switch that forgets at once where everybody is sends everything everywhere: a hub.
at lan ip link set dev switch type bridge ageing_time 0
capture first any hub-host.pcap
rounds
captured
