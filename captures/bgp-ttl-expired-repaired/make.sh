#!/bin/bash
# The network of bgp-ttl-expired with ebgp-multihop at both ends.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp-two-hops.sh"
lab_begin 60 "$frr_programs" "$@"

two_hops 'ebgp-multihop 2'
until_bgp east 198.51.100.18 Established 20
until_bgp_route east 10.3.0.0/24
pause 8
bgp_context east west
context transit
captured
