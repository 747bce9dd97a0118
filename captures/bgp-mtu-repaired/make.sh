#!/bin/bash
# The network of bgp-mtu with its ICMP let through: the routers learn what the path carries.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp-long-way.sh"
lab_begin 90 "$frr_programs" "$@"

long_way
long_way_bgp
until_bgp right 198.51.100.2 Established 20
until_bgp_route right 10.101.143.0/24
pause 12
context left right
captured
