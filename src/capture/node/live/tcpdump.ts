import { deviceFault, type Helper, type HelperRequest, RING_MIB } from './helper.ts';

/** Lines of standard error that are no complaints. */
const NEWS = /^tcpdump: (listening on|data link type|verbose output|WARNING|\d+ packets? captured)|^\d+ packets? /;
const PREFIX = /^tcpdump: /;
const TOO_OLD = /LINUX_SLL2/;
const KERNEL = /(\d+) packets? dropped by kernel/;
const INTERFACE = /(\d+) packets? dropped by interface/;
/** Failures that have nothing to do with the filter, though one was given. */
const OTHER = /Couldn't|Cannot allocate memory|can't (?:create|mmap)|too many|illegal option|invalid option|unrecognized option|: Bad file/;

/** With larger slots the ring loses packets at 100,000 a second. */
const MOST_IMMEDIATE = 2048;
/** In slots of the snaplen, however short packets are. */
const IMMEDIATE_RING_MIB = 64;

const isImmediate = ({ isPrompt, snaplen }: Pick<HelperRequest, 'isPrompt' | 'snaplen'>): boolean =>
  isPrompt === true && snaplen <= MOST_IMMEDIATE;

const words = (said: readonly string[]): string[] => said.filter((line) => PREFIX.test(line) && !NEWS.test(line));

/**
 * tcpdump(8). Promiscuous, as its users expect. Its pipe has whole packets at once (`-U`); the kernel hands packets over in blocks, a block that does not
 * fill after a second. Only where packets should come sooner `--immediate-mode`: it wakes for each of them, and its ring has slots of the snaplen.
 */
export const tcpdump: Helper = {
  backend: 'tcpdump',
  debianPackage: 'tcpdump',
  delaySec: (request) => (isImmediate(request) ? 0.1 : 1.1),
  limits: [],
  tellsDrops: true,
  filterMark: '--',
  args: ({ interface: name, snaplen, sll2, isPrompt }) => [
    '-U',
    '-n',
    ...['-i', name],
    ...(name === 'any' && sll2 ? ['-y', 'LINUX_SLL2'] : []),
    ...['-s', String(snaplen)],
    ...['-B', String((isImmediate({ snaplen, isPrompt }) ? IMMEDIATE_RING_MIB : RING_MIB) * 1024)],
    ...(isImmediate({ snaplen, isPrompt }) ? ['--immediate-mode'] : []),
    '--time-stamp-precision=nano',
    ...['-w', '-'],
  ],
  readDrops: (line, drops) => {
    const kernel = KERNEL.exec(line)?.[1];
    const ofInterface = INTERFACE.exec(line)?.[1];
    // The interface's are said only where there are some, and at the end in a line after the kernel's.
    if (kernel !== undefined || ofInterface !== undefined) {
      drops.update(Number(kernel ?? drops.kernel ?? 0), Number(ofInterface ?? drops.interface ?? 0));
    }
  },
  complaint: (said, filter) => {
    const own = words(said).at(-1)?.replace(PREFIX, '');
    const text = own ?? said.at(-1) ?? 'it said nothing';
    const fault = deviceFault(text);
    if (fault) return { fault, text };
    if (TOO_OLD.test(text)) return { fault: 'no-sll2', text };
    return { fault: filter && own !== undefined && !OTHER.test(text) ? 'filter' : 'other', text };
  },
  lastWords: (said) => words(said).at(-1)?.replace(PREFIX, '') ?? null,
};
