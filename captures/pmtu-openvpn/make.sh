#!/bin/bash
# OpenVPN over a path that is narrower than it thinks: its own packets, not to be fragmented, are dropped on the way, and nobody says so.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'openvpn openssl nft ping socat ss' "$@"
. "$here/../openvpn.sh"
. "$here/../pmtu-openvpn.sh"

narrow_way
upload
# The sender has repeated the same segment five times, after 0.2, 0.6, 1.4, 3.0 and 6.2 s.
stuck() { at client ss -Htin "sport = :$upload_from" | grep -q 'backoff:[5-9]'; }
until_true 15 'the connection is stuck' stuck
[ ! -s "$tmp/received" ] || die 1 'something came'
context client server
captured
