#!/bin/bash
# A WireGuard server with two clients: one changes to its other card in the middle of its session, the other is behind a NAT that gives it another port.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'wireguard-go wg nft ping' "$@"
. "$here/../wireguard.sh"

uplinks 1 roamer
default_by 1
cable roamer eth1 02:00:00:00:00:11 inet radio 02:00:00:00:00:03
address inet radio 192.0.2.129/25
address roamer eth1 192.0.2.130/25
nodes nat homer
cable nat eth0 02:00:00:00:00:20 inet nat 02:00:00:00:00:02
cable homer eth0 02:00:00:00:00:30 nat lan 02:00:00:00:00:31
address inet nat 192.0.2.1/25
address nat eth0 192.0.2.20/25
address nat lan 192.168.1.1/24
address homer eth0 192.168.1.2/24
at nat ip route add default via 192.0.2.1
at homer ip route add default via 192.168.1.1
nat nat eth0 'to :20001'

wg_keys server roamer homer
wg_start server server 10.9.0.1/24 51820
wg_start roamer roamer 10.9.0.2/24 51821
wg_start homer homer 10.9.0.3/24 51822
wg_peer server server roamer allowed-ips 10.9.0.2/32
wg_peer server server homer allowed-ips 10.9.0.3/32
wg_peer roamer roamer server allowed-ips 10.9.0.1/32 endpoint 198.51.100.2:51820
wg_peer homer homer server allowed-ips 10.9.0.1/32 endpoint 198.51.100.2:51820

capture roamer any roamer.pcap
capture homer eth0 homer.pcap
capture nat any nat.pcap
capture server any server.pcap

# pings NODE COUNT
pings() { run "$1" ping.log ping -q -c "$2" -W 2 10.9.0.1 || die 1 "the tunnel of $1 does not carry"; }

pings roamer 5
pings homer 5
say 'the first client goes on by its other card'
at roamer ip link set dev eth0 down
at roamer ip route replace default via 192.0.2.129
pings roamer 5
say 'the NAT forgets the second client'
udp=net.netfilter.nf_conntrack_udp_timeout
at nat sysctl -qw $udp=1 ${udp}_stream=1
nat nat eth0 'to :20002'
pings homer 1
pause 3
at nat sysctl -qw $udp=30 ${udp}_stream=120
pings homer 5
pings roamer 2
context server roamer homer nat
for each in server roamer homer; do wg_context $each $each; done
captured
keep peers.txt
