#!/bin/bash
# A route reflector passes on a provider's routes with the provider's address as next hop, and who gets them knows no way to that address.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp-reflected.sh"
lab_begin 60 "$frr_programs" "$@"

says_inaccessible() { frr_show inner 'bgp ipv4 unicast 203.0.113.0/24' | grep '198\.51\.100\.1 (inaccessible)'; }
reflected
until_true 20 'inaccessible next hop at inner' says_inaccessible
pause 8
[ -z "$(at inner ip route show 203.0.113.0/24)" ] || die 1 'inner has the route'
bgp_context inner reflector edge
captured
