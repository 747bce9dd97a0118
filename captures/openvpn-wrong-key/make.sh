#!/bin/bash
# OpenVPN clients that do not come in: another key for tls-crypt, another one for tls-auth, the same one in the wrong direction, a certificate that the server does not
# know, a version of TLS that it does not speak; one that does not know the server's certificate, and another key by TCP.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'openvpn openssl' "$@"
. "$here/../openvpn.sh"

uplinks 2
default_by 2
openvpn_keys stranger
openvpn --genkey secret "$tmp/tls-auth.key" >"$tmp/genkey.log"
openvpn --genkey secret "$tmp/other.key" >"$tmp/genkey.log"

openvpn_server crypt 1194 --tls-crypt "$tmp/tls-crypt.key"
openvpn_server auth 1195 --tls-auth "$tmp/tls-auth.key" 0
openvpn_server direction 1196 --tls-auth "$tmp/tls-auth.key" 0
openvpn_server stranger12 1197 --tls-version-max 1.2
openvpn_server stranger13 1198
openvpn_server version 1199 --tls-version-min 1.3
openvpn_server strangercrypt 1200 --tls-crypt "$tmp/tls-crypt.key"
openvpn_server distrust 1201
openvpn_server tcp 1202 --proto tcp4-server --tls-crypt "$tmp/tls-crypt.key"

capture client eth0 client.pcap 'udp portrange 1194-1196 or tcp port 1202'
capture server any server.pcap 'udp portrange 1194-1196 or tcp port 1202'
capture client eth0 certificate-client.pcap -s 200 'icmp or udp portrange 1197-1201'
capture server any certificate-server.pcap -s 200 'icmp or udp portrange 1197-1201'

unknown=(--cert "$tmp/stranger.crt" --key "$tmp/stranger.key")
openvpn_client crypt 1194 --tls-crypt "$tmp/other.key"
openvpn_client auth 1195 --tls-auth "$tmp/other.key" 1
openvpn_client direction 1196 --tls-auth "$tmp/tls-auth.key" 0
openvpn_client tcp 1202 --proto tcp4-client --tls-crypt "$tmp/other.key" --connect-retry 1 4
openvpn_client stranger12 1197 "${unknown[@]}" --tls-version-max 1.2
openvpn_client stranger13 1198 "${unknown[@]}"
openvpn_client version 1199 --tls-version-max 1.2
openvpn_client strangercrypt 1200 "${unknown[@]}" --tls-crypt "$tmp/tls-crypt.key"
openvpn_trusts=stranger openvpn_client distrust 1201 --connect-retry 2 4
pause 20
# Each of them was refused for what is to be shown.
until_log crypt-server.log 'tls-crypt unwrapping failed\|TLS Error: tls-crypt' 20
until_log tcp-server.log 'tls-crypt unwrapping failed\|TLS Error: tls-crypt' 20
until_log auth-server.log 'packet HMAC authentication failed' 20
until_log direction-server.log 'packet HMAC authentication failed' 20
for each in stranger12 stranger13 strangercrypt; do until_log $each-server.log 'certificate verify failed' 20; done
until_log distrust-client.log 'certificate verify failed' 20
until_log version-server.log 'unsupported protocol' 20
context client server inet
captured
