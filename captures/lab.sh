# What the labs have in common: namespaces, cables, switches, captures, and the end of it all. Read by each make.sh, in bash, after `set -eu`.
#
# A lab builds its network in namespaces of its own, connects them with veth pairs that never are in the namespace of the caller,
# and nothing leads out of them. However it ends (done, failed, interrupted, out of time), it ends the processes that it started,
# by their ids, deletes the namespaces and the temporary folder. All names begin with the mark of the lab: several can run side by side.

# lab_begin SECONDS 'TOOLS' "$@": checks rights, tools and the arguments of make.sh, bounds the time, and opens the lab. `make.sh --needs` prints both.
lab_begin() {
  local seconds=$1 tools="ip sysctl ethtool tcpdump timeout mktemp $2" tool
  shift 2
  [ $# -le 1 ] || die 2 "usage: $0 [DIRECTORY FOR THE CAPTURES | --needs]"
  if [ "${1:-}" = --needs ]; then
    echo "$seconds $tools"
    exit
  fi
  name=$(basename "$here")
  if [ "${LAB_INSIDE:-}" = "$0" ]; then
    unset LAB_INSIDE
    lab=$FLUXCAP_LAB tmp=$LAB_TMP lab_captures=() lab_hosts=() lab_taken=() lab_watchers=()
    # Where programs keep their histories and settings.
    export HOME=$tmp
    return
  fi
  [ "$(id -u)" = 0 ] || die 3 'namespaces and captures need root'
  for tool in $tools; do
    command -v "$tool" >/dev/null 2>&1 || [ -e "$tool" ] || die 3 "$tool is missing"
  done
  lab_watch "$seconds" "${1:-$here}" "$@"
}

# lab_watch SECONDS OUT "$@": runs the lab as a process of its own, and cleans up when it is over: whatever bears its mark. Signals only end the lab; nothing
# interrupts the cleaning.
lab_watch() {
  local seconds=$1 out=$2 inside='' signal=0 status=0 tmp='' base=${TMPDIR:-/tmp}
  shift 2
  # private_run puts other folders in the place of these.
  case $base/ in /run/* | /var/tmp/* | /var/run/*) base=/tmp ;; esac
  trap 'signal=2; lab_interrupt' INT
  trap 'signal=15; lab_interrupt' TERM
  trap 'signal=1; lab_interrupt' HUP
  # Who runs labs may give the mark that all names of this one bear, and that all its processes have in their environment.
  lab=${FLUXCAP_LAB:-fx$$}
  tmp=$(mktemp -d "$base/$lab-$name.XXXXXX")
  # `timeout` makes a process group of it.
  FLUXCAP_LAB=$lab LAB_TMP=$tmp LAB_INSIDE=$0 timeout --kill-after=5 "$seconds" bash "$0" "$@" &
  inside=$!
  [ $signal = 0 ] || lab_interrupt
  while kill -0 $inside 2>/dev/null; do
    status=0
    wait $inside || status=$?
  done
  trap '' INT TERM HUP
  set +e
  [ $status != 124 ] || echo "$0: out of time after $seconds s" >&2
  lab_clean $inside
  if [ $status$signal = 00 ]; then mkdir -p "$out" && cp "$tmp/kept/"* "$out/" || status=1; fi
  rm -rf "$tmp" "/var/run/wireguard/$lab"*.sock
  [ $signal = 0 ] || status=$((128 + signal))
  exit $status
}

lab_interrupt() { [ -z "$inside" ] || kill -TERM $inside 2>/dev/null || true; }

# lab_clean GROUP: ends what still runs, and deletes the namespaces.
lab_clean() {
  local node pids left=30
  while :; do
    pids=$(for node in $(lab_namespaces); do ip netns pids "$node"; done)
    [ -n "$pids" ] && [ $left -gt 0 ] || break
    [ $left != 30 ] || kill $pids 2>/dev/null
    sleep 0.1
    left=$((left - 1))
  done
  [ -z "$pids" ] || kill -KILL $pids 2>/dev/null
  kill -KILL -- "-$1" 2>/dev/null
  for node in $(lab_namespaces); do ip netns delete "$node"; done
}

lab_namespaces() { ip netns list | sed -n "s/^\\($lab-[^ ]*\\).*/\\1/p"; }

# die STATUS WORDS: ends the lab.
die() {
  echo "$0: $2" >&2
  exit "$1"
}

# say WORDS…: progress, on standard error.
say() { echo "$name: $*" >&2; }

# pause SECONDS
pause() { sleep "$1"; }

# nodes NAME…: machines without any card; IPv4 only, with the kernel's defaults where distributions differ.
nodes() {
  local node scope
  for node in "$@"; do
    ip netns add "$lab-$node"
    [ ! -d /proc/sys/net/ipv6 ] || at "$node" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    # The machine's own settings are inherited.
    at "$node" sysctl -qw net.ipv4.ip_forward=0
    for scope in all default; do
      at "$node" sysctl -qw net.ipv4.conf.$scope.rp_filter=0 net.ipv4.conf.$scope.arp_ignore=0 \
        net.ipv4.conf.$scope.arp_announce=0 net.ipv4.conf.$scope.arp_filter=0 net.ipv4.conf.$scope.proxy_arp=0 net.ipv4.conf.$scope.send_redirects=0
    done
    at "$node" ip link set dev lo up
  done
}

# routers NAME…: machines that forward.
routers() {
  local node
  nodes "$@"
  for node in "$@"; do at "$node" sysctl -qw net.ipv4.ip_forward=1; done
}

# switches NAME…: machines that are nothing but an Ethernet switch.
switches() {
  local node
  nodes "$@"
  for node in "$@"; do
    at "$node" ip link add name switch type bridge stp_state 0 mcast_snooping 0
    at "$node" ip link set dev switch up
  done
}

# at NODE COMMAND…: runs it there and waits.
at() {
  local node=$1
  shift
  ip netns exec "$lab-$node" "$@"
}

# cable NODE CARD MAC NODE CARD [MAC]: a cable between two cards. No offload: captures show packets as they were on the wire.
cable() {
  local end
  ip link add name "$2" netns "$lab-$1" address "$3" type veth peer name "$5" netns "$lab-$4" ${6:+address "$6"}
  for end in "$1 $2" "$4 $5"; do
    at "${end% *}" ethtool -K "${end#* }" tx off rx off tso off gso off gro off >/dev/null
    at "${end% *}" ip link set dev "${end#* }" up
  done
}

# plug NODE CARD MAC SWITCH [PORT]: a cable from a card of NODE to a port of a switch (NODE-CARD).
plug() {
  cable "$1" "$2" "$3" "$4" "${5:-$1-$2}"
  at "$4" ip link set dev "${5:-$1-$2}" master switch
}

# address NODE CARD ADDRESS…: with prefix length.
address() {
  local node=$1 card=$2 each
  shift 2
  for each in "$@"; do at "$node" ip address add "$each" dev "$card"; done
}

# remedied: called by a lab of an incident when its network stands. Whoever wants to see the incident mended gives FLUXCAP_REMEDY, a folder with a script for each host
# (NODE.sh): they run there, each in its host. A remedy that is a line of a configuration is a file there, and the lab's business. The lab then is to show that it does not
# happen any more.
remedied() {
  local script node
  is_remedied || return 0
  for script in "$FLUXCAP_REMEDY"/*.sh; do
    [ -e "$script" ] || continue
    node=$(basename "$script" .sh)
    say "the remedy at $node: $(tr '\n' ';' <"$script")"
    at "$node" bash -eu "$script" >"$tmp/remedy.log" 2>&1 || die 1 "the remedy at $node fails: $(cat "$tmp/remedy.log")"
  done
}

is_remedied() { [ -n "${FLUXCAP_REMEDY:-}" ]; }

# spawn NODE LOG COMMAND…: starts a daemon there; its id is in $pid, its output in the temporary folder.
spawn() {
  local node=$1 log=$2
  shift 2
  ip netns exec "$lab-$node" "$@" >"$tmp/$log" 2>&1 &
  pid=$!
}

# run NODE LOG COMMAND…: runs it there and waits; its output is in the temporary folder.
run() {
  spawn "$@"
  wait "$pid"
}

# private_run NODE LOG COMMAND…: spawns a daemon that sees folders of the lab where others see /run and /var/tmp.
private_run() {
  local node=$1 log=$2
  shift 2
  private_folders "$node"
  spawn "$node" "$log" sh -c "$private" "$tmp/$node" "$@"
}

# private_at NODE COMMAND…: runs it there, as `at`, with the same folders.
private_at() {
  local node=$1
  shift
  private_folders "$node"
  at "$node" sh -c "$private" "$tmp/$node" "$@"
}

# -n: mount would note it in /run/mount.
private='mount -n --bind "$0/run" /run && mount -n --bind "$0/var-tmp" /var/tmp && exec "$@"'

private_folders() {
  mkdir -p "$tmp/$1/run" "$tmp/$1/var-tmp"
  chmod 1777 "$tmp/$1/var-tmp"
}

# copy_of PROGRAM: a copy of it. Where AppArmor is in force, the program at its own place may not read our files.
copy_of() {
  local copy=$tmp/${1##*/}
  [ -e "$copy" ] || cp "$(command -v "$1")" "$copy"
  echo "$copy"
}

# stop PID…: ends processes that spawn started, and waits for them.
stop() {
  local each
  for each in "$@"; do kill "$each" 2>/dev/null || true; done
  for each in "$@"; do
    wait "$each" 2>/dev/null || true
  done
}

# until_log LOG PATTERN SECONDS: waits for a line in the output of a daemon.
until_log() {
  local left=$(($3 * 10))
  until grep -q -e "$2" "$tmp/$1" 2>/dev/null; do
    if [ $left -le 0 ]; then
      sed 's/^/  /' "$tmp/$1" >&2
      die 1 "no '$2' in $1 after $3 s"
    fi
    sleep 0.1
    left=$((left - 1))
  done
}

# until_true SECONDS WHAT COMMAND…: waits until the command succeeds.
until_true() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >"$tmp/until.log" 2>&1; do
    if [ $SECONDS -gt $end ]; then
      sed 's/^/  /' "$tmp/until.log" >&2
      die 1 "not in time: $what"
    fi
    pause 0.1
  done
}

# capture NODE CARD FILE [FILTER]: of one card as Ethernet; of a tunnel without link layer as RAW; of `any` as LINUX_SLL2.
capture() {
  local node=$1 card=$2 file=$3 linktype=EN10MB
  shift 3
  if [ "$card" = any ]; then
    linktype=LINUX_SLL2
  elif [ "$(at "$node" cat "/sys/class/net/$card/type")" = 65534 ]; then
    linktype=RAW
  fi
  spawn "$node" "$file.log" tcpdump -n -Z root -i "$card" -y $linktype -B 16384 -w "$tmp/$file" "$@"
  lab_captures+=("$pid:$file")
  lab_taken+=("$node:$file")
  until_log "$file.log" 'listening on' 5
  [ -z "${FLUXCAP_WATCH:-}" ] || watch_live "$node" "$card" "$file" "$@"
}

# watch_live NODE CARD FILE [-s SNAPLEN] [FILTER]: what is captured is watched too, by the command in FLUXCAP_WATCH (`fluxcap live …`). What it says goes to
# FLUXCAP_WATCH_INTO: FILE.ndjson, and, as it was before the end, FILE.before-end.ndjson.
watch_live() {
  local node=$1 card=$2 file=$3 options=()
  shift 3
  if [ "${1:-}" = -s ]; then
    options=(--snaplen "$2")
    shift 2
  fi
  # shellcheck disable=SC2086 # a command with its arguments
  ip netns exec "$lab-$node" $FLUXCAP_WATCH "${options[@]}" --filter "$*" "$card" >"$tmp/$file.ndjson" 2>"$tmp/$file.live.log" &
  lab_watchers+=("$!:$file")
  until_log "$file.live.log" 'listening on' 20
}

# End what watches live, and keep what it said. What was seen last has its time to be told before that.
watched_live() {
  local each file
  pause 5
  for each in "${lab_watchers[@]}"; do
    file=${each#*:}
    cp "$tmp/$file.ndjson" "$FLUXCAP_WATCH_INTO/$file.before-end.ndjson"
  done
  for each in "${lab_watchers[@]}"; do kill -INT "${each%%:*}" 2>/dev/null || true; done
  for each in "${lab_watchers[@]}"; do
    file=${each#*:}
    wait "${each%%:*}" || die 1 "watching $file live: status $?: $(cat "$tmp/$file.live.log")"
    cp "$tmp/$file.ndjson" "$FLUXCAP_WATCH_INTO/"
  done
  lab_watchers=()
}

# captured: ends the captures, and keeps their files, and context.json, if none of them lost a packet.
captured() {
  local each file
  pause 1.5
  [ -z "${FLUXCAP_WATCH:-}" ] || watched_live
  for each in "${lab_captures[@]}"; do
    stop "${each%%:*}"
    file=${each#*:}
    grep -q '^0 packets dropped by kernel' "$tmp/$file.log" || die 1 "$file lost packets: $(cat "$tmp/$file.log")"
  done
  for each in "${lab_captures[@]}"; do
    file=${each#*:}
    keep "$file"
    say "$file: $(grep 'packets captured' "$tmp/$file.log")"
  done
  lab_captures=()
  [ ${#lab_hosts[@]} = 0 ] || lab_context >"$tmp/context.json"
  [ ${#lab_hosts[@]} = 0 ] || keep context.json
}

# keep FILE…: files of the temporary folder that belong beside the captures. They are handed out at the end, if all went well.
keep() {
  local each
  mkdir -p "$tmp/kept"
  for each in "$@"; do cp "$tmp/$each" "$tmp/kept/$each"; done
}

# context NODE…: keeps what these hosts know of themselves at this moment, for context.json: addresses, routes, rules, neighbours, sysctls.
context() {
  local node names
  names='ip_forward|ip_no_pmtu_disc|fib_multipath_hash_policy|tcp_mtu_probing'
  names="^net\.ipv4\.($names|conf\..*\.(accept_local|arp_announce|arp_filter|arp_ignore|forwarding|proxy_arp|proxy_arp_pvlan|rp_filter|src_valid_mark))\$"
  for node in "$@"; do
    lab_hosts+=("$node")
    mkdir -p "$tmp/context/$node"
    date --utc +'"%Y-%m-%dT%H:%M:%S.%6NZ"' >"$tmp/context/$node/1-time"
    at "$node" ip -j -d link >"$tmp/context/$node/2-links"
    at "$node" ip -j address >"$tmp/context/$node/3-addresses"
    at "$node" ip -j route show table all >"$tmp/context/$node/4-routes"
    at "$node" ip -j rule >"$tmp/context/$node/5-rules"
    [ -z "$(at "$node" ip -6 address show scope global)" ] || at "$node" ip -6 -j rule >"$tmp/context/$node/5-rules6"
    at "$node" ip -j neighbour >"$tmp/context/$node/6-neighbours"
    at "$node" sysctl -a -r "$names" | sed -e '1s/^/{/;1!s/^/ /' -e 's/\([^ {]*\) = \(.*\)/"\1": "\2",/' -e '$s/,$/}/' >"$tmp/context/$node/7-sysctls"
  done
}

# context_part NODE NAME: one more thing that NODE knows, as JSON on standard input (after `context`).
context_part() { cat >"$tmp/context/$1/8-$2"; }

# Puts context.json together: the hosts in order, each with the captures that were taken on it.
lab_context() {
  local node each part separator='' comma
  printf '{"schema": 1, "hosts": ['
  for node in "${lab_hosts[@]}"; do
    comma=''
    printf '%s\n{"hostname": "%s",\n"kernel": "%s",\n"captures": [' "$separator" "$node" "$(uname -r | cut -d- -f1)"
    for each in "${lab_taken[@]}"; do
      [ "${each%%:*}" = "$node" ] || continue
      printf '%s"%s"' "$comma" "${each#*:}"
      comma=', '
    done
    printf ']'
    for part in "$tmp/context/$node"/*; do printf ',\n"%s": %s' "${part##*/[0-9]-}" "$(cat "$part")"; done
    printf '}'
    separator=','
  done
  printf '\n]}\n'
}

# uplinks COUNT [CLIENT [SERVER]]: a server with several uplinks to one "Internet", a router, at which a client is too. Each address of the server has
# a routing table of its own (source rules); the default route of the main table is the lab's business.
#
#                                   198.51.100.1/28   .2/28
#    client eth0 ---- client  inet  up1 ------------- wan1  server
#    203.0.113.10     .1            up2 ------------- wan2
#                                   198.51.100.17/28  .18/28   (up3, wan3: .33 and .34)
uplinks() {
  local i gateway own client=${2:-client} server=${3:-server}
  nodes "$client" "$server"
  routers inet
  cable "$client" eth0 02:00:00:00:00:10 inet client 02:00:00:00:00:01
  address "$client" eth0 203.0.113.10/24
  address inet client 203.0.113.1/24
  at "$client" ip route add default via 203.0.113.1
  for ((i = 1; i <= $1; i++)); do
    gateway=198.51.100.$((16 * i - 15)) own=198.51.100.$((16 * i - 14))
    cable "$server" wan$i 02:00:00:00:02:0$i inet up$i 02:00:00:00:01:0$i
    address "$server" wan$i $own/28
    address inet up$i $gateway/28
    at "$server" ip route add default via $gateway dev wan$i src $own table 10$i
    at "$server" ip rule add from $own lookup 10$i
  done
}

# default_by UPLINK [SERVER]: the server's default route.
default_by() { at "${2:-server}" ip route replace default via "198.51.100.$((16 * $1 - 15))" dev "wan$1"; }
