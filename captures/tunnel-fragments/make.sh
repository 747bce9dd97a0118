#!/bin/bash
# A WireGuard tunnel whose device has the MTU of the cards: every full packet inside makes one of 1560 octets outside, which goes in two fragments.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'wireguard-go wg nft ping curl socat ss /usr/bin/python3' "$@"
. "$here/../wireguard.sh"
. "$here/../pmtu.sh"
. "$here/../tunnel-fragments.sh"

fragments 1500
