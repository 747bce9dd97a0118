import { endpointText } from '../net/ip.ts';
import type { OpenVpnMode, OpenVpnSession, OpenVpnState } from '../track/openvpn/session.ts';
import { compareStamps, type Stamp } from '../track/stamp.ts';
import { alertText, type Course, LARGE, type WrongSourceTold } from './openvpn-course.ts';
import { countText, FrameText, frameText, hedge, listText } from './text.ts';

/*
 * What is told of a handshake that stands still.
 */

/** @param hasRecovered it works again */
export function titleOf(
  { run, cause, confidence, state, reason, stuckOctets, isGivenUp }: Course,
  hasRecovered: boolean,
  wrong?: WrongSourceTold,
): string {
  const who = `${run.client.ip} does not get into OpenVPN at ${endpointText(run.server)}`;
  const after = hasRecovered ? `; then it does${run.recoveredAt ? ` at ${run.recoveredAt}` : ''}` : '';
  if (cause === 'reply-wrong-source') {
    const from = [...new Set(wrong?.answeredFrom.map(({ ip }) => ip))];
    return `${who}: ${hedge(confidence)}because it is answered from ${listText(from)}${after}`;
  }
  if (cause === 'rejected') return `${who}: ${reason}${after}`;
  if (cause === 'no-answer') return `${who}: no answer${after}`;
  if (state === 'S1') return `${who}: it goes on asking although it is answered${after}`;
  if (isGivenUp) return `${who}: it gives up each time in the middle of TLS${after}`;
  if (stuckOctets > 0) return `${who}: the TLS handshake stops at a packet of ${stuckOctets} octets${after}`;
  return `${who}: the handshake stops halfway${after}`;
}

/** `frames 3, 5 and 9`, of many the first ones. */
const framesText = (stamps: readonly Stamp[]): string =>
  stamps.length === 1 && stamps[0]
    ? frameText(stamps[0])
    : `frames ${listText(stamps.map((stamp) => frameText(stamp).slice('frame '.length)))}`;

/** ` after 2, 6 and 14.1 s`. */
function scheduleText(resets: readonly Stamp[]): string {
  const [first, ...later] = resets.filter(({ timed }) => timed);
  if (!first || later.length === 0) return '';
  return `, again after ${listText(later.map(({ at }) => `${Math.round((at - first.at) * 10) / 10}`))} s`;
}

/** `--hand-window`: what the log says when it is over. */
const LOG =
  'When 60 seconds are over, the client’s log says “TLS key negotiation failed to occur within 60 seconds” and “TLS handshake failed”.';

/** A sentence a step. */
export function because(course: Course, hasRecovered: boolean, wrong: WrongSourceTold | undefined): string[] {
  const { run, cause, state } = course;
  const { attempts } = run;
  const longest = attempts.reduce<OpenVpnSession | undefined>(
    (most, each) => (most === undefined || each.resetCount > most.resetCount ? each : most),
    undefined,
  );
  const sentences: string[] = [];
  if (longest) sentences.push(beginning(longest, state));
  if (attempts.length > 1)
    sentences.push(
      `It is one of ${countText(attempts.length, 'attempt')} of this client, each with a session id of its own, ${framesText(attempts.flatMap(({ resets }) => resets.slice(0, 1)))}; none comes to its end.`,
    );
  sentences.push(...causeText(course, wrong));
  if (hasRecovered && run.recovered)
    sentences.push(
      `${FrameText(run.recovered)}: ${run.recoveredAt ? `the client gets in at ${run.recoveredAt}` : 'the client gets in. It was an outage, or the server was down'}.`,
    );
  else if (cause !== 'rejected' && !course.isGivenUp && run.transport === 'udp') sentences.push(LOG);
  return sentences;
}

function beginning({ client, server, resets, resetCount, transport, hasBeginning }: OpenVpnSession, state: OpenVpnState): string {
  const what = hasBeginning ? 'an OpenVPN session' : 'a connection';
  const sentence = `${endpointText(client)} begins ${what} with ${endpointText(server)}${transport === 'tcp' ? ' (TCP)' : ''} in ${framesText(resets)}`;
  if (resetCount === 1) return `${sentence}.`;
  if (transport === 'tcp') return `${sentence}${scheduleText(resets)}.`;
  const doubles = resetCount > 2 && state === 'S0' ? '. The gaps double, as OpenVPN’s do when nothing is heard' : '';
  return `${sentence}: the same first packet${scheduleText(resets)}${doubles}.`;
}

function causeText(course: Course, wrong: WrongSourceTold | undefined): string[] {
  const { run, cause, atServer, atClient, refusal, alert, mode, state } = course;
  const server = endpointText(run.server);
  if (cause === 'reply-wrong-source') {
    const from = [...new Set(wrong?.answeredFrom.map(({ ip }) => ip))];
    return [
      `The server’s answers come from ${listText(from)}, which the client did not ask; nothing comes from ${server}. The client rejects such answers (“Incoming packet rejected from …, expected peer ` +
        'address …” in its log) and never acknowledges one: this is why the handshake stands still. It is no fault of TLS, of keys or of certificates, and the server is up.',
    ];
  }
  if (cause === 'rejected' && alert) {
    return [
      `${FrameText(alert.stamp)} is a ${alertText(alert)}: the ${alert.fromClient ? 'client does not accept what the server shows' : 'server does not accept what the client shows'}. The packets get through; it is a matter of certificates or versions of TLS.`,
    ];
  }
  if (cause === 'rejected' && refusal) {
    return [
      `${FrameText(refusal.stamp)} refuses it: ${refusal.reason}, from ${refusal.from}.`,
      ...(refusal.isPort && refusal.from === run.server.ip
        ? [`So ${refusal.from} is up and reached, and nothing listens at port ${run.server.port}.`]
        : []),
    ];
  }
  if (cause === 'no-answer' && run.transport === 'tcp') {
    return [
      `The connections come about, so ${server} is reached and something listens there; it does not answer OpenVPN’s first packet.`,
      `It is no OpenVPN, or ${anotherKey(mode)}: OpenVPN never says no to a packet whose signature is wrong.`,
    ];
  }
  if (cause === 'no-answer') {
    return [
      atServer
        ? 'The packets arrive at the capturing host, and no answer leaves it: nothing listens there and a firewall hides it, or OpenVPN drops them without a word because they are not signed with its key.'
        : `Nothing comes back from ${server}, nor from any other address.`,
      silentReading(mode),
    ];
  }
  if (state === 'S0')
    return ['Something comes back from another address than the asked one; whether it is an answer, these packets do not tell.'];
  if (state === 'S1') {
    const answered = run.attempts.flatMap(({ serverResets }) => serverResets);
    return [
      `The server answers from the right address (${framesText(answered)}), and the client goes on asking: ` +
        (atClient
          ? 'the answers arrive at the client’s host, so its firewall drops them, or OpenVPN does, for another key or direction of tls-auth or tls-crypt.'
          : 'a firewall or NAT behind this place loses the answers, or the client drops them, for another key or direction of tls-auth or tls-crypt.'),
    ];
  }
  return stoppedText(course);
}

/** What a silent server may be, by how the client protects its packets. */
const silentReading = (mode: OpenVpnMode): string =>
  `This is what a server looks like that is down or behind a firewall, and also ${anotherKey(mode)}: OpenVPN never says no to a packet whose signature is wrong.`;

const anotherKey = (mode: OpenVpnMode): string =>
  mode === 'tls'
    ? 'a server that wants tls-auth or tls-crypt, which this client does not use'
    : `another ${mode} key than the server’s${mode === 'tls-auth' ? ', or the same key-direction at both ends' : ''}`;

function stoppedText({ run, stuckOctets, isGivenUp, atServer, state }: Course): string[] {
  const repeats = run.attempts.flatMap(({ stuck }) => stuck.stamps).sort(compareStamps);
  if (isGivenUp) {
    return [
      state === 'S4'
        ? 'TLS comes to its end each time, and then the client begins anew within seconds without any data: very probably it is not let in (AUTH_FAILED), or it does not like what the server pushes.'
        : 'Answers come, TLS begins, and within seconds the client begins anew with another session id, although nothing is lost: this is consistent with a certificate that it does not accept. The alert that would say so is encrypted, or not sent.',
    ];
  }
  if (stuckOctets === 0) return ['TLS begins, and then neither side says anything more.'];
  const again = `${countText(repeats.length, 'control packet is', 'control packets are')} sent again (${framesText(repeats)}), the largest with ${stuckOctets} octets, and not acknowledged.`;
  const dropped =
    'the other end has dropped the session because of a TLS error (certificate, version): its log says which, the packets do not';
  if (atServer && run.attempts.some(({ stuck }) => stuck.fromClient > stuck.fromServer))
    return [again, `They arrive at the capturing host, so nothing on the way loses them: ${dropped}.`];
  if (stuckOctets >= LARGE) {
    return [
      again,
      `Smaller packets before it got through. Either the path loses large ones (its MTU, or fragments that a firewall drops), or ${dropped}. What the packets show does not decide between the two.`,
    ];
  }
  return [
    again,
    `It is small itself, but the packet that answers it, with a certificate, may be large: either the path loses that one (MTU), or ${dropped}.`,
  ];
}

export function ruledOut({ run, cause, state }: Course): string[] {
  const { attempts, others } = run;
  return [
    ...(attempts.some(({ hasBeginning }) => hasBeginning)
      ? ['A scanner, or another protocol that begins alike: the same session id comes again, or is answered.']
      : []),
    ...(cause === 'reply-wrong-source'
      ? ['A server that is down: it answers, from elsewhere.', 'A problem of TLS: no octet of TLS is exchanged.']
      : []),
    ...(cause === 'no-answer' && run.transport === 'udp'
      ? [
          'A port that is closed: no ICMP error says so.',
          'Answers from another address: none is seen. If the way back does not pass this place, they would not be.',
        ]
      : []),
    ...(state >= 'S2' ? ['Answers from another address, and a closed port: the two sides have exchanged packets.'] : []),
    ...(others ? [`A server that is down: other sessions with it work (${frameText(others)}).`] : []),
    ...(attempts.length > 1 ? ['One unlucky attempt: the next ones fare the same.'] : []),
  ];
}
