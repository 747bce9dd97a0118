import { describe, expect, it } from 'vitest';
import { openVpnRecord, openVpnText } from '../../src/report/openvpn.ts';
import { clientReset, RawCapture, serverReset, udp } from '../craft/index.ts';
import { openVpnSessions } from '../tools/openvpn.ts';

const CLIENT = '192.0.2.10:40001';
const SERVER = '198.51.100.7:1194';
const WRONG = '203.0.113.7:1194';

/** A client that is answered from elsewhere. */
async function wrongSource(): Promise<Record<string, unknown>[]> {
  const capture = new RawCapture();
  for (let i = 0; i < 3; i++) {
    const ids = { client: 1, server: 2, protection: 'sha1', replayId: i + 1 } as const;
    capture.wait(2).send(udp({ from: CLIENT, to: SERVER, payload: clientReset(ids) }));
    capture.wait(0.01).send(udp({ from: WRONG, to: CLIENT, payload: serverReset(ids) }));
  }
  return (await openVpnSessions(capture.bytes)).map(openVpnRecord);
}

describe('show openvpn', () => {
  it('says in numbers what happened', async () => {
    expect(await wrongSource()).toMatchObject([
      {
        client: { ip: '192.0.2.10', port: 40_001 },
        server: { ip: '198.51.100.7', port: 1194 },
        transport: 'udp',
        mode: 'tls-auth',
        digest: 'SHA1',
        state: 'S0',
        serverSession: null,
        opcodes: { P_CONTROL_HARD_RESET_CLIENT_V2: 3 },
        resets: 3,
        resetFrames: [1, 3, 5],
        serverResets: 0,
        answeredFrom: [{ ip: '203.0.113.7', port: 1194, packets: 3, firstFrame: 2, named: true }],
        firstFrame: 1,
        lastFrame: 6,
      },
    ]);
  });

  it('says in words how far it got', async () => {
    const text = openVpnText(await wrongSource(), 160);
    expect(text).toMatch(/192\.0\.2\.10:40001 │ 198\.51\.100\.7:1194 │ tls-auth SHA1 │ S0: no answer from the address that was asked/);
    expect(text).toMatch(/asked 3 times/);
    expect(text).toMatch(/answered from 203\.0\.113\.7:1194: 3 packets/);
  });

  it('fits narrow terminals', async () => {
    const records = await wrongSource();
    for (const width of [40, 60, 80, 100, 200]) {
      expect(
        Math.max(
          ...openVpnText(records, width)
            .split('\n')
            .map(({ length }) => length),
        ),
      ).toBeLessThanOrEqual(width);
    }
  });
});
