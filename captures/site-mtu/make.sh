#!/bin/bash
# Two sites by IPsec: IKEv2, ESP in UDP through a NAT. Large packets do not fit into the tunnel, and the gateways send no ICMP errors.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../ipsec.sh"
. "$here/../site-mtu.sh"
lab_begin 90 "$ipsec_programs" "$@"

two_sites
site_captures
site_transfer 20
# The sender has repeated the same segment five times, after 0.2, 0.6, 1.4, 3.0 and 6.2 s.
stuck() { at hosta ss -Htin "sport = :$site_from" | grep -q 'backoff:[5-9]'; }
until_true 15 'the connection is stuck' stuck
[ ! -s "$tmp/received" ] || die 1 'something came'
site_hosts
captured
