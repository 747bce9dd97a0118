/** Where UDP is asked and answered: a client behind its router, and a server with two uplinks. */
import { endpoint, type IpOptions, udp } from '../craft/index.ts';
import { type ExpectedFinding, finding } from './scenario.ts';
import { card, type Lan, type LanLink, LinuxHost, mac } from './stage.ts';

export const WRONG_SOURCE = 'udp-reply-wrong-source';
export const CLIENT = card(0x10, '192.0.2.10');
export const ROUTER = card(0x01, '192.0.2.1');
/** The server as it is known, and its other uplinks. */
export const ASKED = '198.51.100.7';
export const WRONG = '203.0.113.7';
export const WORSE = '203.0.113.135';

export interface Dialogue {
  /** Endpoints. */
  client: string;
  asked: string;
  /** Who answers; the asked one unless said. */
  from?: string;
  request: Uint8Array;
  reply: Uint8Array;
  /** Seconds until the reply. */
  after?: number;
  options?: IpOptions;
}

const USUAL_DELAY = 0.02;

/** Where a dialogue is seen. */
export interface Seat {
  wait(seconds: number): Seat;
  readonly bytes: Uint8Array;
  toServer(from: string, to: string, payload: Uint8Array, options?: IpOptions): number;
  toClient(from: string, to: string, payload: Uint8Array, options?: IpOptions): number;
}

/** At the client's own card, on Ethernet. */
export const atClient = (capture: Lan, link: LanLink = {}): Seat => ({
  wait(seconds) {
    capture.wait(seconds);
    return this;
  },
  get bytes() {
    return capture.bytes;
  },
  toServer: (from, to, payload, options) => capture.unicast(udp({ from, to, payload, ...options }), CLIENT.mac, ROUTER.mac, link),
  toClient: (from, to, payload, options) => capture.unicast(udp({ from, to, payload, ttl: 56, ...options }), ROUTER.mac, CLIENT.mac, link),
});

/** On `any` of the server: requests come in by one uplink, replies leave by the one that their source is of. */
export const atServer = (capture = new LinuxHost()): Seat => ({
  wait(seconds) {
    capture.wait(seconds);
    return this;
  },
  get bytes() {
    return capture.bytes;
  },
  toServer: (from, to, payload, options) => capture.incoming(udp({ from, to, payload, ttl: 56, ...options }), 2, mac(0x01)),
  toClient: (from, to, payload, options) => {
    const isSecond = endpoint(from).ip !== ASKED;
    return capture.outgoing(udp({ from, to, payload, ...options }), isSecond ? 3 : 2, mac(isSecond ? 0x0b : 0x0a));
  },
});

/** A request and its reply; numbers of both frames. */
export function talk(seat: Seat, { client, asked, from = asked, request, reply, after = USUAL_DELAY, options }: Dialogue): number[] {
  return [seat.toServer(client, asked, request, options), seat.wait(after).toClient(from, client, reply, options)];
}

/** @param asked endpoint */
export const wrongSource = (
  asked: string,
  { client = CLIENT.ip, at = '', ...rest }: Omit<ExpectedFinding, 'kind' | 'id'> & { client?: string; at?: string } = {},
): ExpectedFinding => finding(WRONG_SOURCE, `${client}|${asked}${at}`, { severity: 'error', ...rest });
