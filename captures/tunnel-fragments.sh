# What the labs about a tunnel in fragments have in common. Read after lab.sh, wireguard.sh and pmtu.sh.

# clamp NODE CARD: TCP that goes into a tunnel says at its start how much fits.
clamp() {
  at "$1" nft "table inet mss { chain forward { type filter hook forward priority mangle; oifname \"$2\" tcp flags syn tcp option maxseg size set rt mtu; }; }"
}

# fragments MTU: the device of the tunnel has this MTU at both ends, and TCP inside is told so. A file goes each way.
fragments() {
  local each
  sites
  services
  for each in branch office; do
    at $each ip link set dev "$(wg_card $each)" mtu "$1"
    clamp $each "$(wg_card $each)"
  done
  capture branch any branch.pcap -s 120
  capture inet up2 middle.pcap -s 120
  capture branch "$(wg_card branch)" tunnel.pcap -s 120
  # A small packet brings the tunnel up.
  run client ping.log ping -q -c 2 -i 0.5 -s 1000 $download_server || die 1 'the tunnel does not carry'
  transfers 15
  wait "$download" || die 1 'the download failed'
  wait "$upload" || die 1 'the upload failed'
  site_context
  context inet
  [ "$(size "$tmp/report.txt")" = $file_size ] || die 1 'the file did not come'
  captured
}
