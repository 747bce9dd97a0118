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
  /** It was refused while EAP went on: the initiator began anew, or nothing followed for long. Null outside of EAP. */
  eap: 'begun-anew' | 'silent' | null;
}

/**
 * An IDr of one octet (9) and an AUTH payload of the shortest hash (24) take that much (RFC 7296 sections 3.5 and 3.8): what has less room is
 * no consent.
 */
const LEAST_CONSENT = 33;
/** Who was let in does not begin anew this soon. */
const RESTART_SEC = 10;
/** A user who is asked by EAP types no longer than this. */
const TYPING_SEC = 60;
/** Repeats after the answer: one of them may have crossed it, or a single answer was lost. */
const LOST_ANSWERS = 2;
/** Scanners ask up to three times, within two seconds; strongSwan has asked twice after these seconds, and goes on. */
const PROBE_SEC = 10;
const PROBE_REQUESTS = 3;

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
    if (!isAnswered || this.isUnheard(session, last)) return false;
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
      eap: null,
    });
    if (!last) return undefined;
    const said = saidBy(session);
    if (said && !setup.some(({ type }) => type === IkeExchange.Auth)) {
      const { cause, notify, times } = said;
      // A single INVALID_KE_PAYLOAD asks for another group: what matters is what came of that.
      if (cause !== 'wrong-group' || times > 1 || last.response !== null) return of(cause, times, notify);
    }
    if (last.response === null) return last.wentOn ? undefined : this.unanswered(session, last, of);
    if (last.type === IkeExchange.Auth && isRefusal(last)) {
      if (!isEapOpen(setup, last)) return of('auth-refused', 1);
      const eap = this.endOfEap(session, last);
      if (eap) return { ...of('auth-refused', 1), eap };
    }
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
    if (last.answerPieces.seen > 0) return of('answers-lost', requestCount);
    if (ipFragments > 0) return of('fragments-lost', requestCount);
    if (ports.destination === NAT_T_PORT && !this.hearsNatT(session) && isHeard(session) && last.ikeFragments <= 1)
      return of('port-4500-blocked', requestCount);
    if (last.type === Ikev1Exchange.Main && last.step === 5 && isHeard(session)) return of('wrong-key', requestCount);
    return of('auth-unanswered', requestCount);
  }

  /**
   * One address tried another one briefly, and was never heard of again: nothing but first messages, few, and no ESP.
   * @param sessions all that it began
   */
  isProbe(sessions: readonly IkeSession[]): boolean {
    const [first] = sessions;
    const last = sessions.at(-1);
    if (!first || !last || last.last.at - first.first.at >= PROBE_SEC || this.reverseOf(first).length > 0) return false;
    if (waysOf(first).some((way) => this.carriedAt.has(way))) return false;
    return sessions.every(({ exchanges }) => exchanges.every((each) => isBegin(each) && each.requestCount <= PROBE_REQUESTS));
  }

  /** The same is asked again and again though it was answered, and nothing else follows: the answers do not arrive. */
  private isUnheard(session: IkeSession, { repeatsAfterAnswer, requests, response }: IkeMessageExchange): boolean {
    if (repeatsAfterAnswer < LOST_ANSWERS) return false;
    const { initiator, responder, exchanges, informationals } = session;
    const asked = requests.at(-1)?.at ?? 0;
    if ((this.carriedAt.get(`${initiator.ip}|${responder.ip}`) ?? 0) > asked) return false;
    return (
      !exchanges.some((each) => !OF_SETUP.has(each.type) && (each.fromInitiator || each.response !== null)) &&
      !informationals.some(({ fromInitiator, stamp }) => fromInitiator && stamp.at > (response?.at ?? 0))
    );
  }

  /** Why EAP, in which the user is asked, is over; null while it may go on. */
  private endOfEap(session: IkeSession, { response }: IkeMessageExchange): IkeFailure['eap'] {
    if (!response) return null;
    const { initiator } = session;
    const isAnew = this.those(session).some(
      (next) => next.hasBeginning && next.first.at > response.at && next.initiator.port === initiator.port,
    );
    return isAnew ? 'begun-anew' : this.end - response.at >= TYPING_SEC ? 'silent' : null;
  }

  /** All that the same address began with the same one. */
  private those({ initiator, responder, path }: IkeSession): readonly IkeSession[] {
    return this.byPair.get(pairOf(initiator.ip, responder.ip, path)) ?? [];
  }

  /** Anything came from the responder's port 4500, in this session or another one of the two. */
  private hearsNatT({ initiator, responder }: IkeSession): boolean {
    return this.natT.has(`${responder.ip}|${initiator.ip}`);
  }

  /** ESP or AH between the two went on, or began, after the answer. */
  private carries(session: IkeSession, { response }: IkeMessageExchange): boolean {
    return response !== null && waysOf(session).some((way) => (this.carriedAt.get(way) ?? 0) > response.at);
  }

  /** The capture ends before it can be told, and the initiator has begun anew before. */
  private mayBeRestarted(session: IkeSession, { response }: IkeMessageExchange): boolean {
    if (!response || this.end - response.at >= RESTART_SEC) return false;
    return this.those(session).some((other) => {
      const last = setupOf(other).at(-1);
      return other !== session && last?.type === IkeExchange.Auth && this.isRestarted(other, last);
    });
  }

  /** The initiator begins anew at once. */
  private isRestarted(session: IkeSession, { response }: IkeMessageExchange): boolean {
    if (!response) return false;
    const those = this.those(session);
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

/** An earlier IKE_AUTH was answered, and it went on: small answers are questions of EAP. */
const isEapOpen = (setup: readonly IkeMessageExchange[], last: IkeMessageExchange): boolean =>
  setup.some((each) => each.type === IkeExchange.Auth && each.messageId < last.messageId && (each.response !== null || each.wentOn));

/** Anything of the responder was seen. */
export const isHeard = ({ exchanges, notifies, informationals }: IkeSession): boolean =>
  exchanges.some(({ response, fromInitiator }) => response !== null || !fromInitiator) ||
  notifies.some(({ fromInitiator }) => !fromInitiator) ||
  informationals.some(({ fromInitiator }) => !fromInitiator);

/** What comes back is the end of the negotiation: who takes it has no reason to say anything more. */
export const isClosing = ({ type, step }: IkeMessageExchange): boolean => type === IkeExchange.Auth || step === 5;

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

const waysOf = ({ initiator, responder }: IkeSession): string[] => [`${initiator.ip}|${responder.ip}`, `${responder.ip}|${initiator.ip}`];

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
