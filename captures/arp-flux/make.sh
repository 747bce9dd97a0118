#!/bin/bash
# A gateway with two cards in one subnet and the kernel's ARP defaults: both cards answer for both addresses.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping' "$@"
. "$here/../arp.sh"

two_cards
remedied
capture client eth0 client.pcap
capture gateway any gateway.pcap
ask_eight_times
context gateway client host
captured
