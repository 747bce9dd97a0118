import { EtherTypes, type NetworkPacket } from './ip.ts';
import { be16, ipOctets, macOctets, octets } from './octets.ts';

/** A card on a segment: its MAC and the IPv4 address that its owner means it to have. */
export interface Host {
  mac: string;
  ip: string;
}

const NOBODY = '00:00:00:00:00:00';
const ANY_ADDRESS = '0.0.0.0';
export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

const arp = (oper: number, sha: string, spa: string, tha: string, tpa: string): NetworkPacket => ({
  etherType: EtherTypes.Arp,
  octets: octets(be16(1), be16(EtherTypes.Ipv4), 6, 4, be16(oper), macOctets(sha), ipOctets(spa), macOctets(tha), ipOctets(tpa)),
});

/** `asker` wants to know who has `target` (RFC 826). */
export const arpRequest = (asker: Host, target: string): NetworkPacket => arp(1, asker.mac, asker.ip, NOBODY, target);

/** `owner` tells `asker` that its address is at its MAC. */
export const arpReply = (owner: Host, asker: Host): NetworkPacket => arp(2, owner.mac, owner.ip, asker.mac, asker.ip);

/** Is anybody using this address? (RFC 5227 section 2.1.1) */
export const arpProbe = (mac: string, target: string): NetworkPacket => arp(1, mac, ANY_ADDRESS, NOBODY, target);

/** RFC 5227 section 2.3: a request for the own address. */
export const arpAnnouncement = ({ mac, ip }: Host): NetworkPacket => arp(1, mac, ip, NOBODY, ip);

/** The form of an announcement that is a reply, to everybody. */
export const gratuitousReply = ({ mac, ip }: Host): NetworkPacket => arp(2, mac, ip, BROADCAST, ip);
