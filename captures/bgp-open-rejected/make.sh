#!/bin/bash
# Three of four neighbours do not come up: one has another AS than the hub was told, one has no BGP running, and a firewall keeps the third one dark.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp-peers.sh"
lab_begin 60 "nft $frr_programs" "$@"

peers
peer renamed 64514 3
peer dark 64516 5
at dark nft 'table ip filter { chain input { type filter hook input priority 0; tcp dport 179 drop; }; }'
hub 64599
pause 16
for each in 3 4 5; do ! bgp_is hub 192.0.2.$each Established || die 1 "192.0.2.$each came up"; done
bgp_context hub
captured
