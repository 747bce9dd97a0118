# What the labs with FRR have in common: zebra, bgpd and other daemons of it, at a node. Read after lab.sh.

frr_programs='vtysh /usr/lib/frr/zebra /usr/lib/frr/bgpd'

# frr NODE DAEMON CONFIGURATION: starts the daemon there. zebra comes first, the others need it.
frr() {
  local node=$1 daemon=$2 folder=$tmp/$1/run/frr
  private_folders "$node"
  # Where the daemons, which run as the user frr, write their process ids and sockets.
  install -d -o frr -g frr "$folder"
  printf '%s\n' "$3" >"$folder/$daemon.conf"
  private_run "$node" "$node-$daemon.log" "/usr/lib/frr/$daemon" -f "/run/frr/$daemon.conf" -A 127.0.0.1 -P 0 --log stdout
  until_true 20 "$daemon of $node" test -S "$folder/$daemon.vty"
  [ "$daemon" != zebra ] || until_true 20 "zebra of $node" test -S "$folder/zserv.api"
}

# frr_show NODE WORDS: what FRR shows there.
frr_show() { private_at "$1" vtysh -c "show $2"; }
