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
  # What one before it said is not to be taken for its word.
  rm -f "$tmp/$2.log"
  WG_PROCESS_FOREGROUND=1 LOG_LEVEL=verbose spawn "$1" "$2.log" wireguard-go -f "$card"
  until_log "$2.log" 'UAPI listener started' 5
  until_true 5 "$card answers" at "$1" wg show "$card"
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

# nat NODE CARD [OPTIONS]: UDP that leaves NODE by CARD leaves with the address of the card. Called again, it changes the options.
nat() {
  at "$1" sysctl -qw net.ipv4.ip_forward=1
  at "$1" nft "table ip nat { chain out { type nat hook postrouting priority srcnat; }; }; flush chain ip nat out;
    add rule ip nat out oifname \"$2\" meta l4proto udp masquerade ${3:-}"
}

# wg_context NODE NAME: the tunnel of NAME, as NODE knows it, for context.json. The dump begins with the private key; that stays out, as preshared keys do.
wg_context() {
  at "$1" wg show "$(wg_card "$2")" dump | awk -F '\t' -v card="$(wg_card "$2")" '
    NR == 1 { printf "[{\"interface\": \"%s\", \"publicKey\": \"%s\", \"listenPort\": %d, \"fwmark\": \"%s\", \"peers\": [", card, $2, $3, $4 }
    NR > 1 { printf "%s\n  {\"publicKey\": \"%s\", \"endpoint\": \"%s\", \"allowedIps\": \"%s\", \"latestHandshake\": %d, \"persistentKeepalive\": \"%s\"}", comma, $1, $3, $4, $5, $8; comma = "," }
    END { print "]}]" }' | context_part "$1" wireguard
}

# two_uplinks: L1 with two uplinks, the default route by the second one; L2 behind a NAT that forwards the port to it. Both know each other, and L2 is
# configured for the first address of L1.
#
#                                                       198.51.100.1   .2
#    l2 eth0 ──────── nat eth0 ──────────── inet up1 ────────────────── wan1 ┐
#    192.168.1.2      203.0.113.10          .1   up2 ── .17 ────── .18 ─ wan2 ┘ l1
two_uplinks() {
  uplinks 2 nat l1
  default_by 2 l1
  nodes l2
  cable l2 eth0 02:00:00:00:00:20 nat lan 02:00:00:00:00:21
  address l2 eth0 192.168.1.2/24
  address nat lan 192.168.1.1/24
  at l2 ip route add default via 192.168.1.1
  nat nat eth0
  at nat nft 'table ip forward { chain in { type nat hook prerouting priority dstnat; fib daddr type local udp dport 12345 dnat to 192.168.1.2; }; }'

  wg_keys L1 L2
  wg_start l1 L1 10.9.0.1/24 12345
  l1_daemon=$pid
  wg_start l2 L2 10.9.0.2/24 12345
  wg_peer l1 L1 L2 allowed-ips 10.9.0.2/32
  wg_peer l2 L2 L1 allowed-ips 10.9.0.1/32 endpoint 198.51.100.2:12345
}

# outage: captures while both ends ping each other, in turns, the Internet drops everything for more than three minutes, and comes back when the next try is L1's.
outage() {
  capture l2 eth0 l2.pcap 'udp port 12345 or icmp'
  capture l2 "$(wg_card L2)" l2-tunnel.pcap
  capture nat eth0 nat-wan.pcap 'udp port 12345 or icmp'
  capture l1 any l1.pcap 'udp port 12345 or icmp'
  at l2 ping -q -c 3 10.9.0.1 >"$tmp/ping.log" || die 1 'the tunnel does not carry'
  spawn l1 l1-ping.log ping -q -i 2.5 10.9.0.2
  pause 1.25
  spawn l2 l2-ping.log ping -q -i 2.5 10.9.0.1
  # Between two pings: who hears nothing first is two or three seconds ahead of the other with its tries, too.
  pause 10.6

  say 'the outage begins, for more than three minutes'
  at inet nft 'table ip outage { chain cut { type filter hook forward priority 0; drop; }; }'
  pause 190
  until_next_is_l1
  say 'the outage ends'
  at inet nft delete table ip outage
  pause 25
}

# Both ends try every five seconds, and up to a third of a second more. So it is L1's turn where its last try is clearly older than L2's, but not so old that the next
# one may come at any moment. Where both come to try at the same moments, L1 is held for a while.
until_next_is_l1() {
  local now start=${EPOCHREALTIME/[.,]/} l1_tries l2_tries l1_at=0 l2_at=0 held=''
  l1_tries=$(tries L1) l2_tries=$(tries L2)
  while now=${EPOCHREALTIME/[.,]/} && [ $((now - start)) -lt 60000000 ]; do
    [ "$(tries L1)" = "$l1_tries" ] || l1_tries=$(tries L1) l1_at=$now
    [ "$(tries L2)" = "$l2_tries" ] || l2_tries=$(tries L2) l2_at=$now
    if [ $l1_at -gt 0 ] && [ $((l2_at - l1_at)) -gt 700000 ] && [ $((now - l1_at)) -lt 4300000 ]; then return; fi
    if [ -z "$held" ] && [ $((now - start)) -gt 15000000 ] && [ $((now - l1_at)) -gt 4300000 ]; then
      held=yes
      kill -STOP "$l1_daemon"
      pause 2.5
      kill -CONT "$l1_daemon"
    fi
    pause 0.05
  done
  die 1 'both ends try at the same moments'
}

tries() { grep -c 'Sending handshake initiation' "$tmp/$1.log" || true; }

# two_uplinks_captured: ends the captures, and keeps what the hosts know, and the public keys.
two_uplinks_captured() {
  context l1 l2 nat
  wg_context l1 L1
  wg_context l2 L2
  captured
  keep peers.txt
}
