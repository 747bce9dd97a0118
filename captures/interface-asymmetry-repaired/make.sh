#!/bin/bash
# The server of interface-asymmetry with a source rule: what is asked by an uplink is answered by that uplink, and both addresses serve.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping dnsmasq dig curl cmp /usr/bin/python3' "$@"
. "$here/../asymmetry.sh"

two_providers
providers_filter
answer_by_own_uplink
dns_and_web server

capture client eth0 client.pcap
capture server any server.pcap
capture inet any router.pcap
for each in ping dns web; do
  for asked in $address_a $address_b; do ask_$each $asked || die 1 "$asked does not answer ($each)"; done
done
context server client inet
captured
