#!/bin/bash
# keepalived, master and backup: the master goes in order, comes back, loses its cable, gets it back. With a virtual MAC, and without.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 180 'ping keepalived' "$@"

# configuration NAME PRIORITY ROUTER-ID OPTIONS
configuration() {
  cat >"$tmp/$1.conf" <<CONF
global_defs {
  router_id $1
}
vrrp_instance gateway {
  state BACKUP
  interface eth0
  virtual_router_id $3
  priority $2
  advert_int 1
  $4
  virtual_ipaddress {
    192.0.2.1/24
  }
}
CONF
}

# start NODE
start() {
  spawn "$1" "$1.log" keepalived -n -l -D -P -f "$tmp/$1.conf" -p "$tmp/$1.pid" -r "$tmp/$1.vrrp.pid"
}

# lan NAME ROUTER-ID OPTIONS: two routers and a client.
lan() {
  switches "$1-lan"
  nodes "$1-client" "$1-first" "$1-second"
  plug "$1-client" eth0 02:00:00:00:00:10 "$1-lan" client
  plug "$1-first" eth0 02:00:00:00:00:02 "$1-lan" first
  plug "$1-second" eth0 02:00:00:00:00:03 "$1-lan" second
  address "$1-client" eth0 192.0.2.10/24
  address "$1-first" eth0 192.0.2.2/24
  address "$1-second" eth0 192.0.2.3/24
  configuration "$1-first" 150 "$2" "$3"
  configuration "$1-second" 100 "$2" "$3"
}

lan vmac 51 'use_vmac
  vmac_xmit_base'
lan plain 52 ''
for each in vmac plain; do
  start $each-second
  start $each-first
  eval "${each}_first=$pid"
  # The client pings the address of the gateway all the time, and now and then asks anew who has it.
  spawn $each-client $each-ping.log sh -c 'while :; do ip neighbour flush dev eth0; ping -q -c 3 -W 1 192.0.2.1; done'
done
pause 12

for each in vmac plain; do capture $each-client eth0 $each-stop.pcap; done
pause 8
context vmac-client vmac-first vmac-second plain-client plain-first plain-second
say 'the first router stops in order'
stop "$vmac_first" "$plain_first"
pause 8
say 'it comes back, and takes over again'
for each in vmac plain; do start $each-first; done
pause 14
captured

for each in vmac plain; do capture $each-client eth0 $each-cable.pcap; done
pause 8
say 'the cable of the first router is pulled'
for each in vmac plain; do at $each-lan ip link set dev first down; done
pause 10
say 'and put in again'
for each in vmac plain; do at $each-lan ip link set dev first up; done
pause 14
captured
