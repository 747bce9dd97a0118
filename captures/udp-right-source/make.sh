#!/bin/bash
# The host of udp-wrong-source, its servers bound to their addresses (NTPsec does so by itself): they answer from the address that was asked.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
lab_begin 120 'socat in.tftpd tftp ss ntpd ntpdig iperf3 setpriv cmp' "$@"
. "$here/../udp.sh"

uplinks_multipath
spawn server echo-server.log socat UDP4-RECVFROM:7,bind=198.51.100.18,fork EXEC:cat
tftp_server server --address 198.51.100.18:69
spawn server iperf-server.log iperf3 -s -B 198.51.100.18 --forceflush
ntp_server server ''
until_log ntp.log 'Listen normally on .* wan2 198.51.100.18:123' 5

listen_for_answers
capture client eth0 client.pcap 'arp or icmp or udp'
capture server any server.pcap 'arp or icmp or udp'
capture inet any router.pcap 'arp or icmp or udp'
for round in 1 2 3 4 5 6; do
  ask_all $round
  for port in 7 123 5201; do answered 198.51.100.18 $port '[0-9]*' || die 1 "port $port does not answer"; done
  cmp -s "$tmp/numbers" "$tmp/tftp/numbers" || die 1 'the file does not come'
  rm "$tmp/numbers"
done
for other in 198.51.100.2 198.51.100.34; do answered $other '[0-9]*' '[0-9]*' && die 1 "$other answers"; done
[ "$(rejected client)" = 0 ] || die 1 'an answer was rejected'
context client server inet
captured
