#!/bin/bash
# A simple DNS server on a host with two uplinks answers from the uplink of its default route, whichever address was asked.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 '/usr/bin/python3 dig' "$@"

uplinks 2
default_by 1
spawn server responder.log /usr/bin/python3 "$here/responder.py"
until_log responder.log ready 5

capture client eth0 client.pcap
capture server any server.pcap
capture inet any router.pcap
for each in 1 2 3 4; do
  # The right address of the two: answered.
  at client dig +tries=1 +time=1 "@198.51.100.2" "right$each.example.net" A >"$tmp/dig.log" || die 1 'the first uplink does not answer'
  at client dig +tries=2 +time=1 "@198.51.100.18" "wrong$each.example.net" A >"$tmp/dig.log" && die 1 'the second uplink answers'
  pause 0.5
done
captured
