#!/bin/bash
# The network of routing-loop, in which the branch and the headquarters drop what is for a part of their networks that is not in use.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'wireguard-go wg ping mtr unshare' "$@"
. "$here/../wireguard.sh"
. "$here/../loop.sh"

loop_network
at branch ip route add blackhole 10.77.0.0/16 metric 4294967295
at hq ip route add blackhole 203.0.113.0/24 metric 4294967295
loop_captures
loop_probes
! grep -q 'Time to live exceeded' "$tmp/ping.txt" || die 1 'packets go round'
context host branch hq
wg_context branch branch
wg_context hq hq
captured
keep ping.txt mtr.txt
