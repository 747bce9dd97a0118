# What the WireGuard labs have in common: keys and tunnels of wireguard-go. Read after lab.sh.

# wg_keys NAME…: a key pair each. The public keys, which name the peers in captures (`fluxcap --wg-peer`), stay: peers.txt.
wg_keys() {
  local each
  : >"$tmp/peers.txt"
  for each in "$@"; do
    (umask 077 && wg genkey >"$tmp/$each.key")
    wg pubkey <"$tmp/$each.key" >"$tmp/$each.pub"
    echo "$each=$(cat "$tmp/$each.pub")" >>"$tmp/peers.txt"
  done
}

# wg_start NODE NAME ADDRESS [PORT]: the tunnel interface of NAME, at $(wg_card NAME); the control sockets of all namespaces are in one folder.
wg_start() {
  local card
  card=$(wg_card "$2")
  lab_files+=("/var/run/wireguard/$card.sock")
  WG_PROCESS_FOREGROUND=1 LOG_LEVEL=verbose spawn "$1" "$2.log" wireguard-go -f "$card"
  until_log "$2.log" 'UAPI listener started' 5
  at "$1" wg set "$card" private-key "$tmp/$2.key" ${4:+listen-port "$4"}
  address "$1" "$card" "$3"
  at "$1" ip link set dev "$card" up
}

wg_card() { echo "$lab$1"; }

# wg_peer NODE NAME PEER OPTIONS…: lets NAME, at NODE, know PEER.
wg_peer() {
  local node=$1 name=$2 peer=$3
  shift 3
  at "$node" wg set "$(wg_card "$name")" peer "$(cat "$tmp/$peer.pub")" "$@"
}

# nat NODE CARD [OPTIONS]: UDP that leaves NODE by CARD leaves with the address of the card.
nat() {
  at "$1" sysctl -qw net.ipv4.ip_forward=1
  at "$1" nft "table ip nat { chain out { type nat hook postrouting priority srcnat; oifname \"$2\" meta l4proto udp masquerade ${3:-}; }; }"
}
