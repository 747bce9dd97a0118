/** Payloads of small services on UDP: one question, one answer, and what ties them together. */
import { ascii, be16, be32, be64, ipOctets, le32, macOctets, noise, octets, zeros } from './octets.ts';

const NTP_MODES = { symmetric: 1, client: 3, server: 4, broadcast: 5 } as const;

export interface NtpFields {
  mode: keyof typeof NTP_MODES;
  origin?: bigint;
  transmit: bigint;
}

/** RFC 5905 section 7.3, version 4. */
export const ntp = ({ mode, origin = 0n, transmit }: NtpFields): Uint8Array =>
  octets((4 << 3) | NTP_MODES[mode], mode === 'client' ? 0 : 2, 6, 0xec, zeros(20), be64(origin), be64(transmit), be64(transmit));

const SNMP_PDUS = { get: 0xa0, response: 0xa2, trap: 0xa7 } as const;

/** SNMP version 2c (RFC 3416) with one variable, sysDescr. */
export function snmp(pdu: keyof typeof SNMP_PDUS, requestId: number, community = 'public'): Uint8Array {
  const sysDescr = ber(0x06, [0x2b, 6, 1, 2, 1, 1, 1, 0]);
  const value = pdu === 'get' ? ber(0x05, []) : ber(0x04, ascii('a gateway'));
  const bindings = ber(0x30, ber(0x30, [...sysDescr, ...value]));
  const body = ber(SNMP_PDUS[pdu], [...ber(0x02, berInteger(requestId)), ...ber(0x02, [0]), ...ber(0x02, [0]), ...bindings]);
  return octets(ber(0x30, [...ber(0x02, [1]), ...ber(0x04, ascii(community)), ...body]));
}

const RADIUS_CODES = { accessRequest: 1, accessAccept: 2, accessReject: 3, accountingRequest: 4, accountingResponse: 5 } as const;

/** RFC 2865 section 3; the authenticator is noise, with a user name. */
export function radius(code: keyof typeof RADIUS_CODES, id: number): Uint8Array {
  const user = ascii('alice');
  const attributes = [1, 2 + user.length, ...user];
  return octets(RADIUS_CODES[code], id, be16(20 + attributes.length), noise(16, id * 8 + RADIUS_CODES[code]), attributes);
}

const STUN_TYPES = { request: 0x0001, success: 0x0101, error: 0x0111, indication: 0x0011 } as const;
const STUN_COOKIE = 0x2112a442;
export const StunAttribute = { ChangeRequest: 0x0003, XorMappedAddress: 0x0020, Username: 0x0006, OtherAddress: 0x802c } as const;

export interface StunFields {
  type: keyof typeof STUN_TYPES;
  /** Seed of the 96-bit transaction id. */
  transaction: number;
  attributes?: readonly { type: number; value: readonly number[] }[];
}

/** RFC 8489 section 5. */
export function stun({ type, transaction, attributes = [] }: StunFields): Uint8Array {
  const body = attributes.flatMap(({ type: code, value }) => [
    ...be16(code),
    ...be16(value.length),
    ...value,
    ...zeros((4 - (value.length % 4)) % 4),
  ]);
  return octets(be16(STUN_TYPES[type]), be16(body.length), be32(STUN_COOKIE), noise(12, transaction), body);
}

/** CHANGE-REQUEST (RFC 5780 section 7.2) for another address and port. */
export const changeRequest = { type: StunAttribute.ChangeRequest, value: be32(6) };

export interface SipFields {
  callId: string;
  branch: string;
  /** Sequence number and method, as in CSeq. */
  cseq?: string;
  via?: string;
}

/** A SIP request without body (RFC 3261). */
export const sipRequest = ({ callId, branch, cseq = '1 OPTIONS', via = '192.0.2.10:5060' }: SipFields): Uint8Array =>
  sip(`${cseq.split(' ')[1]} sip:pbx.example SIP/2.0`, { callId, branch, cseq, via });

export const sipResponse = ({ callId, branch, cseq = '1 OPTIONS', via = '192.0.2.10:5060' }: SipFields): Uint8Array =>
  sip('SIP/2.0 200 OK', { callId, branch, cseq, via });

/** RFC 1350: a read request, and data that answers it. */
export const tftpRead = (file: string): Uint8Array => octets(be16(1), ascii(file), 0, ascii('octet'), 0);
export const tftpData = (block: number, seed = block): Uint8Array => octets(be16(3), be16(block), noise(512, seed));
export const tftpAck = (block: number): Uint8Array => octets(be16(4), be16(block));

const DHCP_TYPES = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6 } as const;
const DHCP_COOKIE = 0x63825363;
export const BOOTP_LENGTH = 300;

export interface DhcpFields {
  type: keyof typeof DHCP_TYPES;
  xid: number;
  mac: string;
  /** The address that the client has already. */
  ciaddr?: string;
  /** The address that it is given. */
  yiaddr?: string;
  /** The relay between. */
  giaddr?: string;
  /** Option 54. */
  serverId?: string;
  /** Option 12. */
  hostname?: string;
}

/** RFC 2131 section 2, filled up to the 300 octets that old relays want. */
export function dhcp(fields: DhcpFields): Uint8Array {
  const { type, xid, mac, ciaddr = '0.0.0.0', yiaddr = '0.0.0.0', giaddr = '0.0.0.0', serverId, hostname } = fields;
  const isRequest = type === 'discover' || type === 'request' || type === 'decline';
  const fixed = [isRequest ? 1 : 2, 1, 6, 0, ...be32(xid), ...zeros(4), ...ipOctets(ciaddr), ...ipOctets(yiaddr), ...zeros(4)];
  const options = [
    [53, 1, DHCP_TYPES[type]],
    serverId ? [54, 4, ...ipOctets(serverId)] : [],
    isRequest ? [61, 7, 1, ...macOctets(mac)] : [],
    hostname ? [12, hostname.length, ...ascii(hostname)] : [],
    [255],
  ].flat();
  const message = [...fixed, ...ipOctets(giaddr), ...macOctets(mac), ...zeros(10 + 192), ...be32(DHCP_COOKIE), ...options];
  return octets(message, zeros(Math.max(0, BOOTP_LENGTH - message.length)));
}

export interface QuicFields {
  /** Destination and source connection id, as seeds of eight octets. */
  destination: number;
  source: number;
  length?: number;
}

const QUIC_INITIAL = 0xc3;
const QUIC_HANDSHAKE = 0xe3;

/** An Initial packet of QUIC version 1 (RFC 9000 section 17.2.2), filled up to 1200 octets. */
export function quicInitial({ destination, source, length = 1200 }: QuicFields): Uint8Array {
  const header = [QUIC_INITIAL, ...be32(1), 8, ...noise(8, destination), 8, ...noise(8, source), 0];
  const rest = length - header.length - 2;
  return octets(header, be16(0x4000 | rest), noise(rest, destination ^ source));
}

/** A Handshake packet (section 17.2.4). */
export function quicHandshake({ destination, source, length = 300 }: QuicFields): Uint8Array {
  const header = [QUIC_HANDSHAKE, ...be32(1), 8, ...noise(8, destination), 8, ...noise(8, source)];
  const rest = length - header.length - 2;
  return octets(header, be16(0x4000 | rest), noise(rest, destination + source));
}

export interface IkeFields {
  initiatorSpi: bigint;
  /** 0 in the first request. */
  responderSpi?: bigint;
  /** 34 IKE_SA_INIT, 35 IKE_AUTH, 37 INFORMATIONAL. */
  exchange?: number;
  messageId?: number;
  response?: boolean;
}

const IKE_INITIATOR = 0x08;
const IKE_RESPONSE = 0x20;

/** An IKEv2 message (RFC 7296 section 3.1) that holds a nonce. */
export function ike({ initiatorSpi, responderSpi = 0n, exchange = 34, messageId = 0, response = false }: IkeFields): Uint8Array {
  const nonce = [0, 0, ...be16(36), ...noise(32, Number(initiatorSpi & 0xffffn) + messageId)];
  const header = [40, 0x20, exchange, response ? IKE_RESPONSE : IKE_INITIATOR];
  return octets(be64(initiatorSpi), be64(responderSpi), header, be32(messageId), be32(28 + nonce.length), nonce);
}

/** On port 4500 four zero octets go before (RFC 3948 section 2.2). */
export const natTraversalIke = (fields: IkeFields): Uint8Array => octets(be32(0), ike(fields));

/** ESP in UDP (RFC 3948 section 2.1). */
export const espInUdp = (spi: number, sequence: number): Uint8Array => octets(be32(spi), be32(sequence), noise(96, spi + sequence));

/** L2TP (RFC 2661 section 3.1): a control message from AVPs. */
function l2tpControl(tunnel: number, ns: number, nr: number, type: number, assignedTunnel: number): Uint8Array {
  const avp = (code: number, value: readonly number[]): number[] => [...be16(0x8000 | (6 + value.length)), 0, 0, ...be16(code), ...value];
  const avps = [avp(0, be16(type)), avp(2, [1, 0]), avp(7, ascii('lac.example')), avp(3, be32(3)), avp(9, be16(assignedTunnel))].flat();
  return octets(be16(0xc802), be16(12 + avps.length), be16(tunnel), be16(0), be16(ns), be16(nr), avps);
}

/** Start-Control-Connection-Request with the tunnel id that answers shall bear. */
export const l2tpRequest = (assignedTunnel: number): Uint8Array => l2tpControl(0, 0, 0, 1, assignedTunnel);
/** Start-Control-Connection-Reply to the tunnel id of the request. */
export const l2tpReply = (tunnel: number, assignedTunnel: number): Uint8Array => l2tpControl(tunnel, 0, 1, 2, assignedTunnel);

/** SSDP (UPnP Device Architecture section 1.3). */
export const ssdpSearch = octets(
  ascii('M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n'),
);
export const ssdpResponse = octets(ascii('HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nST: upnp:rootdevice\r\nUSN: uuid:1\r\n\r\n'));

/** A NetBIOS name query, for any name (RFC 1002 section 4.2.12). */
export const netbiosQuery = (id: number): Uint8Array =>
  octets(be16(id), be16(0x0110), be16(1), zeros(6), 32, ascii('CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'), 0, be16(0x20), be16(1));
export const netbiosResponse = (id: number, address: string): Uint8Array => {
  const name = [32, ...ascii('CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'), 0];
  return octets(
    be16(id),
    be16(0x8500),
    be16(0),
    be16(1),
    zeros(4),
    name,
    be16(0x20),
    be16(1),
    be32(300),
    be16(6),
    be16(0),
    ipOctets(address),
  );
};

/** A disco message of Tailscale: magic, sender's key, nonce, sealed box. */
export const tailscaleDisco = (seed: number): Uint8Array => octets(ascii('TS'), [0xf0, 0x9f, 0x92, 0xac], noise(32 + 24 + 64, seed));

/** RFC 5424. */
export const syslog = (text: string): Uint8Array => octets(ascii(`<134>1 2024-01-15T08:00:00Z host app 1 - - ${text}`));

/** RTP (RFC 3550 section 5.1), G.711. */
export const rtp = (sequence: number, source: number): Uint8Array =>
  octets(0x80, 0, be16(sequence), be32(sequence * 160), be32(source), noise(160, sequence));

/** An MPLS echo request or reply (RFC 8029 section 3). */
export const lspPing = (isReply: boolean, handle: number, sequence: number): Uint8Array =>
  octets(be16(1), be16(0), isReply ? 2 : 1, 2, isReply ? 3 : 0, 0, be32(handle), be32(sequence), zeros(16));

/** An rx packet of AFS with its connection and call number. */
export const afsRx = (connection: number, call: number, isFromClient: boolean): Uint8Array =>
  octets(
    be32(0x5f000000),
    be32(connection),
    be32(call),
    be32(1),
    be32(1),
    1,
    isFromClient ? 5 : 4,
    0,
    0,
    be16(0),
    be16(1),
    noise(48, call),
  );

/** Any text, as the protocols that nobody knows have it. */
export const message = (text: string): Uint8Array => octets(ascii(text));

/** Four octets little-endian and noise: something that only begins like a known protocol. */
export const lookAlike = (first: number, length: number, seed: number): Uint8Array => octets(le32(first), noise(length - 4, seed));

function sip(line: string, { callId, branch, cseq, via }: Required<SipFields>): Uint8Array {
  const headers = [
    line,
    `Via: SIP/2.0/UDP ${via};branch=${branch};rport`,
    'From: <sip:alice@example>;tag=1',
    'To: <sip:pbx@example>',
    `Call-ID: ${callId}`,
    `CSeq: ${cseq}`,
    'Content-Length: 0',
    '',
    '',
  ];
  return octets(ascii(headers.join('\r\n')));
}

function ber(tag: number, content: readonly number[]): number[] {
  return [tag, ...(content.length < 128 ? [content.length] : [0x82, ...be16(content.length)]), ...content];
}

function berInteger(value: number): number[] {
  const whole = be32(value);
  const skipped = whole.findIndex((octet, i) => i === 3 || octet !== 0 || (whole[i + 1] ?? 0) >= 128);
  return whole.slice(skipped);
}
