import { findingKinds } from '../../diagnose/kinds.ts';
import { explanation, kindList } from '../../report/explain.ts';
import { Exit, type Io, UsageError } from '../io.ts';
import { layoutOf } from '../layout.ts';

interface ExplainOptions {
  kind?: string | undefined;
  color: boolean;
}

/** The guide to the findings. */
export async function explain(io: Io, { kind, color }: ExplainOptions): Promise<number> {
  const layout = layoutOf(io, color);
  const wanted = findingKinds.find((each) => each.kind === kind);
  if (kind !== undefined && !wanted) {
    throw new UsageError(`explain: expected one of ${findingKinds.map((each) => each.kind).join(', ')}; got "${kind}"`);
  }
  await io.out(wanted ? explanation(wanted, layout) : kindList(findingKinds, layout));
  return Exit.Done;
}
