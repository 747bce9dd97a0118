#!/bin/bash
# The network and the outage of wireguard-drift; rules by port keep L1 on its first address, and the tunnel comes back where it was.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
# Without /etc/protocols `ip rule` does not know what udp is.
lab_begin 360 'wireguard-go wg nft ping /etc/protocols' "$@"
. "$here/../wireguard.sh"

two_uplinks
at l1 ip rule add ipproto udp sport 12345 iif lo lookup main suppress_prefixlength 0 priority 99
at l1 ip rule add ipproto udp sport 12345 iif lo lookup 101 priority 100
outage
at l2 wg show "$(wg_card L2)" endpoints | grep -q '198.51.100.2:12345' || die 1 'L2 is not back at the first address'
at l2 ping -q -c 1 -W 2 10.9.0.1 >"$tmp/ping.log" || die 1 'the tunnel does not carry'
two_uplinks_captured
