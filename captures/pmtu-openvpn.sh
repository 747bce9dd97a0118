# What the labs about OpenVPN over a path with a narrow link have in common: client and server, a router between, and a file that is brought through the tunnel. Read
# after lab.sh and openvpn.sh.
#
#    client wan ──────────── one narrow two ──────────── wan server
#    198.51.100.2/28      .1  MTU 1400  .17        198.51.100.18/28
#    tun-plain 10.8.0.10 ═════ OpenVPN, UDP 1194 ═════ 10.8.0.1 tun-plain
upload_from=40000 upload_port=9000

# narrow_way: the router between has a card of 1400 octets towards the server, and lets no ICMP error out.
narrow_way() {
  nodes client server
  routers narrow
  cable client wan 02:00:00:00:00:02 narrow one 02:00:00:00:00:01
  cable narrow two 02:00:00:00:00:11 server wan 02:00:00:00:00:12
  address client wan 198.51.100.2/28
  address narrow one 198.51.100.1/28
  address narrow two 198.51.100.17/28
  address server wan 198.51.100.18/28
  at narrow ip link set dev two mtu 1400
  at client ip route add default via 198.51.100.1
  at server ip route add default via 198.51.100.17
  at narrow nft 'table ip filter { chain output { type filter hook output priority 0; icmp type destination-unreachable drop; }; }'
  # The same on every machine, whatever its administrator prefers.
  for each in client server; do at $each sysctl -qw net.ipv4.tcp_mtu_probing=0 net.ipv4.tcp_congestion_control=reno net.ipv4.ip_no_pmtu_disc=0; done
}

# upload [OPTIONS…]: the tunnel, with these options at both ends, the captures, and 24000 octets from the client to the server, which asks after its client every two
# seconds; the id of the sender is in $sending, of the receiver in $receiving.
upload() {
  openvpn_keys
  openvpn_server plain 1194 "$@"
  openvpn_client plain 1194 "$@"
  until_log plain-client.log 'Initialization Sequence Completed' 15
  capture client any client.pcap -s 128
  capture client tun-plain client-tunnel.pcap -s 128
  capture server any server.pcap -s 128
  run client ping.log ping -q -c 2 -i 0.5 -s 1000 10.8.0.1 || die 1 'the tunnel does not carry'
  head -c 24000 /dev/zero | tr '\0' x >"$tmp/sent"
  spawn server receiving.log socat -d -d -u "TCP4-LISTEN:$upload_port,bind=10.8.0.1,keepalive,keepidle=2,keepintvl=2,keepcnt=30" "OPEN:$tmp/received,creat,trunc"
  receiving=$pid
  until_log receiving.log 'listening on' 10
  spawn client sending.log timeout 20 socat -u "OPEN:$tmp/sent" "TCP4:10.8.0.1:$upload_port,sourceport=$upload_from"
  sending=$pid
}
