# What the labs about the MTU of a path have in common: two sites, a WireGuard tunnel between their gateways, and a transfer each way. Read after lab.sh and
# wireguard.sh.

# A file is downloaded by one pair of addresses, and uploaded by another one: so neither connection learns from the other what the path carries.
download_client=10.1.0.10 download_from=40000 download_server=10.2.0.10 download_port=8080
upload_client=10.1.0.20 upload_from=40001 upload_server=10.2.0.20 upload_port=9000
file_size=24000

# sites: every card has an MTU of 1500 octets, the tunnel one of 1420. Nobody clamps the MSS.
#
#    client eth0 ---- lan branch wan -------- inet -------- wan office lan ---- outside firewall inside ---- eth0 server
#    10.1.0.10, .20   .1         198.51.100.2 .1  .17     .18          10.2.1.1    .2              10.2.0.1   .10, .20
#                          wireguard 10.9.0.1 ============= 10.9.0.2
sites() {
  nodes client server
  routers branch inet office firewall
  cable client eth0 02:00:00:00:01:10 branch lan 02:00:00:00:01:01
  cable branch wan 02:00:00:00:00:02 inet up1 02:00:00:00:00:01
  cable inet up2 02:00:00:00:00:11 office wan 02:00:00:00:00:12
  cable office lan 02:00:00:00:03:01 firewall outside 02:00:00:00:03:02
  cable firewall inside 02:00:00:00:02:01 server eth0 02:00:00:00:02:10
  address client eth0 $download_client/24 $upload_client/24
  address branch lan 10.1.0.1/24
  address branch wan 198.51.100.2/28
  address inet up1 198.51.100.1/28
  address inet up2 198.51.100.17/28
  address office wan 198.51.100.18/28
  address office lan 10.2.1.1/30
  address firewall outside 10.2.1.2/30
  address firewall inside 10.2.0.1/24
  address server eth0 $download_server/24 $upload_server/24
  at client ip route add default via 10.1.0.1
  at server ip route add default via 10.2.0.1
  at firewall ip route add default via 10.2.1.1
  at branch ip route add default via 198.51.100.1
  at office ip route add default via 198.51.100.17
  at office ip route add 10.2.0.0/24 via 10.2.1.2

  wg_keys branch office
  wg_start branch branch 10.9.0.1/30 51820
  wg_start office office 10.9.0.2/30 51820
  wg_peer branch branch office allowed-ips 10.9.0.2/32,10.2.0.0/16 endpoint 198.51.100.18:51820
  wg_peer office office branch allowed-ips 10.9.0.1/32,10.1.0.0/16 endpoint 198.51.100.2:51820
  at branch ip link set dev "$(wg_card branch)" mtu 1420
  at office ip link set dev "$(wg_card office)" mtu 1420
  at branch ip route add 10.2.0.0/16 dev "$(wg_card branch)"
  at office ip route add 10.1.0.0/16 dev "$(wg_card office)"
}

# services: a web server with a short and a long file, and a place to bring a file to. The latter, which only listens, asks after its client every two seconds.
services() {
  local each
  # The same on every machine, whatever its administrator prefers.
  for each in client server; do at $each sysctl -qw net.ipv4.tcp_mtu_probing=0 net.ipv4.tcp_congestion_control=reno; done
  mkdir "$tmp/files"
  echo 'All is well.' >"$tmp/files/status.txt"
  head -c $file_size /dev/zero | tr '\0' x >"$tmp/files/report.txt"
  spawn server web.log /usr/bin/python3 "$here/../web.py" $download_server $download_port "$tmp/files"
  until_log web.log ready 10
  spawn server inbox.log socat -d -d -u "TCP4-LISTEN:$upload_port,bind=$upload_server,keepalive,keepidle=2,keepintvl=2,keepcnt=30" "CREATE:$tmp/inbox.txt"
  until_log inbox.log 'listening on' 10
}

# site_captures: the headers and what little more an ICMP error quotes of them; a gateway sees most packets three times.
site_captures() {
  capture client eth0 client.pcap -s 200
  capture branch any branch.pcap -s 200
  capture office any office.pcap -s 200
  capture server eth0 server.pcap -s 200
  # Small packets pass: the first one brings the tunnel up.
  run client ping.log ping -q -c 2 -i 0.5 -s 1000 $download_server || die 1 'the tunnel does not carry'
}

# transfers SECONDS: starts both, for so long at most; their ids are in $download and $upload. The download begins with a short file, and asks after the server.
transfers() {
  local web="http://$download_server:$download_port"
  spawn client download.log curl -sS --max-time "$1" --interface $download_client --local-port $download_from --keepalive-time 2 \
    -o "$tmp/status.txt" "$web/status.txt" -o "$tmp/report.txt" "$web/report.txt"
  download=$pid
  spawn client upload.log timeout "$1" socat -u "OPEN:$tmp/files/report.txt,rdonly" "TCP4:$upload_server:$upload_port,bind=$upload_client:$upload_from"
  upload=$pid
}

# size FILE: 0 where there is none.
size() { if [ -e "$1" ]; then stat -c %s "$1"; else echo 0; fi; }

# site_context: what the hosts know of themselves.
site_context() {
  context client branch office server
  wg_context branch branch
  wg_context office office
}
