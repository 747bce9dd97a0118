# What the UDP labs have in common: real servers that can be asked at several addresses. Read after lab.sh.

# unbound_server NODE AUTOMATIC: unbound on all addresses. AUTOMATIC (yes or no): whether it answers from the address that was asked, whatever
# the routing says. It knows all names of example.net, refuses all others, and so never asks anybody itself.
unbound_server() {
  cat >"$tmp/unbound.conf" <<END
server:
  interface: 0.0.0.0
  interface-automatic: $2
  access-control: 0.0.0.0/0 allow
  local-zone: "." refuse
  local-zone: "example.net." redirect
  local-data: "example.net. 60 A 192.0.2.80"
  module-config: "iterator"
  do-ip6: no
  num-threads: 1
  directory: "$tmp"
  chroot: ""
  username: ""
  use-syslog: no
  verbosity: 1
remote-control:
  control-enable: no
END
  spawn "$1" "$1-unbound.log" "$(copy_of unbound)" -d -p -c "$tmp/unbound.conf"
  until_log "$1-unbound.log" 'start of service' 15
}

# echo_server NODE OPTIONS: sends back what it gets, on port 7 of all addresses, unless OPTIONS (of socat, ',' first) say otherwise. A socket for all.
echo_server() {
  spawn "$1" "$1-echo.log" socat -d -d "UDP4-RECVFROM:7,fork$2" EXEC:cat
  until_log "$1-echo.log" 'receiving on' 10
}

# ask_echo NODE ASKED PORT CLIENTPORT: whether NODE gets back what it sends there.
ask_echo() {
  echo "question by $1 from $4" >"$tmp/question"
  run "$1" echo.log socat -t0.7 "OPEN:$tmp/question,rdonly!!-" "UDP4:$2:$3,sourceport=$4" && cmp -s "$tmp/question" "$tmp/echo.log"
}

# ask_name NODE ASKED NAME: whether NODE gets an answer from the DNS server there.
ask_name() { run "$1" dig.log dig +tries=1 +time=5 "@$2" "$3" A; }

# rejected NODE: how many datagrams found no socket there. A connected socket takes nothing from other addresses than that it was connected to.
rejected() { at "$1" awk '$1 == "Udp:" && $3 ~ /^[0-9]+$/ { print $3 }' /proc/net/snmp; }

# uplinks_multipath: a server with three uplinks, among which its default route chooses anew for each conversation.
uplinks_multipath() {
  uplinks 3
  at server ip route replace default nexthop via 198.51.100.1 dev wan1 nexthop via 198.51.100.17 dev wan2 nexthop via 198.51.100.33 dev wan3
  # The ports count in the choice too; with a seed the choice is the same in each run (Linux 6.11 and newer).
  at server sysctl -qw net.ipv4.fib_multipath_hash_policy=1
  at server sysctl -qw net.ipv4.fib_multipath_hash_seed=1 2>/dev/null || true
}

# What has to do with time runs without the right to set the clock of this machine.
without_clock=(setpriv --bounding-set=-sys_time --inh-caps=-sys_time)

# ntp_server NODE LINES: NTPsec, as if its clock were right, with LINES more in its configuration.
ntp_server() {
  local left=60
  printf '%s\n' "statsdir $tmp/" 'disable ntp kernel' 'tos orphan 5 orphanwait 1' 'restrict default' "$2" >"$tmp/ntp.conf"
  spawn "$1" ntp.log "${without_clock[@]}" "$(copy_of ntpd)" -n -c "$tmp/ntp.conf" -p "$tmp/ntp.pid"
  # It believes in itself after a second or two.
  until at "$1" "${without_clock[@]}" ntpdig -4 -t 1 127.0.0.1 2>/dev/null | grep -q ' s5 '; do
    [ $left -gt 0 ] || die 1 "the NTP server has no time: $(cat "$tmp/ntp.log")"
    left=$((left - 1))
    pause 0.25
  done
}

# listen_for_answers: what the client gets by UDP, a line a packet, in the log that `answered` reads.
listen_for_answers() {
  spawn client answers.log tcpdump --immediate-mode -l -n -q -Z root -i eth0 'udp and dst host 203.0.113.10'
  until_log answers.log 'listening on' 5
}

# answered FROM PORT CLIENTPORT: whether an answer came to CLIENTPORT from FROM:PORT; all three are patterns.
answered() { grep -q "IP $1\.$2 > 203\.0\.113\.10\.$3:" "$tmp/answers.log"; }

# asked_from PORT: waits until what was just spawned has asked from PORT and is answered, and has done its work. What comes from elsewhere it never
# gets, and would wait for long: then it is stopped.
asked_from() {
  local asking=$pid left=100
  until answered '[0-9.]*' '[0-9]*' "$1"; do
    [ $left -gt 0 ] || die 1 "nothing comes to port $1"
    left=$((left - 1))
    pause 0.1
  done
  answered 198.51.100.18 '[0-9]*' "$1" || stop "$asking"
  wait "$asking" 2>/dev/null || true
}

# tftp_server NODE OPTIONS…
tftp_server() {
  local node=$1
  shift
  mkdir -p "$tmp/tftp"
  seq 1 300 >"$tmp/tftp/numbers"
  spawn "$node" tftpd.log in.tftpd --foreground --listen --user root --secure "$@" "$tmp/tftp"
  until at "$node" ss -Hlun 'sport = 69' | grep -q .; do pause 0.1; done
}

# ask_all ROUND: asks the address of the second uplink for an echo, for a file, for the time, and for a measurement. The client's ports (but that for
# the time) are those of the round, below the range in which the kernel chooses.
ask_all() {
  local asked=198.51.100.18 echo
  echo "question $1" >"$tmp/question"
  spawn client echo.log socat -t1 "OPEN:$tmp/question,rdonly!!-" "UDP4:$asked:7,sourceport=$((20000 + $1))"
  echo=$pid
  spawn client tftp.log tftp -R $((22000 + $1)):$((22000 + $1)) -m binary $asked -c get numbers "$tmp/numbers"
  asked_from $((22000 + $1))
  run client time.log "${without_clock[@]}" ntpdig -4 -t 5 $asked || true
  until_log iperf-server.log "test #$1)" 10
  spawn client iperf.log iperf3 -c $asked -u --cport $((25000 + $1)) -b 64k -l 200 -k 5
  asked_from $((25000 + $1))
  wait "$echo" 2>/dev/null || true
}
