#!/bin/bash
# The sites and the tunnel of pmtu-blackhole, with ICMP let through: both senders learn the MTU of the path from the gateways.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'wireguard-go wg ping curl socat cmp /usr/bin/python3' "$@"
. "$here/../wireguard.sh"
. "$here/../pmtu.sh"

sites
services
site_captures
transfers 20
wait $download || die 1 "curl: $(cat "$tmp/download.log")"
wait $upload || die 1 "socat: $(cat "$tmp/upload.log")"
until_log inbox.log 'exiting with status 0' 10
site_context
for each in report inbox; do
  cmp "$tmp/files/report.txt" "$tmp/$each.txt" || die 1 "$each.txt is not whole"
done
captured
