#!/bin/bash
# The network of route-flap: the route goes over to the other way once, as it should when a link is lost, and stays.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'mtr unshare' "$@"
. "$here/../flap.sh"

flap_network
flap_captures
flap_probe 18
pause 9
by_r3
wait "$probing" || die 1 "mtr: $(cat "$tmp/mtr.txt")"
grep -q '10\.0\.12\.2' "$tmp/mtr.txt" || die 1 'mtr has not seen r2'
grep -q '10\.0\.13\.3' "$tmp/mtr.txt" || die 1 'mtr has not seen r3'
context host r1
captured
keep mtr.txt
