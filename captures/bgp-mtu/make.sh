#!/bin/bash
# A BGP session comes up, and dies each time with the first full table: a link on the way is narrower than the routers think, and ICMP is dropped.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp-long-way.sh"
lab_begin 120 "nft $frr_programs" "$@"

long_way
at narrow nft 'table ip filter { chain output { type filter hook output priority 0; icmp type destination-unreachable drop; }; }'
long_way_bgp
established() { frr_show right 'bgp neighbors 198.51.100.2' | grep -q "Connections established $1;"; }
until_true 30 'first session' established '[1-9]'
# Connections that nobody hears the end of keep their ports.
at left sysctl -qw net.ipv4.ip_local_port_range='40000 40099'
until_true 60 'third session' established '[3-9]'
pause 11
context left right
captured
