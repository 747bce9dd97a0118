#!/bin/bash
# unbound on all addresses of a host with two uplinks answers from the uplink of the default route, whichever address was asked.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'unbound dig' "$@"
. "$here/../udp.sh"

uplinks 2
default_by 1
remedied
automatic=no
! is_remedied || automatic=$(sed -n 's/^interface-automatic: //p' "$FLUXCAP_REMEDY/unbound.conf")
unbound_server server "$automatic"

capture client eth0 client.pcap
capture server any server.pcap
capture inet any router.pcap
for each in 1 2 3 4; do
  # The right address of the two: answered.
  at client dig +tries=1 +time=5 "@198.51.100.2" "right$each.example.net" A >"$tmp/dig.log" || die 1 'the first uplink does not answer'
  if run client dig.log dig +tries=2 +time=1 "@198.51.100.18" "wrong$each.example.net" A; then
    is_remedied || die 1 'the second uplink answers'
  else
    ! is_remedied || die 1 'the second uplink does not answer'
  fi
  pause 0.5
done
if is_remedied; then wrong=0; else wrong=8; fi
[ "$(rejected client)" = $wrong ] || die 1 "$(rejected client) answers were rejected"
context client server inet
captured
