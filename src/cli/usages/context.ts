import type { Usage } from '../arguments.ts';

/** What the command line of `context` may have. */
export const contextUsage: Usage = {
  synopsis: 'context',
  describe: 'What this machine says of itself (addresses, routes, rules, neighbours, sysctls, WireGuard …), as JSON for --context',
  positionals: {},
  options: {
    from: {
      type: 'string',
      requiresArg: true,
      describe:
        'A folder with saved outputs of another machine, or one file of them: ip addr, ip route, ip rule, wg show … as text or JSON',
    },
    hostname: {
      type: 'string',
      requiresArg: true,
      describe: 'What findings call the host, where its outputs do not say it or say it otherwise',
    },
    json: { type: 'boolean', describe: 'Accepted: it is JSON in any case' },
    quiet: { type: 'boolean', default: false, describe: 'Do not say on standard error what could not be read; it is in the document too' },
  },
  refusal: (words) =>
    words.length > 0 ? `context: expected no words, got "${words.join(' ')}"; a folder of saved outputs is given by --from` : undefined,
};
