# What a site-to-site lab has beside IPsec and FRR: OpenVPN with a static key, and GRE. Read after lab.sh.

# static_openvpn NODE CARD REMOTE OWN-END OTHER-END DIRECTION: one end of a point-to-point tunnel, port 1194 at both ends, with the key in static.key.
static_openvpn() {
  spawn "$1" "$2.log" openvpn --dev "$2" --dev-type tun --proto udp4 --port 1194 --remote "$3" --ifconfig "$4" "$5" --secret "$tmp/static.key" "$6" \
    --cipher AES-256-CBC --auth SHA256 --tun-mtu 1400 --ping 2 --ping-restart 60 --disable-dco --verb 4
}

# gre NODE CARD LOCAL REMOTE OWN-END: one end of a GRE tunnel with key 42, in a /30. Its packets must fit into those of 1400 octets.
gre() {
  spawn "$1" "$2.log" /usr/bin/python3 -B "$here/../gre.py" "$2" "$3" "$4" 42
  until_log "$2.log" ready 10
  address "$1" "$2" "$5/30"
  at "$1" ip link set dev "$2" mtu 1372 up
}

# until_route NODE PREFIX: waits until BGP gave it to the kernel.
until_route() { until_true 20 "route of $1 to $2" has_route "$1" "$2"; }
has_route() { [ -n "$(at "$1" ip route show "$2" proto bgp)" ]; }
