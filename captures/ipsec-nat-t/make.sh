#!/bin/bash
# A gateway behind NAT and one that is not negotiate by IKEv2, find the NAT, and go over to port 4500, where ESP is in UDP too.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../ipsec.sh"
lab_begin 90 "$ipsec_programs" "$@"

behind_nat

ipsec_psk
ipsec_start gwb 'kernel-libipsec kernel-netlink' 1
# Behind NAT, what has not been used for two seconds (default: 20) is kept open by a packet of one octet.
ipsec_start gwa 'kernel-libipsec kernel-netlink' 1 'keep_alive = 2s'
site_connections
for each in gwa gwb; do clamp $each ipsec0; done

capture nat inside nat-inside.pcap
capture nat outside nat-outside.pcap
capture nat any nat.pcap
capture gwa ipsec0 tunnel.pcap
capture gwb any responder.pcap
swanctl_at gwa --initiate --child net
until_log gwb-charon.log 'CHILD_SA net{1} established' 10
grep -q 'local host is behind NAT' "$tmp/gwa-charon.log" || die 1 'no NAT was found'

at hosta ping -q -c 3 -i 0.3 -W 5 10.2.0.10 >"$tmp/ping.log" || die 1 'the tunnel does not carry'
transfer hosta 10.2.0.10 hostb 5000
# New keys, and with them new SPIs.
swanctl_at gwa --rekey --child net
until_log gwb-charon.log 'CHILD_SA net{2} established' 10
at hostb ping -q -c 3 -i 0.3 -W 5 10.1.0.10 >"$tmp/ping.log" || die 1 'the tunnel does not carry back'
transfer hostb 10.1.0.10 hosta 3000
context gwa nat gwb
for each in gwa gwb; do ipsec_context $each; done
until [ "$(grep -c 'sending keep alive to' "$tmp/gwa-charon.log")" -ge 2 ]; do pause 0.2; done
swanctl_at gwa --terminate --ike site
captured
