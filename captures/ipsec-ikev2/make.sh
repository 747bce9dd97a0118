#!/bin/bash
# Two gateways without NAT between them negotiate by IKEv2 on port 500, and carry the traffic of their sites by ESP, IP protocol 50.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../ipsec.sh"
lab_begin 90 "$ipsec_programs /usr/bin/python3 /usr/lib/python3/dist-packages/cryptography" "$@"

nodes hosta hostb
routers gwa inet gwb
cable hosta eth0 02:00:00:00:01:10 gwa lan 02:00:00:00:01:01
cable gwa wan 02:00:00:00:02:02 inet towarda 02:00:00:00:02:01
cable gwb wan 02:00:00:00:03:02 inet towardb 02:00:00:00:03:01
cable hostb eth0 02:00:00:00:04:10 gwb lan 02:00:00:00:04:01
address hosta eth0 10.1.0.10/24
address gwa lan 10.1.0.1/24
address gwa wan 198.51.100.2/24
address inet towarda 198.51.100.1/24
address inet towardb 203.0.113.1/24
address gwb wan 203.0.113.2/24
address gwb lan 10.2.0.1/24
address hostb eth0 10.2.0.10/24
at hosta ip route add default via 10.1.0.1
at hostb ip route add default via 10.2.0.1
at gwa ip route add default via 198.51.100.1
at gwb ip route add default via 203.0.113.1

# Childless (RFC 6023): this kernel could not carry what a CHILD_SA asks of it.
ipsec_psk
connection='mobike = no
    childless = force
    dpd_delay = 2s'
for each in gwa gwb; do ipsec_start $each kernel-netlink 4; done
ipsec_connection gwb 203.0.113.2 198.51.100.2 "$connection"
ipsec_connection gwa 198.51.100.2 203.0.113.2 "$connection"

capture hosta eth0 host-a.pcap
capture gwa any gateway-a.pcap
capture gwb wan gateway-b-wan.pcap
swanctl_at gwa --initiate --ike site
until_log gwb-charon.log 'IKE_SA site\[1\] established' 10

# esp NODE LOCAL REMOTE ROLE SPI-IN SPI-OUT SITE: carries the packets for the other SITE.
esp() {
  spawn "$1" "$1-esp.log" /usr/bin/python3 -B "$here/../esp.py" esp0 "$2" "$3" "$4" "$5" "$6" "$tmp/$1-charon.log"
  until_log "$1-esp.log" ready 10
  # 1500 octets less IPv4, ESP, IV and ICV, in blocks of 16, less the trailer.
  at "$1" ip link set dev esp0 mtu 1438 up
  at "$1" ip route add "$7" dev esp0
  clamp "$1" esp0
}
esp gwa 198.51.100.2 203.0.113.2 initiator 0xc1a00001 0xc1b00001 10.2.0.0/24
esp gwb 203.0.113.2 198.51.100.2 responder 0xc1b00001 0xc1a00001 10.1.0.0/24
capture gwa esp0 tunnel.pcap

at hosta ping -q -c 4 -i 0.3 -W 5 10.2.0.10 >"$tmp/ping.log" || die 1 'the tunnel does not carry'
transfer hosta 10.2.0.10 hostb 6000
at hostb ping -q -c 3 -i 0.3 -W 5 10.1.0.10 >"$tmp/ping.log" || die 1 'the tunnel does not carry back'
transfer hostb 10.1.0.10 hosta 4000
# A new IKE_SA by CREATE_CHILD_SA; what stays silent for two seconds is asked whether it lives, by INFORMATIONAL.
swanctl_at gwa --rekey --ike site
until_log gwb-charon.log 'IKE_SA site\[2\] rekeyed' 10
pause 2.5
context gwa gwb hosta
for each in gwa gwb; do ipsec_context $each; done
swanctl_at gwa --terminate --ike site
captured
