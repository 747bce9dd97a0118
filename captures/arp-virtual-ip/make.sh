#!/bin/bash
# The real servers of a load balancer answer ARP for its virtual address, which only the director should.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping' "$@"
. "$here/../arp.sh"

virtual_address
remedied
capture client eth0 client.pcap
capture director any director.pcap
ask_for_virtual_address
context director first second client
captured
