import { endpointText, isIpv6Text } from '../net/ip.ts';
import type { Remedy } from './kind.ts';
import { type Course, LARGE } from './openvpn-course.ts';

/*
 * What to do about a handshake that stands still, by why it does; last, where that is not certain, what to capture next.
 */

/** @param ofWrongSource those of the finding that explains it */
export function stalledRemedies(course: Course, ofWrongSource: readonly Remedy[]): Remedy[] {
  return [...byCause(course, ofWrongSource), ...nextCapture(course)];
}

function byCause(course: Course, ofWrongSource: readonly Remedy[]): Remedy[] {
  const { cause, refusal, alert, state, stuckOctets, isGivenUp } = course;
  if (cause === 'reply-wrong-source') return [...ofWrongSource];
  if (alert && cause === 'rejected') return [certificates()];
  if (refusal && cause === 'rejected') return refused(course, refusal.isPort);
  if (cause === 'no-answer') return [listening(course), filtered(course), ...keys(course)];
  if (state === 'S1') return [...keys(course), clientFirewall(course)];
  if (isGivenUp) return [clientLog(), certificates()];
  return [serverLog(), certificates(), ...(stuckOctets >= LARGE && !course.atServer ? [sizes(course)] : [])];
}

const socketTool = ({ run }: Course): string => {
  const transport = run.transport === 'tcp' ? 't' : 'u';
  return `ss -${transport}lpn 'sport = :${run.server.port}'`;
};

const listening = (course: Course): Remedy => ({
  text: `On the server: does OpenVPN run, and listen at port ${course.run.server.port} of this address`,
  commands: [socketTool(course)],
});

const filtered = ({ run }: Course): Remedy => ({
  text: 'Does a firewall there, or on the way, drop the packets',
  commands: ['nft list ruleset', `${isIpv6Text(run.server.ip) ? 'ip6tables' : 'iptables'}-save -c`],
});

const serverLog = (): Remedy => ({
  text: 'On the server: its log says at which step it gave the session up (“TLS Error”, “VERIFY ERROR”, “certificate verify failed”, “unsupported protocol”)',
  commands: ['journalctl -u "openvpn*" --since -10min'],
});

const clientLog = (): Remedy => ({
  text: 'On the client: its log says why it gives up (“VERIFY ERROR”, “certificate verify failed”, “AUTH_FAILED”)',
  commands: ['journalctl -u "openvpn*" --since -10min'],
});

const certificates = (): Remedy => ({
  text: 'Compare the certificates and what each side expects of the other: dates, authority, fingerprint, tls-version-min, tls-cipher (CERTIFICATE, CA: the files)',
  commands: ['openssl x509 -in CERTIFICATE -noout -subject -issuer -dates -fingerprint -sha256', 'openssl verify -CAfile CA CERTIFICATE'],
});

const clientFirewall = ({ run }: Course): Remedy => ({
  text: 'On the client: does its firewall let the answers in',
  commands: ['nft list ruleset', `conntrack -L -p udp --dport ${run.server.port}`],
});

const sizes = ({ run, stuckOctets }: Course): Remedy => ({
  text: `Does the path carry packets of this size (${stuckOctets + 28} octets with IP and UDP), and their fragments. OpenVPN 2.6 sends smaller ones with the line below in both configurations`,
  commands: [`ping -M do -s ${stuckOctets} ${run.server.ip}`, 'max-packet-size 1000'],
});

/** Of plain mode there is no key to compare: the server may want one. */
function keys({ mode }: Course): Remedy[] {
  const onServer = {
    text: 'In the server’s log: “packet HMAC authentication failed” and “tls-crypt unwrapping failed” are another key. It says nothing to the client',
    commands: ['journalctl -u "openvpn*" --since -10min'],
  };
  if (mode === 'tls')
    return [
      {
        ...onServer,
        text: `${onServer.text}. This client sends without one: does the server’s configuration have tls-auth, tls-crypt or tls-crypt-v2`,
      },
    ];
  const direction = mode === 'tls-auth' ? '; the direction is 0 at the server and 1 at the client, the digest (auth) the same' : '';
  return [onServer, { text: `Compare the ${mode} keys of both ends (KEY: the file)${direction}`, commands: ['sha256sum KEY'] }];
}

function refused(course: Course, isPort: boolean): Remedy[] {
  const { run, refusal } = course;
  if (isPort)
    return [
      listening(course),
      {
        text: 'Start it, or correct address, port and protocol in the client’s line',
        commands: [`remote ${run.server.ip} ${run.server.port}`],
      },
    ];
  return [
    {
      text: `${refusal?.from ?? 'A router'} says that there is no way: see its routes and firewall, and whether the server is up`,
      commands: [`ip route get ${run.server.ip}`, 'nft list ruleset'],
    },
  ];
}

/** What would make it certain. */
function nextCapture(course: Course): Remedy[] {
  const { confidence, cause, run, atServer, refusal } = course;
  if (confidence === 'certain') return [];
  if (cause === 'reply-wrong-source') {
    return [
      {
        text: 'To be certain that the client rejects the answers, read its log while it tries: “Incoming packet rejected from …, expected peer address …”',
        commands: ['journalctl -u "openvpn*" --since -10min'],
      },
    ];
  }
  if (atServer) {
    return [
      {
        text: 'To be certain, raise what the server’s log tells while the client tries, with this line in its configuration: it names what it drops, and why. The packets say no more',
        commands: ['verb 4'],
      },
    ];
  }
  const { server, transport } = run;
  const where = cause === 'rejected' && refusal ? refusal.from : `the server (${endpointText(server)})`;
  return [
    {
      text: `To be certain, capture on ${where} at the same time, on all interfaces and whole packets: do they arrive, and does an answer leave, from which address`,
      commands: [`tcpdump -i any -y LINUX_SLL2 -s 0 -w server.pcap '${transport} port ${server.port} or icmp or icmp6'`],
    },
  ];
}
