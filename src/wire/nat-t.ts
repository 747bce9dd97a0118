import type { Packet } from './packet.ts';
import { wireguardType } from './wireguard.ts';

const ESP_HEADER = 8;
/** Below are services. NAT does not choose such ports for a client on 4500; whoever asks a service may have 4500 by chance. */
const FIRST_OF_CLIENTS = 1024;

/**
 * ESP in UDP (RFC 3948 section 2): the SPI stands where IKE has four zero octets; a keepalive is one octet of 0xff.
 * @returns whether the payload, on port 4500, is ESP
 */
export const isEspInUdp = (packet: Packet): boolean =>
  packet.payloadLength >= ESP_HEADER &&
  packet.payloadCaptured >= ESP_HEADER &&
  packet.view.getUint32(packet.payloadAt) !== 0 &&
  packet.sourcePort >= FIRST_OF_CLIENTS &&
  packet.destinationPort >= FIRST_OF_CLIENTS &&
  wireguardType(packet) === 0;
