#!/bin/bash
# The narrow way of pmtu-openvpn, with `mssfix 1360` at both ends: TCP inside agrees on segments that fit.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'openvpn openssl nft ping socat ss cmp' "$@"
. "$here/../openvpn.sh"
. "$here/../pmtu-openvpn.sh"

narrow_way
upload --mssfix 1360
wait $sending || die 1 "the transfer failed: $(cat "$tmp/sending.log")"
wait $receiving || die 1 "the transfer failed: $(cat "$tmp/receiving.log")"
cmp -s "$tmp/sent" "$tmp/received" || die 1 'the transfer brought something else'
context client server
captured
