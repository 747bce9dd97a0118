#!/bin/bash
# A router changes its mind every six seconds about which of two ways leads to a network, while mtr runs.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'mtr unshare' "$@"
. "$here/../flap.sh"

flap_network
flap_captures
flap_probe 36
for way in by_r3 by_r2 by_r3 by_r2 by_r3; do
  pause 6
  $way
done
wait "$probing" || die 1 "mtr: $(cat "$tmp/mtr.txt")"
grep -q '10\.0\.12\.2' "$tmp/mtr.txt" || die 1 'mtr has not seen r2'
grep -q '10\.0\.13\.3' "$tmp/mtr.txt" || die 1 'mtr has not seen r3'
context host r1
captured
keep mtr.txt
