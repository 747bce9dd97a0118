import type { Usage } from '../arguments.ts';
import * as options from '../options.ts';

/** What the command line of `explain` may have. */
export const explainUsage: Usage = {
  synopsis: 'explain [kind]',
  describe: 'What a kind of finding means, what proves it, what looks like it, what mends it',
  positionals: { kind: { type: 'string', describe: 'Without it, all kinds in a line each' } },
  options: { color: options.color },
  refusal: (words) => (words.length > 1 ? `explain: expected one kind at most, got "${words.join(' ')}"` : undefined),
};
