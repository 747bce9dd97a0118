/** Prints what the namespace in which it was started says of itself. Arguments: the options of `collectContext` as JSON. */
import { writeSync } from 'node:fs';
import { collectContext } from '../../src/context/node/collect.ts';

const host = await collectContext(JSON.parse(process.argv[2] ?? '{}'));
writeSync(1, `${JSON.stringify(host)}\n`);
