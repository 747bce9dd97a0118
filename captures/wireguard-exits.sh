# What the WireGuard labs with two exits have in common. Read after lab.sh and wireguard.sh.
#
#                       192.0.2.0/24        198.51.100.0/27
#     home ─── eth0 .10 ──────────── inet ──┬─────────────── .2  eth0 ─── one   exit
#                                           ├─────────────── .18 eth0 ─── two   exit
#                                           └ 203.0.113.0/24 ── .10  eth0 ─── site
#
# Both exits masquerade what comes out of the tunnel.
wg_exit_programs='wireguard-go wg mtr nft ping unshare'

wg_exits() {
  local node
  nodes site
  routers inet home one two
  wg_uplink home 02:00:00:00:00:10 192.0.2.10/24 192.0.2.1/24
  wg_uplink one 02:00:00:00:00:61 198.51.100.2/28 198.51.100.1/28
  wg_uplink two 02:00:00:00:00:71 198.51.100.18/28 198.51.100.17/28
  wg_uplink site 02:00:00:00:00:20 203.0.113.10/24 203.0.113.1/24
  # Several probes in a row: no hop shall keep silent for it.
  for node in inet site one two; do at "$node" sysctl -qw net.ipv4.icmp_ratelimit=0; done
  for node in one two; do
    at "$node" nft 'table ip nat { chain out { type nat hook postrouting priority srcnat; oifname "eth0" ip saddr 10.9.0.0/16 masquerade; }; }'
  done
}

# wg_uplink NODE MAC ADDRESS GATEWAY: with prefix lengths.
wg_uplink() {
  cable "$1" eth0 "$2" inet "$1" 02:00:00:00:01:"${2##*:}"
  address "$1" eth0 "$3"
  address inet "$1" "$4"
  at "$1" ip route add default via "${4%/*}"
}

# wg_mtr GATEWAY HOP OTHER: the route of home names GATEWAY, and mtr goes by HOP first, never by OTHER.
wg_mtr() {
  at home ip route get 203.0.113.10 | grep -q "via $1 " || die 1 "the route does not name $1"
  run home mtr.log unshare --uts sh -c 'sysctl -qw kernel.hostname=home; exec mtr -n --report --report-cycles 5 --gracetime 2 203.0.113.10' ||
    die 1 "mtr: $(cat "$tmp/mtr.log")"
  cp "$tmp/mtr.log" "$tmp/mtr.txt"
  sed 's/^/  /' "$tmp/mtr.txt" >&2
  grep -q "1\.|-- $2 " "$tmp/mtr.txt" || die 1 "$2 is not the first hop"
  [ "$3" = "$2" ] || ! grep -q -- "-- $3 " "$tmp/mtr.txt" || die 1 "$3 is on the way"
  grep -q '3\.|-- 203\.0\.113\.10 ' "$tmp/mtr.txt" || die 1 'the site is not the third hop'
}
