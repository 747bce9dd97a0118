# What the labs about large packets between two sites have in common: IPsec (IKEv2, ESP in UDP through a NAT) between their gateways, and a file that is brought
# from one to the other. Read after lab.sh and ipsec.sh.
#
#    hosta eth0 ── lan gwa wan ────── inside nat outside ── inet ──────── wan gwb lan ── eth0 hostb
#    10.1.0.10     .1   192.168.1.2   .1  203.0.113.10     .1   .1  198.51.100.2   .1   10.2.0.10
#                       ipsec0 ═══════════ ESP, UDP 4500 ═════════════ ipsec0, 1400
site_from=40000 site_port=8080

two_sites() {
  local each
  behind_nat
  # The same on every machine, whatever its administrator prefers.
  for each in hosta hostb; do at $each sysctl -qw net.ipv4.tcp_mtu_probing=0 net.ipv4.tcp_congestion_control=reno; done
  # Security policies of well-meaning administrators: no ICMP errors leave the gateways.
  for each in gwa gwb; do
    at $each nft 'table ip filter { chain output { type filter hook output priority 0; icmp type destination-unreachable drop; }; }'
  done

  ipsec_psk
  for each in gwb gwa; do ipsec_start $each 'kernel-libipsec kernel-netlink' 1; done
  site_connections
}

# site_captures: the headers suffice.
site_captures() {
  capture hosta eth0 hosta.pcap -s 128
  capture gwa any gwa.pcap -s 128
  capture gwb any gwb.pcap -s 128
  swanctl_at gwa --initiate --child net
  until_log gwb-charon.log 'CHILD_SA net{1} established' 10
  run hosta ping.log ping -q -c 2 -i 0.5 -W 5 -s 1000 10.2.0.10 || die 1 'the tunnel does not carry'
}

# site_transfer SECONDS: 12000 octets from hosta to hostb, which asks after its client every two seconds; the id of the sender is in $sending, of the receiver in
# $receiving.
site_transfer() {
  head -c 12000 /dev/zero | tr '\0' x >"$tmp/sent"
  spawn hostb receiving.log socat -u "TCP4-LISTEN:$site_port,reuseaddr,keepalive,keepidle=2,keepintvl=2,keepcnt=30" "OPEN:$tmp/received,creat,trunc"
  receiving=$pid
  until_true 10 'the receiver listens' listens hostb $site_port
  spawn hosta sending.log timeout "$1" socat -u "OPEN:$tmp/sent" "TCP4:10.2.0.10:$site_port,sourceport=$site_from"
  sending=$pid
}

# site_hosts: what the gateways know of themselves.
site_hosts() {
  local each
  context hosta gwa gwb
  for each in gwa gwb; do ipsec_context $each; done
}
