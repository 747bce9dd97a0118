/** Where IKE plays: an initiator behind its router, a responder, and what they say to each other. */
import {
  type CraftedProposal,
  type IkeFields,
  type IkePart,
  IkePayloadType,
  IkeType,
  IkeV1PayloadType,
  ike,
  ke,
  MODERN,
  marked,
  natDetection,
  nonce,
  notify,
  OLD,
  part,
  sa,
  saV1,
  sealed,
  spi,
} from '../craft/ike.ts';
import { endpoint, type IpOptions, noise, octets, udp } from '../craft/index.ts';
import { type ExpectedFinding, finding } from './scenario.ts';
import { LinuxHost, mac } from './stage.ts';
import { type Seat, seat } from './wireguard-stage.ts';

export const IKE_FAILED = 'ike-negotiation-failed';
export const A = '192.0.2.10:500';
export const B = '198.51.100.2:500';

/** Gaps of strongSwan: 4 s, and 1.8 times longer each time. */
export const STRONGSWAN = [4, 7.2, 12.96, 23.33];
/** Gaps of libreswan: 0.5 s, and twice as long each time. */
export const LIBRESWAN = [0.5, 1, 2, 4, 8];
const RTT = 0.03;
/** Octets of an encrypted payload with AES_CBC_256/HMAC_SHA2_256_128: of an answer that consents, and of a notify alone. */
export const CONSENT = 180;
export const REFUSAL = 52;

/** What hardly anyone takes any more. */
export const OLD_OFFER = { proposals: [OLD], group: 2 };

/** @param initiator its address alone, or with the path behind an `@` at the responder */
export const failed = (rest: Omit<ExpectedFinding, 'kind' | 'id'> = {}, initiator = '192.0.2.10', responder = B): ExpectedFinding =>
  finding(IKE_FAILED, `${initiator}|${responder}`, { severity: 'warning', confidence: 'likely', ...rest });

/** On `any` of the responder, which has one card. */
export function atResponder(responder = B): Seat {
  const host = new LinuxHost();
  const { ip } = endpoint(responder);
  return seat(host, (packet, from) =>
    endpoint(from).ip === ip || from === ELSEWHERE ? host.outgoing(packet, 2, mac(0x0a)) : host.incoming(packet, 2, mac(0x01)),
  );
}

/** The responder's other uplink. */
export const ELSEWHERE = '203.0.113.2:500';

export interface AssociationOptions {
  from?: string;
  to?: string;
  seed?: number;
  proposals?: readonly CraftedProposal[];
  group?: number;
  /** What the two ends believe their addresses to be; where they are others, there is a NAT. */
  believed?: { from?: string; to?: string };
}

const on4500 = (text: string): string => text.replace(/:\d+$/, ':4500');

/** One IKE association, from one end to the other. */
export class Association {
  readonly seat: Seat;
  readonly initiatorSpi: Uint8Array;
  readonly responderSpi: Uint8Array;
  from: string;
  to: string;
  /** Only what passes here is seen. */
  sees: (from: string) => boolean = () => true;
  private readonly options: AssociationOptions;
  private readonly seed: number;

  constructor(at: Seat, options: AssociationOptions = {}) {
    const { from = A, to = B, seed = 1 } = options;
    this.seat = at;
    this.from = from;
    this.to = to;
    this.seed = seed;
    this.options = options;
    this.initiatorSpi = spi(2 * seed);
    this.responderSpi = spi(2 * seed + 1);
  }

  wait(seconds: number): this {
    this.seat.wait(seconds);
    return this;
  }

  /** To port 4500, from now on. */
  float(): this {
    this.from = on4500(this.from);
    this.to = on4500(this.to);
    return this;
  }

  up(message: Uint8Array, options: IpOptions = {}): number {
    return this.packet(this.from, this.to, message, options);
  }

  down(message: Uint8Array, by = this.to): number {
    return this.packet(by, this.from, message, { ttl: 56 });
  }

  packet(from: string, to: string, message: Uint8Array, options: IpOptions = {}): number {
    if (!this.sees(from)) return 0;
    const payload = endpoint(to).port === 4500 || endpoint(from).port === 4500 ? marked(message) : message;
    return this.seat.see(udp({ from, to, payload, ...options }), from, to);
  }

  // Messages of version 2.

  message(fields: Omit<IkeFields, 'initiatorSpi'>): Uint8Array {
    return ike({ initiatorSpi: this.initiatorSpi, responderSpi: this.responderSpi, ...fields });
  }

  initRequest(...extra: IkePart[]): Uint8Array {
    const { proposals = [MODERN], group = 31, believed = {} } = this.options;
    const { from = this.from, to = this.to } = believed;
    const hashes = natDetection(this.initiatorSpi, undefined, from, to);
    return ike({
      initiatorSpi: this.initiatorSpi,
      exchange: IkeType.Init,
      payloads: [...extra, sa(...proposals), ke(group, this.seed), nonce(this.seed + 100), ...hashes],
    });
  }

  initResponse(): Uint8Array {
    const { group = 31, believed = {} } = this.options;
    const { from = this.to, to = this.from } = { from: believed.to, to: undefined };
    return this.message({
      exchange: IkeType.Init,
      response: true,
      fromInitiator: false,
      payloads: [
        sa(MODERN),
        ke(group, this.seed + 200),
        nonce(this.seed + 300),
        ...natDetection(this.initiatorSpi, this.responderSpi, from ?? this.to, to ?? this.from),
      ],
    });
  }

  /** An answer to IKE_SA_INIT that says nothing but this. */
  says(type: number, ...data: number[]): Uint8Array {
    return ike({
      initiatorSpi: this.initiatorSpi,
      exchange: IkeType.Init,
      response: true,
      fromInitiator: false,
      payloads: [notify(type, data)],
    });
  }

  request(exchange: number, messageId: number, length = 180): Uint8Array {
    return this.message({ exchange, messageId, payloads: [sealed(length, this.seed * 1000 + messageId)] });
  }

  /** So many octets that are encrypted. */
  sealedPart(length: number, seed: number): IkePart[] {
    return [sealed(length, this.seed * 3000 + seed)];
  }

  response(exchange: number, messageId: number, length = CONSENT): Uint8Array {
    return this.message({
      exchange,
      messageId,
      response: true,
      fromInitiator: false,
      payloads: [sealed(length, this.seed * 2000 + messageId)],
    });
  }

  /** IKE_SA_INIT and its answer. */
  init(): number[] {
    const asked = this.up(this.initRequest());
    return [asked, this.wait(RTT).down(this.initResponse())];
  }

  /** IKE_AUTH and its answer. */
  auth(length = CONSENT): number[] {
    const asked = this.wait(RTT).up(this.request(IkeType.Auth, 1));
    return [asked, this.wait(RTT).down(this.response(IkeType.Auth, 1, length))];
  }

  /** An association that is made, and lives. */
  establish(): this {
    this.init();
    this.auth();
    return this.alive(2);
  }

  /** Dead peer detection. */
  alive(messageId: number): this {
    this.wait(10).up(this.request(IkeType.Informational, messageId, REFUSAL));
    this.wait(RTT).down(this.response(IkeType.Informational, messageId, REFUSAL));
    return this;
  }

  /** The same message again and again; the clock ends at the last one. */
  again(message: Uint8Array, times: number, gaps: readonly number[] = STRONGSWAN): number[] {
    return Array.from({ length: times }, (_, i) => {
      if (i > 0) this.wait(gaps[i - 1] ?? gaps.at(-1) ?? 1);
      return this.up(message);
    });
  }

  // Messages of version 1.

  mainOne(): Uint8Array {
    return ike({ version: 1, initiatorSpi: this.initiatorSpi, exchange: IkeType.Main, payloads: [saV1()] });
  }

  main(payloads: readonly IkePart[]): Uint8Array {
    return this.message({ version: 1, exchange: IkeType.Main, payloads });
  }

  keyExchange(seed: number): IkePart[] {
    return [part(IkeV1PayloadType.Ke, noise(256, seed)), part(IkeV1PayloadType.Nonce, noise(32, seed + 1))];
  }

  sealedV1(exchange: number, seed: number, messageId = 0, length = 64): Uint8Array {
    return this.message({ version: 1, exchange, messageId, encrypted: true, rest: octets(noise(length, seed)) });
  }

  /** Messages 1 to 4 of main mode. */
  mainToFour(): this {
    this.up(this.mainOne());
    this.wait(RTT).down(this.main([saV1()]));
    this.wait(RTT).up(this.main(this.keyExchange(11)));
    this.wait(RTT).down(this.main(this.keyExchange(13)));
    return this.wait(RTT);
  }
}

export { IkePayloadType, IkeType };
