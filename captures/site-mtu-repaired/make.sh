#!/bin/bash
# The sites and the tunnel of site-mtu. ICMP is dropped as there, but both gateways clamp the MSS of what goes into the tunnel.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../ipsec.sh"
. "$here/../site-mtu.sh"
lab_begin 90 "$ipsec_programs" "$@"

two_sites
for each in gwa gwb; do clamp $each ipsec0; done
site_captures
site_transfer 20
wait $sending || die 1 "the transfer failed: $(cat "$tmp/sending.log")"
wait $receiving || die 1 "the transfer failed: $(cat "$tmp/receiving.log")"
cmp -s "$tmp/sent" "$tmp/received" || die 1 'the transfer brought something else'
site_hosts
captured
