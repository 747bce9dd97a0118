import type { Host, Link } from '../context/host.ts';
import type { Stamp } from '../track/stamp.ts';
import type { Confidence } from './kind.ts';
import type { Knowledge } from './knowledge.ts';

/** Within this time before and after, addresses are taken to be where the context has them. */
const NEAR_SEC = 600;

/**
 * How sure what a host said of its addresses is for a moment of the capture: addresses move. In a live run it is nothing yet until the host was asked after that
 * moment (undefined); else it is the surer the nearer both are.
 */
export function trustAt(host: Host, { at, timed }: Stamp, { context }: Knowledge): Confidence | undefined {
  if (context.isOwn && host === context.observer) return at > context.readAt ? undefined : 'certain';
  const said = host.time === null ? Number.NaN : Date.parse(host.time) / 1000;
  return timed && Math.abs(said - at) <= NEAR_SEC ? 'certain' : 'likely';
}

/** Why it is not surer. */
export const ageSentence = ({ name, time }: Host): string =>
  time === null
    ? `When ${name} said which card has which address is not known: it may have been another one during the capture.`
    : `${name} said which card has which address at ${time}, long before or after these frames: it may have been another one then.`;

/** With arp_ignore from 1 up a card answers for its own addresses alone: one that answers for another had it then, and the context is of another time. */
export const contradictsAnswer = (host: Host, { name }: Link): boolean => (host.effective('arp_ignore', name) ?? 0) >= 1;
