import type { Findings } from './finding.ts';
import type { Knowledge } from './knowledge.ts';
import { openvpnHandshakeStalled, stalledHandshakes, type WrongSources } from './openvpn-handshake-stalled.ts';

/** What is wrong with OpenVPN. `wrongSources` are the findings of `udp-reply-wrong-source` by client and asked endpoint. */
export function diagnoseOpenVpn(knowledge: Knowledge, findings: Findings, wrongSources: WrongSources): void {
  for (const { draft, explainedBy } of stalledHandshakes(knowledge, wrongSources)) {
    const handle = findings.report(openvpnHandshakeStalled, draft);
    if (explainedBy !== undefined) findings.relate(explainedBy, handle);
  }
}
