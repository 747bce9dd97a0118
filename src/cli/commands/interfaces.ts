import { type HostInterface, hostInterfaces } from '../../capture/node/live/interfaces.ts';
import { type BackendState, probeBackends } from '../../capture/node/live/probe.ts';
import { fittingTable } from '../../report/fitting-table.ts';
import { jsonText } from '../../report/json-text.ts';
import { Exit, type Io } from '../io.ts';

interface InterfacesOptions {
  json?: boolean | undefined;
}

/** Lists what can be captured from. */
export async function interfaces(io: Io, { json }: InterfacesOptions): Promise<number> {
  const backends = await probeBackends();
  const all = hostInterfaces().map((each) => ({ ...each, backends: backendsFor(each, backends) }));
  await io.out(json ? jsonText(all) : fittingTable(columnsOf(all), io.width) + refusals(backends));
  return Exit.Done;
}

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
