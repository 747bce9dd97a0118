#!/bin/bash
# A WireGuard server is restarted in the middle of a session, and knows its clients' addresses no more: the client notices, and begins anew.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'wireguard-go wg ping' "$@"
. "$here/../wireguard.sh"

# start_server: with the configuration that it has at every start.
start_server() {
  wg_start server server 10.9.0.1/24 51820
  server=$pid
  wg_peer server server client allowed-ips 10.9.0.2/32
}

uplinks 1
default_by 1
wg_keys client server
start_server
wg_start client client 10.9.0.2/24 51821
wg_peer client client server allowed-ips 10.9.0.1/32 endpoint 198.51.100.2:51820

capture client eth0 client.pcap
capture server any server.pcap
run client ping.log ping -q -c 4 -W 2 10.9.0.1 || die 1 'the tunnel does not carry'
spawn client client-ping.log ping -q -i 3 10.9.0.1
say 'the server is restarted'
stop "$server"
pause 1
start_server
# After 15 s of silence the client begins a new handshake.
until_log client.log 'Retrying handshake because we stopped hearing back' 30
pause 6
run client ping.log ping -q -c 2 -W 2 10.9.0.1 || die 1 'the tunnel does not carry after the restart'
context client server
wg_context client client
wg_context server server
captured
keep peers.txt
