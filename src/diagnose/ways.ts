import type { Misdelivery } from '../track/deliveries.ts';
import { ageSentence, contradictsAnswer, trustAt } from './context-age.ts';
import type { Findings } from './finding.ts';
import { interfaceAsymmetry, judgeAsymmetries } from './interface-asymmetry.ts';
import type { Draft } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { claimOf } from './misdelivery.ts';
import { judgeDeliveries, wrongInterfaceDelivery } from './wrong-interface-delivery.ts';

/** A finding that frames for an address arrive at another interface. */
export interface Delivered {
  handle: string;
  /** They are seen to, and the right interface is there: it is no mere conclusion, and no stopgap. */
  isProven: boolean;
}

/**
 * By which interfaces packets of a host come and go.
 * @returns by address, what arrives at another interface
 */
export function diagnoseWays(knowledge: Knowledge, findings: Findings): ReadonlyMap<string, Delivered> {
  const delivered = new Map<string, Delivered>();
  for (const { misdelivery, draft: judged } of judgeDeliveries(knowledge)) {
    const draft = withAge(misdelivery, judged, knowledge);
    if (!draft) continue;
    delivered.set(misdelivery.ip, {
      handle: findings.report(wrongInterfaceDelivery, draft),
      isProven: draft.confidence === 'certain' && draft.severity === 'error',
    });
  }
  for (const { local, draft } of judgeAsymmetries(knowledge)) {
    const handle = findings.report(interfaceAsymmetry, draft);
    // What arrives wrongly and leaves rightly: one story.
    const delivery = delivered.get(local)?.handle;
    if (delivery) findings.relate(delivery, handle);
  }
  return delivered;
}

/** As sure as what the host said is of that moment; undefined where the capture contradicts it, or it must be asked again first. */
function withAge<D>(misdelivery: Misdelivery, draft: Draft<D>, knowledge: Knowledge): Draft<D> | undefined {
  const { host, actual } = misdelivery;
  // What the capture itself says of its interfaces is of its own time.
  if (!knowledge.context.hosts.includes(host)) return draft;
  if (claimOf(misdelivery, knowledge) && contradictsAnswer(host, actual)) return undefined;
  const first = draft.evidence.frames[0]?.stamp;
  const trust = first ? trustAt(host, first, knowledge) : 'likely';
  if (!trust) return undefined;
  return trust === 'certain' || draft.confidence !== 'certain'
    ? draft
    : { ...draft, confidence: trust, because: [...draft.because, ageSentence(host)] };
}
