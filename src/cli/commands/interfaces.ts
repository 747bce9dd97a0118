import type { Argv, CommandModule } from 'yargs';
import type { HostInterface } from '../../capture/node/live/interfaces.ts';
import type { BackendState } from '../../capture/node/live/probe.ts';
import type { Usage } from '../arguments.ts';
import type { Io } from '../io.ts';
import * as options from '../options.ts';

interface InterfacesOptions {
  json?: boolean | undefined;
}

/** What the command line of `interfaces` may have. */
export const interfacesUsage: Usage = {
  options: { json: options.json },
  refusal: (words) => (words.length > 0 ? `interfaces: expected no words, got "${words.join(' ')}"` : undefined),
};

/** Lists what can be captured from. */
export const interfaces = (io: Io): CommandModule<object, InterfacesOptions> => ({
  command: 'interfaces',
  describe: 'What can be captured from: index, link type, addresses, state, and the backends that can open it',
  builder: (yargs) => yargs.options(interfacesUsage.options) as unknown as Argv<InterfacesOptions>,
  handler: async ({ json }) => {
    const { hostInterfaces } = await import('../../capture/node/live/interfaces.ts');
    const { probeBackends } = await import('../../capture/node/live/probe.ts');
    const backends = await probeBackends();
    const all = hostInterfaces().map((each) => ({ ...each, backends: backendsFor(each, backends) }));
    if (json) {
      const { jsonText } = await import('../../report/json.ts');
      await io.out(jsonText(all));
    } else {
      const { fittingTable } = await import('../../report/fitting-table.ts');
      await io.out(fittingTable(columnsOf(all), io.width) + refusals(backends));
    }
  },
});

type Listed = HostInterface & { backends: string[] };

/** Nothing can open an interface that is down. */
const backendsFor = ({ state }: HostInterface, backends: readonly BackendState[]): string[] =>
  state === 'down' ? [] : backends.filter(({ refusal }) => refusal === null).map(({ backend }) => backend);

const columnsOf = (all: readonly Listed[]) => [
  { head: 'index', cells: all.map(({ index }) => (index === null ? '' : String(index))) },
  { head: 'name', cells: all.map(({ name }) => name) },
  { head: 'link type', cells: all.map(({ linktype }) => linktype ?? '') },
  { head: 'state', cells: all.map(stateOf) },
  { head: 'MAC', cells: all.map(({ mac }) => mac ?? '') },
  { head: 'addresses', cells: all.map(({ addresses }) => addresses.join('\n')) },
  { head: 'backends', cells: all.map(({ backends }) => backends.join(' ')) },
];

const stateOf = ({ state, carrier }: HostInterface): string => (state === 'up' && carrier === false ? 'up, no carrier' : state);

/** Why the other backends cannot, a line each. */
const refusals = (backends: readonly BackendState[]): string =>
  backends.flatMap(({ refusal }) => (refusal === null ? [] : `${refusal}\n`)).join('');
