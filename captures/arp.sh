# What the ARP labs have in common: a gateway with two cards in one subnet, and the same questions to it in each. Read after lab.sh.

# two_cards: the gateway and its clients at one switch.
#
#                      switch
#    client  .10 ────────┤
#    host    .20 ────────┤           ┌─ ethA  192.0.2.1
#    printer .30 ────────┤           │           gateway
#                        ├───────────┤
#                        └───────────┴─ ethB  192.0.2.2
#
# The switch floods first to the port that was plugged last: ethA hears, and answers, before ethB. The gateway's own packets to the subnet leave by ethB, whose
# address, and with it the route, was there first.
two_cards() {
  switches lan
  nodes client host printer gateway
  plug gateway ethB 02:00:00:00:00:0b lan
  plug gateway ethA 02:00:00:00:00:0a lan
  plug client eth0 02:00:00:00:00:10 lan
  plug host eth0 02:00:00:00:00:20 lan
  plug printer eth0 02:00:00:00:00:30 lan
  address gateway ethB 192.0.2.2/24
  address gateway ethA 192.0.2.1/24
  address client eth0 192.0.2.10/24
  address host eth0 192.0.2.20/24
  address printer eth0 192.0.2.30/24
}

# ping_once NODE ADDRESS…: each must answer.
ping_once() {
  local node=$1 each
  shift
  for each in "$@"; do at "$node" ping -q -c 1 -W 2 "$each" >"$tmp/ping.log" || die 1 "$each does not answer $node"; done
}

# ask_eight_times: client and host forget their neighbours, and ping the gateway and each other.
ask_eight_times() {
  for _ in 1 2 3 4 5 6 7 8; do
    at client ip neighbour flush dev eth0
    at host ip neighbour flush dev eth0
    ping_once client 192.0.2.1 192.0.2.2 192.0.2.20 192.0.2.30
    ping_once host 192.0.2.1 192.0.2.2
    pause 1.5
  done
}

# virtual_address: a load balancer's layout, without the balancer (the director and two real servers share 192.0.2.80, the real servers on lo), and a client.
#
#    client    .10 ──────┐          ┌────── first   .12, .80 on lo
#    director  .11, .80 ─┤  switch  ├────── second  .13, .80 on lo
#                        └──────────┘
virtual_address() {
  switches lan
  nodes client director first second
  plug client eth0 02:00:00:00:00:10 lan
  plug director eth0 02:00:00:00:00:11 lan
  plug first eth0 02:00:00:00:00:12 lan
  plug second eth0 02:00:00:00:00:13 lan
  address client eth0 192.0.2.10/24
  address director eth0 192.0.2.11/24 192.0.2.80/24
  address first eth0 192.0.2.12/24
  address second eth0 192.0.2.13/24
  address first lo 192.0.2.80/32
  address second lo 192.0.2.80/32
}

# ask_for_virtual_address: four times, the client forgets its neighbours and pings all four addresses.
ask_for_virtual_address() {
  for _ in 1 2 3 4; do
    at client ip neighbour flush dev eth0
    ping_once client 192.0.2.80 192.0.2.11 192.0.2.12 192.0.2.13
    pause 1.5
  done
}

# two_subnets: a gateway with a card in each of two subnets, and a machine in each.
#
#    client 192.0.2.10 ──── .1 ethA  gateway  ethB .1 ──── server 198.51.100.10
two_subnets() {
  nodes client server gateway
  cable gateway ethA 02:00:00:00:00:0a client eth0 02:00:00:00:00:10
  cable gateway ethB 02:00:00:00:00:0b server eth0 02:00:00:00:00:20
  address gateway ethA 192.0.2.1/24
  address gateway ethB 198.51.100.1/24
  address client eth0 192.0.2.10/24
  address server eth0 198.51.100.10/24
  at client ip route add default via 192.0.2.1
  at server ip route add default via 198.51.100.1
}

# ping_from_the_other_card: four times, everybody forgets their neighbours; both cards are asked for, and the gateway pings the client with the address of its other card.
ping_from_the_other_card() {
  for _ in 1 2 3 4; do
    at client ip neighbour flush dev eth0
    at server ip neighbour flush dev eth0
    ping_once client 192.0.2.1
    ping_once server 198.51.100.1
    at gateway ip neighbour flush dev ethA
    at gateway ping -q -c 1 -W 2 -I 198.51.100.1 192.0.2.10 >"$tmp/ping.log" || die 1 'the client does not answer'
    pause 1.5
  done
}
