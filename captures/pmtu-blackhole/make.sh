#!/bin/bash
# A tunnel between two sites is narrower than their networks, and nobody is told: a firewall drops the ICMP of the one gateway, the other gateway its own.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'wireguard-go wg nft ping curl socat ss /usr/bin/python3' "$@"
. "$here/../wireguard.sh"
. "$here/../pmtu.sh"

sites
services
at firewall nft 'table ip filter { chain forward { type filter hook forward priority 0; icmp type destination-unreachable drop; }; }'
at branch nft 'table ip filter { chain output { type filter hook output priority 0; icmp type destination-unreachable drop; }; }'

site_captures
transfers 20
# until_stuck NODE PORT: the sender has repeated the same segment five times, after 0.2, 0.6, 1.4, 3.0 and 6.2 s.
until_stuck() {
  local left=150
  until at "$1" ss -Htin "sport = :$2" | grep -q 'backoff:[5-9]'; do
    [ $left -gt 0 ] || die 1 "the connection from port $2 of $1 is not stuck"
    pause 0.1
    left=$((left - 1))
  done
}
until_stuck server $download_port
until_stuck client $upload_from
site_context
[ "$(size "$tmp/status.txt")" -gt 0 ] || die 1 'the short file did not come'
[ "$(size "$tmp/report.txt")" = 0 ] || die 1 'something of the long file came'
[ "$(size "$tmp/inbox.txt")" = 0 ] || die 1 'something of the file that was brought came'
captured
