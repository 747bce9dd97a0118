#!/bin/bash
# Of two networks a part alone is in use. Packets for the rest go round: between two routers on a cable, and between the two ends of a tunnel.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'wireguard-go wg ping mtr unshare' "$@"
. "$here/../wireguard.sh"
. "$here/../loop.sh"

loop_network
loop_captures
loop_probes
grep -q "From .* Time to live exceeded" "$tmp/ping.txt" || die 1 'no packet goes round'
[ "$(grep -c '|-- 10\.9\.0\.1 ' "$tmp/mtr.txt")" -ge 3 ] || die 1 'the tunnel is not gone through several times'
[ "$(grep -c '|-- 192\.0\.2\.1 ' "$tmp/mtr.txt")" -ge 3 ] || die 1 'the provider is not gone through several times'
context host branch hq
wg_context branch branch
wg_context hq hq
captured
keep ping.txt mtr.txt
