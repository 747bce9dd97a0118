import type { Context } from '../context/context.ts';
import type { Host } from '../context/host.ts';
import type { RouteQuery } from '../context/lookup.ts';
import { explainChoice } from './host-choice.ts';
import { listText } from './text.ts';

/** What the answering host's own routing says of a source that nobody asked. */
export interface ChosenSource {
  /** The host that has the asked address. */
  host: Host;
  /** Each wrong source is one that its kernel gives a socket that is bound to none. */
  agrees: boolean;
  sentences: string[];
}

/**
 * Why the host that was asked answers from elsewhere: what its rules and routes give, and whether that is what was seen. Undefined where the context
 * does not know the host.
 * @param asked the address that was asked
 * @param from the sources that were seen instead
 * @param query how the answer is routed, without a source
 */
export function chosenSource(context: Context, asked: string, from: readonly string[], query: RouteQuery): ChosenSource | undefined {
  const host = context.ownerOfAddress(asked)?.host;
  if (!host || host.routes === undefined) return undefined;
  const { decision, sources, sentences } = explainChoice(host, query, asked);
  const explained = from.filter((ip) => sources.includes(ip));
  const others = from.filter((ip) => !sources.includes(ip));
  const foreign = others.filter((ip) => host.linksWith(ip).length === 0);
  // What is for the host itself stands in the table local, which decides nothing here.
  const agrees = others.length === 0 && decision.assumed.every((each) => each === 'local-routes');
  return { host, agrees, sentences: [...sentences, ...verdict(host, explained, others, foreign)] };
}

function verdict(host: Host, explained: readonly string[], others: readonly string[], foreign: readonly string[]): string[] {
  if (others.length === 0) return [`That agrees with what was seen: ${listText(explained)}.`];
  const sentences = explained.length > 0 ? [`That agrees with the answers from ${listText(explained)}.`] : [];
  const own = others.filter((ip) => !foreign.includes(ip));
  if (own.length > 0) {
    const answers = explained.length > 0 ? 'those' : 'the answers';
    const when = host.time === null ? '' : ` at ${host.time}`;
    sentences.push(
      `It does not explain ${answers} from ${listText(own)}: ${host.name} said this${when}, and its routing was another one then, ` +
        'or the program chooses that address itself.',
    );
  }
  if (foreign.length > 0) {
    const are = foreign.length === 1 ? 'is no address' : 'are no addresses';
    sentences.push(
      `${listText(foreign)} ${are} of ${host.name}: something translates what it sends, or its addresses were other ones then.`,
    );
  }
  return sentences;
}
