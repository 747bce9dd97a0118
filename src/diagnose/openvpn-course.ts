import { type OpenVpnMode, type OpenVpnSession, type OpenVpnState, openVpnStates } from '../track/openvpn/session.ts';
import { type Confidence, lessSure, type Remedy } from './kind.ts';
import type { StalledRun } from './openvpn-runs.ts';
import type { WrongReplyDetails } from './udp-reply-wrong-source.ts';

/*
 * How far a run of attempts got, and why no further.
 */

export const stallCauses = ['reply-wrong-source', 'no-answer', 'rejected', 'unknown'] as const;
export type StallCause = (typeof stallCauses)[number];

/** The finding of `udp-reply-wrong-source` about a client and an asked endpoint. */
export interface WrongSourceTold {
  /** For `Findings.relate`. */
  handle: string;
  confidence: Confidence;
  answeredFrom: WrongReplyDetails['answeredFrom'];
  remedies: Remedy[];
}

/** What a run of attempts shows. */
export interface Course {
  run: StalledRun;
  state: OpenVpnState;
  cause: StallCause;
  confidence: Confidence;
  reason: string | null;
  refusal: OpenVpnSession['refusal'];
  alert: OpenVpnSession['alert'];
  /** Octets of the largest control packet that was repeated, 0: none. */
  stuckOctets: number;
  /** The client gave up at once each time: it did not like what it read. */
  isGivenUp: boolean;
  atClient: boolean;
  atServer: boolean;
  mode: OpenVpnMode;
}

/** Packets as large as this are the first that a narrow path loses: IPv6 carries 1280 octets everywhere. */
export const LARGE = 1000;

/** How few attempts, given up by the client itself, are a habit. */
const GIVEN_UP = 3;

/** @param drops the capture lost packets */
export function courseOf(run: StalledRun, wrong: WrongSourceTold | undefined, drops: boolean): Course {
  const { attempts, translated } = run;
  const state = openVpnStates.findLast((each) => attempts.some(({ furthest }) => furthest === each)) ?? 'S0';
  const isAnsweredElsewhere = [...attempts, ...translated].some(({ answeredFrom }) => answeredFrom.length > 0);
  const refusal = attempts.map((attempt) => attempt.refusal).findLast((each) => each !== null) ?? null;
  const alert = attempts.map((attempt) => attempt.alert).find((each) => each !== null && isFatal(each)) ?? null;
  const stuckOctets = Math.max(0, ...attempts.map(({ stuck }) => stuck.largest));
  const isGivenUp = attempts.length >= GIVEN_UP && attempts.filter(isGivenUpAtOnce).length >= attempts.length - 1;
  const facts = {
    run,
    state,
    refusal,
    alert,
    stuckOctets,
    isGivenUp,
    atClient: attempts.some(({ atClient }) => atClient),
    atServer: attempts.some(({ atServer }) => atServer),
    mode: attempts.at(-1)?.mode ?? 'unknown',
  };
  const told = (cause: StallCause, confidence: Confidence, reason: string | null = null): Course => ({
    ...facts,
    cause,
    confidence,
    reason,
  });
  const absence = (confidence: Confidence): Confidence => (drops ? lessSure(confidence) : confidence);
  if (wrong && (state === 'S0' || isAnsweredElsewhere))
    return told('reply-wrong-source', wrong.confidence === 'possible' ? 'possible' : 'likely');
  if (alert) return told('rejected', 'certain', alertText(alert));
  if (state === 'S0') {
    if (refusal)
      return told('rejected', refusal.isPort && run.transport === 'udp' ? 'certain' : 'likely', `${refusal.reason} from ${refusal.from}`);
    // From elsewhere something came, of which it is not sure that it is an answer.
    if (isAnsweredElsewhere) return told('unknown', 'possible');
    return told('no-answer', absence('likely'));
  }
  if (state === 'S1' || isGivenUp) return told('unknown', 'possible');
  return told('unknown', absence('likely'));
}

const CLOSE_NOTIFY = 0;
const USER_CANCELED = 90;
/** RFC 8446 section 6: close_notify and user_canceled end a connection that has nothing against it. */
export const isFatal = ({ description }: NonNullable<OpenVpnSession['alert']>): boolean =>
  description !== CLOSE_NOTIFY && description !== USER_CANCELED;

/** RFC 8446 section 6, RFC 5246 section 7.2: what OpenVPN's TLS says no with. */
const ALERTS: Record<number, string> = {
  10: 'unexpected message',
  20: 'bad record MAC',
  40: 'handshake failure',
  42: 'bad certificate',
  43: 'unsupported certificate',
  44: 'certificate revoked',
  45: 'certificate expired',
  46: 'certificate unknown',
  47: 'illegal parameter',
  48: 'unknown CA',
  49: 'access denied',
  50: 'decode error',
  51: 'decrypt error',
  70: 'protocol version',
  71: 'insufficient security',
  80: 'internal error',
  109: 'missing extension',
  110: 'unsupported extension',
  112: 'unrecognized name',
  116: 'certificate required',
};

/** In words. */
export function alertText({ fromClient, description }: NonNullable<OpenVpnSession['alert']>): string {
  return `TLS alert ${ALERTS[description] ?? description} (${description}) from the ${fromClient ? 'client' : 'server'}`;
}

/** Under way for less than this, and with TLS at work: whoever begins anew then does so because of what it read. */
const AT_ONCE_SEC = 8;

function isGivenUpAtOnce({ state, resets, resetCount, stuck, first, last }: OpenVpnSession): boolean {
  const began = resets[0] ?? first;
  return state >= 'S2' && resetCount <= 2 && stuck.fromClient === 0 && (state < 'S4' || last.at - began.at < AT_ONCE_SEC);
}
