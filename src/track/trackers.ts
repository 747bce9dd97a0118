import type { Context } from '../context/context.ts';
import { Direction } from '../frame.ts';
import { ipWords } from '../net/ip.ts';
import { decodeInner } from '../wire/decode.ts';
import { Icmpv6Type, type QuotedPacket } from '../wire/icmp.ts';
import { IKE_PORT, NAT_T_PORT } from '../wire/ike.ts';
import { Inner, IpProtocol, type Packet } from '../wire/packet.ts';
import { isRedundancy } from '../wire/redundancy.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { isTincPort } from '../wire/tinc.ts';
import { WireguardType, wireguardType } from '../wire/wireguard.ts';
import { AnswerWatch } from './answers.ts';
import { ArpTracker } from './arp.ts';
import { BGP_PORT, BgpTracker } from './bgp/tracker.ts';
import type { Clock } from './clock.ts';
import { CopyDetector } from './copies.ts';
import { DeliveryTracker } from './deliveries.ts';
import { isSameAddress } from './flows.ts';
import { FragmentTracker } from './fragments.ts';
import { GatewayTracker } from './gateways.ts';
import { HandoverTracker } from './handovers.ts';
import { IcmpTracker } from './icmp.ts';
import { IgpWatch, mayBeIgp } from './igp.ts';
import type { InterfaceTracker } from './interfaces.ts';
import { AssociationTracker, type SecurityAssociation } from './ipsec/associations.ts';
import { IkeTracker } from './ipsec/ike-tracker.ts';
import { KinshipTracker, mayNameSender } from './kinship.ts';
import { LoopTracker } from './loops.ts';
import { MismatchTracker } from './mismatches.ts';
import { NdpTracker } from './ndp.ts';
import { Neighbourhood } from './neighbourhood.ts';
import { Claim } from './openvpn/claims.ts';
import { OpenVpnTracker } from './openvpn/tracker.ts';
import { OwnMacs } from './own-macs.ts';
import { Reassembler } from './reassembly.ts';
import type { RecordStore } from './records.ts';
import { RedundancyTracker } from './redundancy.ts';
import { RelayWatch } from './relay.ts';
import { TcpTracker } from './tcp/tracker.ts';
import { MOST_PROBE_TTL, TracerouteTracker } from './traceroute/tracker.ts';
import { TunnelEnds } from './tunnel-ends.ts';
import { associationTunnel } from './tunnels/inner-mtu.ts';
import { OuterFragments } from './tunnels/outer-fragments.ts';
import { TunnelTracker } from './tunnels/tracker.ts';
import type { Tunnel } from './tunnels/tunnel.ts';
import { UdpTracker } from './udp.ts';
import { WayTracker } from './ways.ts';
import { type KnownPeer, PeerKeys, parsePublicKey } from './wireguard/keys.ts';
import { WireguardTracker } from './wireguard/tracker.ts';

/** Timers of capture time are looked at this often. */
const EXPIRY_SEC = 0.25;

export interface TrackerOptions {
  /** Addresses of the observed host (`--local`). */
  local: readonly string[];
  wireguardPeers: readonly KnownPeer[];
  /** What hosts say of themselves. */
  context: Context;
}

/**
 * All trackers, and the way of a packet through them: once for each layer of IP, outermost first. What they know between two restarts of the capture's
 * clock is for the diagnoses to look at.
 */
export class Trackers {
  readonly ownMacs = new OwnMacs();
  readonly relay = new RelayWatch();
  readonly neighbourhood: Neighbourhood;
  readonly kinship: KinshipTracker;
  readonly arp: ArpTracker;
  readonly ndp: NdpTracker;
  readonly redundancy: RedundancyTracker;
  readonly icmp: IcmpTracker;
  readonly udp: UdpTracker;
  wireguard: WireguardTracker;
  readonly mismatches = new MismatchTracker();
  /** By which interfaces flows of the observed host come and go. */
  readonly ways: WayTracker;
  /** To which gateways hosts of the context send. */
  readonly gateways: GatewayTracker;
  /** Whether frames arrive at the interfaces that have their addresses. */
  readonly deliveries: DeliveryTracker;
  /** To whom what is for beyond the link was handed. */
  readonly handovers: HandoverTracker;
  readonly traceroutes: TracerouteTracker;
  readonly loops: LoopTracker;
  readonly bgp: BgpTracker;
  /** Which routing protocols besides BGP there are. */
  readonly igp = new IgpWatch();
  /** Who answers routers that speak BGP. */
  readonly answers: AnswerWatch;
  /** Which tunnels carry BGP. */
  readonly tunnelEnds = new TunnelEnds();
  /** What runs inside what. */
  readonly tunnels: TunnelTracker;
  readonly openvpn: OpenVpnTracker;
  /** ESP and AH by SPI. */
  readonly associations: AssociationTracker;
  readonly ike: IkeTracker;
  /** TCP, as far as sizes go. */
  readonly tcp: TcpTracker;
  private readonly fragments: FragmentTracker;
  private readonly reassembler: Reassembler;
  /** What is observed lies in the reassembler's memory. */
  private isWhole = false;
  private readonly copies = new CopyDetector();
  readonly interfaces: InterfaceTracker;
  private readonly records: RecordStore;
  private readonly keys: PeerKeys;
  private readonly context: Context;
  /** Addresses of the observed host that the user gave, and with them those that the context gives; four words an address. */
  private readonly givenLocal: readonly string[];
  private local = new Int32Array(0);
  private localVersion = -1;
  private expiresAt = Number.NEGATIVE_INFINITY;
  /** What trackers pushed out that a restart replaced. */
  private evictedBefore = 0;

  /**
   * @param clock of the packet that is observed
   * @param expected prefixes of which the user says by which next hop packets go there
   */
  constructor(
    clock: Clock,
    interfaces: InterfaceTracker,
    records: RecordStore,
    { local, wireguardPeers, context }: TrackerOptions,
    expected: readonly string[] = [],
  ) {
    this.interfaces = interfaces;
    this.records = records;
    this.keys = new PeerKeys([...wireguardPeers, ...peersOf(context)]);
    this.context = context;
    this.givenLocal = local;
    this.gateways = new GatewayTracker(expected);
    this.locate();
    this.neighbourhood = new Neighbourhood(
      (mac) => this.ownMacs.has(mac),
      (mac) => this.relay.watch(mac),
    );
    this.kinship = new KinshipTracker(clock);
    this.ways = new WayTracker(clock, interfaces);
    this.deliveries = new DeliveryTracker(context, interfaces);
    this.arp = new ArpTracker(clock, interfaces, this.neighbourhood, {
      exchange: (exchange) => records.add('arp', () => exchange),
      senderMismatch: (packet, segment) => this.mismatches.sender(packet, segment),
      targetMismatch: (packet, segment) => this.mismatches.target(packet, segment),
    });
    this.ndp = new NdpTracker(clock, interfaces, this.neighbourhood, { exchange: (exchange) => records.add('arp', () => exchange) });
    this.redundancy = new RedundancyTracker(this.arp.segments);
    this.fragments = new FragmentTracker(clock);
    this.reassembler = new Reassembler(clock);
    this.wireguard = this.newWireguard();
    const outerFragments = new OuterFragments(clock);
    const tunnel = (make: () => Tunnel): void => records.add('tunnels', make);
    this.associations = new AssociationTracker(clock, outerFragments, (make) => tunnel(() => this.inventoried(make())));
    this.tunnels = new TunnelTracker(clock, { tunnel }, this.associations, outerFragments);
    this.openvpn = new OpenVpnTracker(clock, { session: (make) => records.add('openvpn', make) });
    this.ike = new IkeTracker();
    this.tcp = new TcpTracker(clock, { connection: (make) => records.add('tcp', make) });
    this.udp = new UdpTracker(clock, {
      conversation: (make) => records.add('udp', make),
      wireguard: (packet, flow, managed) => {
        this.tunnels.observeFlow(packet, 'wireguard', flow);
        this.wireguard.observe(packet, flow, managed);
      },
      wireguardPassedOn: (packet) => {
        this.tunnels.passedOn(packet, 'wireguard');
        this.wireguard.passedOn(packet);
      },
      isWireguard: (packet, flow) => {
        const claims = this.wireguard.claims(packet, flow);
        if (!claims && wireguardType(packet) === WireguardType.Transport) this.tunnels.observeUnclaimed(packet, flow);
        return claims;
      },
      openvpn: (packet, flow, hasStaticKey) => {
        if (!this.openvpn.observe(packet, hasStaticKey)) return;
        // Who sends a single reset may be nobody's client: until a session is confirmed there is no tunnel.
        if (this.openvpn.isConfirmed) this.tunnels.observeFlow(packet, 'openvpn', flow, hasStaticKey);
        else this.tunnels.observeUnclaimed(packet, flow);
      },
      openvpnPassedOn: (packet) => {
        this.tunnels.passedOn(packet, 'openvpn');
        this.openvpn.passedOn(packet);
      },
      claimOpenVpn: (packet, flow, fromLower) => {
        const claim = this.openvpn.claim(packet, flow, fromLower);
        if (claim === Claim.Wait) this.tunnels.observeUnclaimed(packet, flow);
        // No other packet tells that of a static key.
        else if (claim === Claim.Static) this.tunnels.observeFlow(packet, 'openvpn', flow, true);
        else if (claim === Claim.No && wireguardType(packet) !== WireguardType.Transport) this.tunnels.forgetUnclaimed(flow);
        return claim;
      },
    });
    this.handovers = new HandoverTracker(interfaces, this.neighbourhood, { handover: (make) => records.add('gateways', make) });
    this.traceroutes = new TracerouteTracker(clock, { traceroute: (make) => records.add('traceroutes', make) });
    this.loops = new LoopTracker();
    this.answers = new AnswerWatch(clock);
    this.bgp = new BgpTracker(clock, {
      session: (make) =>
        records.addFirst(
          'bgp',
          () => ({ session: make() }),
          (record) => !('session' in record),
        ),
      told: (prefix) => this.gateways.tell(prefix),
      route: (make) => records.add('bgp', () => ({ route: make() })),
      best: (make) => records.add('bgp', () => ({ best: make() })),
    });
    this.icmp = new IcmpTracker(clock, this.kinship, {
      error: (make) => records.add('icmp', make),
      quoted: (quote, reason, packet) => this.observeQuoted(quote, reason, packet),
      portUnreachable: (quote, packet) => this.udp.reject(quote, packet),
      undeliverable: (quote, reason, packet) => this.observeUndeliverable(quote, reason, packet),
    });
  }

  get evicted(): number {
    const { neighbourhood, kinship, arp, ndp, redundancy, icmp, udp, wireguard, fragments, mismatches, ways, gateways } = this;
    const tables = [
      neighbourhood,
      kinship,
      arp,
      ndp,
      redundancy,
      icmp,
      udp,
      wireguard,
      fragments,
      this.reassembler,
      mismatches.found,
      ways,
      this.deliveries,
      gateways,
      this.handovers,
      this.traceroutes,
      this.loops,
      this.bgp,
      this.answers,
      this.tunnelEnds,
      this.tunnels,
      this.openvpn,
      this.associations,
      this.ike,
      this.tcp,
    ];
    return tables.reduce((sum, { evicted }) => sum + evicted, this.evictedBefore);
  }

  /** How many entries each tracker's tables hold. */
  get size(): Record<string, number> {
    const { neighbourhood, kinship, arp, ndp, redundancy, icmp, udp, wireguard, fragments, mismatches, ways } = this;
    return {
      arp: neighbourhood.size + arp.size + ndp.size + mismatches.found.size,
      machines: kinship.size,
      redundancy: redundancy.size,
      udp: udp.size,
      icmp: icmp.size,
      wireguard: wireguard.size,
      fragments: fragments.size + this.reassembler.size,
      ways: ways.size,
      gateways: this.gateways.size,
      deliveries: this.deliveries.size + this.handovers.size,
      traceroutes: this.traceroutes.size + this.loops.size,
      bgp: this.bgp.size + this.answers.size + this.tunnelEnds.size,
      tunnels: this.tunnels.size + this.openvpn.size + this.associations.size + this.ike.size,
      tcp: this.tcp.size,
    };
  }

  /** Frames that will be observed next, `count` of them: what is known of their flows is fetched into the cache, all of it at once. */
  lookAhead(packets: readonly Packet[], count: number): void {
    const { tcp, udp, handovers } = this;
    for (let i = 0; i < count; i++) {
      const packet = packets[i];
      if (packet === undefined) continue;
      if (packet.version !== 0 && packet.ethernetAt >= 0) handovers.expect(packet);
      if (packet.transport === TCP) tcp.expect(packet);
      else if (packet.transport === UDP) udp.expect(packet);
    }
    tcp.fetch();
    udp.fetch();
    handovers.fetch();
  }

  /** The outermost packet of a frame, before `observe`: the interface, and whose frame it is. */
  observeFrame(packet: Packet): void {
    this.interfaces.observe(packet);
    this.ownMacs.observe(packet);
    if (packet.at >= this.expiresAt) this.expire(packet.at);
  }

  /** Capture time goes on without a frame: what waits for silence is over. */
  pass(at: number): void {
    this.expire(at);
  }

  /** Calls `judge` as if what has been open for a while were over, and leaves everything as it was. */
  asIfOver(judge: () => void): void {
    this.udp.countOpen();
    this.neighbourhood.asIfOver([...this.arp.lasting(), ...this.ndp.lasting()], judge);
  }

  /** One layer of a frame. */
  observe(packet: Packet): void {
    if (!isBgp(packet) && packet.inner === Inner.None) this.igp.hasOthers = true;
    if (packet.depth > 0 || packet.inner !== Inner.None) this.tunnels.observeLayer(packet);
    if (packet.hasArp) {
      this.arp.observe(packet);
      if (this.tellsWays(packet)) this.ways.observeArp(packet);
      if (this.deliveries.isActive) this.deliveries.observeArp(packet);
      return;
    }
    if (packet.inner !== Inner.None) {
      this.tunnelEnds.enter(packet);
      this.tunnels.observe(packet);
    }
    if (packet.version === 0) {
      if (mayNameSender(packet)) this.kinship.observeNames(packet);
      if (mayBeIgp(packet)) this.igp.observe(packet);
      return;
    }
    if (packet.direction === Direction.Unknown && this.local.length > 0) this.findDirection(packet);
    if (packet.isFragment) {
      this.observeFragment(packet);
      if (packet.fragmentOffset > 0) this.tunnels.observeFragment(packet);
      if (packet.joined && isIkePort(packet)) this.ike.observeFragment(packet);
    }
    if (packet.espAt >= 0 || packet.ahAt >= 0) this.observeIpsec(packet);
    if (this.gateways.isActive && packet.depth === 0) this.gateways.observe(packet);
    if (this.tellsWays(packet)) this.ways.observe(packet);
    if (this.deliveries.isActive) this.deliveries.observe(packet);
    if (packet.depth === 0) this.handovers.observe(packet);
    if (this.answers.isActive) this.answers.observe(packet);
    if (packet.ttl <= MOST_PROBE_TTL) this.observeLowTtl(packet);
    this.observeTransport(packet);
    if (this.relay.isActive) this.relay.observe(packet);
  }

  /**
   * After all layers of a frame with a fragment among them: what is whole by now. Of layers that the first fragment showed only BGP and IKE want the rest; what was not seen
   * before is observed as if it had passed in one piece, but for where it is: the tunnels around it were counted by their fragments.
   */
  observeWhole(packet: Packet): void {
    for (let shown = this.reassembler.next(packet); shown >= 0; shown = this.reassembler.next(packet)) {
      this.isWhole = true;
      do {
        packet.isReassembled = packet.depth <= shown;
        if (packet.version === 0) continue;
        if (packet.isFragment) this.observeFragment(packet);
        if (packet.isReassembled) this.observeAgain(packet);
        else this.observeTransport(packet);
      } while (decodeInner(packet));
      this.isWhole = false;
    }
  }

  private observeAgain(packet: Packet): void {
    if (isBgp(packet)) this.bgp.observe(packet);
    else if (packet.transport === IpProtocol.Udp && isIkePort(packet)) this.ike.observeWhole(packet);
  }

  private observeFragment(packet: Packet): void {
    this.fragments.observe(packet);
    this.reassembler.observe(packet);
  }

  private observeTransport(packet: Packet): void {
    switch (packet.transport) {
      case IpProtocol.Tcp:
        if (packet.tcpFlags & (TcpFlag.Syn | TcpFlag.Rst)) {
          if (packet.ethernetAt >= 0) this.kinship.observeSyn(packet);
          if (this.traceroutes.isActive) this.traceroutes.observeAnswer(packet);
        }
        this.tcp.observe(packet);
        if (this.openvpn.concerns(packet) && this.openvpn.observeTcp(packet)) this.tunnels.observeFlow(packet, 'openvpn');
        if (isBgp(packet)) this.observeBgp(packet);
        break;
      case IpProtocol.Udp:
        if (isRedundancy(packet)) this.redundancy.observe(packet);
        if (mayBeIgp(packet)) this.igp.observe(packet);
        if (mayNameSender(packet)) this.kinship.observeNames(packet);
        if (isIkePort(packet) && this.ike.observe(packet)) this.tunnels.observeFlow(packet, 'ike');
        if (isTincPort(packet)) this.tunnels.observeFlow(packet, 'tinc');
        this.udp.observe(packet, this.copies.isCopy(packet));
        if (this.traceroutes.awaits(packet)) this.traceroutes.observeAnswer(packet);
        break;
      case IpProtocol.Icmp:
        if (packet.has('icmp', packet.transportAt, ICMP_HEADER) && !this.copies.isCopy(packet)) this.observeIcmp(packet);
        break;
      case IpProtocol.Icmpv6:
        this.observeIcmpv6(packet);
        break;
      default:
        if (isRedundancy(packet)) this.redundancy.observe(packet);
        if (mayBeIgp(packet)) this.igp.observe(packet);
    }
  }

  /** The capture is over, or its clock starts anew: what is open is closed. */
  finish(): void {
    this.arp.finish();
    this.ndp.finish();
    this.udp.finish();
    this.icmp.finish();
    this.wireguard.finish();
    this.kinship.finish();
    this.ways.finish();
    this.handovers.finish();
    this.traceroutes.finish();
    this.bgp.finish();
    this.tunnels.finish();
    this.openvpn.finish();
    this.tcp.finish();
    this.fragments.finish();
    this.reassembler.reset();
  }

  /** After `finish`: what was known is forgotten, and the clock may begin at any time. */
  restart(): void {
    this.evictedBefore += this.wireguard.evicted;
    this.neighbourhood.reset();
    this.arp.probes.reset();
    this.relay.reset();
    this.copies.reset();
    this.mismatches.found.clear();
    this.udp.reset();
    this.icmp.wrong.clear();
    this.ndp.conflicts.clear();
    this.redundancy.reset();
    this.kinship.reset();
    this.ways.reset();
    this.gateways.reset();
    this.deliveries.reset();
    this.handovers.reset();
    this.traceroutes.reset();
    this.loops.reset();
    this.bgp.reset();
    this.igp.reset();
    this.answers.reset();
    this.tunnelEnds.reset();
    this.tunnels.reset();
    this.openvpn.reset();
    this.associations.reset();
    this.ike.reset();
    this.tcp.reset();
    this.wireguard = this.newWireguard();
    this.expiresAt = Number.NEGATIVE_INFINITY;
  }

  /** The capture knows several interfaces, or may: of one alone nothing can be said. */
  private tellsWays({ direction, ifindex, source }: Packet): boolean {
    if (direction === Direction.Unknown) return source.id !== null && this.interfaces.list.length > 1;
    return ifindex >= 0 || source.id !== null;
  }

  private observeIpsec(packet: Packet): void {
    this.associations.observe(packet, this.tunnels.outsideOf(packet), this.tunnels.around(packet.depth));
  }

  private inventoried(association: SecurityAssociation): Tunnel {
    return associationTunnel(association, this.tunnels.named(association.inside));
  }

  private observeIcmpv6(packet: Packet): void {
    const { icmpType } = packet;
    if (icmpType >= Icmpv6Type.RouterSolicitation && icmpType <= Icmpv6Type.NeighbourAdvertisement) {
      this.ndp.observe(packet);
      this.kinship.observeLinkLocal(packet);
    } else if (packet.has('icmpv6', packet.transportAt, ICMP_HEADER) && !this.copies.isCopy(packet)) {
      this.observeIcmp(packet);
    }
  }

  private observeIcmp(packet: Packet): void {
    if (this.traceroutes.isActive) this.traceroutes.observeAnswer(packet);
    this.icmp.observe(packet);
  }

  private observeBgp(packet: Packet): void {
    this.bgp.observe(packet);
    this.answers.follow(packet);
    if (packet.depth === 0) this.gateways.spoken(packet);
    if (packet.depth > 0 && !this.isWhole) this.tunnelEnds.observe(packet);
  }

  /** Little is left of its life, or was given to it: a probe, or a packet that goes round. */
  private observeLowTtl(packet: Packet): void {
    this.traceroutes.observeProbe(packet);
    this.loops.observe(packet);
  }

  /** An error tells who dropped a packet: a hop of a traceroute, or what is in the way of BGP. */
  private observeQuoted(quote: QuotedPacket, reason: string, packet: Packet): void {
    if (this.traceroutes.isActive) this.traceroutes.observeError(quote, packet);
    if (this.gateways.isActive && packet.depth === 0) this.gateways.refused(quote, reason, packet);
    if (this.loops.isActive) this.loops.observeError(quote, packet);
    if (quote.protocol === IpProtocol.Tcp) this.tcp.observeError(quote, packet);
    if (quote.protocol === IpProtocol.Tcp && (quote.sourcePort === BGP_PORT || quote.destinationPort === BGP_PORT))
      this.bgp.observeError(quote, reason, packet);
  }

  private observeUndeliverable(quote: QuotedPacket, reason: string, packet: Packet): void {
    this.wireguard.undeliverable(quote, reason, packet);
    this.openvpn.undeliverable(quote, reason, packet);
    this.ike.undeliverable(quote, reason, packet);
  }

  /** Which addresses are the observed host's: as the user says, and the host itself. */
  private locate(): void {
    const { context } = this;
    if (context.version === this.localVersion) return;
    this.localVersion = context.version;
    this.gateways.watch(context);
    const own = context.given?.links.flatMap(({ addresses }) => addresses.map(({ ip }) => ip)) ?? [];
    this.local = Int32Array.from([...this.givenLocal, ...own].flatMap(ipWords));
  }

  /** Hosts may say something else by now: what trackers compare with is what diagnoses see. */
  learn(): void {
    this.locate();
    this.deliveries.learn();
  }

  private expire(at: number): void {
    this.expiresAt = at + EXPIRY_SEC;
    this.learn();
    this.arp.expire();
    this.ndp.expire();
    this.udp.expire();
    this.icmp.expire();
    this.wireguard.expire(at);
    this.kinship.expire();
    this.ways.expire();
    this.handovers.expire(at);
    this.traceroutes.expire();
    this.bgp.expire();
    this.tunnels.expire();
    this.openvpn.expire();
    this.associations.expire();
    this.tcp.expire();
    this.fragments.expire();
    this.reassembler.expire();
  }

  /** By the addresses that the user says are the observed host's. */
  private findDirection(packet: Packet): void {
    for (let i = 0; i < this.local.length; i += 4) {
      if (isSameAddress(this.local, i, packet, true)) packet.direction = Direction.Out;
      else if (isSameAddress(this.local, i, packet, false)) packet.direction = Direction.In;
    }
  }

  private newWireguard(): WireguardTracker {
    const { records } = this;
    return new WireguardTracker(this.keys, {
      handshake: (make) => records.add('wireguard', () => ({ handshake: make() })),
      session: (make) => records.add('wireguard', () => ({ session: make() })),
      cookie: (make) => records.add('wireguard', () => ({ cookie: make() })),
    });
  }
}

const peersOf = ({ wireguardKeys }: Context): KnownPeer[] =>
  wireguardKeys.flatMap(({ name, publicKey }) => {
    const octets = parsePublicKey(publicKey);
    return octets ? [{ name, publicKey: octets }] : [];
  });

const ICMP_HEADER = 8;
const { Tcp: TCP, Udp: UDP } = IpProtocol;

const isIkePort = ({ sourcePort, destinationPort }: Packet): boolean =>
  destinationPort === IKE_PORT || destinationPort === NAT_T_PORT || sourcePort === IKE_PORT || sourcePort === NAT_T_PORT;

const isBgp = ({ transport, sourcePort, destinationPort }: Packet): boolean =>
  transport === IpProtocol.Tcp && (sourcePort === BGP_PORT || destinationPort === BGP_PORT);
