import { applyCommands, CommandError } from '../context/apply.ts';
import type { Host } from '../context/host.ts';
import type { Remedy } from './kind.ts';

/** What was tried for a host: a remedy for it, or why there is none, as the end of a sentence. */
export type Attempt = Required<Omit<Remedy, 'text'>> & { text: string };

/** It cannot be made for this host: the message says why, the end of a sentence. */
export class NotMade extends Error {}

/** Advice where the exact commands cannot be given, with the reason. */
export const withReason = (general: Remedy, host: Host, reason: string): Remedy => ({
  ...general,
  text: `${general.text}. The context of ${host.name} gives no commands for it: ${reason}`,
});

/** Remedies of each host, by what they are for. A host never changes: what it says anew is another object. */
const made = new WeakMap<Host, Map<string, Attempt | string>>();
const MOST_KEPT = 1000;

/**
 * The remedy that `make` makes for the host, or the general one with the reason why it could not be made. It is made once for a host and a key:
 * judging is often, and routing tables can be long.
 */
export function forHost(host: Host, key: string, general: Remedy, make: () => Attempt): Remedy {
  const ofHost = made.get(host) ?? new Map<string, Attempt | string>();
  made.set(host, ofHost);
  let attempt = ofHost.get(key);
  if (attempt === undefined) {
    attempt = attempted(make);
    if (ofHost.size >= MOST_KEPT) ofHost.clear();
    ofHost.set(key, attempt);
  }
  return typeof attempt === 'string' ? withReason(general, host, attempt) : attempt;
}

function attempted(make: () => Attempt): Attempt | string {
  try {
    return make();
  } catch (error) {
    if (error instanceof NotMade) return error.message;
    throw error;
  }
}

/** The host as the commands would leave it. What the kernel would refuse is no remedy. */
export function applied(host: Host, commands: readonly string[]): Host {
  try {
    return applyCommands(host, commands);
  } catch (error) {
    if (error instanceof CommandError) throw new NotMade(error.message);
    throw error;
  }
}

/** The first plan that holds; where none does, the reason of the last one counts. */
export function firstThatHolds(plans: Iterable<() => Attempt>, otherwise: string): Attempt {
  let reason = otherwise;
  for (const plan of plans) {
    try {
      return plan();
    } catch (error) {
      if (!(error instanceof NotMade)) throw error;
      reason = error.message;
    }
  }
  throw new NotMade(reason);
}

/** How rules and routes outlive a reboot: it depends on who sets them on a host. */
export const KEEP_ROUTING: readonly string[] = [
  'Rules and routes are gone after a reboot, routes also when their interface goes down. Add the same commands where this host sets its own:',
  'ifupdown: lines `post-up COMMAND` of the interface; systemd-networkd: [RoutingPolicyRule] and [Route];',
  'NetworkManager: ipv4.routing-rules and ipv4.routes.',
];
