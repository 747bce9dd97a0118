import { Direction } from '../../frame.ts';
import { isLayer3 } from '../../wire/layer3.ts';
import type { Packet } from '../../wire/packet.ts';

/** Interfaces have a bit each, by their ids; those from here on share one. */
const LAST_INTERFACE = 27;
const DIRECTION_SHIFT = 28;
const BOTH_WAYS = ((1 << Direction.In) | (1 << Direction.Out)) << DIRECTION_SHIFT;

const bitOf = (interfaceId: number): number => 1 << Math.min(interfaceId, LAST_INTERFACE);

/**
 * Where an outer packet was seen, as bits: the interface, where that has no link layer, and which way it went. The packets of one end at all places together say
 * whether a device can be that of the tunnel, and whether the tunnel ends at the capturing host.
 */
export const sightingOf = (packet: Packet): number =>
  (isLayer3(packet) ? bitOf(packet.interfaceId) : 0) | ((1 << packet.direction) << DIRECTION_SHIFT);

/** Whether outer packets were seen on this device. */
export const isSightedOn = (sighted: number, interfaceId: number): boolean => (sighted & bitOf(interfaceId)) !== 0;

/** Whether what one end sends came in and went out: the capturing host passes it on. */
export const isPassedOn = (sighted: number): boolean => (sighted & BOTH_WAYS) === BOTH_WAYS;
