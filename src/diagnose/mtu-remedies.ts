import type { Remedy } from './kind.ts';
import type { NarrowTunnel } from './narrow-tunnel.ts';

/** Everything that a remedy about sizes needs to name. */
export interface SizeAdvice {
  /** The tunnel that is too narrow, where it is seen. */
  tunnel: NarrowTunnel | null;
  /** Octets of an IP packet that gets through, and the MSS that comes of it. */
  mtu: number;
  mss: number;
  /** Octets of an IP packet that gets lost. */
  lost: number;
  isV6: boolean;
  /** Addresses of the sender and the receiver of large packets. */
  sender: string;
  receiver: string;
  /** Whether an ICMP error names the MTU, so that the device has it already. */
  isNamed: boolean;
}

/** Rules that others may have stand before these: a table of their own does not depend on them. */
const TABLE = ['nft add table inet mss', "nft 'add chain inet mss forward { type filter hook forward priority mangle; }'"] as const;

/** Clamps what goes into the tunnel and what comes out of it: each SYN limits what the other end sends. */
export function clampRemedies({ tunnel, mss }: Pick<SizeAdvice, 'tunnel' | 'mss'>): Remedy[] {
  const device = tunnel?.interface?.name ?? 'IFACE';
  return [
    {
      text: `At the tunnel's head, clamp the MSS of TCP both ways${device === 'IFACE' ? " (IFACE: the tunnel's device)" : ''}; helps new connections at once, and only TCP: UDP and QUIC inside need the right MTU or the ICMP`,
      commands: [
        ...TABLE,
        `nft add rule inet mss forward oifname "${device}" tcp flags syn tcp option maxseg size gt ${mss} tcp option maxseg size set ${mss}`,
        `nft add rule inet mss forward iifname "${device}" tcp flags syn tcp option maxseg size gt ${mss} tcp option maxseg size set ${mss}`,
      ],
    },
    {
      text: 'The same with iptables (for IPv6 traffic with ip6tables too)',
      commands: [
        `iptables -t mangle -A FORWARD -o ${device} -p tcp --tcp-flags SYN,RST SYN -m tcpmss --mss ${mss + 1}:65535 -j TCPMSS --set-mss ${mss}`,
        `iptables -t mangle -A FORWARD -i ${device} -p tcp --tcp-flags SYN,RST SYN -m tcpmss --mss ${mss + 1}:65535 -j TCPMSS --set-mss ${mss}`,
      ],
    },
  ];
}

export const ALLOW_ICMP: Remedy = {
  text: 'On every router and firewall of the path, also on the sender: let the errors through that path MTU discovery lives on (ICMP type 3 code 4, ICMPv6 type 2); the names of tables and chains are yours',
  commands: [
    'nft insert rule inet filter forward icmp type destination-unreachable icmp code frag-needed accept',
    'nft insert rule inet filter forward icmpv6 type packet-too-big accept',
    'iptables -I FORWARD -p icmp --icmp-type fragmentation-needed -j ACCEPT',
    'ip6tables -I FORWARD -p icmpv6 --icmpv6-type packet-too-big -j ACCEPT',
  ],
};

/** For a host that gets the errors and goes on with packets that are too large. */
export const heedIcmp = (isV6: boolean): Remedy => ({
  text: 'On this host, if it is the sender: let the errors in (its card gets them, its own firewall drops them), and see that it is set to heed them; the names of tables and chains are yours',
  commands: isV6
    ? [
        'nft insert rule inet filter input icmpv6 type packet-too-big accept',
        'ip6tables -I INPUT -p icmpv6 --icmpv6-type packet-too-big -j ACCEPT',
      ]
    : [
        'nft insert rule inet filter input icmp type destination-unreachable icmp code frag-needed accept',
        'iptables -I INPUT -p icmp --icmp-type fragmentation-needed -j ACCEPT',
        'sysctl net.ipv4.ip_no_pmtu_disc net.ipv4.route.min_pmtu',
      ],
});

export const PROBING: Remedy = {
  text: 'At the sender, as long as the path cannot be mended: let TCP find out itself what gets through (RFC 4821)',
  commands: ['sysctl -w net.ipv4.tcp_mtu_probing=1'],
};

export const mssfix = (mtu: number): Remedy => ({
  text: 'OpenVPN: limit TCP inside by the size of the packets outside (mssfix), or make the tunnel as narrow as the path (tun-mtu, the same at both ends)',
  commands: [`mssfix ${mtu}`, `tun-mtu ${mtu}`],
});

export const GRE_PMTUDISC: Remedy = {
  text: 'GRE: let the tunnel answer packets that are too large with ICMP (pmtudisc); where ICMP cannot be had, let it send fragments (nopmtudisc, ignore-df)',
  commands: ['ip link set dev IFACE type gre pmtudisc', 'ip link set dev IFACE type gre nopmtudisc ignore-df'],
};

/** What mends a path on which large packets vanish. */
export function blackHoleRemedies(advice: SizeAdvice): Remedy[] {
  const { tunnel, mtu, lost, isV6, sender, receiver, isNamed } = advice;
  const device = tunnel?.interface?.name ?? 'IFACE';
  const isSet = isNamed || (tunnel !== null && tunnel.mtu !== null && tunnel.mtu <= mtu);
  return [
    ...clampRemedies(advice),
    ...(isSet
      ? []
      : [
          {
            text: `Set the MTU of the tunnel's device to what its path carries, at both ends: then its head says so by ICMP, or clamps (rt mtu)${device === 'IFACE' ? " (IFACE: the tunnel's device)" : ''}`,
            commands: [`ip link set dev ${device} mtu ${mtu}`],
          },
        ]),
    ALLOW_ICMP,
    PROBING,
    ...(tunnel?.protocol === 'openvpn' || (tunnel !== null && tunnel.protocol === null) ? [mssfix(mtu)] : []),
    ...(tunnel?.protocol === 'gre' ? [GRE_PMTUDISC] : []),
    {
      text: `At ${sender}: what is the largest packet that gets through to ${receiver}; of these two the first one gets lost and the second one should pass`,
      commands: isV6
        ? [`ping -6 -M do -c 3 -s ${lost - 48} ${receiver}`, `ping -6 -M do -c 3 -s ${mtu - 48} ${receiver}`, `tracepath -6 -n ${receiver}`]
        : [`ping -M do -c 3 -s ${lost - 28} ${receiver}`, `ping -M do -c 3 -s ${mtu - 28} ${receiver}`, `tracepath -n ${receiver}`],
    },
  ];
}

/** @param where what decides: the sender's side, or all interfaces of the head of the tunnel */
export const captureMore = (sender: string, receiver: string, where: string): Remedy => ({
  text: `To be certain, capture ${where} while it happens: there it shows whether the large packets leave, and whether the ICMP about them passes`,
  commands: [
    `tcpdump -i any -y LINUX_SLL2 -s 200 -w sizes.pcap 'host ${receiver} or host ${sender} or icmp or icmp6'`,
    'fluxcap context > context.json',
  ],
});
