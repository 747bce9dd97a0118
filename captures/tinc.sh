# What the tinc labs have in common: a VPN of four nodes, two of which are exits to the "Internet", and BGP inside it. Read after lab.sh.
#
#                       192.0.2.0/24        198.51.100.0/28
#     home ─── eth0 .10 ──────────── inet ──┬─────────────── .2  eth0 ─── tyo       10.2.30.91  relay
#     10.2.30.41                            ├─────────────── .18 eth0 ─── aws_jpn1  10.2.30.61  exit, 0.0.0.0/0
#     tun24 or tap24                        ├─────────────── .34 eth0 ─── gcp_hkc1  10.2.30.71  exit, 0.0.0.0/0
#                                           └ 203.0.113.0/24 ── .10, .20, .30 eth0 ─── site
#
# All have a tinc connection to tyo, and IndirectData lets no other one come about: what home sends to an exit goes by way of tyo, which counts as a hop
# (DecrementTTL). The exits masquerade.
. "$here/../frr.sh"

tinc_programs="tincd nft mtr traceroute ping unshare $frr_programs"
tinc_nodes='home tyo aws_jpn1 gcp_hkc1'
tinc_exits='aws_jpn1 gcp_hkc1'
declare -A tinc_addresses=([home]=10.2.30.41 [aws_jpn1]=10.2.30.61 [gcp_hkc1]=10.2.30.71 [tyo]=10.2.30.91)
declare -A tinc_daemons=()

# tinc_network MODE [WEIGHT]: the machines, their tinc in this mode (router, switch), and BGP of the exits; WEIGHT is that of 0.0.0.0/0 at gcp_hkc1.
tinc_network() {
  local node
  tinc_mode=$1 tinc_card=tun24
  [ "$1" = router ] || tinc_card=tap24
  nodes site tyo
  routers inet home $tinc_exits
  tinc_uplink home 02:00:00:00:00:10 192.0.2.10/24 192.0.2.1/24
  tinc_uplink tyo 02:00:00:00:00:91 198.51.100.2/28 198.51.100.1/28
  tinc_uplink aws_jpn1 02:00:00:00:00:61 198.51.100.18/28 198.51.100.17/28
  tinc_uplink gcp_hkc1 02:00:00:00:00:71 198.51.100.34/28 198.51.100.33/28
  tinc_uplink site 02:00:00:00:00:20 203.0.113.10/24 203.0.113.1/24
  address site eth0 203.0.113.20/24 203.0.113.30/24
  for node in inet site $tinc_exits; do
    # Several traceroutes in a row: no hop shall keep silent for it.
    at "$node" sysctl -qw net.ipv4.icmp_ratelimit=0
  done
  for node in $tinc_exits; do
    at "$node" nft 'table ip nat { chain out { type nat hook postrouting priority srcnat; oifname "eth0" ip saddr 10.2.30.0/24 masquerade; }; }'
  done

  # With these MED home prefers gcp_hkc1.
  tinc_exit_bgp aws_jpn1 520
  tinc_exit_bgp gcp_hkc1 510
  frr home zebra 'hostname home'

  mkdir "$tmp/hosts"
  tinc_node home
  tinc_node tyo 'Address = 198.51.100.2'
  tinc_node aws_jpn1 'Subnet = 0.0.0.0/0#10'
  tinc_node gcp_hkc1 "Subnet = 0.0.0.0/0#${2:-10}"
  for node in $tinc_nodes; do cp "$tmp"/hosts/* "$tmp/tinc-$node/hosts"; done
}

# tinc_uplink NODE MAC ADDRESS GATEWAY: with prefix lengths.
tinc_uplink() {
  cable "$1" eth0 "$2" inet "$1" 02:00:00:00:01:"${2##*:}"
  address "$1" eth0 "$3"
  address inet "$1" "$4"
  at "$1" ip route add default via "${4%/*}"
}

# tinc_node NODE [LINE]: its configuration and keys; LINE is one more of what all nodes know of it.
tinc_node() {
  local folder=$tmp/tinc-$1
  mkdir -p "$folder/hosts"
  {
    echo "Name = $1"
    echo "Mode = $tinc_mode"
    echo "Interface = $tinc_card"
    echo 'AddressFamily = ipv4'
    echo 'DecrementTTL = yes'
    [ "$1" = tyo ] || echo 'ConnectTo = tyo'
  } >"$folder/tinc.conf"
  {
    echo "Subnet = ${tinc_addresses[$1]}/32"
    # The probes for it would be most of the captures.
    echo 'PMTUDiscovery = no'
    [ "$1" = tyo ] || echo 'IndirectData = yes'
    echo "${2:-}"
  } >"$folder/hosts/$1"
  # Without a terminal it asks nothing, and adds the public key to what all know of the node.
  run "$1" "$1-keys.log" tincd --config="$folder" --generate-keys=2048 </dev/null || die 1 "tincd: $(cat "$tmp/$1-keys.log")"
  cp "$folder/hosts/$1" "$tmp/hosts/$1"
}

# tinc_vpn: all daemons, that of home last, until home reaches the exits.
tinc_vpn() {
  local node
  for node in tyo $tinc_exits home; do
    spawn "$node" "$node-tincd.log" tincd --config="$tmp/tinc-$node" --pidfile="$tmp/tinc-$node/pid" --no-detach --debug=2
    tinc_daemons[$node]=$pid
    until_log "$node-tincd.log" Ready 20
    # tinc would give another MAC in each run.
    [ "$tinc_mode" = router ] || at "$node" ip link set dev "$tinc_card" address "02:00:00:02:30:${tinc_addresses[$node]##*.}"
    address "$node" "$tinc_card" "${tinc_addresses[$node]}/24"
    # With PMTUDiscovery = no it is up to us that packets fit.
    at "$node" ip link set dev "$tinc_card" mtu 1400 up
  done
  for node in $tinc_exits; do
    until_true 30 "home reaches $node" at home ping -q -c 1 -W 1 "${tinc_addresses[$node]}"
  done
}

# tinc_exit_bgp EXIT MED: it announces the "Internet" to home.
tinc_exit_bgp() {
  local home=${tinc_addresses[home]}
  frr "$1" zebra "hostname $1"
  frr "$1" bgpd "
hostname $1
router bgp 64520
 bgp router-id ${tinc_addresses[$1]}
 no bgp network import-check
 neighbor $home remote-as 64512
 neighbor $home description home
 neighbor $home ebgp-multihop 3
 neighbor $home passive
 address-family ipv4 unicast
  network 203.0.113.0/24
  neighbor $home prefix-list nothing in
  neighbor $home route-map to-home out
 exit-address-family
ip prefix-list nothing seq 5 deny any
route-map to-home permit 10
 set metric $2"
}

# tinc_sessions: home's bgpd, until both exits have told all, and the kernel has the better route. DecrementTTL eats the TTL of a plain eBGP session: multihop.
tinc_sessions() {
  local node each sessions='' filters=''
  for node in $tinc_exits; do
    each=${tinc_addresses[$node]}
    sessions+="
 neighbor $each remote-as 64520
 neighbor $each description $node
 neighbor $each ebgp-multihop 3
 neighbor $each timers connect 2"
    filters+="
  neighbor $each prefix-list nothing out"
    # FRR looks at new route maps after five seconds, and announces nothing by them before: the End-of-RIB would go out first.
    until_true 15 "route map of $node" tinc_exit_ready "$node"
  done
  frr home bgpd "
hostname home
router bgp 64512
 bgp router-id ${tinc_addresses[home]}
 no bgp ebgp-requires-policy$sessions
 address-family ipv4 unicast$filters
 exit-address-family
ip prefix-list nothing seq 5 deny any"
  for node in $tinc_exits; do
    until_log home-bgpd.log "rcvd End-of-RIB for IPv4 Unicast from ${tinc_addresses[$node]}" 30
  done
  until_true 10 'best path by MED' tinc_best
  until_true 10 'route by 10.2.30.71' tinc_route
  pause 1
}

tinc_exit_ready() { frr_show "$1" route-map | grep 'to-home .*Processed Change: false'; }
# Without the other one there would be no reason to choose.
tinc_best() { frr_show home 'bgp ipv4 unicast json' | grep '"bestpath":true,"selectionReason":"MED",[^{}]*"metric":510,'; }
tinc_route() { at home ip route get 203.0.113.10 | grep "via 10.2.30.71 dev $tinc_card "; }

# tinc_context: what home knows before it probes: its kernel, FRR (also kept as bgp.json) and tinc.
tinc_context() {
  frr_show home 'bgp ipv4 unicast json' >"$tmp/bgp.json"
  context home
  context_part home bgp <"$tmp/bgp.json"
  tinc_subnets home | context_part home tinc
}

# tinc_subnets NODE: the subnet list that tincd writes to its log on SIGUSR2, as JSON.
tinc_subnets() {
  kill -USR2 "${tinc_daemons[$1]}"
  until_log "$1-tincd.log" 'End of subnet list' 10
  awk -v name="$1" -v mode="$tinc_mode" -v card="$tinc_card" '
    BEGIN { printf "[{\"interface\": \"%s\", \"name\": \"%s\", \"mode\": \"%s\", \"subnets\": [", card, name, mode }
    $2 == "owner" {
      split($1, part, "#")
      # MACs of switch mode: tinc leaves out leading zeros.
      if (part[1] !~ "/") {
        count = split(part[1], octet, ":")
        part[1] = ""
        for (i = 1; i <= count; i++) part[1] = part[1] (i > 1 ? ":" : "") substr("0" octet[i], length(octet[i]))
      }
      printf "%s\n  {\"subnet\": \"%s\", \"weight\": %d, \"owner\": \"%s\"}", comma, part[1], part[2], $3
      comma = ","
    }
    END { print "]}]" }' "$tmp/$1-tincd.log"
}

# tinc_probe FILE COMMAND…: runs mtr or traceroute at home; what it prints is added to FILE. mtr names the machine in its report.
tinc_probe() {
  local file=$1
  shift
  run home probe.log unshare --uts sh -c 'sysctl -qw kernel.hostname=home; exec "$@"' sh "$@" || die 1 "$1: $(cat "$tmp/probe.log")"
  cat "$tmp/probe.log" >>"$tmp/$file"
}

# tinc_mtr EXIT OTHER: the story: the route of home says 10.2.30.71, before and after, and mtr goes by the relay and by EXIT, not by OTHER.
tinc_mtr() {
  tinc_probe mtr.txt mtr -n --report --report-cycles 5 --gracetime 2 203.0.113.10
  sed 's/^/  /' "$tmp/mtr.txt" >&2
  tinc_best >"$tmp/best.log" || die 1 'the best path changed'
  tinc_route >"$tmp/route.log" || die 1 'the route changed'
  grep -q "1\.|-- ${tinc_addresses[tyo]} " "$tmp/mtr.txt" || die 1 'the relay is not the first hop'
  grep -q "2\.|-- ${tinc_addresses[$1]} " "$tmp/mtr.txt" || die 1 "$1 is not the second hop"
  ! grep -q "${tinc_addresses[$2]} " "$tmp/mtr.txt" || die 1 "$2 is on the way"
  grep -q '4\.|-- 203\.0\.113\.10 ' "$tmp/mtr.txt" || die 1 'the site is not the fourth hop'
}
