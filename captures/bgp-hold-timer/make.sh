#!/bin/bash
# The line between two BGP routers carries nothing for a while, without either of them losing its carrier: the hold timers end the session, and it comes up again.
# Later the operator of one of them shuts it down, and says why.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../bgp.sh"
lab_begin 90 "bridge $frr_programs" "$@"

#   left wan 192.0.2.1/30 ─── near line far ─── 192.0.2.2/30 wan right
switches line
nodes left right
plug left wan 02:00:00:00:00:01 line near
plug right wan 02:00:00:00:00:02 line far
address left wan 192.0.2.1/30
address right wan 192.0.2.2/30
address left lo 10.1.0.1/24
address right lo 10.2.0.1/24
capture left wan left.pcap
capture right wan right.pcap
bgp_router right 64513 10.255.0.2 "$(bgp_neighbor 192.0.2.1 64512 passive)
 address-family ipv4 unicast
  network 10.2.0.0/24"
bgp_router left 64512 10.255.0.1 "$(bgp_neighbor 192.0.2.2 64513)
 address-family ipv4 unicast
  network 10.1.0.0/24"
until_bgp left 192.0.2.2 Established 20
until_bgp_route left 10.2.0.0/24
pause 4
# Not forwarding any more is not the same as down: both cards keep their carrier.
at line bridge link set dev far state 0
until_bgp left 192.0.2.2 '\(Idle\|Active\|Connect\)' 20
until_bgp right 192.0.2.1 '\(Idle\|Active\|Connect\)' 20
at line bridge link set dev far state 3
until_bgp left 192.0.2.2 Established 20
until_bgp_route left 10.2.0.0/24
pause 4
bgp_context left right
private_at right vtysh -c 'configure terminal' -c 'router bgp 64513' -c 'neighbor 192.0.2.1 shutdown message line is being repaired'
until_true 10 'session shut down' bgp_is left 192.0.2.2 '\(Idle\|Active\|Connect\)'
# The side that connects does not know that it is meant so: it tries again, every two seconds, and is refused.
pause 7
captured
