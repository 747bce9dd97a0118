#!/bin/bash
# The network of next-hop-ignored with another weight at the preferred exit: tinc, still in router mode, chooses as BGP does.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../tinc.sh"
lab_begin 120 "$tinc_programs" "$@"

tinc_network router 5
capture home eth0 outer.pcap
capture home any home.pcap
tinc_vpn
capture home tun24 tun.pcap
tinc_sessions
tinc_context
tinc_mtr gcp_hkc1 aws_jpn1
captured
keep bgp.json mtr.txt
