#!/bin/bash
# dnsmasq, then unbound with `interface-automatic`, on the host of dns-wrong-source: they too have one socket on all addresses, but take the source of
# an answer from the query (IP_PKTINFO).
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'dnsmasq unbound dig' "$@"
. "$here/../udp.sh"

uplinks 2
default_by 1

# ask_both: four times, each address is asked.
ask_both() {
  local each asked
  for each in 1 2 3 4; do
    for asked in 198.51.100.2 198.51.100.18; do
      run client dig.log dig +tries=1 +time=5 @$asked "right$each.example.net" A || die 1 "$asked does not answer"
    done
    pause 0.5
  done
  [ "$(rejected client)" = 0 ] || die 1 'an answer was rejected'
}

spawn server dnsmasq.log dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --pid-file="$tmp/dnsmasq.pid" --user=root \
  --no-resolv --no-hosts --address=/example.net/192.0.2.80
dnsmasq=$pid
until_log dnsmasq.log started 15
capture client eth0 client.pcap
capture server any server.pcap
capture inet any router.pcap
ask_both
captured
stop "$dnsmasq"

unbound_server server yes
capture client eth0 unbound-client.pcap
capture server any unbound-server.pcap
capture inet any unbound-router.pcap
ask_both
context client server inet
captured
