import type { AnalysisOptions } from '../../src/analysis.ts';
import { parseExpectVia, parseLocal, parsePeers } from '../../src/cli/values.ts';
import { Context } from '../../src/context/context.ts';
import { hostOf } from '../../src/context/model.ts';
import type { ScenarioOptions } from './scenario.ts';

/** What the command line would make of a scenario's options. Each analysis needs its own: a context learns where it is. */
export function analysisOptionsOf({ local, wgPeers, expectVia, context }: ScenarioOptions = {}): AnalysisOptions {
  return {
    local: parseLocal(local),
    wireguardPeers: parsePeers(wgPeers),
    expectVia: parseExpectVia(expectVia),
    ...(context ? { context: new Context(context.hosts.map(hostOf), { captures: ['capture'] }) } : {}),
  };
}
