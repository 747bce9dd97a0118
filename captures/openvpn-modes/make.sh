#!/bin/bash
# OpenVPN in all its modes, in good health: a server and a client for each way to protect the control channel and the data, by UDP, TCP and IPv6; a client that makes
# new keys, one that moves, and a static key.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'openvpn openssl ping' "$@"
. "$here/../openvpn.sh"

uplinks 2
default_by 2
for node in client inet server; do
  at $node sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.all.forwarding=1
done
at client ip address add 2001:db8::10/64 dev eth0 nodad
at inet ip address add 2001:db8::1/64 dev client nodad
at inet ip address add 2001:db8:2::1/64 dev up2 nodad
at server ip address add 2001:db8:2::2/64 dev wan2 nodad
at client ip route add 2001:db8:2::/64 via 2001:db8::1
at server ip route add 2001:db8::/64 via 2001:db8:2::1
at client ip address add 203.0.113.11/24 dev eth0

openvpn_keys
openvpn --genkey secret "$tmp/tls-auth.key" >"$tmp/genkey.log"
openvpn --genkey tls-crypt-v2-server "$tmp/v2-server.key" >"$tmp/genkey.log"
openvpn --tls-crypt-v2 "$tmp/v2-server.key" --genkey tls-crypt-v2-client "$tmp/v2-client.key" >"$tmp/genkey.log"

# Before there are thirty tunnels, and when the kernel has made sure that no link-local address is there twice.
checked() { for node in client inet server; do [ -z "$(at $node ip -6 address show tentative)" ] || return 1; done; }
until_true 10 'the addresses are checked' checked
context client server inet
clients=() udp='udp portrange 1194-1206'
# pair NAME PORT SERVER-OPTIONS -- CLIENT-OPTIONS: a server, and later its client.
pair() {
  local name=$1 port=$2 own=()
  shift 2
  while [ "$1" != -- ]; do own+=("$1") && shift; done
  shift
  openvpn_server "$name" "$port" "${own[@]}"
  clients+=("$name $port $*")
}
pair plain 1194 --
port=1195
for digest in MD5 SHA1 SHA224 SHA256 SHA384 SHA512; do
  pair "$digest" $port --auth $digest --tls-auth "$tmp/tls-auth.key" 0 -- --auth $digest --tls-auth "$tmp/tls-auth.key" 1
  port=$((port + 1))
done
pair crypt 1201 --tls-crypt "$tmp/tls-crypt.key" -- --tls-crypt "$tmp/tls-crypt.key"
# A server that asks for the cookie keeps nothing until the client has shown that it hears: it negotiates that with its first answer.
pair v2 1202 --tls-crypt-v2 "$tmp/v2-server.key" -- --tls-crypt-v2 "$tmp/v2-client.key"
pair cookie 1203 --tls-crypt-v2 "$tmp/v2-server.key" force-cookie -- --tls-crypt-v2 "$tmp/v2-client.key"
# Data: CBC with an HMAC, and ChaCha20; all others have AES-256-GCM.
pair cbc 1204 --data-ciphers AES-256-CBC --auth SHA256 -- --data-ciphers AES-256-CBC --auth SHA256
pair chacha 1205 --data-ciphers CHACHA20-POLY1305 -- --data-ciphers CHACHA20-POLY1305
pair six 1206 --proto udp6 -- --proto udp6
pair tcp 1207 --proto tcp4-server -- --proto tcp4-client
pair tcpcrypt 1208 --proto tcp4-server --tls-crypt "$tmp/tls-crypt.key" -- --proto tcp4-client --tls-crypt "$tmp/tls-crypt.key"
pair rekey 1209 -- --reneg-sec 4
pair float 1210 --

capture client eth0 udp.pcap -s 160 "$udp"
capture server any server.pcap -s 160 'udp port 1196 or udp port 1201 or udp port 1203 or udp port 1206'
capture client eth0 tcp.pcap 'tcp portrange 1207-1208'
capture client eth0 moves.pcap -s 160 'udp portrange 1209-1210'
capture client eth0 static-key.pcap 'udp port 1211'

pids=()
for each in "${clients[@]}"; do
  # shellcheck disable=SC2086 # a name, a port and options
  if [ "${each%% *}" = six ]; then openvpn_remote=2001:db8:2::2 openvpn_client $each; else openvpn_client $each; fi
  pids+=("$pid")
done
# A static key has no handshake: both ends begin with data.
secret='--dev-type tun --disable-dco --secret KEY --auth SHA256 --cipher AES-256-CBC --ping 2 --port 1211 --verb 4'
secret=${secret/KEY/$tmp/tls-auth.key}
# shellcheck disable=SC2086 # options
spawn server secret-server.log openvpn --proto udp4 --local 198.51.100.18 --remote 203.0.113.10 --dev tun-secret $secret --ifconfig 10.9.0.1 10.9.0.2
pids+=("$pid")
# shellcheck disable=SC2086 # options
spawn client secret-client.log openvpn --proto udp4 --local 203.0.113.10 --remote 198.51.100.18 --dev tun-secret $secret --ifconfig 10.9.0.2 10.9.0.1
pids+=("$pid")
for each in "${clients[@]}" 'secret '; do until_log "${each%% *}-client.log" 'Initialization Sequence Completed' 20; done

# One echo of known size through each tunnel: 1028 octets with its IP header.
for each in "${clients[@]}"; do
  set -- $each
  run client ping.log ping -q -c 2 -i 0.2 -s 1000 "10.8.$(($2 - 1194)).1" || die 1 "the tunnel $1 does not carry"
done
# Without an opcode it is known by its randomness alone, which takes some more.
run client ping.log ping -q -c 30 -i 0.02 -s 56 10.9.0.1 || die 1 'the tunnel with a static key does not carry'
# The client goes on with its other address, and the server follows it by its peer id.
at client ip route replace default via 203.0.113.1 src 203.0.113.11
run client ping.log ping -q -c 3 -i 0.5 -s 100 10.8.16.1 || die 1 'the moved client is not followed'
until_log float-server.log 'Float requested' 5
until_true 15 'new keys' eval "[ \$(grep -c 'Control Channel: TLSv' '$tmp/rekey-client.log') -ge 2 ]"
pause 1
stop "${pids[@]}"
captured
