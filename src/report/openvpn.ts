import type { OpenVpnSession, OpenVpnState } from '../track/openvpn/session.ts';
import { pathNames } from '../wire/encapsulation.ts';
import { openVpnOpcodeName } from '../wire/openvpn-packet.ts';
import { tlsAlertText } from '../wire/tls-alert.ts';
import { FIXED_SPACE, fittingTable, MAY_BREAK } from './fitting-table.ts';
import { endpointOf, type JsonRecord } from './records.ts';
import { bytesText } from './units.ts';

/** Names of the digests of tls-auth by their octets. */
const DIGESTS = new Map([
  [16, 'MD5'],
  [20, 'SHA1'],
  [28, 'SHA224'],
  [32, 'SHA256'],
  [48, 'SHA384'],
  [64, 'SHA512'],
]);

/** A record of `show openvpn`. */
export function openVpnRecord(session: OpenVpnSession): JsonRecord {
  const { client, server, transport, mode, hmac, clientSession, serverSession, state, path, hasBeginning, first, last } = session;
  const { resets, resetCount, serverResets, serverResetCount, controlRepeats, answeredFrom, refusal, alert, floats, renegotiations } =
    session;
  return {
    input: first.input,
    encapsulation: pathNames(path),
    client,
    server,
    transport,
    mode,
    digest: DIGESTS.get(hmac) ?? null,
    clientSession,
    serverSession,
    state,
    hasBeginning,
    opcodes: Object.fromEntries([...session.opcodes].map(([opcode, count]) => [openVpnOpcodeName(opcode), count])),
    resets: resetCount,
    resetFrames: resets.map(({ frame }) => frame),
    serverResets: serverResetCount,
    serverResetFrames: serverResets.map(({ frame }) => frame),
    controlRepeats: { fromClient: controlRepeats.fromClient, fromServer: controlRepeats.fromServer, largest: controlRepeats.largest },
    answeredFrom: answeredFrom.map(({ from, packets, named, first: { frame } }) => ({ ...from, packets, firstFrame: frame, named })),
    refusal: refusal && { from: refusal.from, reason: refusal.reason, frame: refusal.stamp.frame },
    alert: alert && {
      from: alert.fromClient ? 'client' : 'server',
      level: alert.level,
      description: alert.description,
      frame: alert.stamp.frame,
    },
    dataFromClient: session.dataFromClient,
    dataFromServer: session.dataFromServer,
    dataBytes: session.dataBytes,
    renegotiations,
    floats: floats.map(({ from, to, stamp }) => ({ from, to, frame: stamp.frame })),
    firstFrame: first.frame,
    lastFrame: last.frame,
  };
}

const STATES: Readonly<Record<OpenVpnState, string>> = {
  S0: 'no answer from the address that was asked',
  S1: 'the server answered, the client did not go on',
  S2: 'the server answered, TLS did not begin',
  S3: 'TLS began, and did not end',
  S4: 'TLS is done, no data both ways',
  S5: 'data both ways',
};

/** The sessions as a table, of at most `width` columns where that can be. */
export const openVpnText = (records: readonly JsonRecord[], width: number): string =>
  fittingTable(
    [
      { head: 'frame', cells: records.map(({ input, firstFrame }) => (input === 0 ? `${firstFrame}` : `${input}:${firstFrame}`)) },
      { head: 'client', cells: records.map(({ client }) => endpointOf(client)) },
      { head: 'server', cells: records.map(serverText) },
      { head: 'mode', cells: records.map(modeText) },
      { head: 'state', cells: records.map(stateText) },
      { head: 'data', cells: records.map(dataText) },
    ],
    width,
  );

const serverText = ({ server, transport }: JsonRecord): string => `${endpointOf(server)}${transport === 'tcp' ? `${FIXED_SPACE}tcp` : ''}`;

const modeText = ({ mode, digest }: JsonRecord): string => (digest === null ? `${mode}` : `${mode}${FIXED_SPACE}${digest}`);

/** How far it got, and what was in the way. */
function stateText(record: JsonRecord): string {
  const { mode, state, hasBeginning, resets, controlRepeats, refusal, alert, renegotiations } = record;
  const repeats = controlRepeats as { fromClient: number; fromServer: number };
  const answers = record.answeredFrom as { ip: string; port: number; packets: number }[];
  const floats = record.floats as { to: unknown; frame: number }[];
  const refused = refusal as { from: string; reason: string } | null;
  const alerted = alert as { from: string; description: number } | null;
  const isReached = state === 'S5';
  const lines = [
    mode === 'static-key' ? 'static key: no handshake' : `${state}: ${STATES[state as OpenVpnState]}`,
    ...(hasBeginning || mode === 'static-key' || refused ? [] : ['its beginning is not in the capture']),
    ...((resets as number) > 1 && !isReached ? [`asked ${resets} times`] : []),
    ...(repeats.fromClient + repeats.fromServer > 0
      ? [`sent again: ${repeats.fromClient} by the client, ${repeats.fromServer} by the server`]
      : []),
    ...answers.map((answer) => `answered from${FIXED_SPACE}${endpointOf(answer)}: ${packetsText(answer.packets)}`),
    ...(refused ? [`${refused.reason}, says ${refused.from}`] : []),
    ...(alerted ? [`TLS alert of the ${alerted.from}: ${tlsAlertText(alerted.description)}`] : []),
    ...((renegotiations as number) > 0 ? [`new keys: ${renegotiations}`] : []),
    ...floats.map(({ to, frame }) => `the client is at ${endpointOf(to)} from frame ${frame} on`),
  ];
  return lines.join('\n');
}

const dataText = ({ dataFromClient, dataFromServer, dataBytes }: JsonRecord): string => {
  if (dataFromClient === 0 && dataFromServer === 0) return '';
  return `${dataFromClient}${FIXED_SPACE}→, ${dataFromServer}${FIXED_SPACE}←,${MAY_BREAK} ${bytesText(dataBytes as number).replace(' ', FIXED_SPACE)}`;
};

const packetsText = (count: number): string => `${count}${FIXED_SPACE}packet${count === 1 ? '' : 's'}`;
