#!/bin/bash
# An OpenVPN server on all addresses of a host with three uplinks, without `multihome`: it answers from where its default route points.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 120 'openvpn openssl' "$@"
. "$here/../openvpn.sh"

uplinks 3
default_by 1
openvpn_keys
openvpn_server plain 1194
openvpn_server crypt 1195 --tls-crypt "$tmp/tls-crypt.key"

capture client eth0 client.pcap 'arp or icmp or udp port 1194'
capture server any server.pcap 'arp or icmp or udp port 1194'
capture inet any router.pcap 'arp or icmp or udp port 1194'
capture client eth0 tls-crypt-client.pcap 'udp port 1195'
capture server any tls-crypt-server.pcap 'udp port 1195'
openvpn_client plain 1194
openvpn_client crypt 1195 --tls-crypt "$tmp/tls-crypt.key"
# The client asks after 0, 2, 6, 14 and 30 s; before each but the first time the default route goes from one of the other uplinks to the other.
pause 1 && default_by 3
pause 3 && default_by 1
pause 6 && default_by 3
pause 12 && default_by 1
pause 16
grep -q 'Incoming packet rejected' "$tmp/plain-client.log" || die 1 'the client took the answers'
captured

