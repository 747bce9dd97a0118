#!/bin/bash
# unbound on all addresses of a host with two uplinks answers from the uplink of the default route, whichever address was asked.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'unbound dig' "$@"
. "$here/../udp.sh"

uplinks 2
default_by 1
unbound_server server no

capture client eth0 client.pcap
capture server any server.pcap
capture inet any router.pcap
for each in 1 2 3 4; do
  # The right address of the two: answered.
  at client dig +tries=1 +time=5 "@198.51.100.2" "right$each.example.net" A >"$tmp/dig.log" || die 1 'the first uplink does not answer'
  run client dig.log dig +tries=2 +time=1 "@198.51.100.18" "wrong$each.example.net" A && die 1 'the second uplink answers'
  pause 0.5
done
[ "$(rejected client)" = 8 ] || die 1 'not each answer was rejected'
context client server inet
captured
