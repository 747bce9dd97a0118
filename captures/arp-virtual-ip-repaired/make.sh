#!/bin/bash
# The load balancer of arp-virtual-ip with the ARP sysctls of its real servers set: only the director answers for the virtual address.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping' "$@"
. "$here/../arp.sh"

virtual_address
for each in first second; do at $each sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2; done
capture client eth0 client.pcap
capture director any director.pcap
ask_for_virtual_address
context director first second client
captured
