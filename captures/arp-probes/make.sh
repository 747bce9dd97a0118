#!/bin/bash
# A newcomer looks whether addresses are free before it takes one (arping -D, RFC 5227): one that another host has, then a free one, which it takes and announces.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping busybox' "$@"
. "$here/../arp.sh"

switches lan
nodes client host newcomer
plug client eth0 02:00:00:00:00:10 lan
plug host eth0 02:00:00:00:00:20 lan
plug newcomer eth0 02:00:00:00:00:30 lan
address client eth0 192.0.2.10/24
address host eth0 192.0.2.20/24

capture client eth0 client.pcap
capture host any host.pcap
capture newcomer any newcomer.pcap
ping_once client 192.0.2.20
at newcomer busybox arping -D -q -c 3 -w 3 -I eth0 192.0.2.20 && die 1 'the host does not answer the probes'
pause 0.5
at newcomer busybox arping -D -q -c 3 -w 3 -I eth0 192.0.2.30 || die 1 'somebody answers for the free address'
address newcomer eth0 192.0.2.30/24
at newcomer busybox arping -U -q -c 2 -I eth0 192.0.2.30 || true
ping_once client 192.0.2.20 192.0.2.30
ping_once newcomer 192.0.2.10 192.0.2.20
context newcomer host client
captured
