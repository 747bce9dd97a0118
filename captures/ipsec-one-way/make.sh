#!/bin/bash
# A router drops ESP in UDP one way for a while, and lets IKE pass: the gateway behind NAT sends into the tunnel and hears nothing. Then the router lets it pass again.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../ipsec.sh"
lab_begin 90 "$ipsec_programs" "$@"

behind_nat

ipsec_psk
ipsec_start gwb 'kernel-libipsec kernel-netlink' 1
ipsec_start gwa 'kernel-libipsec kernel-netlink' 1
site_connections

capture gwa wan gateway-a.pcap -s 128
capture nat any nat.pcap -s 128
capture gwb wan gateway-b.pcap -s 128
swanctl_at gwa --initiate --child net
until_log gwb-charon.log 'CHILD_SA net{1} established' 10
at hosta ping -q -c 3 -i 0.3 -W 5 10.2.0.10 >"$tmp/ping.log" || die 1 'the tunnel does not carry'

say 'ESP of gwb is dropped'
# Four octets of zeros in front of IKE, the SPI in front of ESP.
at inet nft 'table ip filter { chain forward { type filter hook forward priority 0; ip saddr 198.51.100.2 udp sport 4500 @th,64,32 != 0 counter drop; }; }'
if at hosta ping -q -c 32 -i 0.5 -W 1 10.2.0.10 >"$tmp/ping.log"; then die 1 'the tunnel still carries'; fi
grep -q '100% packet loss' "$tmp/ping.log" || die 1 'some of it came back'
# IKE passes meanwhile: new keys for the whole connection.
swanctl_at gwa --rekey --ike site
until_log gwb-charon.log 'IKE_SA site\[2\] rekeyed' 10

say 'and passes again'
at inet nft delete table ip filter
at hosta ping -q -c 3 -i 0.3 -W 5 10.2.0.10 >"$tmp/ping.log" || die 1 'the tunnel does not carry again'
context gwa nat gwb
for each in gwa gwb; do ipsec_context $each; done
captured
