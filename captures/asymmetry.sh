# What the labs about answers that leave by another card have in common: a server with two uplinks, and what is asked of it. Read after lab.sh.

# The client asks each protocol from an address of its own: by ping, by DNS, by HTTP.
pinging=192.0.2.10 querying=192.0.2.11 browsing=192.0.2.12
address_a=198.51.100.2 address_b=203.0.113.2

# two_providers: the server's default route goes by provider A; it has the address of provider B too.
#
#    client eth0 ---------- client inet upA ---------- wanA server
#    192.0.2.10, .11, .12   .1          198.51.100.1/28   198.51.100.2
#                                       upB ---------- wanB
#                                       203.0.113.1/28    203.0.113.2
two_providers() {
  nodes client server
  routers inet
  cable client eth0 02:00:00:00:00:10 inet client 02:00:00:00:00:01
  cable server wanA 02:00:00:00:02:0a inet upA 02:00:00:00:01:0a
  cable server wanB 02:00:00:00:02:0b inet upB 02:00:00:00:01:0b
  address client eth0 $pinging/24 $querying/24 $browsing/24
  address inet client 192.0.2.1/24
  address inet upA 198.51.100.1/28
  address inet upB 203.0.113.1/28
  address server wanA $address_a/28
  address server wanB $address_b/28
  at client ip route add default via 192.0.2.1
  at server ip route add default via 198.51.100.1 dev wanA
}

# providers_filter: each provider takes from its customer only what has an address of its own (BCP 38, here by strict reverse path filtering).
providers_filter() { at inet sysctl -qw net.ipv4.conf.upA.rp_filter=1 net.ipv4.conf.upB.rp_filter=1; }

# answer_by_own_uplink: what mends it. What has the address of provider B leaves by provider B.
answer_by_own_uplink() {
  at server ip route add default via 203.0.113.1 dev wanB src $address_b table 102
  at server ip rule add from $address_b lookup 102
}

# dns_and_web NODE: DNS (dnsmasq answers from the address that was asked) and HTTP on all addresses of NODE.
dns_and_web() {
  spawn "$1" dnsmasq.log dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --pid-file="$tmp/dnsmasq.pid" --user=root \
    --no-resolv --no-hosts --address=/example.net/192.0.2.80
  until_log dnsmasq.log started 10
  mkdir "$tmp/files"
  head -c 3000 /dev/zero | tr '\0' x >"$tmp/files/page.txt"
  spawn "$1" web.log /usr/bin/python3 "$here/../web.py" 0.0.0.0 8080 "$tmp/files"
  until_log web.log ready 10
}

# What the client asks of ADDRESS; each fails where there is no answer for some seconds.
ask_ping() { run client ping.log ping -q -n -I $pinging -c 4 -i 0.5 -W 2 "$1"; }
ask_dns() {
  local each
  for each in 1 2 3; do run client dig.log dig +tries=3 +time=1 -b $querying "@$1" "name$each.example.net" A || return; done
}
ask_web() {
  run client curl.log curl -sS --max-time 6 --interface $browsing -o "$tmp/page.txt" "http://$1:8080/page.txt" && cmp "$tmp/files/page.txt" "$tmp/page.txt"
}
