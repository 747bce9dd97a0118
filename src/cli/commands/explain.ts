import type { Argv, CommandModule } from 'yargs';
import { namesOf, type Usage } from '../arguments.ts';
import { type Io, UsageError } from '../io.ts';
import { layoutOf } from '../layout.ts';
import * as options from '../options.ts';

interface ExplainOptions {
  kind?: string | undefined;
  color: boolean;
}

/** What the command line of `explain` may have. */
export const explainUsage: Usage = {
  options: { color: options.color },
  refusal: (words) => (words.length > 1 ? `explain: expected one kind at most, got "${words.join(' ')}"` : undefined),
};

/** The guide to the findings. */
export const explain = (io: Io): CommandModule<object, ExplainOptions> => ({
  command: 'explain [kind]',
  describe: 'What a kind of finding means, what proves it, what looks like it, what mends it',
  builder: (yargs) =>
    yargs
      .positional('kind', { type: 'string', describe: 'Without it, all kinds in a line each' })
      .options(explainUsage.options) as unknown as Argv<ExplainOptions>,
  handler: async ({ kind: word, color }) => {
    const [kind] = namesOf(word === undefined ? [] : [word]);
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
