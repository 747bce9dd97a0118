import type { CommandModule } from 'yargs';
import { type Io, UsageError } from '../io.ts';
import { layoutOf } from '../layout.ts';
import * as options from '../options.ts';

interface ExplainOptions {
  kind?: string | undefined;
  color: boolean;
}

/** The guide to the findings. */
export const explain = (io: Io): CommandModule<object, ExplainOptions> => ({
  command: 'explain [kind]',
  describe: 'What a kind of finding means, what proves it, what looks like it, what mends it',
  builder: (yargs) =>
    yargs.positional('kind', { type: 'string', describe: 'Without it, all kinds in a line each' }).options({ color: options.color }),
  handler: async ({ kind, color }) => {
    const { findingKinds } = await import('../../diagnose/kinds.ts');
    const { explanation, kindList } = await import('../../report/explain.ts');
    const layout = await layoutOf(io, color);
    const wanted = findingKinds.find((each) => each.kind === kind);
    if (kind !== undefined && !wanted) {
      throw new UsageError(`explain: expected one of ${findingKinds.map((each) => each.kind).join(', ')}; got "${kind}"`);
    }
    await io.out(wanted ? explanation(wanted, layout) : kindList(findingKinds, layout));
  },
});
