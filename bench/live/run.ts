/** `npm run bench:live`: live capture under load, beside tcpdump and dumpcap. `npm run bench:live -- --help` lists the options. */
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../src/version.ts';
import { measureLatency } from './latency.ts';
import { lossRows, measureLoss } from './loss.ts';
import { type Order, optionsOf } from './options.ts';
import { circumstances, latencyTable, lossTables, soakTables } from './report.ts';
import { soak } from './soak.ts';

const project = join(fileURLToPath(new URL('.', import.meta.url)), '..', '..');

const { order, json } = await optionsOf(process.argv.slice(2));
if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new Error('network namespaces need Linux, and root');
// What was made is removed when the process exits; a signal alone would not let it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
process.chdir(project);
const setup = (await import(new URL('../../scripts/setup.js', import.meta.url).href)) as { build: () => void };
setup.build();
const { result, tables } = await measured(order);
const where = circumstances(VERSION);
process.stdout.write(json ? `${JSON.stringify({ where, order, result }, undefined, 2)}\n` : `${where}\n\n${tables}\n`);

async function measured(what: Order): Promise<{ result: unknown; tables: string }> {
  switch (what.what) {
    case 'loss': {
      const { snaplen, ...rest } = what;
      const cells = await measureLoss({ ...rest, project, ...(snaplen === undefined ? {} : { snaplen }) }, tell);
      return { result: cells, tables: lossTables(lossRows(cells)) };
    }
    case 'latency': {
      const cases = await measureLatency({ ...what, project, kinds: ['udp', 'arp'] }, tell);
      return { result: cases, tables: latencyTable(cases) };
    }
    case 'soak': {
      const { backend, minutes, rate, newFlows, incidents } = what;
      const load = { rate, newFlowsPerSecond: newFlows, incidentsPerSecond: incidents, halt: null, niceness: 0, nodeOptions: [] };
      const result = await soak({ ...load, project, backend, seconds: minutes * 60 }, tell);
      return { result, tables: soakTables(result) };
    }
  }
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
