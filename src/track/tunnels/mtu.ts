/*
 * What tunnels add to a packet, in octets, and what of a path's MTU is left inside.
 *
 * A tunnel is described by a `TunnelShape`: its protocol, the IP version around it, and the options that change its size. Every shape comes
 * down to three numbers:
 *
 *   outer = fixed + roundUp(inner + plain, block)
 *
 * `fixed` stands outside of what is padded (IP, UDP, headers, IV, ICV), `plain` is padded together with the inner packet (trailer of ESP,
 * packet id of OpenVPN's CBC mode, an inner Ethernet header), and `block` is what the padding fills up to; 1 where nothing is padded. Sizes
 * are those of whole IP packets, their header counted in.
 */

/**
 * Sizes of a cipher of ESP: octets of the IV in each packet, of the block that padding fills up, and of the ICV that it brings along (0: that
 * of the integrity algorithm).
 */
interface EspCipherSizes {
  iv: number;
  block: number;
  icv: number;
}

const CBC = { iv: 16, block: 16, icv: 0 };
const COUNTER = { iv: 8, block: 4, icv: 0 };
const aead = (icv: number): EspCipherSizes => ({ iv: 8, block: 4, icv });

/**
 * Ciphers of ESP by the names of strongSwan, without the key's length (`aes256gcm16` is `aesgcm16`). Blocks of less than four octets count as
 * four: the trailer ends on a word (RFC 4303 section 2.4). RFC 3602 (AES-CBC), RFC 3686 (CTR), RFC 4106 (GCM), RFC 4309 (CCM), RFC 4543
 * (GMAC), RFC 7634 (ChaCha20), RFC 2451 (3DES, Blowfish).
 */
export const espCiphers = {
  aes: CBC,
  camellia: CBC,
  serpent: CBC,
  twofish: CBC,
  '3des': { iv: 8, block: 8, icv: 0 },
  blowfish: { iv: 8, block: 8, icv: 0 },
  cast: { iv: 8, block: 8, icv: 0 },
  aesctr: COUNTER,
  camelliactr: COUNTER,
  aesgcm8: aead(8),
  aesgcm12: aead(12),
  aesgcm16: aead(16),
  aesccm8: aead(8),
  aesccm12: aead(12),
  aesccm16: aead(16),
  aesgmac: aead(16),
  chacha20poly1305: aead(16),
  null: { iv: 0, block: 4, icv: 0 },
} as const satisfies Record<string, EspCipherSizes>;
export type EspCipher = keyof typeof espCiphers;

/** Octets of the ICV, by the names of strongSwan (RFC 2403, RFC 2404, RFC 3566, RFC 4494, RFC 4868). */
export const espIntegrities = {
  none: 0,
  md5: 12,
  sha1: 12,
  sha1_160: 20,
  aesxcbc: 12,
  aescmac: 12,
  sha256_96: 12,
  sha256: 16,
  sha384: 24,
  sha512: 32,
} as const;
export type EspIntegrity = keyof typeof espIntegrities;

/** Octets of the digest that OpenVPN's `auth` puts before a packet, by its names. */
export const openVpnDigests = {
  none: 0,
  MD5: 16,
  SHA1: 20,
  SHA224: 28,
  SHA256: 32,
  SHA384: 48,
  SHA512: 64,
} as const;
export type OpenVpnDigest = keyof typeof openVpnDigests;

/** `kind` decides about the layout; `iv` and `block` in octets. The tag of AEAD ciphers has 16. */
interface OpenVpnCipherSizes {
  kind: 'aead' | 'cbc' | 'stream' | 'none';
  iv: number;
  block: number;
}

const AEAD: OpenVpnCipherSizes = { kind: 'aead', iv: 0, block: 1 };
const AES_CBC: OpenVpnCipherSizes = { kind: 'cbc', iv: 16, block: 16 };
const DES_CBC: OpenVpnCipherSizes = { kind: 'cbc', iv: 8, block: 8 };
const AES_STREAM: OpenVpnCipherSizes = { kind: 'stream', iv: 16, block: 1 };

/** Ciphers of OpenVPN's data channel, by its names. */
export const openVpnCiphers = {
  'AES-128-GCM': AEAD,
  'AES-192-GCM': AEAD,
  'AES-256-GCM': AEAD,
  'CHACHA20-POLY1305': AEAD,
  'AES-128-CBC': AES_CBC,
  'AES-192-CBC': AES_CBC,
  'AES-256-CBC': AES_CBC,
  'CAMELLIA-128-CBC': AES_CBC,
  'CAMELLIA-256-CBC': AES_CBC,
  'BF-CBC': DES_CBC,
  'DES-EDE3-CBC': DES_CBC,
  'CAST5-CBC': DES_CBC,
  'AES-128-CFB': AES_STREAM,
  'AES-256-CFB': AES_STREAM,
  'AES-128-OFB': AES_STREAM,
  'AES-256-OFB': AES_STREAM,
  none: { kind: 'none', iv: 0, block: 1 },
} as const satisfies Record<string, OpenVpnCipherSizes>;
export type OpenVpnCipher = keyof typeof openVpnCiphers;

/** The IP version around a tunnel. */
export type Over = 4 | 6;

/** IP in IP (RFC 2003, 4213, 2473). What is inside makes no difference to the size. */
export interface IpInIpShape {
  protocol: 'ipip' | 'sit' | '4in6' | '6in6';
  over: Over;
  /**
   * Over IPv6: the tunnel encapsulation limit, a destination options header of 8 octets, which Linux adds unless told `encaplimit none` (RFC
   * 2473 section 4.1.1).
   */
  encapLimit?: boolean;
}

/** GRE (RFC 2784, RFC 2890), with another IP packet, or a frame of Ethernet, inside. */
export interface GreShape {
  protocol: 'gre';
  over: Over;
  key?: boolean;
  sequence?: boolean;
  checksum?: boolean;
  /** Transparent Ethernet bridging (gretap). */
  ethernet?: boolean;
  /** VLAN tags of the frame inside. */
  vlans?: number;
  encapLimit?: boolean;
}

/** ERSPAN over GRE with a sequence number; type I has neither that nor a header of its own (Linux `erspan.h`, draft-foschiano-erspan). */
export interface ErspanShape {
  protocol: 'erspan';
  over: Over;
  type: 1 | 2 | 3;
  vlans?: number;
}

/** WireGuard's transport data: type and reserved 4, receiver 4, counter 8, tag 16 (white paper section 5.4.6). */
export interface WireguardShape {
  protocol: 'wireguard';
  over: Over;
  /**
   * MTU of the device. Packets are filled up to 16 octets, but never beyond this (Linux `calculate_skb_padding`, wireguard-go
   * `calculatePaddingSize`). Without it `innerMtu` says what the device's MTU may be, and `outerSize` fills up always.
   */
  deviceMtu?: number;
}

/** VXLAN (RFC 7348) and GENEVE (RFC 8926). */
export interface OverlayShape {
  protocol: 'vxlan' | 'geneve';
  over: Over;
  /** GENEVE and VXLAN-GPE: whether a frame of Ethernet is inside (the default), or an IP packet. */
  ethernet?: boolean;
  vlans?: number;
  /** Octets of GENEVE's options. */
  options?: number;
}

/** OpenVPN's data channel (OpenVPN `crypto.h`, `ssl.c`). */
export interface OpenVpnShape {
  protocol: 'openvpn';
  over: Over;
  transport?: 'udp' | 'tcp';
  /** `v2` (the default): opcode and peer id, 4 octets; `v1`: opcode, 1 octet; `static-key`: none, and packet ids of 8 octets. */
  data?: 'v1' | 'v2' | 'static-key';
  cipher: OpenVpnCipher;
  /** Of `auth`; AEAD ciphers have none. */
  digest?: OpenVpnDigest;
  /** Octets that `comp-lzo` or `compress` put before a packet that is not compressed. */
  compression?: 0 | 1;
  /** Octets of TCP's options: 12 where timestamps are in use, as nearly everywhere (the default). */
  tcpOptions?: number;
  /** A tap device. */
  ethernet?: boolean;
  vlans?: number;
}

/** ESP (RFC 4303), in UDP where `natT` (RFC 3948). In transport mode `inner` is the IP packet before it was protected: its header is used again. */
export interface EspShape {
  protocol: 'esp';
  over: Over;
  mode: 'tunnel' | 'transport';
  cipher: EspCipher;
  integrity?: EspIntegrity;
  natT?: boolean;
}

/** AH (RFC 4302). */
export interface AhShape {
  protocol: 'ah';
  over: Over;
  mode: 'tunnel' | 'transport';
  integrity: EspIntegrity;
}

/** L2TPv2 with PPP inside (RFC 2661). */
export interface L2tpShape {
  protocol: 'l2tp';
  over: Over;
  lengthField?: boolean;
  sequence?: boolean;
  /** PPP's address and control octets ff 03, which Linux sends. */
  addressControl?: boolean;
}

/** L2TPv3 with Ethernet inside (RFC 3931, RFC 4719). */
export interface L2tpv3Shape {
  protocol: 'l2tpv3';
  over: Over;
  /** In UDP, or in IP (protocol 115). */
  udp?: boolean;
  cookie?: 0 | 4 | 8;
  /** The default layer-2-specific sublayer of 4 octets: Linux has it unless told `l2spec_type none`. */
  sublayer?: boolean;
  vlans?: number;
}

/** GTP-U (3GPP TS 29.281 section 5.1). */
export interface GtpUShape {
  protocol: 'gtp-u';
  over: Over;
  /** A sequence number, an N-PDU number or extension headers: four octets more, and those of the extension headers. */
  optionalFields?: boolean;
  extensions?: number;
}

/** IP behind a UDP header: foo over UDP, GUE (4 octets, draft-ietf-intarea-gue), Teredo (RFC 4380). */
export interface UdpShape {
  protocol: 'fou' | 'gue' | 'teredo';
  over: Over;
  /** Octets between that and the inner packet: GUE's options, or a GRE header (RFC 8086). */
  options?: number;
}

/** Shims below IP, which take from the link's MTU: PPPoE with PPP 8 (RFC 2516), a label of MPLS 4 (RFC 3032). */
export interface ShimShape {
  protocol: 'pppoe' | 'mpls';
  labels?: number;
}

export type TunnelShape =
  | IpInIpShape
  | GreShape
  | ErspanShape
  | WireguardShape
  | OverlayShape
  | OpenVpnShape
  | EspShape
  | AhShape
  | L2tpShape
  | L2tpv3Shape
  | GtpUShape
  | UdpShape
  | ShimShape;

/** A header or trailer, as people call it. `isPadded`: it is filled up to the cipher's block together with the inner packet. */
export interface OverheadPart {
  name: string;
  octets: number;
  isPadded: boolean;
}

const UDP = 8;
const TCP = 20;
const TIMESTAMPS = 12;
const ETHERNET = 14;
const VLAN_TAG = 4;
const ENCAPSULATION_LIMIT = 8;
const WIREGUARD_BLOCK = 16;
const TAG = 16;
/** What IPv6 asks of every link (RFC 8200 section 5). */
export const LEAST_IPV6_MTU = 1280;

const ipHeader = (over: Over): number => (over === 4 ? 20 : 40);
const roundUp = (octets: number, block: number): number => Math.ceil(octets / block) * block;
const roundDown = (octets: number, block: number): number => Math.floor(octets / block) * block;

/** @returns the parts of what a tunnel adds, outermost first; padding is not among them */
export function overheadParts(shape: TunnelShape): OverheadPart[] {
  const parts: OverheadPart[] = [];
  const add = (name: string, octets: number, isPadded = false): void => {
    if (octets > 0) parts.push({ name, octets, isPadded });
  };
  const addIp = (over: Over, encapLimit = false): void => {
    add(`IPv${over}`, ipHeader(over));
    if (over === 6 && encapLimit) add('encapsulation limit', ENCAPSULATION_LIMIT);
  };
  const addEthernet = (vlans = 0, isPadded = false): void => add('Ethernet', ETHERNET + vlans * VLAN_TAG, isPadded);
  switch (shape.protocol) {
    case 'ipip':
    case 'sit':
    case '4in6':
    case '6in6':
      addIp(shape.over, shape.encapLimit);
      break;
    case 'gre':
      addIp(shape.over, shape.encapLimit);
      add('GRE', 4 + (shape.checksum ? 4 : 0) + (shape.key ? 4 : 0) + (shape.sequence ? 4 : 0));
      if (shape.ethernet) addEthernet(shape.vlans);
      break;
    case 'erspan':
      addIp(shape.over);
      add('GRE', shape.type === 1 ? 4 : 8);
      add('ERSPAN', shape.type === 1 ? 0 : shape.type === 2 ? 8 : 12);
      addEthernet(shape.vlans);
      break;
    case 'wireguard':
      addIp(shape.over);
      add('UDP', UDP);
      add('WireGuard', 32);
      break;
    case 'vxlan':
    case 'geneve':
      addIp(shape.over);
      add('UDP', UDP);
      add(shape.protocol === 'vxlan' ? 'VXLAN' : 'GENEVE', 8 + (shape.options ?? 0));
      if (shape.ethernet !== false) addEthernet(shape.vlans);
      break;
    case 'openvpn':
      addIp(shape.over);
      addOpenVpn(shape, add);
      if (shape.ethernet) addEthernet(shape.vlans, true);
      break;
    case 'esp':
      if (shape.mode === 'tunnel') addIp(shape.over);
      if (shape.natT) add('UDP', UDP);
      add('ESP', 8 + espCiphers[shape.cipher].iv);
      add('ESP trailer', 2, true);
      add('ICV', espIcv(shape));
      break;
    case 'ah':
      if (shape.mode === 'tunnel') addIp(shape.over);
      add('AH', roundUp(12 + espIntegrities[shape.integrity], shape.over === 4 ? 4 : 8));
      break;
    case 'l2tp':
      addIp(shape.over);
      add('UDP', UDP);
      add('L2TP', 6 + (shape.lengthField ? 2 : 0) + (shape.sequence ? 4 : 0));
      add('PPP', shape.addressControl === false ? 2 : 4);
      break;
    case 'l2tpv3':
      addIp(shape.over);
      if (shape.udp) add('UDP', UDP);
      add('L2TPv3', (shape.udp ? 8 : 4) + (shape.cookie ?? 0) + (shape.sublayer === false ? 0 : 4));
      addEthernet(shape.vlans);
      break;
    case 'gtp-u':
      addIp(shape.over);
      add('UDP', UDP);
      add('GTP-U', 8 + (shape.optionalFields || shape.extensions ? 4 : 0) + (shape.extensions ?? 0));
      break;
    case 'fou':
    case 'gue':
    case 'teredo':
      addIp(shape.over);
      add('UDP', UDP);
      add('GUE', shape.protocol === 'gue' ? 4 : 0);
      add('options', shape.options ?? 0);
      break;
    case 'pppoe':
      add('PPPoE', 8);
      break;
    case 'mpls':
      add('MPLS', 4 * (shape.labels ?? 1));
  }
  return parts;
}

type AddPart = (name: string, octets: number, isPadded?: boolean) => void;

/**
 * The packet id has 4 octets, but 8 (with a time) where there is no TLS and for CFB and OFB. AEAD keeps it outside, as a part of the nonce;
 * else it is encrypted, too (OpenVPN `calc_packet_id_size_dc`, `openvpn_encrypt_v1`). PKCS#7 padding of CBC has one octet at least.
 */
function addOpenVpn(shape: OpenVpnShape, add: AddPart): void {
  const { transport = 'udp', data = 'v2', cipher, digest = 'none', compression = 0, tcpOptions = TIMESTAMPS } = shape;
  const { kind, iv } = openVpnCiphers[cipher];
  if (transport === 'tcp') {
    add('TCP', TCP + tcpOptions);
    add('length', 2);
  } else {
    add('UDP', UDP);
  }
  add('opcode', data === 'v2' ? 4 : data === 'v1' ? 1 : 0);
  if (kind === 'aead') {
    add('packet id', 4);
    add('tag', TAG);
  } else {
    add('HMAC', openVpnDigests[digest]);
    add('IV', iv);
    add('packet id', data === 'static-key' || kind === 'stream' ? 8 : 4, true);
    if (kind === 'cbc') add('padding', 1, true);
  }
  add('compression', compression, true);
}

function espIcv({ cipher, integrity = 'none' }: EspShape): number {
  const { icv } = espCiphers[cipher];
  return icv > 0 ? icv : espIntegrities[integrity];
}

/** What padding fills up to. */
function blockOf(shape: TunnelShape): number {
  if (shape.protocol === 'esp') return espCiphers[shape.cipher].block;
  return shape.protocol === 'openvpn' ? openVpnCiphers[shape.cipher].block : 1;
}

/** Octets that are not filled up, and those that are. In transport mode the IP header of the inner packet stands outside of what is padded. */
function sizesOf(shape: TunnelShape): { fixed: number; plain: number; block: number } {
  let fixed = 0;
  let plain = 0;
  for (const { octets, isPadded } of overheadParts(shape)) {
    if (isPadded) plain += octets;
    else fixed += octets;
  }
  if (shape.protocol === 'esp' && shape.mode === 'transport') {
    fixed += ipHeader(shape.over);
    plain -= ipHeader(shape.over);
  }
  return { fixed, plain, block: blockOf(shape) };
}

/** @returns octets of the IP packet outside that carries an IP packet of `inner` octets */
export function outerSize(inner: number, shape: TunnelShape): number {
  const { fixed, plain, block } = sizesOf(shape);
  if (shape.protocol === 'wireguard') {
    const padded = roundUp(inner, WIREGUARD_BLOCK);
    return fixed + Math.max(inner, Math.min(padded, shape.deviceMtu ?? padded));
  }
  return fixed + roundUp(inner + plain, block);
}

/** @returns octets of the largest IP packet inside whose outer packet has `pathMtu` octets at most; 0 where none fits */
export function innerMtu(shape: TunnelShape, pathMtu: number): number {
  const { fixed, plain, block } = sizesOf(shape);
  const room = pathMtu - fixed;
  if (shape.protocol === 'wireguard' && shape.deviceMtu !== undefined) {
    const { deviceMtu } = shape;
    return Math.max(0, deviceMtu <= room ? deviceMtu : roundDown(room, WIREGUARD_BLOCK));
  }
  return Math.max(0, roundDown(room, block) - plain);
}

/** The same through several tunnels, outermost first. ESP in transport mode stands before the tunnel whose packets it protects. */
export const nestedInnerMtu = (shapes: readonly TunnelShape[], pathMtu: number): number =>
  shapes.reduce((mtu, shape) => innerMtu(shape, mtu), pathMtu);

/** The size outside of several tunnels, outermost first. */
export const nestedOuterSize = (inner: number, shapes: readonly TunnelShape[]): number => shapes.reduceRight(outerSize, inner);

/** Octets of TCP's payload that fit into one packet, as the MSS option says it: without options (RFC 9293 section 3.7.1, RFC 6691). */
export const tcpMss = (mtu: number, version: Over): number => Math.max(0, mtu - ipHeader(version) - TCP);

/** The MTU of a packet with such an MSS: what the sender of the option takes its path to have. */
export const mtuOfMss = (mss: number, version: Over): number => mss + ipHeader(version) + TCP;

/** What to set so that nothing is fragmented and nothing vanishes. */
export interface MtuAdvice {
  /** For the tunnel's device. */
  mtu: number;
  /** To clamp TCP to. `mss6` is null where the MTU is less than IPv6 asks for. */
  mss4: number;
  mss6: number | null;
  /** What the tunnels take of the path's MTU, padding counted in. */
  overhead: number;
}

/**
 * @param shapes the tunnels, outermost first
 * @param pathMtu of the path outside of all of them
 */
export function tunnelMtuAdvice(shapes: readonly TunnelShape[], pathMtu: number): MtuAdvice {
  const mtu = nestedInnerMtu(shapes, pathMtu);
  return { mtu, mss4: tcpMss(mtu, 4), mss6: mtu < LEAST_IPV6_MTU ? null : tcpMss(mtu, 6), overhead: pathMtu - mtu };
}

/** What a tunnel adds, in words: `20 (IPv4) + 8 (UDP) + 32 (WireGuard) = 60`. The least that padding adds is among the parts. */
export function overheadText(shape: TunnelShape): string {
  const parts = overheadParts(shape);
  const sum = parts.reduce((total, { octets }) => total + octets, 0);
  const terms = parts.map(({ name, octets }) => `${octets} (${name})`).join(' + ');
  return parts.length > 1 ? `${terms} = ${sum}` : terms;
}
