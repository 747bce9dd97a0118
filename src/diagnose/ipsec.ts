import type { Findings } from './finding.ts';
import { failedNegotiations, ikeNegotiationFailed } from './ike-negotiation-failed.ts';
import { diagnoseOneWay } from './ipsec-one-way.ts';
import type { Knowledge } from './knowledge.ts';
import type { WrongSources } from './openvpn-handshake-stalled.ts';

/** What is wrong with IKE and ESP. `wrongSources` are the findings of `udp-reply-wrong-source` by client and asked endpoint. */
export function diagnoseIpsec(knowledge: Knowledge, findings: Findings, wrongSources: WrongSources): void {
  for (const { draft, explainedBy } of failedNegotiations(knowledge, wrongSources)) {
    const handle = findings.report(ikeNegotiationFailed, draft);
    if (explainedBy !== undefined) findings.relate(explainedBy, handle);
  }
  diagnoseOneWay(knowledge, findings);
}
