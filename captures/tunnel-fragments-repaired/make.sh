#!/bin/bash
# The tunnel of tunnel-fragments with the usual MTU of 1420 octets: nothing is cut.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'wireguard-go wg nft ping curl socat ss /usr/bin/python3' "$@"
. "$here/../wireguard.sh"
. "$here/../pmtu.sh"
. "$here/../tunnel-fragments.sh"

fragments 1420
