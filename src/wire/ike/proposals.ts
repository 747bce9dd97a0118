import { ikeGroupName } from './names.ts';

/** A transform of a proposal: its type (RFC 7296 section 3.3.2), its id, and the key length where one is said. */
interface Transform {
  type: number;
  id: number;
  keyBits: number;
}

/** A proposal of an SA payload: what it says in the words of strongSwan's log, and what follows from it for what is encrypted later. */
export interface IkeProposal {
  /** `AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE_25519`; version 1: `AES_CBC_256/SHA2_256/MODP_2048/PSK`. */
  text: string;
  /** Its key exchange methods, by number. */
  groups: number[];
  /** Version 1: the hash (RFC 2409 appendix A); 0 in version 2. */
  hash: number;
  /** Octets of initialisation vector and checksum of an encrypted payload; null where several algorithms are offered, or they are not known. */
  sealing: { iv: number; icv: number } | null;
}

const Type = { Encryption: 1, Prf: 2, Integrity: 3, Group: 4 } as const;

/** Octets of the initialisation vector, and of the checksum where the algorithm has one of its own (RFC 5282, RFC 7634). */
const ENCRYPTION = new Map<number, readonly [string, number, number]>([
  [2, ['DES_CBC', 8, 0]],
  [3, ['3DES_CBC', 8, 0]],
  [5, ['CAST_CBC', 8, 0]],
  [7, ['BLOWFISH_CBC', 8, 0]],
  [11, ['NULL', 0, 0]],
  [12, ['AES_CBC', 16, 0]],
  [13, ['AES_CTR', 8, 0]],
  [14, ['AES_CCM_8', 8, 8]],
  [15, ['AES_CCM_12', 8, 12]],
  [16, ['AES_CCM_16', 8, 16]],
  [18, ['AES_GCM_8', 8, 8]],
  [19, ['AES_GCM_12', 8, 12]],
  [20, ['AES_GCM_16', 8, 16]],
  [23, ['CAMELLIA_CBC', 16, 0]],
  [28, ['CHACHA20_POLY1305', 8, 16]],
]);

const PRF = new Map<number, string>([
  [1, 'PRF_HMAC_MD5'],
  [2, 'PRF_HMAC_SHA1'],
  [4, 'PRF_AES128_XCBC'],
  [5, 'PRF_HMAC_SHA2_256'],
  [6, 'PRF_HMAC_SHA2_384'],
  [7, 'PRF_HMAC_SHA2_512'],
  [8, 'PRF_AES128_CMAC'],
]);

/** Octets of the checksum. */
const INTEGRITY = new Map<number, readonly [string, number]>([
  [1, ['HMAC_MD5_96', 12]],
  [2, ['HMAC_SHA1_96', 12]],
  [5, ['AES_XCBC_96', 12]],
  [8, ['AES_CMAC_96', 12]],
  [12, ['HMAC_SHA2_256_128', 16]],
  [13, ['HMAC_SHA2_384_192', 24]],
  [14, ['HMAC_SHA2_512_256', 32]],
]);

/** Version 1 (RFC 2409 appendix A, IANA ipsec-registry). */
const ENCRYPTION_V1 = new Map<number, string>([
  [1, 'DES_CBC'],
  [3, 'BLOWFISH_CBC'],
  [5, '3DES_CBC'],
  [6, 'CAST_CBC'],
  [7, 'AES_CBC'],
  [8, 'CAMELLIA_CBC'],
]);
const HASH_V1 = new Map<number, string>([
  [1, 'MD5'],
  [2, 'SHA1'],
  [4, 'SHA2_256'],
  [5, 'SHA2_384'],
  [6, 'SHA2_512'],
]);
const AUTHENTICATION_V1 = new Map<number, string>([
  [1, 'PSK'],
  [2, 'DSS'],
  [3, 'RSA'],
  [64_221, 'HYBRID_RSA'],
  [65_001, 'XAUTH_PSK'],
  [65_005, 'XAUTH_RSA'],
]);

/** No device proposes more; what is beyond is not read. */
const MOST_PROPOSALS = 16;
const MOST_TRANSFORMS = 64;
const PROPOSAL_HEADER = 8;
const TRANSFORM_HEADER = 8;
const FIXED_LENGTH = 0x8000;

/**
 * The proposals of an SA payload of version 2 (RFC 7296 section 3.3): last or not 1 | reserved 1 | length 2 | number 1 | protocol 1 | SPI size 1 |
 * transforms 1 | SPI | transforms. What is cut or impossible ends the list.
 * @param at after the generic payload header; `end` after the last octet that is there
 */
export function readProposals(view: DataView, at: number, end: number): IkeProposal[] {
  return readEach(view, at, end, MOST_PROPOSALS, (start, next) => {
    if (start + PROPOSAL_HEADER > next) return undefined;
    const transforms = readEach(view, start + PROPOSAL_HEADER + view.getUint8(start + 6), next, MOST_TRANSFORMS, (from, to) =>
      from + TRANSFORM_HEADER > to
        ? undefined
        : {
            type: view.getUint8(from + 4),
            id: view.getUint16(from + 6),
            keyBits: attribute(view, from + TRANSFORM_HEADER, to, KEY_LENGTH),
          },
    );
    return proposalOf(transforms);
  });
}

/**
 * The proposals of an SA payload of version 1 (RFC 2408 sections 3.4 to 3.6): DOI 4 | situation 4 | proposals, of which each transform
 * (next 1 | reserved 1 | length 2 | number 1 | id 1 | reserved 2 | attributes) is an offer of its own.
 */
export function readProposalsV1(view: DataView, at: number, end: number): IkeProposal[] {
  return readEach(view, at + 8, end, MOST_PROPOSALS, (start, next) =>
    start + PROPOSAL_HEADER > next
      ? undefined
      : readEach(view, start + PROPOSAL_HEADER + view.getUint8(start + 6), next, MOST_TRANSFORMS, (from, to) =>
          from + TRANSFORM_HEADER > to ? undefined : offerV1(view, from + TRANSFORM_HEADER, to),
        ),
  ).flat();
}

/** Structures behind each other whose third and fourth octets are their length; the first octet of the last one is 0. */
function readEach<T>(view: DataView, at: number, end: number, most: number, read: (start: number, next: number) => T | undefined): T[] {
  const found: T[] = [];
  let start = at;
  while (found.length < most && start + 4 <= end) {
    const next = start + view.getUint16(start + 2);
    if (next < start + 4 || next > end) break;
    const one = read(start, next);
    if (one === undefined) break;
    found.push(one);
    if (view.getUint8(start) === 0) break;
    start = next;
  }
  return found;
}

const KEY_LENGTH = 14;

/** The value of an attribute of two octets (RFC 7296 section 3.3.5, RFC 2408 section 3.3); 0 where it is not there. */
function attribute(view: DataView, at: number, end: number, wanted: number): number {
  for (let i = at; i + 4 <= end; ) {
    const type = view.getUint16(i);
    const value = view.getUint16(i + 2);
    const isShort = (type & FIXED_LENGTH) !== 0;
    if (isShort && type === FIXED_LENGTH + wanted) return value;
    i += isShort ? 4 : 4 + value;
  }
  return 0;
}

function proposalOf(transforms: readonly Transform[]): IkeProposal {
  const ofType = (type: number): Transform[] => transforms.filter((each) => each.type === type);
  const encryption = ofType(Type.Encryption);
  const integrity = ofType(Type.Integrity).filter(({ id }) => id !== 0);
  const text = [
    ...encryption.map(({ id, keyBits }) => `${ENCRYPTION.get(id)?.[0] ?? `ENCR_${id}`}${keyBits > 0 ? `_${keyBits}` : ''}`),
    ...integrity.map(({ id }) => INTEGRITY.get(id)?.[0] ?? `INTEG_${id}`),
    ...ofType(Type.Prf).map(({ id }) => PRF.get(id) ?? `PRF_${id}`),
    ...ofType(Type.Group).map(({ id }) => ikeGroupName(id)),
  ].join('/');
  return { text, groups: ofType(Type.Group).map(({ id }) => id), hash: 0, sealing: sealingOf(encryption, integrity) };
}

function sealingOf(encryption: readonly Transform[], integrity: readonly Transform[]): IkeProposal['sealing'] {
  const [cipher] = encryption;
  if (!cipher || encryption.length > 1 || integrity.length > 1) return null;
  const [, iv = 0, ownIcv = 0] = ENCRYPTION.get(cipher.id) ?? [];
  if (!ENCRYPTION.has(cipher.id)) return null;
  const [check] = integrity;
  const icv = check ? INTEGRITY.get(check.id)?.[1] : ownIcv;
  return icv === undefined || icv === 0 ? null : { iv, icv };
}

const Attribute = { Encryption: 1, Hash: 2, Authentication: 3, Group: 4 } as const;

function offerV1(view: DataView, at: number, end: number): IkeProposal {
  const of = (wanted: number): number => attribute(view, at, end, wanted);
  const encryption = of(Attribute.Encryption);
  const hash = of(Attribute.Hash);
  const group = of(Attribute.Group);
  const authentication = of(Attribute.Authentication);
  const keyBits = of(KEY_LENGTH);
  const text = [
    `${ENCRYPTION_V1.get(encryption) ?? `ENCR_${encryption}`}${keyBits > 0 ? `_${keyBits}` : ''}`,
    HASH_V1.get(hash) ?? `HASH_${hash}`,
    ikeGroupName(group),
    AUTHENTICATION_V1.get(authentication) ?? `AUTH_${authentication}`,
  ].join('/');
  return { text, groups: [group], hash, sealing: null };
}
