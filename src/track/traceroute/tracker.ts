import { IcmpType, Icmpv6Type, icmpErrorText, PORT_UNREACHABLE, PORT_UNREACHABLE_V6, type QuotedPacket } from '../../wire/icmp.ts';
import { mplsLabels } from '../../wire/icmp-extensions.ts';
import { IpProtocol, type Packet } from '../../wire/packet.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { BoundedMap } from '../bounded-map.ts';
import type { Clock } from '../clock.ts';
import { addressText } from '../flows.ts';
import { readStamp } from '../stamp.ts';
import { NONE } from '../table.ts';
import { ProbeGroups } from './groups.ts';
import { ANSWER_SEC, Fate, isProbe, Probes } from './probes.ts';
import { Run } from './run.ts';
import type { MplsLabel, Traceroute } from './traceroute.ts';

/** Probes have no higher TTL or hop limit than this: traceroute and mtr end at 30. What arrives from the Internet has more left, nearly always. */
export const MOST_PROBE_TTL = 32;
/** Traceroutes that are remembered for those who judge. */
const MOST_RUNS = 1024;
/** Runs whose last probes may be answered, after the next run has begun. */
const MOST_ENDING = 64;
const FRAGMENTATION_NEEDED = 4;
const NO_LABELS: readonly MplsLabel[] = [];
/** Words of a set of ports. */
const PORT_WORDS = 65_536 / 32;

export interface TracerouteEvents {
  /** A traceroute is over: no probe came for a while, or the capture ended. */
  traceroute(make: () => Traceroute): void;
}

/** A run after which the same program was started once more: its last probes may be answered yet. */
interface EndingRun {
  group: number;
  serial: number;
  run: Run;
  at: number;
}

/** What became of a probe, as an answer says it. */
interface Answer {
  fate: number;
  refusal: string | null;
  mpls: readonly MplsLabel[];
}

/** Finds traceroutes and mtr runs: packets of one source to one destination with small, different TTLs, and the errors that quote them. */
export class TracerouteTracker {
  /** Something was probed: answers are of interest. */
  isActive = false;
  private readonly events: TracerouteEvents;
  private readonly groups: ProbeGroups;
  private readonly probes: Probes;
  /** Of each group that has one, by the group's id. */
  private readonly runs: (Run | undefined)[] = [];
  /** Probes of traceroutes that were too many to wait for all of them. */
  private unknownFates = 0;
  private ending: EndingRun[] = [];
  private readonly known = new BoundedMap<number, Run>(MOST_RUNS);
  private serial = 0;
  /** Source ports of UDP probes: who answers does so to one of them. */
  private readonly ports = new Int32Array(PORT_WORDS);
  private told: readonly Traceroute[] | undefined = [];

  constructor(clock: Clock, events: TracerouteEvents) {
    this.events = events;
    this.groups = new ProbeGroups(clock, (group) => this.close(group));
    this.probes = new Probes(clock, {
      lost: (number) => this.lost(number),
      pushedOut: (number) => this.pushedOut(number),
      isFromDestinationOf: (group, serial, packet) => this.groups.isSource(group, serial, packet),
      isToDestinationOf: (group, serial, packet) => this.groups.isDestination(group, serial, packet),
      farthest: (group, serial) => this.groups.farthest(group, serial),
    });
  }

  get size(): number {
    return this.groups.size + this.probes.size + this.known.size;
  }

  get evicted(): number {
    return this.groups.evicted + this.known.evicted + this.unknownFates;
  }

  /** What is known of them by now, the ended ones too; asked when findings are made. */
  get list(): readonly Traceroute[] {
    this.told ??= [...this.known.values()].map(({ traceroute }) => traceroute);
    return this.told;
  }

  /** An IP packet with at most MOST_PROBE_TTL. */
  observeProbe(packet: Packet): void {
    if (!isProbe(packet)) return;
    const { groups, probes } = this;
    if (groups.isDull(packet)) return;
    if (probes.isSighted(packet)) {
      groups.sighted(packet);
      return;
    }
    if (probes.isTranslated(packet)) return;
    const group = groups.take(packet);
    if (groups.startsAgain(group, packet)) this.restart(group);
    const number = probes.add(packet, group, groups.serialOf(group), groups.latestOf(group));
    groups.sent(group, packet, number);
    this.isActive = true;
    if (packet.transport === IpProtocol.Udp)
      this.ports[packet.sourcePort >>> 5] = (this.ports[packet.sourcePort >>> 5] ?? 0) | (1 << (packet.sourcePort & 31));
    const run = this.runs[group];
    if (run) {
      run.sent(packet.ttl, readStamp(probes, probes.stampAt(number)));
      this.told = undefined;
    }
    this.consider(group);
  }

  /** Whether a UDP packet may be the destination's answer to a probe. */
  awaits({ destinationPort }: Packet): boolean {
    return this.isActive && ((this.ports[destinationPort >>> 5] ?? 0) & (1 << (destinationPort & 31))) !== 0;
  }

  /** A packet that may be the destination's answer: echo reply, SYN with ACK, RST, UDP that is awaited. Called while `isActive`. */
  observeAnswer(packet: Packet): void {
    if (!mayAnswer(packet)) return;
    const number = this.probes.answered(packet);
    if (number !== NONE) this.answer(number, packet, { fate: Fate.Reached, refusal: null, mpls: NO_LABELS });
  }

  /** An ICMP error, and what it quotes. */
  observeError(quote: QuotedPacket, packet: Packet): void {
    const { icmpType, icmpCode } = packet;
    const isV6 = packet.transport === IpProtocol.Icmpv6;
    const isEnd = icmpType === (isV6 ? Icmpv6Type.TimeExceeded : IcmpType.TimeExceeded) && icmpCode === 0;
    const isUnreachable = icmpType === (isV6 ? Icmpv6Type.Unreachable : IcmpType.Unreachable);
    const isTooBig = isV6 ? icmpType === Icmpv6Type.PacketTooBig : isUnreachable && icmpCode === FRAGMENTATION_NEEDED;
    if (!isEnd && !isUnreachable && !isTooBig) return;
    const { probes, groups } = this;
    const number = probes.quoted(quote, packet);
    if (number === NONE) return;
    const group = probes.groupOf(number);
    const isCurrent = groups.isCurrent(group, probes.serialOf(number));
    // What an error says is told at once: afterwards it is gone.
    if (isCurrent) this.runs[group] ??= this.newRun(group);
    if (!this.runOf(number)) return;
    if (isTooBig) {
      this.tooLarge(number, packet, isV6);
      return;
    }
    const isDestination = groups.isDestinationSource(group, packet);
    const isPort = isUnreachable && icmpCode === (isV6 ? PORT_UNREACHABLE_V6 : PORT_UNREACHABLE);
    const refusal = isUnreachable && !(isPort && isDestination) ? icmpErrorText(packet) : null;
    const fate = isUnreachable && isDestination ? Fate.Reached : 0;
    const mpls = isEnd ? mplsLabels(packet) : NO_LABELS;
    if (isEnd && isCurrent) groups.ended(group, probes.ttlOf(number));
    this.answer(number, packet, { fate, refusal, mpls });
  }

  expire(): void {
    this.probes.settle();
    this.groups.expire();
    if (this.ending.length > 0) {
      const isOver = ({ at }: EndingRun): boolean => this.probes.now - at > ANSWER_SEC;
      this.end(this.ending.filter(isOver));
      this.ending = this.ending.filter((each) => !isOver(each));
    }
    if (this.isActive && !this.probes.isWaiting) {
      this.isActive = false;
      this.ports.fill(0);
    }
  }

  /** The capture is over, or its clock starts anew. What is known stays known until `reset`. */
  finish(): void {
    this.probes.settle();
    this.groups.clear();
    this.probes.clear();
    this.isActive = false;
    this.ports.fill(0);
  }

  reset(): void {
    this.known.clear();
    this.told = undefined;
  }

  private answer(number: number, packet: Packet, answer: Answer): void {
    const { probes } = this;
    const before = probes.fateOf(number);
    if (!probes.answer(number, packet, Fate.Answered | answer.fate)) return;
    const run = this.runOf(number);
    if (run) {
      if (before & Fate.Lost) run.found(probes.ttlOf(number));
      this.tell(run, number, answer);
      this.told = undefined;
    }
    const group = probes.groupOf(number);
    if (this.groups.isCurrent(group, probes.serialOf(number))) this.consider(group);
  }

  /** Sent without "may be fragmented", larger than a link on the way: not this probe's TTL, its size decided where it ended. */
  private tooLarge(number: number, { view, transportAt }: Packet, isV6: boolean): void {
    const { probes } = this;
    if (!probes.isOpen(number)) return;
    probes.withdraw(number);
    this.runOf(number)?.tooLarge(probes.ttlOf(number), isV6 ? view.getUint32(transportAt + 4) : view.getUint16(transportAt + 6));
    this.told = undefined;
  }

  /** The run that a probe belongs to; undefined where there is none, or none any more. */
  private runOf(number: number): Run | undefined {
    const group = this.probes.groupOf(number);
    const serial = this.probes.serialOf(number);
    if (this.groups.isCurrent(group, serial)) return this.runs[group];
    return this.ending.find((each) => each.group === group && each.serial === serial)?.run;
  }

  /** Whether what was seen of a group by now makes a traceroute of it. */
  private consider(group: number): void {
    const { groups } = this;
    if (groups.isDecided(group) || !groups.isTraceroute(group)) return;
    groups.decided(group);
    this.runs[group] ??= this.newRun(group);
    const run = this.runs[group];
    if (run) this.known.set(++this.serial, run);
    this.told = undefined;
  }

  /** A run with what is remembered of the group's probes. */
  private newRun(group: number): Run {
    const { probes, groups } = this;
    const numbers: number[] = [];
    for (let number = groups.latestOf(group); number !== NONE; number = probes.beforeInGroup(number)) numbers.push(number);
    numbers.reverse();
    const stamps = numbers.map((number) => readStamp(probes, probes.stampAt(number)));
    const run = new Run(groups.endsOf(group), stamps[0] ?? readStamp(groups.stamps, groups.firstStampAt(group)));
    numbers.forEach((number, i) => {
      const stamp = stamps[i];
      const fate = probes.fateOf(number);
      if (!stamp || fate & Fate.Withdrawn) return;
      run.sent(probes.ttlOf(number), stamp);
      if (fate & Fate.Answered) this.tell(run, number, { fate: fate & Fate.Reached, refusal: null, mpls: NO_LABELS });
      else if (fate & Fate.Lost) run.lost(probes.ttlOf(number));
    });
    return run;
  }

  private tell(run: Run, number: number, { fate, refusal, mpls }: Answer): void {
    const { probes } = this;
    const isEcho = this.groups.isEcho(probes.groupOf(number));
    run.answered({
      ip: addressText(probes.words, probes.answerFromAt(number)),
      ttl: probes.ttlOf(number),
      probe: readStamp(probes, probes.stampAt(number)),
      reply: readStamp(probes, probes.answerStampAt(number)),
      flow: isEcho ? 0 : probes.portsOf(number),
      looseFlow: isEcho ? probes.checksumOf(number) : probes.portsOf(number),
      isReached: (fate & Fate.Reached) !== 0,
      replyTtl: probes.answerTtlOf(number),
      refusal,
      mpls,
    });
  }

  private lost(number: number): void {
    const run = this.runOf(number);
    if (!run) return;
    run.lost(this.probes.ttlOf(number));
    this.told = undefined;
  }

  private pushedOut(number: number): void {
    if (this.probes.isOpen(number) && this.runOf(number)) this.unknownFates++;
  }

  /** The same program was started once more. */
  private restart(group: number): void {
    const { groups } = this;
    const run = this.runs[group];
    if (run && groups.isDecided(group)) {
      if (this.ending.length >= MOST_ENDING) this.end(this.ending.splice(0, 1));
      this.ending.push({ group, serial: groups.serialOf(group), run, at: this.probes.now });
    }
    this.runs[group] = undefined;
    groups.restart(group);
  }

  private close(group: number): void {
    const run = this.runs[group];
    this.runs[group] = undefined;
    if (this.ending.length > 0) {
      this.end(this.ending.filter((each) => each.group === group));
      this.ending = this.ending.filter((each) => each.group !== group);
    }
    if (run && this.groups.isDecided(group)) this.events.traceroute(() => run.traceroute);
  }

  private end(ended: readonly EndingRun[]): void {
    for (const { run } of ended) this.events.traceroute(() => run.traceroute);
  }
}

/** An echo reply, the answer to a SYN, or any datagram. */
function mayAnswer(packet: Packet): boolean {
  const { transport, tcpFlags, icmpType } = packet;
  if (transport === IpProtocol.Udp) return !packet.isFragment;
  if (transport === IpProtocol.Tcp)
    return (tcpFlags & TcpFlag.Rst) !== 0 || (tcpFlags & (TcpFlag.Syn | TcpFlag.Ack)) === (TcpFlag.Syn | TcpFlag.Ack);
  return icmpType === (transport === IpProtocol.Icmpv6 ? Icmpv6Type.EchoReply : IcmpType.EchoReply);
}
