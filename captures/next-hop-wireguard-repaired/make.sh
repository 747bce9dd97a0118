#!/bin/bash
# The network of next-hop-wireguard with an interface for each peer: the route chooses the interface, and so the exit.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../wireguard-exits.sh"
lab_begin 60 "$wg_exit_programs" "$@"
. "$here/../wireguard.sh"

wg_exits
wg_keys h1 h2 one two
wg_start one one 10.9.1.61/24 51820
wg_start two two 10.9.2.71/24 51820
wg_start home h1 10.9.1.41/24
wg_start home h2 10.9.2.41/24
wg_peer one one h1 allowed-ips 10.9.1.41/32
wg_peer two two h2 allowed-ips 10.9.2.41/32
wg_peer home h1 one allowed-ips 0.0.0.0/0 endpoint 198.51.100.2:51820
wg_peer home h2 two allowed-ips 0.0.0.0/0 endpoint 198.51.100.18:51820
at home ip route add 203.0.113.0/24 via 10.9.2.71 dev "$(wg_card h2)"

capture home any home.pcap
capture home "$(wg_card h2)" tun.pcap
for each in 10.9.1.61 10.9.2.71; do
  until_true 20 "home reaches $each" at home ping -q -c 1 -W 1 "$each"
done
context home
wg_context home h2
wg_mtr 10.9.2.71 10.9.2.71 10.9.1.61
captured
keep mtr.txt peers.txt
