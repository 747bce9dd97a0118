import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BgpType, readHeader } from '../../../src/wire/bgp/message.ts';
import { readNotification } from '../../../src/wire/bgp/notification.ts';
import { type BgpOpen, codingOf, readOpen } from '../../../src/wire/bgp/open.ts';
import { isReadFamily } from '../../../src/wire/bgp/prefix.ts';
import { readRouteRefresh } from '../../../src/wire/bgp/route-refresh.ts';
import { type AsSegment, type BgpUpdate, type Nlri, readUpdate } from '../../../src/wire/bgp/update.ts';
import { type BgpUpdateFields, bgpOpen, bgpUpdate, Capture, Links, TcpFlags, tcp } from '../../craft/index.ts';
import { richBgpUpdateFields } from '../../tools/bgp-updates.ts';
import { publicCaptures, readOctets, root } from '../../tools/captures.ts';
import { every, first, hasTshark, nodesWith, type Tree, type TsharkMessage, texts, tsharkMessages } from '../../tools/tshark-bgp.ts';
import { eachPacket } from '../../tools/walk.ts';

/*
 * tshark's view of every BGP message of these captures against ours: those of tcpdump's tests (captures/README.md beside this file), of the labs, and of
 * others beside the checkout. What is missing is skipped, and says so.
 */

const below = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true })
        .map(String)
        .filter((path) => /\.(pcap|pcapng)(\.gz)?$/.test(path))
        .sort()
        .map((path) => join(folder, path))
    : [];

const A = 'bgp.update.path_attribute';
const ORIGINS = { igp: '0', egp: '1', incomplete: '2' };
const SEGMENTS: Record<AsSegment['type'], string> = { set: '1', sequence: '2', 'confed-sequence': '3', 'confed-set': '4' };
const WELL_KNOWN: Record<string, string> = {
  'graceful-shutdown': '0xffff0000',
  'accept-own': '0xffff0001',
  'llgr-stale': '0xffff0006',
  'no-llgr': '0xffff0007',
  blackhole: '0xffff029a',
  'no-export': '0xffffff01',
  'no-advertise': '0xffffff02',
  'no-export-subconfed': '0xffffff03',
  'no-peer': '0xffffff04',
};

/** A number as tshark prints it, or undefined. */
const number = (value: number | null): string | undefined => (value === null ? undefined : String(value));

/** One attribute's node, the first of the type. */
const attribute = (tree: Tree, type: number): Tree | undefined =>
  nodesWith(tree['bgp.update.path_attributes'], `${A}.type_code`).find((node) => node[`${A}.type_code`] === String(type));

function segments(node: Tree | undefined): string[] | undefined {
  return (
    node &&
    every(node, `${A}.as_path_segment`).map((each) => {
      const numbers = [...texts(each, `${A}.as_path_segment.as2`), ...texts(each, `${A}.as_path_segment.as4`)];
      return `${first(each, `${A}.as_path_segment.type`)}: ${numbers.join(' ')}`;
    })
  );
}

const PREFIX_FIELDS = [
  'bgp.nlri_prefix',
  'bgp.withdrawn_prefix',
  'bgp.mp_reach_nlri_ipv4_prefix',
  'bgp.mp_reach_nlri_ipv6_prefix',
  'bgp.mp_unreach_nlri_ipv4_prefix',
  'bgp.mp_unreach_nlri_ipv6_prefix',
];

/** `path id, route distinguisher, prefix`; labels and distinguisher do not count as the prefix's bits. */
function destinations(tree: Tree | string | undefined): string[] {
  if (typeof tree === 'string') return [];
  return nodesWith(tree, 'bgp.prefix_length').flatMap((node) => {
    const addresses = PREFIX_FIELDS.flatMap((field) => texts(node, field));
    const lengths = texts(node, 'bgp.prefix_length');
    const labels = texts(node, 'bgp.label_stack').map((stack) => stack.split(',').length);
    const rds = texts(node, 'bgp.rd');
    const ids = texts(node, 'bgp.nlri_path_id');
    return addresses.map((address, i) => {
      const bits = Number(lengths[i]) - 24 * (labels[i] ?? 0) - (rds[i] === undefined ? 0 : 64);
      return `${ids[i] ?? '-'} ${rds[i] ?? '-'} ${address}/${bits}`;
    });
  });
}

const destinationText = ({ pathId, rd, prefix }: Nlri): string => `${pathId ?? '-'} ${rd ?? '-'} ${prefix}`;

/** What tshark says of an UPDATE, in our order; destinations of families that we do not read are left out. */
function told(tree: Tree) {
  const reach = attribute(tree, 14);
  const unreach = attribute(tree, 15);
  const isRead = (node: Tree | undefined, what: string): boolean =>
    node !== undefined && isReadFamily({ afi: Number(node[`${A}.${what}.afi`]), safi: Number(node[`${A}.${what}.safi`]) });
  const reachTree = isRead(reach, 'mp_reach_nlri') ? (reach?.[`${A}.mp_reach_nlri`] as Tree | string | undefined) : undefined;
  const unreachTree = isRead(unreach, 'mp_unreach_nlri') ? (unreach?.[`${A}.mp_unreach_nlri`] as Tree | string | undefined) : undefined;
  const hop = reach?.[`${A}.mp_reach_nlri.next_hop_tree`];
  return {
    withdrawn: [...destinations(tree['bgp.update.withdrawn_routes'] as Tree | undefined), ...destinations(unreachTree)].sort(),
    announced: [...destinations(reachTree), ...destinations(tree['bgp.update.nlri'] as Tree | undefined)].sort(),
    origin: first(attribute(tree, 1), `${A}.origin`),
    asPath: segments(attribute(tree, 2)),
    nextHop: first(attribute(tree, 3), `${A}.next_hop`),
    reachNextHop: reachTree && (first(hop, `${A}.mp_reach_nlri.next_hop.ipv4`) ?? first(hop, `${A}.mp_reach_nlri.next_hop.ipv6`)),
    linkLocal: reachTree && first(hop, `${A}.mp_reach_nlri.next_hop.ipv6.link_local`),
    med: first(attribute(tree, 4), `${A}.multi_exit_disc`),
    localPref: first(attribute(tree, 5), `${A}.local_pref`),
    atomicAggregate: attribute(tree, 6) !== undefined,
    aggregator: first(attribute(tree, 7), `${A}.aggregator_as`),
    aggregatorIp: first(attribute(tree, 7), `${A}.aggregator_origin`),
    communities: communitiesOf(attribute(tree, 8)),
    originatorId: first(attribute(tree, 9), `${A}.originator_id`),
    clusterList: texts(attribute(tree, 10), 'bgp.path_attribute.cluster_id'),
    extended: nodesWith(attribute(tree, 16), 'bgp.ext_com.type').map(extendedCommunity),
    large: nodesWith(attribute(tree, 32), 'bgp.large_communities.ga').map((node) =>
      ['ga', 'ldp1', 'ldp2'].map((part) => node[`bgp.large_communities.${part}`]).join(':'),
    ),
    others: nodesWith(tree['bgp.update.path_attributes'], `${A}.type_code`)
      .map((node) => Number(node[`${A}.type_code`]))
      .filter((type) => type > 18 && type !== 32),
  };
}

/** The well-known ones have a field of their own. */
const communitiesOf = (node: Tree | undefined): string[] =>
  nodesWith(node, `${A}.community_wellknown`)
    .flatMap((each) => texts(each, `${A}.community_wellknown`))
    .concat(
      nodesWith(node, `${A}.community_as`).flatMap((each) => {
        const values = texts(each, `${A}.community_value`);
        return texts(each, `${A}.community_as`).map((as, i) => `${as}:${values[i]}`);
      }),
    )
    .sort();

/** Route targets and sites of origin by their values, all others as `other`. */
function extendedCommunity(node: Tree): string {
  const type = Number(node['bgp.ext_com.type']);
  const subtype = Object.entries(node).find(([field]) => field.startsWith('bgp.ext_com.stype') && !field.endsWith('_raw'))?.[1];
  const name = { 2: 'rt', 3: 'soo' }[Number(subtype)];
  const field = ['value_as2', 'value_IP4', 'value_as4'][type];
  if (name === undefined || field === undefined) return 'other';
  return `${name}:${node[`bgp.ext_com.${field}`]}:${node[`bgp.ext_com.${type === 0 ? 'value_an4' : 'value_an2'}`]}`;
}

/** What we say of it, in tshark's words. */
function said(update: BgpUpdate, reachNextHop: string | undefined) {
  const { attributes } = update;
  return {
    withdrawn: update.withdrawn.map(destinationText).sort(),
    announced: update.announced.map(destinationText).sort(),
    origin: attributes.origin === null ? undefined : ORIGINS[attributes.origin],
    asPath: attributes.asPath?.map(({ type, as }) => `${SEGMENTS[type]}: ${as.join(' ')}`),
    nextHop: attributes.nextHop ?? undefined,
    reachNextHop,
    linkLocal: attributes.linkLocalNextHop ?? undefined,
    med: number(attributes.med),
    localPref: number(attributes.localPref),
    atomicAggregate: attributes.atomicAggregate,
    aggregator: number(attributes.aggregator?.as ?? null),
    aggregatorIp: attributes.aggregator?.ip,
    communities: attributes.communities.map((each) => WELL_KNOWN[each] ?? reserved(each)).sort(),
    originatorId: attributes.originatorId ?? undefined,
    clusterList: attributes.clusterList,
    extended: attributes.extendedCommunities.map((each) => (each.startsWith('0x') ? 'other' : each)),
    large: attributes.largeCommunities,
    others: attributes.others,
  };
}

/** Those that may once be well-known (0xffff0000 to 0xffffffff) as one number, as tshark has them. */
const reserved = (community: string): string =>
  community.startsWith('65535:') ? `0x${(0xffff_0000 + Number(community.slice(6))).toString(16)}` : community;

/** tshark shows AS_PATH as it stands there: where AS4_PATH changed ours, that is compared by its end, which AS4_PATH has. */
function withoutMerge(ours: ReturnType<typeof said>, tree: Tree, theirs: ReturnType<typeof told>): ReturnType<typeof said> {
  const as4Path = segments(attribute(tree, 17));
  if (as4Path) {
    const tail = as4Path.map((each) => each.replace(/^\d: /, '')).join(' ');
    const numbers = (of: string[] | undefined): string => (of ?? []).map((each) => each.replace(/^\d: /, '')).join(' ');
    expect(numbers(ours.asPath).endsWith(tail)).toBe(true);
    expect(numbers(ours.asPath).split(' ')).toHaveLength(numbers(theirs.asPath).split(' ').length);
    ours.asPath = theirs.asPath;
  }
  const as4Aggregator = attribute(tree, 18);
  if (as4Aggregator && theirs.aggregator === '23456') {
    expect(ours.aggregator).toBe(first(as4Aggregator, `${A}.aggregator_as`));
    ours.aggregator = theirs.aggregator;
  }
  return ours;
}

/** tshark finds the octets of AS numbers in the path itself; where its rules lead to none it shows no segment. */
function isPathUnread(tree: Tree): boolean {
  const path = attribute(tree, 2);
  return path !== undefined && path[`${A}.length`] !== '0' && every(path, `${A}.as_path_segment`).length === 0;
}

interface Tally {
  messages: number;
  updates: number;
  /** Paths that tshark does not show. */
  pathsUnread: number;
  /** By frame: what we, or tshark alone (`tshark`), find wrong. */
  malformed: string[];
}

function compare(messages: readonly TsharkMessage[]): Tally {
  const opens = new Map<string, BgpOpen>();
  const tally: Tally = { messages: 0, updates: 0, pathsUnread: 0, malformed: [] };
  for (const { frame, from, to, octets, tree, isMalformed } of messages) {
    const where = `frame ${frame}`;
    const view = new DataView(octets.buffer);
    const header = readHeader(view, 0, octets.length);
    if (typeof header === 'string') {
      tally.malformed.push(`${where}: ${header} header`);
      continue;
    }
    expect({ type: String(header.type), length: String(header.length) }, where).toEqual({
      type: tree['bgp.type'],
      length: tree['bgp.length'],
    });
    tally.messages++;
    if (header.length > octets.length) tally.malformed.push(`${where}: cut off`);
    else if (header.type === BgpType.Open) {
      const open = readOpen(view, 0, header.length);
      opens.set(from, open);
      if (open.malformed !== null || isMalformed) tally.malformed.push(`${where}: ${open.malformed ?? 'tshark'}`);
      else compareOpen(open, tree, where);
    } else if (header.type === BgpType.Update) {
      const update = readUpdate(view, 0, header.length, codingOf(opens.get(from), opens.get(to)));
      tally.updates++;
      if (update.malformed !== null || isMalformed) tally.malformed.push(`${where}: ${update.malformed ?? 'tshark'}`);
      if (update.malformed !== null) continue;
      const theirs = told(tree);
      const hop = update.announced.find(({ nextHop }) => nextHop === theirs.reachNextHop)?.nextHop ?? undefined;
      const ours = withoutMerge(said(update, hop), tree, theirs);
      if (isPathUnread(tree)) {
        tally.pathsUnread++;
        ours.asPath = theirs.asPath;
      }
      if (isMalformed) continue;
      expect(ours, where).toEqual(theirs);
    } else if (header.type === BgpType.Notification) {
      const { code, subcode, message, hardReset } = readNotification(view, 0, header.length);
      expect(String(code), where).toBe(first(tree, 'bgp.notify.major_error'));
      const minor = Object.keys(tree).find((field) => field.startsWith('bgp.notify.minor_error') && !field.endsWith('_raw'));
      if (minor !== undefined) expect(String(subcode), where).toBe(tree[minor]);
      // It does not look into a hard reset.
      if (!hardReset) expect(message ?? '', where).toBe(first(tree, 'bgp.notify.communication') ?? '');
    } else if (header.type === BgpType.RouteRefresh) {
      const { afi, safi, subtype } = readRouteRefresh(view, 0);
      const subtypes = { request: 0, begin: 1, end: 2 };
      expect([afi, safi, typeof subtype === 'number' ? subtype : subtypes[subtype]].map(String), where).toEqual(
        ['afi', 'safi', 'subtype'].map((field) => tree[`bgp.route_refresh.${field}`]),
      );
    }
  }
  return tally;
}

function compareOpen(open: BgpOpen, tree: Tree, where: string): void {
  const { capabilities } = open;
  expect(
    {
      version: String(open.version),
      holdTime: String(open.holdTime),
      id: open.id,
      as: String(open.as),
      codes: capabilities.codes.map(String),
      families: capabilities.families.map(({ afi, safi }) => `${afi}/${safi}`),
      addPath: capabilities.addPath.map(({ afi, safi, mode }) => `${afi}/${safi} ${mode}`),
      extendedNextHop: capabilities.extendedNextHop.map(({ afi, safi, nextHopAfi }) => `${afi}/${safi} ${nextHopAfi}`),
      restart: number(capabilities.gracefulRestart),
    },
    where,
  ).toEqual({
    version: tree['bgp.open.version'],
    holdTime: tree['bgp.open.holdtime'],
    id: tree['bgp.open.identifier'],
    as: first(tree, 'bgp.cap.4as') ?? tree['bgp.open.myas'],
    codes: texts(tree, 'bgp.cap.type'),
    families: pairs(tree, 'bgp.cap.mp.afi', 'bgp.cap.mp.safi'),
    addPath: pairs(tree, 'bgp.cap.ap.afi', 'bgp.cap.ap.safi', 'bgp.cap.ap.sendreceive'),
    extendedNextHop: pairs(tree, 'bgp.cap.enh.afi', 'bgp.cap.enh.safi', 'bgp.cap.enh.nhafi'),
    restart: first(tree, 'bgp.cap.gr.timers.restart_time'),
  });
}

/** `a/b`, or `a/b c`, of fields that are as often there. */
function pairs(tree: Tree, a: string, b: string, c?: string): string[] {
  const [as, bs, cs] = [texts(tree, a), texts(tree, b), c === undefined ? [] : texts(tree, c)];
  return as.map((each, i) => `${each}/${bs[i]}${c === undefined ? '' : ` ${cs[i]}`}`);
}

/** The folder of a lab with routers that speak BGP: it is about that, or what they chose is kept there. */
const isOfRouters = (folder: string): boolean =>
  basename(folder).startsWith('bgp-') || readdirSync(folder).some((name) => /^bgp.*\.json$/.test(name));

/** Where the default route is among others tshark takes them for path identifiers, whatever the OPENs say; of IPv6 VPNs it has no fields. */
const isComparable = (fields: BgpUpdateFields): boolean => !JSON.stringify(fields).includes('/0"') && fields.reach?.family !== '2/128';

/** A capture in which one speaker sends these messages to another, after both OPENs. */
function sessionOf(messages: readonly Uint8Array[]): Uint8Array {
  const capture = new Capture(Links.Raw);
  const [a, b] = ['192.0.2.1:40000', '192.0.2.2:179'];
  const capabilities = { families: ['1/1', '2/1', '1/4', '1/128', '2/128'], as4: 64_512 };
  const segment = (from: string, to: string, seq: number, ack: number, payload: Uint8Array): void => {
    capture.add(tcp({ from, to, flags: TcpFlags.Ack | TcpFlags.Psh, seq, ack, payload }).octets);
    capture.wait(0.01);
  };
  const answer = bgpOpen({ as: 64_512, id: '192.0.2.2', capabilities });
  segment(b, a, 1, 1, answer);
  let seq = 1;
  for (const message of [bgpOpen({ as: 64_512, id: '192.0.2.1', capabilities }), ...messages]) {
    segment(a, b, seq, 1 + answer.length, message);
    seq += message.length;
  }
  return capture.bytes;
}

const where = describe.skipIf(!hasTshark);
const why = hasTshark ? '' : ' (skipped: tshark is missing)';

/** tcpdump's captures: messages, UPDATEs of them, and what is wrong, by us or (`tshark`) by tshark alone. Those named `oobr` are made to mislead a reader. */
const TCPDUMPS: Record<string, { messages: number; updates: number; malformed: (string | RegExp)[] }> = {
  'bgp-4byte-asn.pcap': { messages: 35, updates: 10, malformed: [] },
  // A SYN with data: tshark looks for messages in segments without the flag alone. What tcpdump reads in it is compared below.
  'bgp-addpath.pcap': { messages: 0, updates: 0, malformed: [] },
  'bgp-aigp-2.pcap': { messages: 1, updates: 1, malformed: [] },
  'bgp-aigp-oobr.pcap': {
    messages: 8,
    updates: 8,
    malformed: [/attribute 171 /, /bad header/, /attribute 114 /, /ORIGINATOR_ID: expected 1196 octets, 136 are left/, /attribute 0 /],
  },
  'bgp-aigp.pcap': { messages: 2, updates: 2, malformed: [] },
  'bgp-as-path-oobr.pcap': {
    messages: 11,
    updates: 11,
    malformed: [
      /VPN: a prefix of 28 bits has no room for its label/,
      /CLUSTER_LIST: .*got 37/,
      /expected 23 octets of a prefix, 14 are left/,
      /attribute 0 /,
      /LOCAL_PREF: expected 4 octets, got 12/,
      /bad header/,
      /attribute 128 /,
      /EXTENDED COMMUNITIES: expected 2048 octets, 58 are left/,
      /bad header/,
    ],
  },
  'bgp-bgp_capabilities_print-oobr-1.pcap': { messages: 1, updates: 0, malformed: [/length says 29 octets/] },
  'bgp-bgp_capabilities_print-oobr-2.pcap': { messages: 1, updates: 0, malformed: [/length says 29 octets/] },
  'bgp-encap.pcap': { messages: 1, updates: 1, malformed: [] },
  'bgp-evpn.pcap': { messages: 1, updates: 0, malformed: [] },
  'bgp-extended-shutdown-msg.pcapng': { messages: 1, updates: 0, malformed: [] },
  'bgp-infinite-loop.pcap': { messages: 0, updates: 0, malformed: ['bad header', 'bad header', 'bad header', 'bad header'] },
  'bgp-large-community.pcap': { messages: 5, updates: 5, malformed: [] },
  'bgp-link-bw-extcommunity.pcapng': { messages: 6, updates: 6, malformed: [] },
  'bgp-lu-multiple-labels.pcap': { messages: 20, updates: 7, malformed: [] },
  // Destinations of a family that we do not read, and tshark not to their end.
  'bgp-rt-prefix.pcap': { messages: 8, updates: 8, malformed: ['tshark', 'tshark', 'tshark', 'tshark'] },
  'bgp-shutdown-communication.pcapng': { messages: 1, updates: 0, malformed: [] },
  'bgp_mp_reach_nlri-oobr.pcap': { messages: 1, updates: 1, malformed: [/expected 31 octets of a prefix, 2 are left/] },
  'bgp_mvpn_6_and_7_oobr.pcap': {
    messages: 1,
    updates: 1,
    malformed: [/path attributes: expected 50098 octets, 19 are left/, 'bad header'],
  },
  'bgp_pmsi_tunnel-oobr.pcap': { messages: 1, updates: 1, malformed: [/path attributes: expected 1714 octets, 19 are left/] },
  'bgp_vpn_attrset.pcap': { messages: 1, updates: 1, malformed: [] },
  'bgp_vpn_rt-oobr.pcap': { messages: 1, updates: 1, malformed: [/path attributes: expected 50098 octets, 19 are left/] },
  'mpbgp-linklocal-nexthop.pcap': { messages: 1, updates: 1, malformed: [] },
};

where(`BGP messages as tshark sees them${why}`, () => {
  const folder = join(import.meta.dirname, 'captures');
  const tcpdumps = below(folder).map((path) => path.slice(folder.length + 1).replace(/\.gz$/, ''));
  const labs = below(join(root, 'captures')).filter((path) => isOfRouters(dirname(path)));
  const others = below(join(publicCaptures, 'bgp'));

  it("all of tcpdump's are here", () => expect(tcpdumps).toEqual(Object.keys(TCPDUMPS).sort()));

  it.each(tcpdumps)('tcpdump: %s', (name) => {
    const { messages, updates, pathsUnread, malformed } = compare(tsharkMessages(join(folder, `${name}.gz`)));
    expect(pathsUnread).toBe(0);
    expect({ messages, updates, malformed }).toEqual({
      ...TCPDUMPS[name],
      malformed: TCPDUMPS[name]?.malformed.map((each) => expect.stringMatching(each)),
    });
  });

  it.each(labs.map((path) => path.slice(root.length + 1)))('%s', (path) => {
    expect(compare(tsharkMessages(join(root, path)))).toMatchObject({ pathsUnread: 0, malformed: [] });
  });

  it('BIRD, ExaBGP and GoBGP (speakers/README.md)', () => {
    const tally = compare(tsharkMessages(join(import.meta.dirname, 'speakers', 'speakers.pcap.gz')));
    expect(tally).toEqual({ messages: 98, updates: 51, pathsUnread: 0, malformed: [] });
  });

  it('UPDATEs at random', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fluxcap-bgp-'));
    try {
      const path = join(folder, 'random.pcap');
      const updates = fc.sample(richBgpUpdateFields.filter(isComparable), { numRuns: 400, seed: 7 }).map((fields) => bgpUpdate(fields));
      writeFileSync(path, sessionOf(updates));
      const { messages, pathsUnread, malformed } = compare(tsharkMessages(path));
      expect({ messages, malformed }).toEqual({ messages: 2 + updates.length, malformed: [] });
      expect(pathsUnread).toBeLessThan(updates.length / 20);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const missing = others.length > 0 ? '' : ' (skipped: they are not beside the checkout)';
  it.skipIf(others.length === 0)(`captures of others${missing}`, () => {
    for (const path of others) {
      const { messages, malformed } = compare(tsharkMessages(path));
      expect(messages, path).toBeGreaterThan(0);
      expect(malformed, path).toEqual([]);
    }
  });
});

/**
 * What tcpdump says of this one (its tests/bgp-addpath.out). NEXT_HOP has no octets, so all of it counts as withdrawn. It has MP_REACH_NLRI and
 * MP_UNREACH_NLRI twice, for which RFC 7606 has a session end; tcpdump reads the second ones (IPv6) too.
 */
it('path identifiers as tcpdump sees them, without any OPEN', async () => {
  const updates: BgpUpdate[] = [];
  await eachPacket(readOctets(join(import.meta.dirname, 'captures', 'bgp-addpath.pcap.gz')), ({ view, payloadAt }) => {
    const header = readHeader(view, payloadAt, 231);
    if (typeof header !== 'string') updates.push(readUpdate(view, payloadAt, header.length, { as4: null, addPath: null }));
  });
  expect(updates.map(({ malformed, isAssumed }) => ({ malformed, isAssumed }))).toEqual([
    { malformed: expect.stringMatching(/^ORIGIN: |^NEXT_HOP: /), isAssumed: true },
  ]);
  expect(updates[0]?.withdrawn.map(({ prefix, pathId }) => `${prefix} ${pathId}`).sort()).toEqual(
    [
      '8.2.0.0/24 20',
      '8.2.1.0/24 21',
      '120.4.0.0/24 40',
      '120.4.1.0/24 41',
      '32.45.0.0/24 700',
      '32.45.1.0/24 701',
      '6.2.0.0/24 10',
      '6.2.1.0/24 11',
    ].sort(),
  );
});
