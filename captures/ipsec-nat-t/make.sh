#!/bin/bash
# A gateway behind NAT and one that is not negotiate by IKEv2, find the NAT, and go over to port 4500, where ESP is in UDP too.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../ipsec.sh"
lab_begin 90 "$ipsec_programs" "$@"

nodes hosta hostb
routers gwa nat inet gwb
cable hosta eth0 02:00:00:00:01:10 gwa lan 02:00:00:00:01:01
cable gwa wan 02:00:00:00:02:02 nat inside 02:00:00:00:02:01
cable nat outside 02:00:00:00:03:10 inet towarda 02:00:00:00:03:01
cable gwb wan 02:00:00:00:04:02 inet towardb 02:00:00:00:04:01
cable hostb eth0 02:00:00:00:05:10 gwb lan 02:00:00:00:05:01
address hosta eth0 10.1.0.10/24
address gwa lan 10.1.0.1/24
address gwa wan 192.168.1.2/24
address nat inside 192.168.1.1/24
address nat outside 203.0.113.10/24
address inet towarda 203.0.113.1/24
address inet towardb 198.51.100.1/24
address gwb wan 198.51.100.2/24
address gwb lan 10.2.0.1/24
address hostb eth0 10.2.0.10/24
at hosta ip route add default via 10.1.0.1
at hostb ip route add default via 10.2.0.1
at gwa ip route add default via 192.168.1.1
at nat ip route add default via 203.0.113.1
at gwb ip route add default via 198.51.100.1
at nat nft 'table ip nat { chain out { type nat hook postrouting priority srcnat; oifname "outside" masquerade; }; }'

ipsec_psk
ipsec_start gwb 'kernel-libipsec kernel-netlink' 1
# Behind NAT, what has not been used for two seconds (default: 20) is kept open by a packet of one octet.
ipsec_start gwa 'kernel-libipsec kernel-netlink' 1 'keep_alive = 2s'
ipsec_connection gwb 198.51.100.2 %any "$(ipsec_child net 10.2.0.0/24 10.1.0.0/24)" gwb.example gwa.example
ipsec_connection gwa 192.168.1.2 198.51.100.2 "$(ipsec_child net 10.1.0.0/24 10.2.0.0/24)" gwa.example gwb.example
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
