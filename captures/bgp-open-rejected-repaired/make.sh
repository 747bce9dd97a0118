#!/bin/bash
# The network of bgp-open-rejected with the right AS, BGP running, and no firewall.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp-peers.sh"
lab_begin 60 "$frr_programs" "$@"

peers
peer renamed 64514 3
peer empty 64515 4
peer dark 64516 5
hub 64514
for each in 3 4 5; do until_bgp hub 192.0.2.$each Established 20; done
pause 8
bgp_context hub
captured
