#!/bin/bash
# Four UDP servers on all addresses of a host with three uplinks, among which its default route chooses anew for each conversation (multipath): the
# client asks the address of one, and is answered from each of the three.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 120 'socat in.tftpd tftp ss ntpd ntpdig iperf3 setpriv' "$@"
. "$here/../udp.sh"

uplinks_multipath
remedied
spawn server echo-server.log socat UDP4-RECVFROM:7,fork EXEC:cat
spawn server iperf-server.log iperf3 -s -4 --forceflush
ntp_server server 'interface ignore all
interface listen wildcard'

# each_from_both: whether each server has answered from both of the other uplinks.
each_from_both() {
  local other port
  for other in 198.51.100.2 198.51.100.34; do
    for port in 7 123 5201; do answered $other $port '[0-9]*' || return 1; done
    # A TFTP server has a port of its own for each file.
    answered $other '[0-9]*' '22[0-9]*' || return 1
  done
}

listen_for_answers
capture client eth0 client.pcap 'arp or icmp or udp'
capture server any server.pcap 'arp or icmp or udp'
capture inet any router.pcap 'arp or icmp or udp'
round=0
until [ $round -ge 6 ] && { is_remedied || each_from_both; }; do
  round=$((round + 1))
  [ $round -le 40 ] || die 1 'the choice never fell on both of the other uplinks'
  # It asks for the destination of packets (IP_PKTINFO) only when it has read the first one: that one may be answered wrongly, the others are not.
  tftp_server server
  tftpd=$pid
  ask_all $round
  stop "$tftpd"
done
for port in 7 123 5201; do
  ! is_remedied || ! answered '\(198.51.100.2\|198.51.100.34\)' $port '[0-9]*' || die 1 "port $port still answers from elsewhere"
done
context client server inet
captured
