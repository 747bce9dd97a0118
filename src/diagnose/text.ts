import type { Stamp } from '../track/stamp.ts';

/** `frame 17`, or `frame 17 of input 1` where it is not the first input. */
export const frameText = ({ input, frame }: Stamp): string => (input === 0 ? `frame ${frame}` : `frame ${frame} of input ${input}`);

/** At the beginning of a sentence. */
export const FrameText = (stamp: Stamp): string => capitalised(frameText(stamp));

export const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `1 packet`, `3 packets`. */
export const countText = (count: number, singular: string, plural = `${singular}s`): string =>
  `${count} ${count === 1 ? singular : plural}`;

const MOST_LISTED = 6;

/** `a`, `a and b`, `a, b and c`; of many the first ones. */
export function listText(items: readonly string[]): string {
  const shown = items.length > MOST_LISTED ? [...items.slice(0, MOST_LISTED - 1), `${items.length - MOST_LISTED + 1} more`] : items;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

/** How a finding words its confidence in titles: plain, with doubt, or as a pattern that fits. */
export const hedge = (confidence: 'certain' | 'likely' | 'possible'): string =>
  confidence === 'certain' ? '' : confidence === 'likely' ? 'very probably ' : 'possibly ';

/** ` (12.3 s)`: how long it took from one frame to another; nothing where they have no time. */
export const durationText = (from: Stamp, to: Stamp): string =>
  from.timed && to.timed ? ` (${Math.round((to.at - from.at) * 10) / 10} s)` : '';
