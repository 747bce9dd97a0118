#!/bin/bash
# The kernel's route names the exit two, but on the one WireGuard interface the prefix belongs to the peer one.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../wireguard-exits.sh"
lab_begin 60 "$wg_exit_programs" "$@"
. "$here/../wireguard.sh"

wg_exits
wg_keys home one two
wg_start one one 10.9.0.61/24 51820
wg_start two two 10.9.0.71/24 51820
wg_start home home 10.9.0.41/24
wg_peer one one home allowed-ips 10.9.0.41/32
wg_peer two two home allowed-ips 10.9.0.41/32
wg_peer home home one allowed-ips 10.9.0.61/32,0.0.0.0/0 endpoint 198.51.100.2:51820
wg_peer home home two allowed-ips 10.9.0.71/32 endpoint 198.51.100.18:51820
at home ip route add 203.0.113.0/24 via 10.9.0.71 dev "$(wg_card home)"

capture home any home.pcap
capture home "$(wg_card home)" tun.pcap
for each in 10.9.0.61 10.9.0.71; do
  until_true 20 "home reaches $each" at home ping -q -c 1 -W 1 "$each"
done
context home
wg_context home home
wg_mtr 10.9.0.71 10.9.0.61 10.9.0.71
captured
keep mtr.txt peers.txt
