import { describe, expect, it } from 'vitest';
import { explainChoice } from '../../src/diagnose/host-choice.ts';
import { hostOfWords } from '../tools/hosts.ts';

const UPLINKS = ['wan1 198.51.100.2/28', 'wan2 198.51.100.18/28'];

describe('why the kernel chose a source', () => {
  it('names the rule and the route that decided, and the rule that did not match', () => {
    const host = hostOfWords({
      addresses: UPLINKS,
      routes: ['default via 198.51.100.17 dev wan2', 'default via 198.51.100.1 dev wan1 src 198.51.100.2 table 101'],
      rules: ['32765: from 198.51.100.2 lookup 101', '32764: from 192.0.2.0/24 lookup 101'],
    });
    const query = { destination: '203.0.113.10', protocol: 17, sourcePort: 1194 };
    expect(explainChoice(host, query, '198.51.100.2')).toMatchObject({
      sources: ['198.51.100.18'],
      sentences: [
        'On server the rule `32766: from all lookup main` decides what goes to 203.0.113.10, by the route `default via 198.51.100.17 dev wan2`: out by wan2 via 198.51.100.17 with the source 198.51.100.18.',
        'The rule `32765: from 198.51.100.2 lookup 101` comes before it and does not match: the source is not chosen yet when the rules are looked up.',
      ],
    });
    // What has the source is told without that.
    expect(explainChoice(host, { ...query, source: '198.51.100.2' }, '198.51.100.2').sentences).toEqual([
      'On server the rule `32765: from 198.51.100.2 lookup 101` decides what goes to 203.0.113.10, by the route `default via 198.51.100.1 dev wan1 src 198.51.100.2`: out by wan1 via 198.51.100.1 with the source 198.51.100.2.',
    ]);
  });

  it.each([
    { policy: '0', hash: 'A hash of the addresses chooses among them (net.ipv4.fib_multipath_hash_policy is 0).' },
    { policy: '1', hash: 'A hash of addresses and ports chooses among them (net.ipv4.fib_multipath_hash_policy is 1).' },
    { policy: undefined, hash: 'A hash chooses among them.' },
  ])('names the ways of a multipath route (hash policy $policy)', ({ policy, hash }) => {
    const host = hostOfWords({
      addresses: UPLINKS,
      routes: ['default nexthop via 198.51.100.1 dev wan1 nexthop via 198.51.100.17 dev wan2'],
      sysctls: policy === undefined ? {} : { 'net.ipv4.fib_multipath_hash_policy': policy },
    });
    const { sources, sentences } = explainChoice(host, { destination: '203.0.113.10' });
    expect(sources).toEqual(['198.51.100.2', '198.51.100.18']);
    expect(sentences.join(' ')).toContain(
      `It has 2 ways: by wan1 via 198.51.100.1 with the source 198.51.100.2 and by wan2 via 198.51.100.17 with the source 198.51.100.18. ${hash}`,
    );
  });

  it('says where nothing is sent', () => {
    const host = hostOfWords({ addresses: UPLINKS, routes: ['default via 198.51.100.1 dev wan1 table 101'] });
    expect(explainChoice(host, { destination: '203.0.113.10' })).toMatchObject({
      sources: [],
      sentences: ['On server no rule and no route leads to 203.0.113.10.'],
    });
  });
});
