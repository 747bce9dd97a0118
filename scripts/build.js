/** `npm run build`: src to dist, and beside it the JSON Schema of the output, and what `--help` says. */
import { rmSync, writeFileSync } from 'node:fs';
import { must } from './setup.js';

rmSync('dist', { recursive: true, force: true });
must('npx', ['--no-install', 'tsc', '-p', 'tsconfig.build.json']);
const { analysisSchema } = await import('../dist/report/schema.js');
writeFileSync('dist/analysis.schema.json', `${JSON.stringify(analysisSchema(), undefined, 2)}\n`);

const { HELP_ARGUMENTS } = await import('../dist/cli/ready-text.js');
const { helpOf } = await import('../dist/cli/parser.js');
const help = {};
for (const argv of HELP_ARGUMENTS) help[argv.join(' ')] = await helpOf(argv);
writeFileSync('dist/cli/help.json', `${JSON.stringify(help)}\n`);
