import type { Usage } from '../arguments.ts';
import { analyzeUsage } from './analyze.ts';
import { contextUsage } from './context.ts';
import { explainUsage } from './explain.ts';
import { interfacesUsage } from './interfaces.ts';
import { liveUsage } from './live.ts';
import { showUsage } from './show.ts';

/** The commands, in the order of the help. What they do stands in `commands/` and is loaded for the one that runs. */
export const usages = {
  analyze: analyzeUsage,
  live: liveUsage,
  show: showUsage,
  context: contextUsage,
  explain: explainUsage,
  interfaces: interfacesUsage,
} satisfies Record<string, Usage>;
