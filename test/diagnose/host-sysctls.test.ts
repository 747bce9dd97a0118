import { describe, expect, it } from 'vitest';
import { sysctlRemedy } from '../../src/diagnose/host-sysctls.ts';
import type { Remedy } from '../../src/diagnose/kind.ts';
import { hostOfWords } from '../tools/hosts.ts';

const GENERAL: Remedy = { text: 'Answer only where the address lives', commands: ['sysctl -w net.ipv4.conf.all.arp_ignore=1'] };

/** Values of `all`, ethA and eth0.5, in this order. */
function host(
  values: Record<string, readonly [number, number, number]>,
  addresses: readonly string[] = [],
): ReturnType<typeof hostOfWords> {
  const sysctls = Object.entries(values).flatMap(([name, list]) =>
    ['all', 'ethA', 'eth0/5'].map((scope, i) => [`net.ipv4.conf.${scope}.${name}`, String(list[i])]),
  );
  return hostOfWords({ addresses: ['ethA 192.0.2.1/24', 'eth0.5 192.0.2.2/24', ...addresses], sysctls: Object.fromEntries(sysctls) });
}
const LINKS = ['ethA', 'eth0.5'];

describe('a remedy by sysctls', () => {
  it('says what is set, what to set, and what is not the cause', () => {
    const of = host({ arp_ignore: [0, 0, 0], arp_announce: [0, 0, 1], arp_filter: [0, 1, 0], rp_filter: [0, 0, 0] });
    expect(sysctlRemedy(of, LINKS, { arp_ignore: 1, arp_announce: 2 }, GENERAL, ['arp_filter', 'rp_filter', 'proxy_arp'])).toEqual({
      host: 'server',
      text: 'On server: set arp_ignore to 1 and arp_announce to 2 for ethA and eth0.5',
      now: [
        'arp_ignore is 0 for all, 0 at ethA and 0 at eth0.5; together that is 0.',
        'arp_announce is 0 for all, 0 at ethA and 1 at eth0.5; together that is 0 at ethA and 1 at eth0.5.',
        'Not the cause, and to be left as they are: arp_filter (1 at ethA and 0 at eth0.5) and rp_filter (0).',
      ],
      commands: ['sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2'],
      keep: [
        'Lines of a file in /etc/sysctl.d/, as 90-arp.conf:',
        'net.ipv4.conf.all.arp_ignore = 1',
        'net.ipv4.conf.all.arp_announce = 2',
      ],
      undo: ['sysctl -w net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.all.arp_announce=0'],
      checked: 'With this command arp_ignore is 1 and arp_announce is 2 at ethA and eth0.5.',
    });
  });

  it('sets only what is missing', () => {
    const of = host({ arp_ignore: [0, 1, 2], arp_announce: [0, 2, 0] });
    expect(sysctlRemedy(of, LINKS, { arp_ignore: 1, arp_announce: 2 }, GENERAL).commands).toEqual([
      'sysctl -w net.ipv4.conf.all.arp_announce=2',
    ]);
  });

  it('lowers a value everywhere where it counts', () => {
    const remedy = sysctlRemedy(host({ proxy_arp: [0, 0, 1] }), LINKS, { proxy_arp: 0 }, GENERAL);
    expect(remedy).toMatchObject({
      commands: ['sysctl -w net.ipv4.conf.eth0/5.proxy_arp=0'],
      undo: ['sysctl -w net.ipv4.conf.eth0/5.proxy_arp=1'],
      checked: 'With this command proxy_arp is 0 at ethA and eth0.5.',
    });
  });

  it('names addresses that nobody can ask for then', () => {
    const of = host({ arp_ignore: [0, 0, 0] }, ['lo 192.0.2.80/32', 'lo 203.0.113.1/32']);
    expect(sysctlRemedy(of, LINKS, { arp_ignore: 1 }, GENERAL).text).toBe(
      'On server: set arp_ignore to 1 for ethA and eth0.5; 192.0.2.80, which no card has, is then not answered for by ARP any more',
    );
  });

  it.each([
    { name: 'were not read', values: {}, reason: 'these settings were not read' },
    {
      name: 'are so already',
      values: { arp_ignore: [1, 0, 0] as const },
      reason: 'arp_ignore is 1 for all, 0 at ethA and 0 at eth0.5; together that is 1 already',
    },
  ])('gives no command where they $name', ({ values, reason }) => {
    const remedy = sysctlRemedy(host(values), LINKS, { arp_ignore: 1 }, GENERAL);
    expect(remedy).toEqual({ ...GENERAL, text: `${GENERAL.text}. The context of server gives no commands for it: ${reason}` });
  });
});
