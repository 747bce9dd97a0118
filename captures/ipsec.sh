# What the IPsec labs have in common: strongSwan's charon in a namespace, with all that it writes in the temporary folder. Read after lab.sh.

charon=/usr/lib/ipsec/charon
ipsec_plugins=/usr/lib/ipsec/plugins/libstrongswan
ipsec_programs="$charon $ipsec_plugins-kernel-libipsec.so $ipsec_plugins-openssl.so swanctl nft socat ss ping openssl cmp"

# ipsec_start NODE PLUGIN LEVEL [LINES]: charon; the PLUGINs say who carries ESP, at LEVEL 4 its log has the secrets that esp.py needs, LINES go into its section
# of strongswan.conf.
ipsec_start() {
  local node=$1
  mkdir -p "$tmp/$node/swanctl"
  cat >"$tmp/$node/strongswan.conf" <<END
charon {
  load = random nonce aes sha1 sha2 hmac kdf gcm openssl $2 socket-default vici
  filelog {
    stderr {
      default = 1
      ike = $3
    }
  }
  plugins {
    vici {
      socket = unix://$tmp/$node/vici
    }
  }
  ${4:-}
}
END
  STRONGSWAN_CONF="$tmp/$node/strongswan.conf" private_run "$node" "$node-charon.log" "$(copy_of "$charon")"
  until_log "$node-charon.log" 'spawning .* worker threads' 10
  until_true 10 "charon of $node" test -S "$tmp/$node/vici"
}

# swanctl_at NODE WORDS…: talks to the charon of NODE; what it says is in NODE-swanctl.log.
swanctl_at() {
  local node=$1
  shift
  STRONGSWAN_CONF="$tmp/$node/strongswan.conf" SWANCTL_DIR="$tmp/$node/swanctl" \
    run "$node" "$node-swanctl.log" timeout 20 "$(copy_of swanctl)" "$@" --uri "unix://$tmp/$node/vici" ||
    die 1 "swanctl $*: $(tail -n 3 "$tmp/$node-swanctl.log")"
}

# ipsec_connection NODE LOCAL REMOTE LINES [ID REMOTE-ID]: tells its charon the connection `site`; the ids are the addresses where none are given.
ipsec_connection() {
  cat >"$tmp/$1/swanctl/swanctl.conf" <<END
connections {
  site {
    version = 2
    local_addrs = $2
    remote_addrs = $3
    proposals = aes256-sha256-x25519
    local {
      auth = psk
      id = ${5:-$2}
    }
    remote {
      auth = psk
      id = ${6:-$3}
    }
    $4
  }
}
secrets {
  ike-site {
    secret = $(cat "$tmp/psk")
  }
}
END
  swanctl_at "$1" --load-all
}

# ipsec_child NAME LOCAL REMOTE: lines for ipsec_connection: a tunnel between what is here and what is there.
ipsec_child() {
  echo "mobike = no
    children {
      $1 {
        local_ts = $2
        remote_ts = $3
        esp_proposals = aes256gcm16
      }
    }"
}

# ipsec_psk: the secret of both ends.
ipsec_psk() { (umask 077 && openssl rand -hex 24 >"$tmp/psk"); }

# ipsec_context NODE: its security associations, as charon lists them (no keys), for context.json.
ipsec_context() {
  swanctl_at "$1" --list-sas --raw
  sed -nE -e '/^list-sa event /!d' -e 's/^list-sa event //' \
    -e 's/([^][{} =]+)=\[([^]]*)\]/"\1": ["\2"]/g' -e ':list' -e 's/(\[("[^"]*", )*"[^]" ]*) ([^]"]+)/\1", "\3/' -e 't list' \
    -e 's/([^][{} ="]+)=([^][{} ]*)/"\1": "\2"/g' -e 's/([^][{} ":]+) \{/"\1": {/g' -e 's/(["}]|\]) "/\1, "/g' -e 'p' "$tmp/$1-swanctl.log" |
    paste -sd , | sed -e 's/^/[/' -e 's/$/]/' | context_part "$1" ipsec
}

# clamp NODE CARD: TCP that goes into a tunnel says at its start how much fits.
clamp() {
  at "$1" nft "table inet mss { chain forward { type filter hook forward priority mangle; oifname \"$2\" tcp flags syn tcp option maxseg size set rt mtu; }; }"
}

# transfer NODE ADDRESS NODE OCTETS: a file from one host to another (its ADDRESS), by TCP port 8080.
transfer() {
  local from=$1 address=$2 to=$3 receiving
  head -c "$4" /dev/urandom >"$tmp/sent"
  spawn "$to" receiving.log timeout 20 socat -u TCP4-LISTEN:8080,reuseaddr "OPEN:$tmp/received,creat,trunc"
  receiving=$pid
  until_true 10 'the receiver listens' listens "$to" 8080
  run "$from" sending.log timeout 20 socat -u "OPEN:$tmp/sent" "TCP4:$address:8080" || die 1 "the transfer failed: $(cat "$tmp/sending.log")"
  wait "$receiving" || die 1 "the transfer failed: $(cat "$tmp/receiving.log")"
  cmp -s "$tmp/sent" "$tmp/received" || die 1 'the transfer brought something else'
}

# listens NODE PORT
listens() { at "$1" ss -Hltn "sport = :$2" | grep -q LISTEN; }

# behind_nat: two sites and their gateways, of which gwa is behind NAT.
#
#    hosta eth0 ── lan gwa wan ────── inside nat outside ── inet ──────── wan gwb lan ── eth0 hostb
#    10.1.0.10     .1   192.168.1.2   .1  203.0.113.10     .1   .1  198.51.100.2   .1   10.2.0.10
behind_nat() {
  nodes hosta hostb
  routers gwa nat inet gwb
  cable hosta eth0 02:00:00:00:01:10 gwa lan 02:00:00:00:01:01
  cable gwa wan 02:00:00:00:02:02 nat inside 02:00:00:00:02:01
  cable nat outside 02:00:00:00:03:10 inet towarda 02:00:00:00:03:01
  cable gwb wan 02:00:00:00:04:02 inet towardb 02:00:00:00:04:01
  cable hostb eth0 02:00:00:00:05:10 gwb lan 02:00:00:00:05:01
  address hosta eth0 10.1.0.10/24
  address gwa lan 10.1.0.1/24
  address gwa wan 192.168.1.2/24
  address nat inside 192.168.1.1/24
  address nat outside 203.0.113.10/24
  address inet towarda 203.0.113.1/24
  address inet towardb 198.51.100.1/24
  address gwb wan 198.51.100.2/24
  address gwb lan 10.2.0.1/24
  address hostb eth0 10.2.0.10/24
  at hosta ip route add default via 10.1.0.1
  at hostb ip route add default via 10.2.0.1
  at gwa ip route add default via 192.168.1.1
  at nat ip route add default via 203.0.113.1
  at gwb ip route add default via 198.51.100.1
  at nat nft 'table ip nat { chain out { type nat hook postrouting priority srcnat; oifname "outside" masquerade; }; }'
}

# site_connections: what gwa and gwb know of each other, once their charons run.
site_connections() {
  ipsec_connection gwb 198.51.100.2 %any "$(ipsec_child net 10.2.0.0/24 10.1.0.0/24)" gwb.example gwa.example
  ipsec_connection gwa 192.168.1.2 198.51.100.2 "$(ipsec_child net 10.1.0.0/24 10.2.0.0/24)" gwa.example gwb.example
}
