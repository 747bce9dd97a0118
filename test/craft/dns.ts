import { ascii, be16, be32, ipOctets, octets } from './octets.ts';

const RECURSION_DESIRED = 0x0100;
const RESPONSE = 0x8180;
const TYPE_A = 1;
const CLASS_IN = 1;
const HEADER = 12;

export interface DnsFields {
  id: number;
  name?: string;
  type?: number;
  /** Address in the answer section. */
  address?: string;
}

const NAME = 'gateway.example';

/** A query with one question (RFC 1035 section 4.1); also mDNS and LLMNR. */
export const dnsQuery = ({ id, name = NAME, type = TYPE_A }: DnsFields): Uint8Array =>
  octets(be16(id), be16(RECURSION_DESIRED), be16(1), be16(0), be16(0), be16(0), question(name, type));

/** Its answer, with one A record. */
export const dnsResponse = ({ id, name = NAME, type = TYPE_A, address = '203.0.113.80' }: DnsFields): Uint8Array => {
  const record = [be16(0xc000 + HEADER), be16(TYPE_A), be16(CLASS_IN), be32(300), be16(4), ipOctets(address)];
  return octets(be16(id), be16(RESPONSE), be16(1), be16(1), be16(0), be16(0), question(name, type), ...record);
};

const question = (name: string, type: number): number[] => [
  ...name.split('.').flatMap((label) => [label.length, ...ascii(label)]),
  0,
  ...be16(type),
  ...be16(CLASS_IN),
];
