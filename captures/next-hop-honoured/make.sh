#!/bin/bash
# The network of next-hop-ignored with tinc in switch mode: the gateway of the route has a MAC, and tinc brings the frames to it.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../tinc.sh"
lab_begin 120 "$tinc_programs" "$@"

tinc_network switch
capture home eth0 outer.pcap
capture home any home.pcap
tinc_vpn
at home ip neighbour flush dev tap24
capture home tap24 tap.pcap
tinc_sessions
tinc_context
tinc_mtr gcp_hkc1 aws_jpn1
captured
keep bgp.json mtr.txt
