#!/bin/bash
# A server with two uplinks and one default route: what is asked by the second uplink is answered by the first one. The providers do not mind at first, then do.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'ping dnsmasq dig curl cmp /usr/bin/python3' "$@"
. "$here/../asymmetry.sh"

two_providers
remedied
dns_and_web server

captures_of() {
  capture client eth0 "$1client.pcap"
  capture server any "$1server.pcap"
  capture inet any "$1router.pcap"
}

captures_of open-
for each in ping dns web; do
  ask_$each $address_a || die 1 "$address_a does not answer ($each)"
  ask_$each $address_b || die 1 "$address_b does not answer ($each), though nobody filters"
done
captured

for each in client server inet; do at $each ip neighbour flush all; done
providers_filter
captures_of ''
for each in ping dns web; do
  ask_$each $address_a || die 1 "$address_a does not answer ($each)"
  if ask_$each $address_b; then
    is_remedied || die 1 "$address_b answers ($each)"
  else
    ! is_remedied || die 1 "$address_b does not answer ($each)"
  fi
done
context server client inet
captured
