#!/bin/bash
# An OpenVPN server on all addresses of a host with three uplinks, without `multihome`: it answers from where its default route points.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 120 'openvpn openssl' "$@"
. "$here/../openvpn.sh"

uplinks 3
default_by 1
remedied
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

# until_rejected COUNT: waits until both clients have rejected so many answers.
until_rejected() {
  local each left=400
  for each in plain crypt; do
    until [ "$(grep -c 'Incoming packet rejected' "$tmp/$each-client.log")" -ge "$1" ]; do
      [ $left -gt 0 ] || die 1 "the $each client has not rejected $1 answers"
      left=$((left - 1))
      pause 0.1
    done
  done
}

# The clients ask after about 0, 1, 6, 14 and 30 s; in between, the default route goes from one of the other uplinks to the other.
if is_remedied; then
  for each in plain crypt; do until_log "$each-client.log" 'Initialization Sequence Completed' 20; done
  default_by 3
  pause 3
else
  until_rejected 1 && default_by 3
  until_rejected 2 && default_by 1
  until_rejected 3 && default_by 3
  until_rejected 4 && default_by 1
  until_rejected 5
fi
context client server inet
captured
