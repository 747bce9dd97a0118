/** What IKE calls things (IANA ikev2-parameters; version 1: IANA isakmp-registry and ipsec-registry). */

/** Exchange types of version 2 (RFC 7296 section 3.1, RFC 9242). */
export const IkeExchange = { Init: 34, Auth: 35, CreateChild: 36, Informational: 37, Intermediate: 43 } as const;
/** Exchange types of version 1 (RFC 2408 section 3.1, RFC 2409 appendix A). */
export const Ikev1Exchange = { Main: 2, Aggressive: 4, Informational: 5, Transaction: 6, Quick: 32 } as const;

const EXCHANGES = new Map<number, string>([
  [2, 'main mode'],
  [4, 'aggressive mode'],
  [5, 'informational'],
  [6, 'transaction'],
  [32, 'quick mode'],
  [33, 'new group mode'],
  [34, 'IKE_SA_INIT'],
  [35, 'IKE_AUTH'],
  [36, 'CREATE_CHILD_SA'],
  [37, 'INFORMATIONAL'],
  [38, 'IKE_SESSION_RESUME'],
  [43, 'IKE_INTERMEDIATE'],
  [44, 'IKE_FOLLOWUP_KE'],
]);

export const ikeExchangeName = (type: number): string => EXCHANGES.get(type) ?? `exchange ${type}`;

/** Notify message types of version 2 (RFC 7296 section 3.10.1) that are told by name; below 16384 they are errors. */
export const IkeNotifyType = {
  NoProposalChosen: 14,
  InvalidKePayload: 17,
  AuthenticationFailed: 24,
  NatDetectionSource: 16_388,
  NatDetectionDestination: 16_389,
  Cookie: 16_390,
  Redirect: 16_407,
} as const;
/** From here on a notify is no error (RFC 7296 section 3.10.1; version 1: RFC 2408 section 3.14.1). */
export const FIRST_STATUS = 16_384;

const NOTIFIES = new Map<number, string>([
  [1, 'UNSUPPORTED_CRITICAL_PAYLOAD'],
  [4, 'INVALID_IKE_SPI'],
  [5, 'INVALID_MAJOR_VERSION'],
  [7, 'INVALID_SYNTAX'],
  [9, 'INVALID_MESSAGE_ID'],
  [11, 'INVALID_SPI'],
  [14, 'NO_PROPOSAL_CHOSEN'],
  [17, 'INVALID_KE_PAYLOAD'],
  [24, 'AUTHENTICATION_FAILED'],
  [34, 'SINGLE_PAIR_REQUIRED'],
  [35, 'NO_ADDITIONAL_SAS'],
  [36, 'INTERNAL_ADDRESS_FAILURE'],
  [37, 'FAILED_CP_REQUIRED'],
  [38, 'TS_UNACCEPTABLE'],
  [39, 'INVALID_SELECTORS'],
  [43, 'TEMPORARY_FAILURE'],
  [44, 'CHILD_SA_NOT_FOUND'],
  [16_384, 'INITIAL_CONTACT'],
  [16_385, 'SET_WINDOW_SIZE'],
  [16_386, 'ADDITIONAL_TS_POSSIBLE'],
  [16_387, 'IPCOMP_SUPPORTED'],
  [16_388, 'NAT_DETECTION_SOURCE_IP'],
  [16_389, 'NAT_DETECTION_DESTINATION_IP'],
  [16_390, 'COOKIE'],
  [16_391, 'USE_TRANSPORT_MODE'],
  [16_392, 'HTTP_CERT_LOOKUP_SUPPORTED'],
  [16_393, 'REKEY_SA'],
  [16_394, 'ESP_TFC_PADDING_NOT_SUPPORTED'],
  [16_395, 'NON_FIRST_FRAGMENTS_ALSO'],
  [16_396, 'MOBIKE_SUPPORTED'],
  [16_397, 'ADDITIONAL_IP4_ADDRESS'],
  [16_398, 'ADDITIONAL_IP6_ADDRESS'],
  [16_399, 'NO_ADDITIONAL_ADDRESSES'],
  [16_400, 'UPDATE_SA_ADDRESSES'],
  [16_401, 'COOKIE2'],
  [16_402, 'NO_NATS_ALLOWED'],
  [16_403, 'AUTH_LIFETIME'],
  [16_404, 'MULTIPLE_AUTH_SUPPORTED'],
  [16_405, 'ANOTHER_AUTH_FOLLOWS'],
  [16_406, 'REDIRECT_SUPPORTED'],
  [16_407, 'REDIRECT'],
  [16_408, 'REDIRECTED_FROM'],
  [16_417, 'EAP_ONLY_AUTHENTICATION'],
  [16_418, 'CHILDLESS_IKEV2_SUPPORTED'],
  [16_420, 'IKEV2_MESSAGE_ID_SYNC_SUPPORTED'],
  [16_430, 'IKEV2_FRAGMENTATION_SUPPORTED'],
  [16_431, 'SIGNATURE_HASH_ALGORITHMS'],
  [16_435, 'USE_PPK'],
  [16_438, 'INTERMEDIATE_EXCHANGE_SUPPORTED'],
]);

/** Version 1 (RFC 2408 section 3.14.1, RFC 2407 section 4.6.3, RFC 3706). */
const NOTIFIES_V1 = new Map<number, string>([
  [1, 'INVALID-PAYLOAD-TYPE'],
  [2, 'DOI-NOT-SUPPORTED'],
  [3, 'SITUATION-NOT-SUPPORTED'],
  [4, 'INVALID-COOKIE'],
  [5, 'INVALID-MAJOR-VERSION'],
  [6, 'INVALID-MINOR-VERSION'],
  [7, 'INVALID-EXCHANGE-TYPE'],
  [8, 'INVALID-FLAGS'],
  [9, 'INVALID-MESSAGE-ID'],
  [10, 'INVALID-PROTOCOL-ID'],
  [11, 'INVALID-SPI'],
  [12, 'INVALID-TRANSFORM-ID'],
  [13, 'ATTRIBUTES-NOT-SUPPORTED'],
  [14, 'NO-PROPOSAL-CHOSEN'],
  [15, 'BAD-PROPOSAL-SYNTAX'],
  [16, 'PAYLOAD-MALFORMED'],
  [17, 'INVALID-KEY-INFORMATION'],
  [18, 'INVALID-ID-INFORMATION'],
  [19, 'INVALID-CERT-ENCODING'],
  [20, 'INVALID-CERTIFICATE'],
  [21, 'CERT-TYPE-UNSUPPORTED'],
  [22, 'INVALID-CERT-AUTHORITY'],
  [23, 'INVALID-HASH-INFORMATION'],
  [24, 'AUTHENTICATION-FAILED'],
  [25, 'INVALID-SIGNATURE'],
  [26, 'ADDRESS-NOTIFICATION'],
  [27, 'NOTIFY-SA-LIFETIME'],
  [28, 'CERTIFICATE-UNAVAILABLE'],
  [29, 'UNSUPPORTED-EXCHANGE-TYPE'],
  [30, 'UNEQUAL-PAYLOAD-LENGTHS'],
  [24_576, 'RESPONDER-LIFETIME'],
  [24_577, 'REPLAY-STATUS'],
  [24_578, 'INITIAL-CONTACT'],
  [36_136, 'R-U-THERE'],
  [36_137, 'R-U-THERE-ACK'],
]);

export const ikeNotifyName = (version: 1 | 2, type: number): string =>
  (version === 1 ? NOTIFIES_V1 : NOTIFIES).get(type) ?? `notify ${type}`;

/** Key exchange methods (transform type 4; the groups of version 1 have the same numbers), as strongSwan's log names them. */
const GROUPS = new Map<number, string>([
  [1, 'MODP_768'],
  [2, 'MODP_1024'],
  [5, 'MODP_1536'],
  [14, 'MODP_2048'],
  [15, 'MODP_3072'],
  [16, 'MODP_4096'],
  [17, 'MODP_6144'],
  [18, 'MODP_8192'],
  [19, 'ECP_256'],
  [20, 'ECP_384'],
  [21, 'ECP_521'],
  [22, 'MODP_1024_160'],
  [23, 'MODP_2048_224'],
  [24, 'MODP_2048_256'],
  [25, 'ECP_192'],
  [26, 'ECP_224'],
  [27, 'ECP_224_BP'],
  [28, 'ECP_256_BP'],
  [29, 'ECP_384_BP'],
  [30, 'ECP_512_BP'],
  [31, 'CURVE_25519'],
  [32, 'CURVE_448'],
  [35, 'ML_KEM_512'],
  [36, 'ML_KEM_768'],
  [37, 'ML_KEM_1024'],
]);

/** What stands in swanctl.conf and ipsec.conf for a group, where the two agree on a word; else undefined. */
const GROUP_KEYWORDS = new Map<number, string>([
  [2, 'modp1024'],
  [5, 'modp1536'],
  [14, 'modp2048'],
  [15, 'modp3072'],
  [16, 'modp4096'],
  [17, 'modp6144'],
  [18, 'modp8192'],
  [19, 'ecp256'],
  [20, 'ecp384'],
  [21, 'ecp521'],
  [31, 'x25519'],
]);

export const ikeGroupName = (group: number): string => GROUPS.get(group) ?? `group ${group}`;
export const ikeGroupKeyword = (group: number): string | undefined => GROUP_KEYWORDS.get(group);

/** Vendor ids by how they begin, in hex. Those that are text say who they are themselves. */
const VENDORS: readonly (readonly [string, string])[] = [
  ['882fe56d6fd20dbc2251613b2ebe5beb', 'strongSwan'],
  ['afcad71368a1f1c96b8696fc7757', 'DPD (RFC 3706)'],
  ['4a131c81070358455c5728f20e95452f', 'NAT-T (RFC 3947)'],
  ['7d9419a65310ca6f2c179d9215529d56', 'NAT-T (draft 3)'],
  ['90cb80913ebb696e086381b5ec427b1f', 'NAT-T (draft 2)'],
  ['cd60464335df21f87cfdb2fc68b6a448', 'NAT-T (draft 2)'],
  ['4485152d18b6bbcd0be8a8469579ddcc', 'NAT-T (draft 0)'],
  ['09002689dfd6b712', 'XAUTH'],
  ['12f5f28c457168a9702d9fe274cc', 'Cisco Unity'],
  ['4048b7d56ebce88525e7de7f00d6c2d3', 'fragmentation (version 1)'],
  ['1e2b516905991c7d7c96fcbfb587e461', 'Microsoft Windows'],
  ['fb1de3cdf341b7ea16b7e5be0855f120', 'Microsoft negotiation discovery'],
  ['26244d38eddb61b3172a36e3d0cfb819', 'Microsoft initial contact'],
  ['e3a5966a76379fe707228231e5ce8652', 'Microsoft IKE CGA'],
  ['7003cbc1097dbe9c2600ba6983bc8b35', 'racoon'],
];

const LONGEST_TEXT = 40;
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;

/** The name of a vendor id, or undefined where it is an unknown hash. */
export function ikeVendorName(id: Uint8Array): string | undefined {
  const isText = id.length >= 4 && id.every((octet) => octet >= FIRST_PRINTABLE && octet <= LAST_PRINTABLE);
  if (isText) return String.fromCharCode(...id.subarray(0, LONGEST_TEXT));
  const hex = [...id.subarray(0, 16)].map((octet) => octet.toString(16).padStart(2, '0')).join('');
  return VENDORS.find(([begin]) => hex.startsWith(begin))?.[1];
}
