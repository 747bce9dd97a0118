import { createHash } from 'node:crypto';
import { be16, be32, ipOctets, noise, octets, type Part, zeros } from './octets.ts';
import { endpoint } from './udp.ts';

/** IKE of version 2 (RFC 7296) and version 1 (RFC 2408), in clear or as noise. */

export const IkeType = {
  Main: 2,
  Aggressive: 4,
  InformationalV1: 5,
  Quick: 32,
  Init: 34,
  Auth: 35,
  CreateChild: 36,
  Informational: 37,
} as const;
export const IkePayloadType = { Sa: 33, Ke: 34, Nonce: 40, Notify: 41, Vendor: 43, Sealed: 46, SealedFragment: 53 } as const;
export const IkeV1PayloadType = { Sa: 1, Ke: 4, Hash: 8, Nonce: 10, Notify: 11, Vendor: 13, Nat: 20 } as const;

/** A payload: its type, and what stands behind its generic header. */
export interface IkePart {
  type: number;
  body: Uint8Array;
}

export interface IkeFields {
  initiatorSpi: Uint8Array;
  /** Zero in the first message. */
  responderSpi?: Uint8Array;
  version?: 1 | 2;
  exchange: number;
  messageId?: number;
  /** Version 2. */
  response?: boolean;
  fromInitiator?: boolean;
  /** Version 1: what follows is encrypted. */
  encrypted?: boolean;
  payloads?: readonly IkePart[];
  /** Behind the header where it is encrypted (version 1). */
  rest?: Uint8Array;
}

export const spi = (seed: number): Uint8Array => octets(noise(8, seed));

/** One message, header and payloads. */
export function ike(fields: IkeFields): Uint8Array {
  const {
    initiatorSpi,
    responderSpi,
    version = 2,
    exchange,
    messageId = 0,
    response = false,
    fromInitiator = true,
    encrypted = false,
  } = fields;
  const { payloads = [], rest = octets() } = fields;
  const chain = payloads.map(({ body }, i) => octets(payloads[i + 1]?.type ?? 0, 0, be16(4 + body.length), body));
  const flags = version === 1 ? (encrypted ? 1 : 0) : (response ? 0x20 : 0) | (fromInitiator ? 0x08 : 0);
  const content = octets(...chain, rest);
  const first = payloads[0]?.type ?? (encrypted ? IkeV1PayloadType.Hash : 0);
  const header = [initiatorSpi, responderSpi ?? zeros(8), first, version * 16, exchange, flags, be32(messageId), be32(28 + content.length)];
  return octets(...header, content);
}

/** In UDP on port 4500 (RFC 3948 section 2.2). */
export const marked = (message: Uint8Array): Uint8Array => octets(zeros(4), message);

export const part = (type: number, ...body: Part[]): IkePart => ({ type, body: octets(...body) });

/** A proposal: type, id and, where it matters, key length of its transforms. */
export type CraftedProposal = readonly (readonly [number, number, number?])[];

/** AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE_25519. */
export const MODERN: CraftedProposal = [
  [1, 12, 256],
  [3, 12],
  [2, 5],
  [4, 31],
];
/** 3DES_CBC/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024. */
export const OLD: CraftedProposal = [
  [1, 3],
  [3, 2],
  [2, 2],
  [4, 2],
];

export function sa(...proposals: readonly CraftedProposal[]): IkePart {
  const made = proposals.map((transforms, i) => {
    const each = transforms.map(([type, id, bits], j) => {
      const attribute = bits === undefined ? [] : [...be16(0x800e), ...be16(bits)];
      return octets(j === transforms.length - 1 ? 0 : 3, 0, be16(8 + attribute.length), type, 0, be16(id), attribute);
    });
    const body = octets(...each);
    return octets(i === proposals.length - 1 ? 0 : 2, 0, be16(8 + body.length), i + 1, 1, 0, transforms.length, body);
  });
  return part(IkePayloadType.Sa, ...made);
}

/** Version 1: AES_CBC_256/SHA2_256/MODP_2048/PSK, or with the attributes that are given (type, value). */
export function saV1(
  attributes: readonly (readonly [number, number])[] = [
    [1, 7],
    [2, 4],
    [3, 1],
    [4, 14],
    [14, 256],
  ],
): IkePart {
  const said = attributes.map(([type, value]) => octets(be16(0x8000 + type), be16(value)));
  const transform = octets(0, 0, be16(8 + said.length * 4), 1, 1, 0, 0, ...said);
  const proposal = octets(0, 0, be16(8 + transform.length), 1, 1, 0, 1, transform);
  return part(IkeV1PayloadType.Sa, be32(1), be32(1), proposal);
}

export const ke = (group: number, seed = 1): IkePart => part(IkePayloadType.Ke, be16(group), 0, 0, noise(group === 31 ? 32 : 128, seed));
export const nonce = (seed = 2): IkePart => part(IkePayloadType.Nonce, noise(32, seed));
export const notify = (type: number, ...data: Part[]): IkePart => part(IkePayloadType.Notify, 0, 0, be16(type), ...data);
export const notifyV1 = (type: number, ...data: Part[]): IkePart => part(IkeV1PayloadType.Notify, be32(1), 1, 0, be16(type), ...data);

/** What is encrypted, with its header `length` octets. */
export const sealed = (length: number, seed: number): IkePart => part(IkePayloadType.Sealed, noise(length - 4, seed));
export const sealedFragment = (number: number, total: number, length: number, seed: number): IkePart =>
  part(IkePayloadType.SealedFragment, be16(number), be16(total), noise(length - 8, seed));

/** The hash of an end's address and port (RFC 7296 section 2.23; RFC 3947 section 3.2, with the hash that was negotiated). */
export function natHash(initiatorSpi: Uint8Array, responderSpi: Uint8Array | undefined, of: string, hash = 'sha1'): Uint8Array {
  const { ip, port } = endpoint(of);
  return createHash(hash)
    .update(octets(initiatorSpi, responderSpi ?? zeros(8), ipOctets(ip), be16(port)))
    .digest();
}

/** Both hashes of a message: of who sends it, and to whom. */
export const natDetection = (initiatorSpi: Uint8Array, responderSpi: Uint8Array | undefined, from: string, to: string): IkePart[] => [
  notify(16_388, natHash(initiatorSpi, responderSpi, from)),
  notify(16_389, natHash(initiatorSpi, responderSpi, to)),
];
