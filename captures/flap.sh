# What the labs of flapping routes have in common. Read after lab.sh.
#
# Two ways of the same length from r1 to r4, by r2 and by r3. The way back is by r2. r4 says what goes wrong with the address at which it came in, as most routers do
# that are no Linux.
#
#                              ┌─ 10.0.12.2 r2 10.0.24.2 ─┐
#    host eth0 ──── lan r1 ────┤                          ├─── r4 lan ──── eth0 target
#    10.0.1.10      .1         └─ 10.0.13.3 r3 10.0.34.3 ─┘    .1          10.0.4.10

flap_network() {
  nodes host target
  routers r1 r2 r3 r4
  cable host eth0 02:00:00:00:00:10 r1 lan 02:00:00:00:01:01
  cable r1 to2 02:00:00:00:01:02 r2 to1 02:00:00:00:02:01
  cable r1 to3 02:00:00:00:01:03 r3 to1 02:00:00:00:03:01
  cable r2 to4 02:00:00:00:02:04 r4 to2 02:00:00:00:04:02
  cable r3 to4 02:00:00:00:03:04 r4 to3 02:00:00:00:04:03
  cable r4 lan 02:00:00:00:04:01 target eth0 02:00:00:00:00:20
  address host eth0 10.0.1.10/24
  address r1 lan 10.0.1.1/24
  address r1 to2 10.0.12.1/24
  address r1 to3 10.0.13.1/24
  address r2 to1 10.0.12.2/24
  address r2 to4 10.0.24.2/24
  address r3 to1 10.0.13.3/24
  address r3 to4 10.0.34.3/24
  address r4 to2 10.0.24.4/24
  address r4 to3 10.0.34.4/24
  address r4 lan 10.0.4.1/24
  address target eth0 10.0.4.10/24
  at host ip route add default via 10.0.1.1
  at target ip route add default via 10.0.4.1
  for each in 'r2 10.0.1.0/24 10.0.12.1' 'r2 10.0.4.0/24 10.0.24.4' 'r3 10.0.1.0/24 10.0.13.1' 'r3 10.0.4.0/24 10.0.34.4' 'r4 10.0.1.0/24 10.0.24.2'; do
    set -- $each
    at "$1" ip route add "$2" via "$3"
  done
  at r4 sysctl -qw net.ipv4.icmp_errors_use_inbound_ifaddr=1
  by_r2
}

by_r2() { at r1 ip route replace 10.0.4.0/24 via 10.0.12.2; }
by_r3() { at r1 ip route replace 10.0.4.0/24 via 10.0.13.3; }

flap_captures() {
  capture host eth0 host.pcap
  capture r1 any r1.pcap
}

# flap_probe CYCLES: mtr at the host, once a second, in the background; its report stays: mtr.txt.
flap_probe() {
  spawn host mtr.txt unshare --uts sh -c 'sysctl -qw kernel.hostname=host; exec "$@"' sh mtr -n --report --report-cycles "$1" --gracetime 2 10.0.4.10
  probing=$pid
}
