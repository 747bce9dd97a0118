#!/bin/bash
# The gateway of arp-flux-repaired with source rules too: each card answers for its own address, and each address is answered from by its own card.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping' "$@"
. "$here/../arp.sh"

two_cards
at gateway sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
at gateway ip route add 192.0.2.0/24 dev ethA src 192.0.2.1 table 101
at gateway ip route add 192.0.2.0/24 dev ethB src 192.0.2.2 table 102
at gateway ip rule add from 192.0.2.1 lookup 101
at gateway ip rule add from 192.0.2.2 lookup 102
capture client eth0 client.pcap
capture gateway any gateway.pcap
ask_eight_times
context gateway client host
captured
