import type { Agenda } from './agenda.ts';
import type { Packets } from './packets.ts';
import type { Random } from './random.ts';
import { hostOf, serverOf } from './site.ts';
import { Streams } from './streams.ts';
import { OpenVpn, PEERS } from './vpn.ts';

const PORT = 1194;
const SERVERS = 4;
const FIRST_SERVER = 56;
const FIRST_PEER = 0x1_4000;
const FIRST_PORT = 41_000;
/** In front of each packet stands its length. */
const LENGTH = 2;

/** OpenVPN over TCP: the same packets in the stream of a connection. */
export class OpenVpnTcp extends OpenVpn {
  private readonly streams: Streams;

  constructor(packets: Packets, agenda: Agenda, random: Random) {
    super(packets, agenda, random);
    const ends = Array.from({ length: PEERS }, (_, peer) => ({
      host: hostOf(0, FIRST_SERVER + (peer % SERVERS)),
      hostPort: PORT,
      far: serverOf(FIRST_PEER + peer),
      farPort: FIRST_PORT + peer,
    }));
    this.streams = new Streams(packets, agenda, random, ends);
  }

  protected override connect(peer: number): void {
    this.streams.open(peer, false, (opened) => super.connect(opened));
  }

  protected override begin(peer: number, fromPeer: boolean, length: number): void {
    this.streams.begin(peer, !fromPeer, LENGTH + length);
    this.packets.out.u16(length);
  }
}
