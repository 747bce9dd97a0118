import { endpointText } from '../net/ip.ts';
import type { IkeMessageExchange, IkeNotify, IkeSession } from '../track/ipsec/exchange.ts';
import { compareStamps } from '../track/stamp.ts';
import { FIRST_STATUS, IkeExchange, IkeNotifyType, Ikev1Exchange } from '../wire/ike/names.ts';
import type { Knowledge } from './knowledge.ts';

/** What becomes of attempts to negotiate by IKE. */

/** The one that says most comes first. */
export const ikeFailureCauses = [
  'no-proposal',
  'rejected',
  'wrong-group',
  'auth-refused',
  'wrong-source',
  'unreachable',
  'fragments-lost',
  'port-4500-blocked',
  'answers-lost',
  'wrong-key',
  'auth-unanswered',
  'restarted',
  'no-answer',
] as const;
export type IkeFailureCause = (typeof ikeFailureCauses)[number];

/** An attempt that came to nothing. */
export interface IkeFailure {
  cause: IkeFailureCause;
  session: IkeSession;
  /** Where it ended. */
  exchange: IkeMessageExchange | null;
  /** What the other side said. */
  notify: IkeNotify | null;
  /** How often it was tried: requests that were not answered, or refusals. */
  attempts: number;
}

/**
 * An IDr of one octet (9) and an AUTH payload of the shortest hash (24) take that much (RFC 7296 sections 3.5 and 3.8): what has less room is
 * no consent.
 */
const LEAST_CONSENT = 33;
/** Who was let in does not begin anew this soon. */
const RESTART_SEC = 10;

const OF_SETUP: ReadonlySet<number> = new Set([
  IkeExchange.Init,
  IkeExchange.Intermediate,
  IkeExchange.Auth,
  Ikev1Exchange.Main,
  Ikev1Exchange.Aggressive,
]);

/** Clear errors that say nothing of the negotiation: the peer does not know an association any more. */
const STALE_V2: ReadonlySet<number> = new Set([4, 9, 11]);
const STALE_V1: ReadonlySet<number> = new Set([4, 9, 11]);
/** PAYLOAD-MALFORMED, INVALID-ID-INFORMATION, INVALID-HASH-INFORMATION, AUTHENTICATION-FAILED, INVALID-SIGNATURE: of what only keys can read. */
const KEY_ERRORS_V1: ReadonlySet<number> = new Set([16, 18, 23, 24, 25]);

const isBegin = ({ type, step }: IkeMessageExchange): boolean =>
  type === IkeExchange.Init || type === Ikev1Exchange.Aggressive || (type === Ikev1Exchange.Main && step === 1);

const setupOf = ({ exchanges }: IkeSession): IkeMessageExchange[] =>
  exchanges.filter(({ type, fromInitiator }) => fromInitiator && OF_SETUP.has(type));

/** Sessions in the order of their first messages, with what came of each. */
export class IkeAttempts {
  private readonly byPair = new Map<string, IkeSession[]>();
  /** Where each session stands among those of its pair. */
  private readonly places = new Map<IkeSession, number>();
  /** When ESP or AH went from one address to another one last, and when ESP in UDP did. */
  private readonly carriedAt = new Map<string, number>();
  private readonly natT = new Set<string>();
  /** Of the capture, in seconds. */
  private readonly end: number;

  constructor({ ike, associations, end }: Pick<Knowledge, 'ike' | 'associations' | 'end'>) {
    this.end = end;
    for (const { protocol, source, destination, last } of associations.list) {
      const way = `${source.ip}|${destination.ip}`;
      this.carriedAt.set(way, Math.max(last.at, this.carriedAt.get(way) ?? 0));
      if (protocol === 'nat-t') this.natT.add(way);
    }
    for (const session of ike.list) {
      const key = pairOf(session.initiator.ip, session.responder.ip, session.path);
      const known = this.byPair.get(key);
      if (known) known.push(session);
      else this.byPair.set(key, [session]);
      if (session.hearsNatT) this.natT.add(`${session.responder.ip}|${session.initiator.ip}`);
    }
    for (const sessions of this.byPair.values()) {
      sessions.sort((a, b) => compareStamps(a.first, b.first));
      for (const [i, session] of sessions.entries()) this.places.set(session, i);
    }
  }

  /** All that one address began with another one, in order. */
  get pairs(): Iterable<readonly IkeSession[]> {
    return this.byPair.values();
  }

  /** What the other side began. */
  reverseOf({ initiator, responder, path }: IkeSession): readonly IkeSession[] {
    return this.byPair.get(pairOf(responder.ip, initiator.ip, path)) ?? [];
  }

  /** The association was made, or the capture began after that. */
  isUp(session: IkeSession): boolean {
    const { exchanges, version, hasBeginning } = session;
    const setup = setupOf(session);
    const last = setup.at(-1);
    if (exchanges.some(({ type }) => type === IkeExchange.CreateChild || type === Ikev1Exchange.Quick)) return true;
    if (!last) return !hasBeginning;
    const isAnswered = last.response !== null || last.wentOn;
    if (!isAnswered) return false;
    if (version === 1) return last.type === Ikev1Exchange.Main ? last.step === 5 : last.wentOn;
    if (last.type !== IkeExchange.Auth) return false;
    if (this.carries(session, last)) return true;
    return !isRefusal(last) && !this.isRestarted(session, last) && !this.mayBeRestarted(session, last);
  }

  /** Why the attempt came to nothing; undefined where it did not, or where that is open. */
  failureOf(session: IkeSession): IkeFailure | undefined {
    if (session.isScattered || this.isUp(session)) return undefined;
    const setup = setupOf(session);
    const last = setup.at(-1) ?? null;
    const of = (cause: IkeFailureCause, attempts: number, notify: IkeNotify | null = null): IkeFailure => ({
      cause,
      session,
      exchange: last,
      notify,
      attempts,
    });
    if (!last) return undefined;
    const said = saidBy(session);
    if (said && !setup.some(({ type }) => type === IkeExchange.Auth)) {
      const { cause, notify, times } = said;
      // A single INVALID_KE_PAYLOAD asks for another group: what matters is what came of that.
      if (cause !== 'wrong-group' || times > 1 || last.response !== null) return of(cause, times, notify);
    }
    if (last.response === null) return last.wentOn ? undefined : this.unanswered(session, last, of);
    if (last.type === IkeExchange.Auth && isRefusal(last)) return of('auth-refused', 1);
    if (last.repeatsAfterAnswer > 0) return of(session.answeredFrom.length > 0 ? 'wrong-source' : 'answers-lost', last.requestCount);
    if (last.type === IkeExchange.Auth && this.isRestarted(session, last)) return of('restarted', 1);
    // Instead of the third message the initiator says something else, encrypted: the hash of the second one was wrong.
    const isProtest = session.informationals.some(({ fromInitiator, isEncrypted }) => fromInitiator && isEncrypted);
    if (last.type === Ikev1Exchange.Aggressive && isProtest) return of('wrong-key', Math.max(1, last.responseCount));
    return undefined;
  }

  private unanswered(
    session: IkeSession,
    last: IkeMessageExchange,
    of: (cause: IkeFailureCause, attempts: number) => IkeFailure,
  ): IkeFailure {
    const { requestCount, ipFragments, ports } = last;
    if (session.refusal) return of('unreachable', requestCount);
    if (isBegin(last)) return of('no-answer', requestCount);
    if (ipFragments > 0) return of('fragments-lost', requestCount);
    if (ports.destination === NAT_T_PORT && !this.hearsNatT(session)) return of('port-4500-blocked', requestCount);
    if (last.type === Ikev1Exchange.Main && last.step === 5) return of('wrong-key', requestCount);
    return of('auth-unanswered', requestCount);
  }

  /** Anything came from the responder's port 4500, in this session or another one of the two. */
  private hearsNatT({ initiator, responder }: IkeSession): boolean {
    return this.natT.has(`${responder.ip}|${initiator.ip}`);
  }

  /** ESP or AH between the two went on, or began, after the answer. */
  private carries({ initiator, responder }: IkeSession, { response }: IkeMessageExchange): boolean {
    const ways = [`${initiator.ip}|${responder.ip}`, `${responder.ip}|${initiator.ip}`];
    return response !== null && ways.some((way) => (this.carriedAt.get(way) ?? 0) > response.at);
  }

  /** The capture ends before it can be told, and the initiator has begun anew before. */
  private mayBeRestarted(session: IkeSession, { response }: IkeMessageExchange): boolean {
    if (!response || this.end - response.at >= RESTART_SEC) return false;
    const those = this.byPair.get(pairOf(session.initiator.ip, session.responder.ip, session.path)) ?? [];
    return those.some((other) => {
      const last = setupOf(other).at(-1);
      return other !== session && last?.type === IkeExchange.Auth && this.isRestarted(other, last);
    });
  }

  /** The initiator begins anew at once. */
  private isRestarted(session: IkeSession, { response }: IkeMessageExchange): boolean {
    if (!response) return false;
    const those = this.byPair.get(pairOf(session.initiator.ip, session.responder.ip, session.path)) ?? [];
    for (let i = (this.places.get(session) ?? 0) + 1; i < those.length; i++) {
      const next = those[i];
      if (!next || next.first.at - response.at >= RESTART_SEC) return false;
      if (next.hasBeginning && next.first.at > response.at) return true;
    }
    return false;
  }
}

const NAT_T_PORT = 4500;

/** The answer has no room for an identity and its proof, and nothing follows: a notify, and that is no consent. EAP goes on. */
const isRefusal = ({ responseRoom, wentOn }: IkeMessageExchange): boolean =>
  responseRoom !== null && responseRoom < LEAST_CONSENT && !wentOn;

/** What was said in clear against the negotiation. */
function saidBy({ version, notifies, exchanges }: IkeSession): { cause: IkeFailureCause; notify: IkeNotify; times: number } | undefined {
  const errors = notifies.filter(({ type }) => type < FIRST_STATUS && !(version === 1 ? STALE_V1 : STALE_V2).has(type));
  const last = errors.at(-1);
  if (!last || (version === 2 && last.fromInitiator)) return undefined;
  const times = errors.filter(({ type }) => type === last.type).length;
  const of = (cause: IkeFailureCause): { cause: IkeFailureCause; notify: IkeNotify; times: number } => ({ cause, notify: last, times });
  if (last.type === IkeNotifyType.NoProposalChosen) return of('no-proposal');
  if (version === 2) return of(last.type === IkeNotifyType.InvalidKePayload ? 'wrong-group' : 'rejected');
  const isKeyed = exchanges.some(({ type, step }) => type === Ikev1Exchange.Aggressive || step === 5);
  return of(isKeyed && KEY_ERRORS_V1.has(last.type) ? 'wrong-key' : 'rejected');
}

const pairOf = (initiator: string, responder: string, path: number): string => `${initiator}|${responder}|${path}`;

/** Which end a NAT is before, by the hashes of NAT detection: null where none were seen. */
export function natOf({ natOfInitiator, natOfResponder }: IkeSession): 'initiator' | 'responder' | 'both' | 'none' | null {
  const hashes = [natOfInitiator.source, natOfInitiator.destination, natOfResponder.source, natOfResponder.destination];
  if (hashes.every((each) => each === null)) return null;
  const initiator = natOfInitiator.source === false || natOfResponder.destination === false;
  const responder = natOfResponder.source === false || natOfInitiator.destination === false;
  return initiator ? (responder ? 'both' : 'initiator') : responder ? 'responder' : 'none';
}

/** `IKE_AUTH`, `main mode, message 5`. */
export const exchangeText = ({ name, step }: IkeMessageExchange): string => (step > 0 ? `${name}, message ${step}` : name);

/** Where the requests of an exchange go: the responder, at the port that was used. */
export const askedText = ({ responder }: IkeSession, { ports }: IkeMessageExchange): string =>
  endpointText({ ip: responder.ip, port: ports.destination });
