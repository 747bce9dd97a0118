import type { Usage } from '../arguments.ts';
import * as options from '../options.ts';

/** What the command line of `interfaces` may have. */
export const interfacesUsage: Usage = {
  synopsis: 'interfaces',
  describe: 'What can be captured from: index, link type, addresses, state, and the backends that can open it',
  positionals: {},
  options: { json: options.json },
  refusal: (words) => (words.length > 0 ? `interfaces: expected no words, got "${words.join(' ')}"` : undefined),
};
