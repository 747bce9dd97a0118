# What the OpenVPN labs have in common: a server for each mode of the control channel, and a client for each. Read after lab.sh.

# Where clients ask: the address of the second uplink.
openvpn_remote=198.51.100.18
# Whose certificate they know.
openvpn_trusts=server

# openvpn_keys [NAME…]: certificates that know each other by fingerprint, and a key for tls-crypt; more certificates for who is named.
openvpn_keys() {
  local each
  for each in server client "$@"; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=$each" \
      -keyout "$tmp/$each.key" -out "$tmp/$each.crt" 2>"$tmp/openssl.log" || die 1 "openssl: $(cat "$tmp/openssl.log")"
  done
  openvpn --genkey secret "$tmp/tls-crypt.key" >"$tmp/genkey.log"
}

fingerprint() { openssl x509 -noout -fingerprint -sha256 -in "$tmp/$1.crt" | cut -d= -f2; }

# openvpn_server NAME PORT OPTIONS…: on all addresses.
openvpn_server() {
  local name=$1 port=$2
  shift 2
  spawn server "$name-server.log" openvpn --mode server --tls-server --proto udp4 --port "$port" --dev "tun-$name" --dev-type tun --disable-dco \
    --topology subnet --ifconfig "10.8.$((port - 1194)).1" 255.255.255.0 --ifconfig-pool "10.8.$((port - 1194)).10" "10.8.$((port - 1194)).20" \
    --push 'topology subnet' --keepalive 10 60 --dh none --cert "$tmp/server.crt" --key "$tmp/server.key" --peer-fingerprint "$(fingerprint client)" \
    --verb 4 "$@"
  until_log "$name-server.log" 'Initialization Sequence Completed' 5
}

# openvpn_client NAME PORT OPTIONS…: asks openvpn_remote, and knows the certificate of openvpn_trusts.
openvpn_client() {
  local name=$1 port=$2
  shift 2
  spawn client "$name-client.log" openvpn --client --proto udp4 --remote "$openvpn_remote" "$port" --nobind --dev "tun-$name" --dev-type tun --disable-dco \
    --cert "$tmp/client.crt" --key "$tmp/client.key" --peer-fingerprint "$(fingerprint "$openvpn_trusts")" --verb 4 "$@"
}
