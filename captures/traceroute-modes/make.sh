#!/bin/bash
# Every way of tracing a route: ICMP, UDP and TCP, IPv4 and IPv6, over paths of equal cost, past a router that keeps silent. All is well.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 240 'traceroute mtr tcptraceroute.mt dublin-traceroute scamper nft /usr/bin/python3' "$@"

nodes source target
routers r1 r2a r2b r3
for node in source r1 r2a r2b r3 target; do
  at $node sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0 \
    net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.accept_ra=0
  # Errors as many as asked for: what is to be seen here is not their limit.
  at $node sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
  at $node sysctl -qw net.ipv4.icmp_msgs_per_sec=10000 net.ipv4.icmp_msgs_burst=1000 2>/dev/null || true
done
for node in r1 r2a r2b r3; do at $node sysctl -qw net.ipv6.conf.all.forwarding=1; done

cable source eth0 02:00:00:00:00:10 r1 eth0 02:00:00:00:00:01
cable r1 eth1 02:00:00:00:01:01 r2a eth0 02:00:00:00:01:02
cable r1 eth2 02:00:00:00:02:01 r2b eth0 02:00:00:00:02:02
cable r2a eth1 02:00:00:00:03:01 r3 eth0 02:00:00:00:03:02
cable r2b eth1 02:00:00:00:04:01 r3 eth1 02:00:00:00:04:02
cable r3 eth2 02:00:00:00:05:01 target eth0 02:00:00:00:05:10
address source eth0 192.0.2.10/24 2001:db8:0:1::10/64
address r1 eth0 192.0.2.1/24 2001:db8:0:1::1/64
address r1 eth1 198.51.100.1/30 2001:db8:0:a::1/64
address r2a eth0 198.51.100.2/30 2001:db8:0:a::2/64
address r1 eth2 198.51.100.5/30 2001:db8:0:b::1/64
address r2b eth0 198.51.100.6/30 2001:db8:0:b::2/64
address r2a eth1 198.51.100.9/30 2001:db8:0:c::1/64
address r3 eth0 198.51.100.10/30 2001:db8:0:c::2/64
address r2b eth1 198.51.100.13/30 2001:db8:0:d::1/64
address r3 eth1 198.51.100.14/30 2001:db8:0:d::2/64
address r3 eth2 203.0.113.1/24 2001:db8:0:2::1/64
for ((i = 10; i < 18; i++)); do address target eth0 203.0.113.$i/24 2001:db8:0:2::$i/64; done
at source ip route add default via 192.0.2.1
at source ip -6 route add default via 2001:db8:0:1::1
at r1 ip route add 203.0.113.0/24 nexthop via 198.51.100.2 nexthop via 198.51.100.6
at r1 ip -6 route add 2001:db8:0:2::/64 nexthop via 2001:db8:0:a::2 nexthop via 2001:db8:0:b::2
# By ports, not by addresses alone.
at r1 sysctl -qw net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1
for path in 'r2a 198.51.100.10 198.51.100.1 c a' 'r2b 198.51.100.14 198.51.100.5 d b'; do
  read -r node to back net6 back6 <<<"$path"
  at $node ip route add 203.0.113.0/24 via $to
  at $node ip route add default via $back
  at $node ip -6 route add 2001:db8:0:2::/64 via 2001:db8:0:$net6::2
  at $node ip -6 route add default via 2001:db8:0:$back6::1
done
at r3 ip route add default via 198.51.100.9
at r3 ip -6 route add default via 2001:db8:0:c::1
at target ip route add default via 203.0.113.1
at target ip -6 route add default via 2001:db8:0:2::1
# The last link is smaller than the others (traceroute --mtu), and the router before it tells nobody that a TTL ended there.
at r3 ip link set dev eth2 mtu 1400
at r3 nft -f - <<'FW'
table inet quiet {
  chain output {
    type filter hook output priority filter; policy accept;
    icmp type time-exceeded drop
    icmpv6 type time-exceeded drop
  }
}
FW
# Who sends to port 53 is answered by UDP (traceroute -U), at one address; elsewhere nothing listens.
cat >"$tmp/echo.py" <<'PY'
import socket

sockets = [(socket.AF_INET, "203.0.113.11"), (socket.AF_INET6, "2001:db8:0:2::11")]
bound = []
for family, address in sockets:
    each = socket.socket(family, socket.SOCK_DGRAM)
    each.bind((address, 53))
    bound.append(each)
print("ready", flush=True)
import select

while True:
    for each in select.select(bound, [], [])[0]:
        octets, peer = each.recvfrom(2048)
        each.sendto(octets, peer)
PY
spawn target echo.log /usr/bin/python3 "$tmp/echo.py"
until_log echo.log ready 10
mkdir -p "$tmp/files"
spawn target web.log /usr/bin/python3 "$here/../web.py" 203.0.113.11 80 "$tmp/files"
until_log web.log ready 10
spawn target web-8080.log /usr/bin/python3 "$here/../web.py" 203.0.113.11 8080 "$tmp/files"
until_log web-8080.log ready 10
# Neighbours are known, so that no probe waits for ARP.
for each in 203.0.113.10 2001:db8:0:2::10; do
  until_true 10 "source reaches $each" at source mtr -n --report -c 1 --gracetime 1 $each
done

# traced REPORT COMMAND…: runs it at the source; what it says is added to REPORT, below a line with the command.
traced() {
  local report=$1 status=0
  shift
  echo "\$ $*" >>"$tmp/$report"
  (cd "$tmp" && run source traced.log timeout 30 "$@") || status=$?
  [ $status = 0 ] || { cat "$tmp/traced.log" >&2; die 1 "$* fails: $status"; }
  cat "$tmp/traced.log" >>"$tmp/$report"
  pause 0.3
}

# traced_all FIRST: FIRST is what stands before the last number of a target's address.
traced_all() {
  local short='-n -q 2 -m 6 -w 1' cycles='-n --json --report-cycles 3 --interval 0.5 --gracetime 1 --max-ttl 6'
  traced traceroute.txt traceroute $short -I ${1}10
  traced traceroute.txt traceroute $short ${1}10
  traced traceroute.txt traceroute $short ${1}10
  traced traceroute.txt traceroute $short -U ${1}10
  traced traceroute.txt traceroute $short -U ${1}11
  traced traceroute.txt traceroute $short -T ${1}10
  traced traceroute.txt traceroute $short -T ${1}11
  traced traceroute.txt traceroute $short -N 1 ${1}12
  traced traceroute.txt traceroute $short --mtu ${1}13
  traced mtr.txt mtr $cycles ${1}10
  traced mtr.txt mtr $cycles --udp ${1}14
  traced mtr.txt mtr $cycles --tcp ${1}14
}

capture source eth0 source.pcap -s 160
capture r1 any r1.pcap -s 160 'net 203.0.113.10/31 or (icmp and icmp[0] == 11)'
traced_all 203.0.113.
traced tcptraceroute.txt tcptraceroute.mt -n -q 2 -m 6 -w 1 203.0.113.15
traced tcptraceroute.txt tcptraceroute.mt -n -q 2 -m 6 -w 1 203.0.113.11 8080
traced dublin.txt dublin-traceroute --npaths=4 --min-ttl=1 --max-ttl=5 --delay=20 203.0.113.16
for each in udp-paris icmp-paris tcp; do
  traced scamper.txt scamper -O text -c "trace -P $each -q 1 -g 6 -m 6 -w 1" -i 203.0.113.17
done
context source r1
captured

capture source eth0 source6.pcap -s 160
traced_all 2001:db8:0:2::
for each in udp-paris icmp-paris; do
  traced scamper.txt scamper -O text -c "trace -P $each -q 1 -g 6 -m 6 -w 1" -i 2001:db8:0:2::17
done
captured
for each in 198.51.100.2 198.51.100.6 2001:db8:0:a::2 2001:db8:0:b::2; do
  grep -q " $each " "$tmp/traceroute.txt" || die 1 "nothing went by $each"
done
! grep -q '^ 3 .* ms' "$tmp/traceroute.txt" || die 1 'r3 is not silent'
keep traceroute.txt mtr.txt tcptraceroute.txt dublin.txt scamper.txt
