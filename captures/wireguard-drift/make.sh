#!/bin/bash
# L2, behind NAT, is connected to the first address of L1. After an outage of more than three minutes L1 asks from its second address, and L2 follows.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 360 'wireguard-go wg nft ping' "$@"
. "$here/../wireguard.sh"

two_uplinks
remedied
outage
if is_remedied; then
  at l2 wg show "$(wg_card L2)" endpoints | grep -q '198.51.100.2:12345' || die 1 'L2 is not back at the first address'
  at l2 ping -q -c 1 -W 2 10.9.0.1 >"$tmp/ping.log" || die 1 'the tunnel does not carry'
else
  at l2 wg show "$(wg_card L2)" endpoints | grep -q '198.51.100.18:12345' || die 1 'L2 did not follow to the second address'
fi
two_uplinks_captured
