#!/bin/bash
# The network of bgp-recursive-route with a route of its own to the other end of the tunnel.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp-over-gre.sh"
lab_begin 60 "/usr/bin/python3 $frr_programs" "$@"

over_gre
at left ip route add 203.0.113.2/32 via 192.0.2.1
over_gre_bgp
until_bgp_route left 203.0.113.0/24
bgp_context left right
pause 14
bgp_is left 10.0.8.2 Established || die 1 'the session is gone'
captured
