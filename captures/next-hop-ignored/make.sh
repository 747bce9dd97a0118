#!/bin/bash
# BGP prefers the exit gcp_hkc1 and the kernel's route names it, but tinc in router mode knows two owners of 0.0.0.0/0 and takes the first by name: aws_jpn1.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../tinc.sh"
lab_begin 150 "$tinc_programs" "$@"

tinc_network router
capture home eth0 outer.pcap
capture home any home.pcap
tinc_vpn
capture home tun24 tun.pcap
tinc_sessions
tinc_context
tinc_mtr aws_jpn1 gcp_hkc1
captured

# The other tools and protocols; tinc sends three errors a second, so each one starts in a second of its own.
capture home tun24 probes.pcap
for each in '-I 203.0.113.10' '203.0.113.10' '-T 203.0.113.10' '-U 203.0.113.30'; do
  tinc_probe traceroute.txt traceroute -n $each
  pause 1.2
done
tinc_probe mtr-udp.json mtr -n --json --udp --report-cycles 2 --gracetime 2 203.0.113.20
tinc_probe mtr-tcp.json mtr -n --json --tcp --report-cycles 2 --gracetime 2 203.0.113.20
for each in traceroute.txt mtr-udp.json mtr-tcp.json; do
  grep -q '10\.2\.30\.61' "$tmp/$each" || die 1 "aws_jpn1 is not in $each"
  ! grep -q '10\.2\.30\.71' "$tmp/$each" || die 1 "gcp_hkc1 is in $each"
done
captured
keep bgp.json mtr.txt traceroute.txt mtr-udp.json mtr-tcp.json
