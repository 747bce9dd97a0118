#!/bin/bash
# The network of bgp-next-hop-unreachable with next-hop-self at the edge.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp-reflected.sh"
lab_begin 60 "$frr_programs" "$@"

reflected 'neighbor 192.0.2.1 next-hop-self'
until_bgp_route inner 203.0.113.0/24
pause 8
bgp_context inner reflector edge
captured
