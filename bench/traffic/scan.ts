import { EtherType, type Packets, Protocol, TCP_HEADER, TcpFlag, UDP_HEADER } from './packets.ts';
import { hostOf, serverOf } from './site.ts';

const SOURCES = 4096;
const FIRST_SOURCE = 256;
/** No registered UDP service is from here on. */
const FIRST_PORT = 40_000;
const PORTS = 20_000;
const TARGETS = 1 << 17;
const SYN = TCP_HEADER + 4;
const PAYLOAD = 16;

/** After so many the first flow comes again: a table that holds fewer has forgotten it by then. */
const FLOWS = 1_000_000;

/** Every packet of a million is a flow of its own: SYNs and datagrams in turn, to ports that nobody answers from. */
export class Scan {
  private readonly packets: Packets;
  private number = 0;

  constructor(packets: Packets) {
    this.packets = packets;
  }

  frame(): void {
    const { packets } = this;
    const number = this.number;
    this.number = (number + 1) % FLOWS;
    const source = hostOf(0, FIRST_SOURCE + (number % SOURCES));
    const sourcePort = FIRST_PORT + (Math.floor(number / SOURCES) % PORTS);
    const target = serverOf((Math.imul(number, 0x9e3779b1) >>> 15) & (TARGETS - 1));
    const isTcp = number % 2 === 0;
    packets.begin(source, true, EtherType.Ipv4);
    const protocol = isTcp ? Protocol.Tcp : Protocol.Udp;
    packets.ip({ isV6: false, source, destination: target, protocol, length: isTcp ? SYN : UDP_HEADER + PAYLOAD });
    if (isTcp) {
      packets.tcp(sourcePort, 443, number, 0, TcpFlag.Syn);
    } else {
      packets.udp(sourcePort, FIRST_PORT + (number % PORTS), PAYLOAD);
      packets.out.text('is anyone there?');
    }
    packets.end();
  }
}
