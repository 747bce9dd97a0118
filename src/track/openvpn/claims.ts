import { OPENVPN_PORT, OpenVpnOpcode, OpenVpnPacketView } from '../../wire/openvpn-packet.ts';
import type { Packet } from '../../wire/packet.ts';
import { BoundedMap } from '../bounded-map.ts';
import { overwriteStamp, type Stamp, stampOf } from '../stamp.ts';
import { StaticKeyCandidate } from './static-key.ts';

/** What is said of a flow of unknown protocol: it is not OpenVPN's, more packets have to be seen, it is OpenVPN's, or that of a static key. */
export const Claim = { No: 0, Wait: 1, Yes: 2, Static: 3 } as const;

const MOST_CANDIDATES = 1024;
/** Without a decision by then it is something else. */
const MOST_PACKETS = 400;
/** Packets of each end that make data, by shape alone, and on the port of OpenVPN. */
const SHAPES = 4;
const SHAPES_ON_PORT = 2;
/** Packets of DATA_V1 of each end, which have nothing but an octet in common. */
const PLAIN_SHAPES = 3;
/** Packet ids go on by this much at most between two packets in view. */
const MOST_STEP = 4096;

/** What one end of a flow sent. */
export class End {
  session0 = 0;
  session1 = 0;
  controls = 0;
  datas = 0;
  first = -1;
  peerId = -1;
  private dataId = 0;
  private sample0 = 0;
  private sample1 = 0;

  /** Nothing was sent. */
  clear(): void {
    this.session0 = 0;
    this.session1 = 0;
    this.controls = 0;
    this.datas = 0;
    this.first = -1;
    this.peerId = -1;
  }

  /** A control packet; false where its session is another one. */
  control({ session0, session1 }: OpenVpnPacketView): boolean {
    if (this.controls > 0 && (this.session0 !== session0 || this.session1 !== session1)) return false;
    this.session0 = session0;
    this.session1 = session1;
    this.controls++;
    return true;
  }

  /** A data packet; false where it does not go on from the one before. */
  data(message: OpenVpnPacketView, packet: Packet): boolean {
    const first = (message.opcode << 3) | message.keyId;
    if (this.first >= 0 && this.first !== first) return false;
    this.first = first;
    const isV2 = message.opcode === OpenVpnOpcode.DataV2;
    return isV2 ? this.dataV2(message) : this.dataV1(packet);
  }

  private dataV2({ peerId, dataId }: OpenVpnPacketView): boolean {
    const step = (dataId - this.dataId) | 0;
    if (this.datas > 0 && (peerId !== this.peerId || step <= 0 || step > MOST_STEP)) return false;
    this.peerId = peerId;
    this.dataId = dataId;
    this.datas++;
    return true;
  }

  /** What comes behind the first octet of DATA_V1 and a packet id is random. */
  private dataV1({ view, payloadAt, payloadCaptured }: Packet): boolean {
    if (payloadCaptured < 13) return false;
    const word0 = view.getInt32(payloadAt + 5);
    const word1 = view.getInt32(payloadAt + 9);
    if (this.datas > 0 && (word0 === this.sample0 || word1 === this.sample1)) return false;
    this.sample0 = word0;
    this.sample1 = word1;
    this.datas++;
    return true;
  }
}

/** What a flow that was claimed had before the packet that made it sure. */
export class Candidate {
  readonly first: Stamp;
  packets = 0;
  /** Octets of data of both ends. */
  bytes = 0;
  readonly lower = new End();
  readonly upper = new End();
  /** It may be OpenVPN with TLS, and with a static key. */
  mayBeTls = true;
  mayBeStatic = true;
  readonly static: StaticKeyCandidate;

  constructor(packet: Packet, fromLower: boolean) {
    this.first = stampOf(packet);
    this.static = new StaticKeyCandidate(packet, fromLower);
  }

  /** From now on it is what another flow has. */
  begin(packet: Packet, fromLower: boolean): void {
    overwriteStamp(this.first, packet);
    this.packets = 0;
    this.bytes = 0;
    this.lower.clear();
    this.upper.clear();
    this.mayBeTls = true;
    this.mayBeStatic = true;
    this.static.begin(packet, fromLower);
  }
}

/** Finds OpenVPN on flows whose beginning the capture does not have: by session ids that come back, data that counts on, or the signs of a static key. */
export class ClaimBook {
  private readonly candidates = new BoundedMap<number, Candidate>(MOST_CANDIDATES, (candidate) => {
    this.spare = candidate;
  });
  /** The latest one that nobody needs any more: where more flows take turns than there may be candidates, each packet begins one. */
  private spare: Candidate | undefined;
  private readonly message = new OpenVpnPacketView();
  private claimed: Candidate | undefined;

  get size(): number {
    return this.candidates.size;
  }

  get evicted(): number {
    return this.candidates.evicted;
  }

  /** One more packet of a flow of unknown protocol: `Claim`. `flow` is its serial. */
  claim(packet: Packet, flow: number, fromLower: boolean): number {
    const { message } = this;
    const isPlaced = message.place(packet.view, packet.payloadAt, packet.payloadCaptured, packet.payloadLength);
    let candidate = this.candidates.get(flow);
    if (!candidate) {
      const mayBeTls =
        isPlaced && (message.isData ? isOnPort(packet) || message.opcode === OpenVpnOpcode.DataV2 : message.guess(secOf(packet)));
      if (!mayBeTls && !StaticKeyCandidate.mayBe(packet)) return Claim.No;
      candidate = this.begun(packet, fromLower);
      this.candidates.set(flow, candidate);
    }
    candidate.packets++;
    const claim = this.verdict(candidate, packet, fromLower, isPlaced);
    if (claim === Claim.Yes) this.claimed = candidate;
    else if (claim === Claim.No) this.spare = candidate;
    if (claim !== Claim.Wait && claim !== Claim.Static) this.candidates.delete(flow);
    return claim;
  }

  /** What the flow that was claimed last has had until then, its latest packet too; once. */
  takeClaimed(): Candidate | undefined {
    const { claimed } = this;
    this.claimed = undefined;
    return claimed;
  }

  /** What a flow that was claimed for a static key has had until then; it is forgotten. */
  takeStatic(flow: number): StaticKeyCandidate | undefined {
    const found = this.candidates.get(flow)?.static;
    this.candidates.delete(flow);
    return found;
  }

  clear(): void {
    this.claimed = undefined;
    this.candidates.clear();
  }

  private begun(packet: Packet, fromLower: boolean): Candidate {
    const { spare } = this;
    if (!spare) return new Candidate(packet, fromLower);
    this.spare = undefined;
    spare.begin(packet, fromLower);
    return spare;
  }

  private verdict(candidate: Candidate, packet: Packet, fromLower: boolean, isPlaced: boolean): number {
    if (candidate.mayBeTls) {
      const claim = isPlaced ? this.byShape(candidate, packet, fromLower) : Claim.No;
      if (claim === Claim.Yes) return claim;
      candidate.mayBeTls = claim === Claim.Wait;
    }
    if (candidate.mayBeStatic) {
      const isStatic = candidate.static.add(packet, fromLower);
      if (isStatic) return Claim.Static;
      if (isStatic === false) candidate.mayBeStatic = false;
    }
    return (candidate.mayBeTls || candidate.mayBeStatic) && candidate.packets < MOST_PACKETS ? Claim.Wait : Claim.No;
  }

  private byShape(candidate: Candidate, packet: Packet, fromLower: boolean): number {
    const { message } = this;
    const own = fromLower ? candidate.lower : candidate.upper;
    const other = fromLower ? candidate.upper : candidate.lower;
    if (!message.isData) {
      if (!message.guess(secOf(packet)) || !own.control(message)) return Claim.No;
      return own.controls > 1 || (other.controls > 0 && message.isTo(other.session0, other.session1)) ? Claim.Yes : Claim.Wait;
    }
    if (!own.data(message, packet)) return Claim.No;
    candidate.bytes += message.length;
    const isOnlyPort = message.opcode === OpenVpnOpcode.DataV1;
    if (isOnlyPort && !isOnPort(packet)) return Claim.No;
    const enough = isOnlyPort ? PLAIN_SHAPES : isOnPort(packet) ? SHAPES_ON_PORT : SHAPES;
    return own.datas >= enough && other.datas >= enough ? Claim.Yes : Claim.Wait;
  }
}

export const isOnPort = ({ sourcePort, destinationPort }: Packet): boolean =>
  sourcePort === OPENVPN_PORT || destinationPort === OPENVPN_PORT;

export const secOf = ({ sec, timed }: Packet): number => (timed ? sec : 0);
