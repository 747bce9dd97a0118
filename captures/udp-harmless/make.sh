#!/bin/bash
# UDP that may be answered from elsewhere: TFTP (from another port), DNS (two servers asked at once), mDNS (asked by multicast), DHCP (asked by broadcast,
# and through a relay). All is well.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 90 'in.tftpd tftp ss cmp avahi-daemon dig mdns-scan unbound dnsmasq udhcpc' "$@"
. "$here/../udp.sh"

switches lan distant
nodes server client guest far
routers relay
plug server eth0 02:00:00:00:00:01 lan
plug client eth0 02:00:00:00:00:10 lan
plug guest eth0 02:00:00:00:00:20 lan
plug relay eth0 02:00:00:00:00:03 lan
plug relay eth1 02:00:00:00:01:03 distant
plug far eth0 02:00:00:00:01:20 distant
address server eth0 192.0.2.1/24 192.0.2.2/24
address client eth0 192.0.2.10/24
address relay eth0 192.0.2.3/24
address relay eth1 203.0.113.1/24
at server ip route add 203.0.113.0/24 via 192.0.2.3
at server ip route add 224.0.0.0/4 dev eth0
at client ip route add 224.0.0.0/4 dev eth0

capture server any server.pcap
capture relay any relay.pcap
capture client eth0 client.pcap
capture guest eth0 guest.pcap
capture far eth0 far.pcap

# TFTP, at both addresses of the server: a port of its own for each file.
tftp_server server
for each in 192.0.2.1 192.0.2.2; do
  run client tftp.log timeout 10 tftp -m binary $each -c get numbers "$tmp/numbers" || die 1 "TFTP from $each does not work"
  cmp -s "$tmp/numbers" "$tmp/tftp/numbers" || die 1 'TFTP brings something else'
done

# DNS, asked by a forwarder of two addresses at once, with one id: both answer.
unbound_server server yes
spawn client forwarder.log dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --pid-file="$tmp/forwarder.pid" --user=root \
  --no-resolv --no-hosts --all-servers --server=192.0.2.1 --server=192.0.2.2
until_log forwarder.log started 10
for each in 1 2 3; do ask_name client 127.0.0.1 "both$each.example.net" || die 1 'the forwarder does not answer'; done

# mDNS: the server answers for its name and for a service. One client asks from port 5353, as mDNS has it, and is answered by multicast. The other one
# is a DNS client, and is answered itself; it has connected its socket to the multicast address, and rejects that.
cat >"$tmp/avahi.conf" <<'END'
[server]
host-name=server
use-ipv6=no
allow-interfaces=eth0
enable-dbus=no
[publish]
publish-workstation=yes
publish-hinfo=no
END
private_run server avahi.log avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "$tmp/avahi.conf"
until_log avahi.log 'startup complete' 15
spawn client scan.log mdns-scan
until_log scan.log 'server .*_workstation' 10
stop "$pid"
before=$(rejected client)
for each in 1 2; do run client dig.log dig +tries=1 +time=1 -p 5353 @224.0.0.251 server.local A || true; done
[ $(($(rejected client) - before)) = 2 ] || die 1 'the DNS client is not answered'

# DHCP: for the guest beside the server, and for the one behind the relay. Then both renew what they have, asking the server itself.
spawn server dhcp.log dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --pid-file="$tmp/dhcp.pid" --user=root --port=0 --no-ping \
  --log-dhcp --dhcp-authoritative --dhcp-leasefile="$tmp/leases" --dhcp-range=192.0.2.100,192.0.2.120,255.255.255.0,1h \
  --dhcp-range=203.0.113.100,203.0.113.120,255.255.255.0,1h --dhcp-option=option:router
spawn relay relay.log dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --pid-file="$tmp/relay.pid" --user=root --port=0 \
  --dhcp-leasefile="$tmp/none" --dhcp-relay=203.0.113.1,192.0.2.1
until_log dhcp.log 'started' 10
until_log relay.log 'started' 10
cat >"$tmp/leased" <<'END'
#!/bin/sh
case $1 in bound | renew) ip address replace "$ip/24" dev "$interface" && ip route replace default via "$gateway" ;; esac
END
chmod +x "$tmp/leased"
# lease NODE GATEWAY
lease() {
  gateway=$2 spawn "$1" "$1.log" udhcpc -f -i eth0 -s "$tmp/leased"
  until_log "$1.log" 'lease of .* obtained' 15
  kill -USR1 "$pid"
  until [ "$(grep -c 'lease of .* obtained' "$tmp/$1.log")" = 2 ]; do pause 0.1; done
  stop "$pid"
}
lease guest 192.0.2.3
lease far 203.0.113.1
context server client guest relay far
captured
