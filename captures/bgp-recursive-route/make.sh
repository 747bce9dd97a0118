#!/bin/bash
# A network is announced through a GRE tunnel whose other end is in it: what carries the tunnel is sent into the tunnel, and the session dies, again and again.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp-over-gre.sh"
lab_begin 90 "/usr/bin/python3 $frr_programs" "$@"

over_gre
over_gre_bgp
established() { frr_show left 'bgp neighbors 10.0.8.2' | grep -q "Connections established $1;"; }
until_bgp_route left 203.0.113.0/24
bgp_context left right
until_true 60 'third session' established 3
pause 4
captured
