#!/bin/bash
# OpenVPN clients that ask where no OpenVPN is: a port at which nobody listens, one that a firewall drops, one that a router refuses, a host that is down, and a
# TCP port that is closed.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'openvpn openssl nft' "$@"
. "$here/../openvpn.sh"

uplinks 2
default_by 2
openvpn_keys
openvpn_server filtered 1195
at server nft 'add table inet lab; add chain inet lab in { type filter hook input priority 0; }; add rule inet lab in udp dport 1195 drop'
at inet nft 'add table inet lab; add chain inet lab over { type filter hook forward priority 0; }; add rule inet lab over udp dport 1196 reject with icmpx type admin-prohibited'

capture client eth0 client.pcap 'arp or icmp or udp portrange 1195-1198 or tcp port 1194'
capture server any server.pcap 'arp or icmp or udp portrange 1195-1198 or tcp port 1194'
openvpn_client closed 1198
openvpn_client filtered 1195
openvpn_client prohibited 1196
# An address of the server's network that nobody has.
openvpn_remote=198.51.100.20 openvpn_client down 1197
openvpn_client tcp 1194 --proto tcp4-client --connect-retry 1
pause 18
until_log closed-client.log 'Connection refused' 5
until_log tcp-client.log 'Connection refused' 5
until_log prohibited-client.log 'No route to host\|Permission denied' 5
context client server inet
captured
