#!/bin/bash
# An eBGP peer is two hops away, and nobody said so: its TTL of 1 ends at the router between, and the session never comes up.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp-two-hops.sh"
lab_begin 60 "$frr_programs" "$@"

# A router tries no eBGP peer that is on none of its links, unless it is told to: that says nothing of the TTL.
two_hops disable-connected-check
pause 16
! bgp_is east 198.51.100.18 Established || die 1 'the session came up'
bgp_context east west
context transit
captured
