#!/bin/bash
# A gateway asks by ARP in one subnet with its address of another one: arp_announce=0, the default of the kernel.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping' "$@"
. "$here/../arp.sh"

two_subnets
remedied
capture client eth0 client.pcap
capture gateway any gateway.pcap
ping_from_the_other_card
context gateway client server
captured
