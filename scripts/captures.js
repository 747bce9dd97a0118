/**
 * `npm run captures [-- [--into DIRECTORY] [--jobs N] [NAME…]]`: makes the captures again, all or those named, each into its own folder or into
 * DIRECTORY/NAME. Installs the Debian packages that the labs need.
 */
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { hindrance, JOBS, labNames, labs, runLabs } from './labs.js';
import { installCommand, installPrograms } from './programs.js';
import { checkNode } from './setup.js';

checkNode();
const { into, jobs, names } = argumentsGiven();
const unknown = names.filter((name) => !labNames().includes(name));
if (unknown.length > 0) fail(2, `no such capture: ${unknown.join(', ')}; there are ${labNames().sort().join(', ')}`);
const why = hindrance();
if (why) fail(3, why);
const wanted = labs(names.length > 0 ? [...new Set(names)] : labNames());
const lacking = installPrograms(wanted.flatMap(({ programs }) => programs));
if (lacking.length > 0)
  console.error(`fluxcap: captures: ${lacking.join(', ')} missing; on Debian or Ubuntu:\n  ${installCommand(lacking)}`);
/** @param {import('./labs.js').Lab} lab */
const canBeMade = ({ programs }) => !programs.some((program) => lacking.includes(program));

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => ending.abort());
const outcomes = runLabs(wanted.filter(canBeMade), {
  into: into === undefined ? undefined : ({ name }) => join(into, name),
  jobs,
  say: (text) => process.stderr.write(text),
  signal: ending.signal,
});
const failed = wanted.filter((lab) => !canBeMade(lab)).map(({ name }) => `${name} (something is missing)`);
for (const [name, outcome] of outcomes) {
  const { status, seconds } = await outcome;
  if (status === 0) console.log(`${name}: made in ${seconds.toFixed(0)} s`);
  else failed.push(`${name} (status ${status})`);
}
if (ending.signal.aborted) fail(130, 'interrupted');
if (failed.length > 0) fail(1, `not made: ${failed.join(', ')}`);

function argumentsGiven() {
  try {
    const { values, positionals } = parseArgs({
      options: { into: { type: 'string' }, jobs: { type: 'string', default: String(JOBS) } },
      allowPositionals: true,
    });
    if (!/^[1-9]\d*$/.test(values.jobs)) throw new Error(`--jobs: expected a number, got ${values.jobs}`);
    return { into: values.into, jobs: Number(values.jobs), names: positionals };
  } catch (error) {
    return fail(2, error.message);
  }
}

/** @param {number} status @param {string} words @returns {never} */
function fail(status, words) {
  console.error(`fluxcap: captures: ${words}`);
  process.exit(status);
}
