import { type Mac, macText, readMac } from '../net/mac.ts';
import { EtherType } from './ethernet.ts';
import { IpProtocol, type Packet } from './packet.ts';

/** A name that a machine gives itself, unique enough that two MACs with it are one machine. */
export interface Identity {
  /** The MAC that is named, where the message says it; else it is the frame's sender. */
  mac: Mac | null;
  name: string;
}

/*
 * DHCP (RFC 2131): op 1 | htype 1 | hlen 1 | hops 1 | xid 4 | secs 2 | flags 2 | ciaddr yiaddr siaddr giaddr 16 | chaddr 16 | sname 64 | file 128 |
 * cookie 4 | options: code 1, length 1, value
 */
const BOOTREQUEST = 1;
const CHADDR = 28;
const COOKIE_AT = 236;
const COOKIE = 0x63825363;
const HOST_NAME = 12;
const CLIENT_ID = 61;
const PAD = 0;
const END = 255;
/** Names that every machine of a kind has. */
const COMMON_NAMES = /^(localhost|android.*|raspberrypi|ubuntu|debian|openwrt|iphone|ipad|esp[-_].*|unknown|)$/i;
/** A client identifier that is only the interface's own MAC (hardware type 1), or a DUID made for one interface. */
const IS_ETHERNET = 1;

/*
 * LLDP (IEEE 802.1AB): TLVs of type 7 bits, length 9 bits. Chassis id (type 1): subtype 1, value.
 */
const CHASSIS_ID = 1;
const SYSTEM_NAME = 5;

/** Names in a DHCP request or an LLDP frame. Allocates; both are rare. */
export function readIdentities(packet: Packet): Identity[] {
  return packet.transport === IpProtocol.Udp ? readDhcp(packet) : packet.etherType === EtherType.Lldp ? readLldp(packet) : [];
}

function readDhcp(packet: Packet): Identity[] {
  const { view, payloadAt: at } = packet;
  const end = at + packet.payloadCaptured;
  if (at + COOKIE_AT + 4 > end || view.getUint8(at) !== BOOTREQUEST || view.getUint32(at + COOKIE_AT) !== COOKIE) return [];
  const mac = readMac(view, at + CHADDR);
  const identities: Identity[] = [];
  let option = at + COOKIE_AT + 4;
  while (option + 2 <= end && view.getUint8(option) !== END) {
    if (view.getUint8(option) === PAD) {
      option++;
      continue;
    }
    const code = view.getUint8(option);
    const length = view.getUint8(option + 1);
    const value = option + 2;
    if (value + length > end) break;
    if (code === HOST_NAME) {
      const name = asciiOf(view, value, length);
      if (!COMMON_NAMES.test(name)) identities.push({ mac, name: `DHCP host name ${name}` });
    } else if (code === CLIENT_ID && length > 1 && view.getUint8(value) !== IS_ETHERNET) {
      identities.push({ mac, name: `DHCP client id ${hexOf(view, value, length)}` });
    }
    option = value + length;
  }
  return identities;
}

function readLldp(packet: Packet): Identity[] {
  const { view, ethernetAt, capturedEnd } = packet;
  if (ethernetAt < 0) return [];
  const identities: Identity[] = [];
  let tlv = ethernetAt + 14 + packet.vlanCount * 4;
  while (tlv + 2 <= capturedEnd) {
    const word = view.getUint16(tlv);
    const type = word >> 9;
    const length = word & 0x1ff;
    const value = tlv + 2;
    if (type === 0 || value + length > capturedEnd) break;
    if (type === CHASSIS_ID && length > 1) identities.push({ mac: null, name: `LLDP chassis ${chassisOf(view, value, length)}` });
    else if (type === SYSTEM_NAME && length > 0) identities.push({ mac: null, name: `LLDP system ${asciiOf(view, value, length)}` });
    tlv = value + length;
  }
  return identities;
}

const MAC_SUBTYPE = 4;

const chassisOf = (view: DataView, at: number, length: number): string =>
  view.getUint8(at) === MAC_SUBTYPE && length === 7 ? macText(readMac(view, at + 1)) : hexOf(view, at, length);

function asciiOf(view: DataView, at: number, length: number): string {
  let text = '';
  for (let i = at; i < at + length; i++) {
    const octet = view.getUint8(i);
    if (octet >= 0x20 && octet < 0x7f) text += String.fromCharCode(octet);
  }
  return text;
}

function hexOf(view: DataView, at: number, length: number): string {
  let text = '';
  for (let i = at; i < at + length; i++) text += view.getUint8(i).toString(16).padStart(2, '0');
  return text;
}
