#!/bin/bash
# A WireGuard tunnel in good health, with traffic all the time: one handshake, and one more after two minutes.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 180 'wireguard-go wg ping' "$@"
. "$here/../wireguard.sh"

uplinks 1
default_by 1
wg_keys client server
wg_start server server 10.9.0.1/24 51820
wg_start client client 10.9.0.2/24
wg_peer server server client allowed-ips 10.9.0.2/32
wg_peer client client server allowed-ips 10.9.0.1/32 endpoint 198.51.100.2:51820

capture client eth0 client.pcap
capture server any server.pcap
run client ping.log ping -q -i 4 -c 33 10.9.0.1 || die 1 'the tunnel does not carry'
context client server
wg_context client client
wg_context server server
captured
keep peers.txt
