#!/bin/bash
# Routers that forward one way by some of their cards and back by others, or not at all. Everything works, as it may in any routed network.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 60 'ping dnsmasq dig curl cmp traceroute /usr/bin/python3' "$@"
. "$here/../asymmetry.sh"

nodes client server
routers west core east bypass
cable client eth0 02:00:00:00:00:10 west lan 02:00:00:00:01:01
cable west toA 02:00:00:00:01:0a core ifA 02:00:00:00:02:0a
cable core ifB 02:00:00:00:02:0b east fromB 02:00:00:00:03:0b
cable east toC 02:00:00:00:03:0c core ifC 02:00:00:00:02:0c
cable core ifD 02:00:00:00:02:0d west fromD 02:00:00:00:01:0d
cable east toBypass 02:00:00:00:03:0e bypass near 02:00:00:00:04:0e
cable bypass far 02:00:00:00:04:0f west fromBypass 02:00:00:00:01:0f
cable east lan 02:00:00:00:03:01 server eth0 02:00:00:00:00:20
address client eth0 192.0.2.10/24 192.0.2.20/24
address west lan 192.0.2.1/24
address west toA 203.0.113.1/30
address core ifA 203.0.113.2/30
address core ifB 203.0.113.5/30
address east fromB 203.0.113.6/30
address east toC 203.0.113.9/30
address core ifC 203.0.113.10/30
address core ifD 203.0.113.13/30
address west fromD 203.0.113.14/30
address east toBypass 203.0.113.17/30
address bypass near 203.0.113.18/30
address bypass far 203.0.113.21/30
address west fromBypass 203.0.113.22/30
address east lan 198.51.100.1/24
address server eth0 198.51.100.10/24
at client ip route add default via 192.0.2.1
at server ip route add default via 198.51.100.1
at west ip route add 198.51.100.0/24 via 203.0.113.2
at core ip route add 198.51.100.0/24 via 203.0.113.6
at core ip route add 192.0.2.0/24 via 203.0.113.14
at east ip route add 192.0.2.0/24 via 203.0.113.10
at east ip route add 192.0.2.20/32 via 203.0.113.18
at bypass ip route add 192.0.2.0/24 via 203.0.113.22
dns_and_web server

for each in west core east bypass; do capture $each any $each.pcap; done
for source in 192.0.2.10 192.0.2.20; do
  pinging=$source querying=$source browsing=$source
  for each in ping dns web; do ask_$each 198.51.100.10 || die 1 "no answer to $source ($each)"; done
  run client traceroute.log traceroute -n -q 1 -N 1 -w 3 -m 6 -s $source 198.51.100.10
  grep -q '^ *4  198.51.100.10 ' "$tmp/traceroute.log" || die 1 "traceroute did not arrive: $(cat "$tmp/traceroute.log")"
done
context west core east bypass
captured
