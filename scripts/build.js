/** `npm run build`: src to dist, and the JSON Schema of the output beside it. */
import { rmSync, writeFileSync } from 'node:fs';
import { must } from './setup.js';

rmSync('dist', { recursive: true, force: true });
must('npx', ['--no-install', 'tsc', '-p', 'tsconfig.build.json']);
const { analysisSchema } = await import('../dist/report/schema.js');
writeFileSync('dist/analysis.schema.json', `${JSON.stringify(analysisSchema(), undefined, 2)}\n`);
