# What the labs of routing loops have in common. Read after lab.sh and wireguard.sh.
#
# A branch sends everything through a WireGuard tunnel to its headquarters, which have the route to all of the branch back. The provider of the headquarters has the
# route to their network, and they a default route to the provider. Of both networks a part alone is in use.
#
#    host eth0 ──── lan branch wan ──────────── wan hq up ─────────── hq isp
#    10.77.1.10     .1         198.51.100.2      .1    192.0.2.2      .1
#                              10.9.0.2 ── wg ── 10.9.0.1
#                              10.77.0.0/16: 10.77.1.0/24 in use
#                                                203.0.113.0/24: 203.0.113.1 in use
#
# UNUSED_BRANCH and UNUSED_HQ are addresses that nobody has.

UNUSED_BRANCH=10.77.200.9
UNUSED_HQ=203.0.113.200

loop_network() {
  nodes host
  routers branch hq isp
  cable host eth0 02:00:00:00:00:10 branch lan 02:00:00:00:00:11
  cable branch wan 02:00:00:00:00:12 hq wan 02:00:00:00:00:21
  cable hq up 02:00:00:00:00:22 isp hq 02:00:00:00:00:31
  address host eth0 10.77.1.10/24
  address branch lan 10.77.1.1/24
  address branch wan 198.51.100.2/30
  address hq wan 198.51.100.1/30
  address hq up 192.0.2.2/30
  address isp hq 192.0.2.1/30
  address hq lo 203.0.113.1/32
  at host ip route add default via 10.77.1.1
  at hq ip route add default via 192.0.2.1
  at isp ip route add 203.0.113.0/24 via 192.0.2.2
  at isp ip route add 10.77.0.0/16 via 192.0.2.2

  wg_keys branch hq
  wg_start hq hq 10.9.0.1/30 51820
  wg_start branch branch 10.9.0.2/30
  wg_peer hq hq branch allowed-ips 10.9.0.2/32,10.77.0.0/16
  wg_peer branch branch hq allowed-ips 0.0.0.0/0 endpoint 198.51.100.1:51820
  at branch ip route add default dev "$(wg_card branch)"
  at hq ip route add 10.77.0.0/16 dev "$(wg_card hq)"
  at host ping -q -c 1 -W 5 203.0.113.1 >"$tmp/ping.log" || die 1 'the tunnel does not carry'
}

# loop_captures: where packets go round, and where they come from.
loop_captures() {
  capture hq up link.pcap 'icmp or arp'
  capture hq any hq.pcap 'icmp or arp'
  capture branch "$(wg_card branch)" tunnel.pcap
  capture host eth0 host.pcap 'icmp or arp'
}

# loop_probes: ping and mtr to addresses that nobody has. What they print stays: ping.txt, mtr.txt. Routers send an error a second to each host.
loop_probes() {
  local each
  : >"$tmp/ping.txt"
  : >"$tmp/mtr.txt"
  for each in $UNUSED_BRANCH $UNUSED_HQ; do
    run host probe.log ping -n -c 2 -W 1 "$each" || true
    cat "$tmp/probe.log" >>"$tmp/ping.txt"
    pause 5
    run host probe.log unshare --uts sh -c 'sysctl -qw kernel.hostname=host; exec "$@"' sh mtr -n --report --report-cycles 3 --max-ttl 16 --gracetime 2 "$each" ||
      die 1 "mtr: $(cat "$tmp/probe.log")"
    cat "$tmp/probe.log" >>"$tmp/mtr.txt"
    pause 5
  done
  for each in 203.0.113.1 192.0.2.1; do run host probe.log ping -n -c 6 "$each" || die 1 "$each does not answer"; done
}
