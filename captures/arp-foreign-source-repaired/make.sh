#!/bin/bash
# The gateway of arp-foreign-source with arp_announce=2: it asks with the address that its card has.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping' "$@"
. "$here/../arp.sh"

two_subnets
at gateway sysctl -qw net.ipv4.conf.all.arp_announce=2
capture client eth0 client.pcap
capture gateway any gateway.pcap
ping_from_the_other_card
context gateway client server
captured
