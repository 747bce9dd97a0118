import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { type AnalysisDocument, analyze } from '../src/index.ts';
import { bundledCaptures, root } from './tools/captures.ts';

/*
 * Frames that a finding names are looked up with tshark: do they say what the finding says of them? tshark comes with the test set-up; without it these
 * tests are skipped, and say so.
 */
const hasTshark = spawnSync('tshark', ['--version']).status === 0;

const FIELDS = [
  'arp.opcode',
  'arp.src.proto_ipv4',
  'arp.src.hw_mac',
  'arp.dst.proto_ipv4',
  'ip.src',
  'ip.dst',
  'udp.srcport',
  'udp.dstport',
  'icmp.type',
  'icmp.code',
  'wg.type',
  'wg.receiver',
  'sll.pkttype',
  'tcp.dstport',
  'tcp.flags.syn',
  'tcp.flags.fin',
  'tcp.flags.reset',
  'bgp.type',
  'isakmp.notify.msgtype',
] as const;
type Row = Record<(typeof FIELDS)[number], string>;

/** All occurrences of each field, outermost first, joined by commas. */
function frames(path: string, numbers: readonly number[]): Map<number, Row> {
  const filter = `frame.number in {${numbers.join(', ')}}`;
  const args = ['-r', path, '-n', '-Y', filter, '-T', 'fields', '-E', 'separator=/t', '-e', 'frame.number'];
  const text = execFileSync('tshark', [...args, ...FIELDS.flatMap((field) => ['-e', field])], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [number, ...cells] = line.split('\t');
        return [Number(number), Object.fromEntries(FIELDS.map((field, i) => [field, cells[i] ?? ''])) as Row];
      }),
  );
}

type Finding = AnalysisDocument['findings'][number];
type Endpoint = { ip: string; port: number };
type Roles = Record<string, (finding: Finding) => Partial<Row>>;
/** Details of a direction of TCP. */
type Ways = { sender: string; receiver: string; retransmissions: number };

const request = ({ subject }: Finding): Partial<Row> => ({ 'arp.opcode': '1', 'arp.dst.proto_ipv4': String(subject.ip) });
const claim = ({ subject }: Finding): Partial<Row> => ({ 'arp.src.proto_ipv4': String(subject.ip) });
const answer = (finding: Finding): Partial<Row> => ({ 'arp.opcode': '2', ...claim(finding) });
const endpoint = (finding: Finding, name: string): Endpoint => finding.subject[name] as Endpoint;
const from = ({ ip, port }: Endpoint): Partial<Row> => ({ 'ip.src': ip, 'udp.srcport': String(port) });
const to = ({ ip, port }: Endpoint): Partial<Row> => ({ 'ip.dst': ip, 'udp.dstport': String(port) });
const isTcp = ({ details }: Finding): boolean => (details as { transport: string }).transport === 'tcp';
const toServer = (finding: Finding): Partial<Row> => {
  const { ip, port } = endpoint(finding, 'server');
  return isTcp(finding) ? { 'ip.dst': ip, 'tcp.dstport': String(port) } : { 'ip.dst': ip, 'udp.dstport': String(port) };
};
const fromServer = (finding: Finding): Partial<Row> => ({
  'ip.src': endpoint(finding, 'server').ip,
  'ip.dst': endpoint(finding, 'client').ip,
});
const INITIATION = { 'wg.type': '1' };
const TIME_EXCEEDED = (): Partial<Row> => ({ 'icmp.type': '11', 'icmp.code': '0' });

const SYN = (): Partial<Row> => ({ 'tcp.dstport': '179', 'tcp.flags.syn': '1' });
const OPEN = (): Partial<Row> => ({ 'bgp.type': '1' });
const UPDATE = (): Partial<Row> => ({ 'bgp.type': '2' });
const NOTIFICATION = (): Partial<Row> => ({ 'bgp.type': '3' });

const ARP_ANSWERS: Roles = {
  request,
  'first-answer': answer,
  'later-answer': answer,
  'own-claim': claim,
  'foreign-claim': claim,
  'foreign-answer': answer,
  'own-answer': answer,
  'own-question': request,
  'last-claim': claim,
  'new-claim': claim,
  probe: (finding) => ({ ...request(finding), 'arp.src.proto_ipv4': '0.0.0.0' }),
  answer,
  enters: () => ({ 'icmp.type': '8' }),
  leaves: () => ({ 'icmp.type': '0' }),
};

const MOVED: Roles = {
  'last-from-old': (finding) => from(endpoint(finding, 'from')),
  trigger: (finding) => ({
    ...from(endpoint(finding, 'to')),
    ...((finding.details as { trigger: string }).trigger === 'initiation' ? INITIATION : { 'wg.type': '4' }),
  }),
  'same-session': (finding) => ({ ...from(endpoint(finding, 'to')), 'wg.type': '4' }),
  followed: (finding) => to(endpoint(finding, 'to')),
};

/** What the frames of each role must be, by kind of finding. */
const ROLES: Record<string, Roles> = {
  'arp-flux': ARP_ANSWERS,
  'arp-duplicate-address': ARP_ANSWERS,
  'arp-address-moved': ARP_ANSWERS,
  'vip-answered-by-realserver': ARP_ANSWERS,
  'arp-unanswered': { request },
  'arp-foreign-source': {
    request: ({ subject }) => ({ 'arp.opcode': '1', 'arp.src.proto_ipv4': String(subject.ip), 'arp.src.hw_mac': String(subject.mac) }),
  },
  'interface-asymmetry': {
    in: ({ subject }) => ({ 'ip.src': String(subject.peer), 'ip.dst': String(subject.local) }),
    out: ({ subject }) => ({ 'ip.src': String(subject.local), 'ip.dst': String(subject.peer) }),
    'syn-again': ({ subject }) => ({ 'ip.src': String(subject.peer), 'ip.dst': String(subject.local) }),
  },
  'routing-loop': {
    pass: ({ subject }) => ({ 'ip.dst': String(subject.destination) }),
    'time-exceeded': TIME_EXCEEDED,
    hop: TIME_EXCEEDED,
  },
  'route-flap': { change: ({ details }) => ({ 'ip.dst': (details as { source: string }).source }) },
  'next-hop-ignored': {
    update: ({ details }) => ({ 'ip.dst': (details as { source: string }).source }),
    probe: ({ subject, details }) => ({ 'ip.src': (details as { source: string }).source, 'ip.dst': String(subject.destination) }),
    answer: ({ details }) => ({ 'ip.src': (details as { observed: { ip: string } }).observed.ip, ...TIME_EXCEEDED() }),
  },
  'udp-reply-wrong-source': {
    request: (finding) => to(endpoint(finding, 'asked')),
    'wrong-reply': (finding) => ({
      'ip.dst': endpoint(finding, 'client').ip,
      // A TFTP server has a port for each transfer.
      ...((finding.details as { protocol?: string }).protocol === 'tftp' ? {} : { 'udp.srcport': String(endpoint(finding, 'asked').port) }),
    }),
    rejection: (finding) => ({ 'icmp.type': '3', 'icmp.code': '3', 'ip.src': endpoint(finding, 'client').ip }),
  },
  'wireguard-endpoint-drift': MOVED,
  'wireguard-roaming': MOVED,
  'wireguard-nat-rebind': MOVED,
  'wireguard-handshake-unanswered': {
    initiation: (finding) => ({ ...INITIATION, 'ip.src': endpoint(finding, 'initiator').ip, ...to(endpoint(finding, 'responder')) }),
    recovered: () => ({}),
  },
  'openvpn-handshake-stalled': {
    reset: (finding) => toServer(finding),
    'server-reset': (finding) => fromServer(finding),
    'wrong-answer': (finding) => ({ 'ip.dst': endpoint(finding, 'client').ip, 'udp.srcport': String(endpoint(finding, 'server').port) }),
    'sent-again': () => ({}),
    refusal: (finding) =>
      isTcp(finding)
        ? { 'tcp.flags.reset': '1', 'ip.dst': endpoint(finding, 'client').ip }
        : { 'icmp.type': '3', 'ip.dst': endpoint(finding, 'client').ip },
    alert: () => ({}),
    recovered: () => ({}),
  },
  'ike-negotiation-failed': {
    request: (finding) => ({ 'ip.src': endpoint(finding, 'initiator').ip, 'ip.dst': endpoint(finding, 'responder').ip }),
    answer: (finding) => ({ 'ip.src': endpoint(finding, 'responder').ip, 'ip.dst': endpoint(finding, 'initiator').ip }),
    notify: (finding) => ({ 'ip.src': endpoint(finding, 'responder').ip, 'isakmp.notify.msgtype': '14' }),
    informational: () => ({}),
    'wrong-answer': (finding) => ({ 'ip.dst': endpoint(finding, 'initiator').ip }),
    established: () => ({}),
    'icmp-error': (finding) => ({ 'icmp.type': '3', 'icmp.code': '3', 'ip.src': endpoint(finding, 'responder').ip }),
  },
  'ipsec-one-way': {
    sent: (finding) => ({ 'ip.src': endpoint(finding, 'initiator').ip, 'ip.dst': endpoint(finding, 'responder').ip }),
    // Perhaps on the other side of a NAT.
    'ike-answer': (finding) => ({ 'ip.src': endpoint(finding, 'responder').ip }),
    'from-elsewhere': (finding) => ({ 'ip.dst': endpoint(finding, 'initiator').ip }),
    'heard-again': (finding) => ({ 'ip.src': endpoint(finding, 'responder').ip, 'ip.dst': endpoint(finding, 'initiator').ip }),
  },
  'tunnel-fragmentation': { fragment: () => ({}) },
  'bgp-session-not-established': {
    syn: SYN,
    'time-exceeded': ({ details }) => ({ ...TIME_EXCEEDED(), 'ip.src': (details as { by: string }).by }),
    refusal: ({ details }) => ({ 'tcp.flags.reset': '1', 'ip.src': (details as { by: string }).by }),
    open: OPEN,
    notification: NOTIFICATION,
    closed: () => ({ 'tcp.flags.fin': '1' }),
    established: () => ({}),
  },
  'bgp-session-reset': {
    open: OPEN,
    established: () => ({ 'bgp.type': '4' }),
    stuck: () => ({}),
    'last-message': () => ({}),
    notification: NOTIFICATION,
    closed: () => ({}),
  },
  'pmtu-blackhole': {
    syn: () => ({ 'tcp.flags.syn': '1' }),
    stuck: ({ details }) => ({ 'ip.src': (details as Ways).sender, 'ip.dst': (details as Ways).receiver }),
    again: ({ details }) => ({ 'ip.src': (details as Ways).sender, 'ip.dst': (details as Ways).receiver }),
    gap: ({ details }) => ({ 'ip.src': (details as Ways).sender, 'ip.dst': (details as Ways).receiver }),
    'too-big': ({ details }) => ({ 'icmp.type': '3', 'icmp.code': '4', 'ip.dst': (details as Ways).sender }),
    // Where segments are sent again it is the receiver's life that counts; where some are missing, the sender's.
    alive: ({ details }) => ({ 'ip.src': (details as Ways).retransmissions > 0 ? (details as Ways).receiver : (details as Ways).sender }),
    acknowledged: ({ details }) => ({ 'ip.src': (details as Ways).receiver }),
  },
  'mss-not-clamped': { syn: ({ details }) => ({ 'tcp.flags.syn': '1', 'ip.src': (details as { from: string }).from }) },
  'bgp-next-hop-unreachable': {
    open: OPEN,
    update: ({ details }) => ({ ...UPDATE(), 'ip.dst': (details as { to: string }).to }),
  },
  'bgp-recursive-route': {
    update: UPDATE,
    'last-message': () => ({}),
    lost: () => ({}),
    nested: ({ details }) => ({ 'ip.dst': (details as { address: string }).address }),
  },
};

/** Of what tshark shows of the frame, that of the layer that the finding is about: ICMP errors quote another one. */
const outermost = (row: Row): Row => Object.fromEntries(FIELDS.map((field) => [field, row[field].split(',')[0] ?? ''])) as Row;

describe.skipIf(!hasTshark).each(bundledCaptures())('%s', (path) => {
  it('has the frames that its findings name', async () => {
    const { findings } = await analyze(`${root}/${path}`, { severity: 'info', minConfidence: 'possible' });
    const named = findings.flatMap(({ evidence }) => evidence.map(({ frame }) => frame));
    const rows = named.length > 0 ? frames(path, named) : new Map<number, Row>();
    for (const finding of findings) {
      for (const { frame, role } of finding.evidence) {
        const row = rows.get(frame);
        const wanted = ROLES[finding.kind]?.[role]?.(finding);
        const what = `${finding.id}: frame ${frame} as ${role}`;
        if (!row || !wanted) expect.fail(`${what}: nothing is known of ${row ? 'this role' : 'this frame'}`);
        expect(outermost(row), what).toMatchObject(wanted);
      }
      const wrong = finding.evidence.filter(({ role }) => role === 'wrong-reply').map(({ frame }) => rows.get(frame)?.['ip.src']);
      if (finding.kind === 'udp-reply-wrong-source') expect(wrong).not.toContain(endpoint(finding, 'asked').ip);
    }
  });
});
