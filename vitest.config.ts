import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The labs sleep most of their four minutes: they go first, and everything else beside them. */
class LabsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLabs = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('/labs.test.ts');
    const sorted = await super.sort(files);
    return [...sorted.filter(isLabs), ...sorted.filter((file) => !isLabs(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    // Two processors: more workers only wait for each other.
    maxWorkers: 2,
    sequence: { sequencer: LabsFirst },
  },
});
