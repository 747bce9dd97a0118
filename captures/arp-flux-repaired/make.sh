#!/bin/bash
# The gateway of arp-flux with its ARP sysctls set: each card answers for its own address.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping' "$@"
. "$here/../arp.sh"

two_cards
at gateway sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
capture client eth0 client.pcap
capture gateway any gateway.pcap
ask_eight_times
context gateway client host
captured
