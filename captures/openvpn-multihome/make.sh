#!/bin/bash
# The server of openvpn-wrong-source with `multihome`: it answers from the address that was asked, by the source rules, and the client connects.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'openvpn openssl ping' "$@"
. "$here/../openvpn.sh"

uplinks 3
default_by 1
openvpn_keys
openvpn_server plain 1194 --multihome
openvpn_server crypt 1195 --multihome --tls-crypt "$tmp/tls-crypt.key"

capture client eth0 client.pcap 'arp or icmp or udp port 1194'
capture server any server.pcap 'arp or icmp or udp port 1194'
capture inet any router.pcap 'arp or icmp or udp port 1194'
capture client eth0 tls-crypt-client.pcap 'udp port 1195'
capture server any tls-crypt-server.pcap 'udp port 1195'
openvpn_client plain 1194
first=$pid
openvpn_client crypt 1195 --tls-crypt "$tmp/tls-crypt.key"
second=$pid
for each in plain crypt; do until_log $each-client.log 'Initialization Sequence Completed' 15; done
default_by 3
run client ping.log ping -q -c 5 10.8.0.1 || die 1 'the tunnel does not carry'
default_by 1
run client ping.log ping -q -c 5 10.8.1.1 || die 1 'the tunnel does not carry'
context client server inet
pause 2
stop "$first" "$second"
captured
