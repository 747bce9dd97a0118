/** `npm run build`: src to dist, and beside it the JSON Schemas of the output, and what `--help` says. */
import { rmSync, writeFileSync } from 'node:fs';
import { must } from './setup.js';

rmSync('dist', { recursive: true, force: true });
must('npx', ['--no-install', 'tsc', '-p', 'tsconfig.build.json']);
const { analysisSchema, lineSchema } = await import('../dist/report/schema.js');
const { contextSchema } = await import('../dist/context/schema.js');
for (const [name, schema] of Object.entries({ analysis: analysisSchema(), ndjson: lineSchema(), context: contextSchema() }))
  writeFileSync(`dist/${name}.schema.json`, `${JSON.stringify(schema, undefined, 2)}\n`);

const { HELP_ARGUMENTS } = await import('../dist/cli/ready-text.js');
const { helpOf } = await import('../dist/cli/parser.js');
const help = {};
for (const argv of HELP_ARGUMENTS) help[argv.join(' ')] = await helpOf(argv);
writeFileSync('dist/cli/help.json', `${JSON.stringify(help)}\n`);
