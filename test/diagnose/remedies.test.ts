import { describe, expect, it } from 'vitest';
import { findingKinds } from '../../src/diagnose/kinds.ts';
import { uplinkMark, uplinkRule } from '../../src/diagnose/uplink-rule.ts';

describe('remedies', () => {
  const commands = findingKinds.flatMap(({ kind, remedies }) =>
    remedies.flatMap((remedy) => remedy.commands.map((command) => `${kind}: ${command}`)),
  );

  it('print no private key', () => {
    expect(commands.length).toBeGreaterThan(30);
    // `wg show … dump` and `wg showconf` print them.
    expect(commands.filter((command) => /\bdump\b|showconf|private-key|preshared/.test(command))).toEqual([]);
  });

  it('send by one uplink what this host itself answers, and nobody else: neighbours are still reached', () => {
    expect(uplinkRule(1194, '198.51.100.2')).toEqual([
      'ip route add default via GATEWAY dev IFACE src 198.51.100.2 table 101',
      'ip rule add ipproto udp sport 1194 iif lo lookup main suppress_prefixlength 0 priority 99',
      'ip rule add ipproto udp sport 1194 iif lo lookup 101 priority 100',
    ]);
    for (const command of [...uplinkRule(53, '2001:db8::7'), uplinkMark('2001:db8::7')[1]]) expect(command).toMatch(/^ip -6 /);
  });
});
