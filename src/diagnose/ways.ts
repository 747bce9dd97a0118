import type { Findings } from './finding.ts';
import { interfaceAsymmetry, judgeAsymmetries } from './interface-asymmetry.ts';
import type { Knowledge } from './knowledge.ts';
import { judgeDeliveries, wrongInterfaceDelivery } from './wrong-interface-delivery.ts';

/**
 * By which interfaces packets of a host come and go.
 * @returns by address, the handles of findings that frames for it arrive at another interface
 */
export function diagnoseWays(knowledge: Knowledge, findings: Findings): ReadonlyMap<string, string> {
  const delivered = new Map<string, string>();
  for (const { misdelivery, draft } of judgeDeliveries(knowledge))
    delivered.set(misdelivery.ip, findings.report(wrongInterfaceDelivery, draft));
  for (const { local, draft } of judgeAsymmetries(knowledge)) {
    const handle = findings.report(interfaceAsymmetry, draft);
    // What arrives wrongly and leaves rightly: one story.
    const delivery = delivered.get(local);
    if (delivery) findings.relate(delivery, handle);
  }
  return delivered;
}
