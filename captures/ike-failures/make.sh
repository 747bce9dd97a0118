#!/bin/bash
# A gateway begins IKE with ten addresses of others, and comes to an end with one of them: proposals, secrets, a blocked port, lost fragments, nobody there.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/../lab.sh"
. "$here/../ipsec.sh"
lab_begin 110 "$ipsec_programs" "$@"

nodes gwa gwb
nodes off dark
routers inet
cable gwa wan 02:00:00:00:01:02 inet towarda 02:00:00:00:01:01
switches lan
plug inet lan 02:00:00:00:02:01 lan
plug gwb wan 02:00:00:00:02:02 lan
plug off eth0 02:00:00:00:02:03 lan
plug dark eth0 02:00:00:00:02:04 lan
address gwa wan 203.0.113.2/24
address inet towarda 203.0.113.1/24
address inet lan 198.51.100.1/24
for last in 11 12 13 14 15 16 17 18; do address gwb wan 198.51.100.$last/24; done
address off eth0 198.51.100.21/24
address dark eth0 198.51.100.22/24
at gwa ip route add default via 203.0.113.1
# What is larger leaves it in IP fragments: as IKE_AUTH with certificates does on any path.
at gwa ip route add 198.51.100.18 via 203.0.113.1 mtu lock 576
for each in gwb off dark; do at $each ip route add default via 198.51.100.1; done
at dark nft 'table ip filter { chain in { type filter hook input priority filter; udp dport { 500, 4500 } drop; }; }'
# What the router does not let pass: port 4500 to one address, and all IP fragments but first ones.
at inet nft 'table ip filter { chain pass { type filter hook forward priority filter; ip daddr 198.51.100.17 udp dport 4500 drop; ip frag-off & 0x1fff != 0 drop; }; }'

# Two secrets: one that both ends have, and one that each has in its own way.
ipsec_psk
openssl rand -hex 24 >"$tmp/other"
long=$(printf 'gateway-with-a-long-name%.0s' $(seq 1 64)).example

# connection NAME VERSION GWA GWB PROPOSALS LINES: of NAME, `local` and `remote` are the addresses, PROPOSALS the settings of the end.
connection() {
  cat <<END_OF_CONNECTION
  $1 {
    version = $2
    local_addrs = $3
    remote_addrs = $4
    proposals = $5
    local {
      auth = psk
      id = ${7:-$3}
    }
    remote {
      auth = psk
      id = ${8:-$4}
    }
    ${6:-mobike = no}
    $([ "$2" = 1 ] || echo 'childless = force')
  }
END_OF_CONNECTION
}

# settings NODE: the connections of one end; what differs is the proposals, and the secret of three of them.
settings() {
  local each a=203.0.113.2 b=198.51.100 own=$1
  ends() { [ $own = gwa ] && echo "$a $b.$1" || echo "$b.$1 $a"; }
  ours() { [ $own = gwa ] && echo "$1" || echo "$2"; }
  {
    echo 'connections {'
    # shellcheck disable=SC2046 # two words each
    {
      connection proposal 2 $(ends 11) "$(ours aes128-sha256-modp2048 aes256-sha256-x25519)"
      connection secret 2 $(ends 12) aes256-sha256-x25519
      connection secret1 1 $(ends 13) aes256-sha256-modp2048
      connection proposal1 1 $(ends 14) "$(ours aes128-sha1-modp2048 aes256-sha256-modp2048)"
      connection aggressive 1 $(ends 15) aes256-sha256-modp2048 'aggressive = yes'
      connection group 2 $(ends 16) "$(ours aes256-sha256-modp2048-x25519 aes256-sha256-x25519)"
      connection port 2 $(ends 17) aes256-sha256-x25519 'mobike = yes'
      connection large 2 $(ends 18) aes256-sha256-x25519 'fragmentation = no
    mobike = no' "$(ours "$long" $b.18)" "$(ours $b.18 "$long")"
      if [ $own = gwa ]; then
        connection off 2 $a $b.21 aes256-sha256-x25519
        connection dark 2 $a $b.22 aes256-sha256-x25519
      fi
    }
    echo '}'
    echo 'secrets {'
    for each in 11 14 16 17 18; do echo "  ike-$each { id-1 = $b.$each, secret = $(cat "$tmp/psk") }" | tr ',' '\n'; done
    for each in 12 13 15; do echo "  ike-$each { id-1 = $b.$each, secret = $(ours "$(cat "$tmp/psk")" "$(cat "$tmp/other")") }" | tr ',' '\n'; done
    echo '}'
  } >"$tmp/$own/swanctl/swanctl.conf"
  swanctl_at "$own" --load-all
}

for each in gwa gwb; do
  # Aggressive mode with a secret is off by default at the responder: whoever listens can guess the secret.
  # No cookies, which come when several attempts are open: the first message of each attempt is judged at once.
  ipsec_start $each kernel-netlink 1 'i_dont_care_about_security_and_use_aggressive_mode_psk = yes
  dos_protection = no'
  settings $each
done

capture gwa wan gateway-a.pcap
capture inet any router.pcap
capture gwb any gateway-b.pcap

# begin NAME: does not wait for the end of it.
begin() {
  STRONGSWAN_CONF="$tmp/gwa/strongswan.conf" SWANCTL_DIR="$tmp/gwa/swanctl" \
    spawn gwa "initiate-$1.log" timeout 60 "$(copy_of swanctl)" --initiate --ike "$1" --timeout 40 --uri "unix://$tmp/gwa/vici"
}
for each in secret1 large port off dark proposal secret proposal1 aggressive group; do
  begin $each
  pause 0.3
done

# charon tries again after 4 s, 7.2 s and 13 s.
until_log gwa-charon.log 'IKE_SA group\[[0-9]*\] established' 10
until [ "$(grep -c 'retransmit 3 of request' "$tmp/gwa-charon.log")" -ge 4 ]; do
  [ $SECONDS -lt 60 ] || die 1 'too few tries'
  pause 0.5
done
pause 2.5
grep -q 'received NO_PROPOSAL_CHOSEN notify error' "$tmp/gwa-charon.log" || die 1 'the proposal was taken'
grep -q 'received AUTHENTICATION_FAILED notify error' "$tmp/gwa-charon.log" || die 1 'the secret was taken'
context gwa inet gwb
captured
