import { ipv4Text } from '../../net/ip.ts';
import { type Capabilities, noCapabilities, readCapabilities } from './capabilities.ts';
import { BGP_HEADER } from './message.ts';

export type { AddPath, Capabilities } from './capabilities.ts';

/** Address family and subsequent one (IANA), as `1/1` (IPv4 unicast). */
export interface Family {
  afi: number;
  safi: number;
}

/** OPEN (RFC 4271 section 4.2). */
export interface BgpOpen {
  version: number;
  /** Two octets of the header, or the four of the capability. */
  as: number;
  /** Seconds; 0: no keepalives. */
  holdTime: number;
  /** BGP Identifier, as an IPv4 address. */
  id: string;
  capabilities: Capabilities;
  /** What was wrong with it, in words; the rest is as far as it could be read. null: nothing was. */
  malformed: string | null;
}

const VERSION = BGP_HEADER;
const MY_AS = 20;
const HOLD_TIME = 22;
const BGP_ID = 24;
const PARAMETERS_LENGTH = 28;
const PARAMETERS = 29;
/** RFC 9072 section 2: length 255, first type 255, then two octets of length, here and for each parameter. */
const EXTENDED = 255;
const EXTENDED_LENGTH = 30;
const EXTENDED_PARAMETERS = 32;
const CAPABILITIES = 2;

/** The OPEN whose message begins at `at`: `readHeader` found it, and all its `length` octets are there. */
export function readOpen(view: DataView, at: number, length: number): BgpOpen {
  const capabilities = noCapabilities();
  const malformed = readParameters(view, at, at + length, capabilities);
  return {
    version: view.getUint8(at + VERSION),
    as: capabilities.as4 ?? view.getUint16(at + MY_AS),
    holdTime: view.getUint16(at + HOLD_TIME),
    id: ipv4Text(view.getUint32(at + BGP_ID)),
    capabilities,
    malformed,
  };
}

/** Reads the optional parameters of the message from `start` to `end`; what was wrong with them, or null. */
function readParameters(view: DataView, start: number, end: number, into: Capabilities): string | null {
  const short = view.getUint8(start + PARAMETERS_LENGTH);
  const isExtended = short === EXTENDED && start + EXTENDED_PARAMETERS <= end && view.getUint8(start + PARAMETERS) === EXTENDED;
  const total = isExtended ? view.getUint16(start + EXTENDED_LENGTH) : short;
  const at = start + (isExtended ? EXTENDED_PARAMETERS : PARAMETERS);
  const malformed = eachParameter(view, at, Math.min(end, at + total), isExtended ? 2 : 1, into);
  const wrong =
    at + total === end ? null : `optional parameters: their length says ${total} octets, the message's length leaves ${end - at}`;
  return wrong ?? malformed;
}

/** Type 1, length 1 or 2 (RFC 9072), value. */
function eachParameter(view: DataView, start: number, end: number, lengthOctets: number, into: Capabilities): string | null {
  let at = start;
  while (at < end) {
    if (at + 1 + lengthOctets > end) return 'an optional parameter is cut off';
    const type = view.getUint8(at);
    const length = lengthOctets === 2 ? view.getUint16(at + 1) : view.getUint8(at + 1);
    at += 1 + lengthOctets;
    if (at + length > end) return `optional parameter ${type}: expected ${length} octets, ${end - at} are left`;
    const malformed = type === CAPABILITIES ? readCapabilities(view, at, at + length, into) : null;
    if (malformed !== null) return malformed;
    at += length;
  }
  return null;
}

/** How a speaker codes its UPDATEs. */
export interface UpdateCoding {
  /** AS numbers have four octets (RFC 6793); null: not known. */
  as4: boolean | null;
  /** Families whose destinations have path identifiers (RFC 7911); null: not known. */
  addPath: readonly Family[] | null;
}

/** How `sender` codes its UPDATEs to `receiver`, by their OPENs; undefined where one is not in the capture. */
export function codingOf(sender: BgpOpen | undefined, receiver: BgpOpen | undefined): UpdateCoding {
  return { as4: agreedAs4(sender, receiver), addPath: agreedAddPath(sender, receiver) };
}

function agreedAs4(sender: BgpOpen | undefined, receiver: BgpOpen | undefined): boolean | null {
  // One that does not speak it is enough.
  if (sender?.capabilities.as4 === null || receiver?.capabilities.as4 === null) return false;
  return sender && receiver ? true : null;
}

function agreedAddPath(sender: BgpOpen | undefined, receiver: BgpOpen | undefined): Family[] | null {
  const sent = sender?.capabilities.addPath.filter(({ mode }) => mode === 2 || mode === 3);
  const received = receiver?.capabilities.addPath.filter(({ mode }) => mode === 1 || mode === 3);
  if (sent?.length === 0 || received?.length === 0) return [];
  if (!sent || !received) return null;
  return sent
    .filter(({ afi, safi }) => received.some((other) => other.afi === afi && other.safi === safi))
    .map(({ afi, safi }) => ({ afi, safi }));
}

/** Seconds after which silence ends the session: the lower of both (RFC 4271 section 4.2); 0: never. */
export const negotiatedHoldTime = (a: BgpOpen, b: BgpOpen): number => Math.min(a.holdTime, b.holdTime);
