#!/bin/bash
# dnsmasq on the host of dns-wrong-source: it too has one socket on all addresses, but takes the source of an answer from the query (IP_PKTINFO).
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'dnsmasq dig' "$@"

uplinks 2
default_by 1
spawn server dnsmasq.log dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --pid-file="$tmp/dnsmasq.pid" --user=root \
  --no-resolv --no-hosts --address=/example.net/192.0.2.80
until_log dnsmasq.log started 5

capture client eth0 client.pcap
capture server any server.pcap
capture inet any router.pcap
for each in 1 2 3 4; do
  for asked in 198.51.100.2 198.51.100.18; do
    at client dig +tries=1 +time=1 @$asked "right$each.example.net" A >"$tmp/dig.log" || die 1 "$asked does not answer"
  done
  pause 0.5
done
captured
