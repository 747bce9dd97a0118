import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { LiveRequest } from '../../live.ts';
import { StreamSource } from '../stream.ts';
import { LiveError } from './error.ts';
import { deviceFault, type Helper } from './helper.ts';
import { HelperSource } from './helper-source.ts';
import { downError, filterError } from './messages.ts';
import { gainsNoRights } from './programs.ts';
import { ANY, type Target } from './targets.ts';

const PREFIX = /^cap: /;
const words = (said: readonly string[]): string[] => said.filter((line) => PREFIX.test(line)).map((line) => line.replace(PREFIX, ''));
/** What pcap_compile says is the only complaint that is not about a device. */
const OTHER = /^Unable to|^Unknown linktype|buffer|memory/i;

/** An assertion in cap's own code (binding.cc, cb_packets). */
const ABORT = /Assertion .*status == 0/;

const cap: Helper = {
  backend: 'cap',
  debianPackage: '',
  delaySec: () => 0.01,
  limits: [
    'the package cap does not hand on when the kernel saw a packet: times are those of its arrival in Node.js, under load milliseconds later',
    'the package cap does not count packets that were dropped; there is room for some 500 packets that came at once, and more are lost',
    'the package cap does not say how long a packet was: packets longer than 65,535 octets look as if they ended there; --snaplen has no effect',
  ],
  tellsDrops: false,
  filterMark: '--',
  args: () => [],
  readDrops: () => {},
  complaint: (said, filter) => {
    const text = words(said).at(-1) ?? said.at(-1) ?? 'it said nothing';
    return { fault: deviceFault(text) ?? (filter && !OTHER.test(text) ? 'filter' : 'other'), text };
  },
  lastWords: (said) =>
    said.some((line) => ABORT.test(line))
      ? 'the interface went down or away, and the package cap cannot go on then'
      : (words(said).at(-1) ?? null),
};

const ANY_LIMIT = 'the package cap does not know LINUX_SLL2: packets of any do not say through which interface they came';

/**
 * The npm package cap, in a process of its own: it ends its process when an interface goes down, and reads each packet in a callback. Throws a
 * `LiveError` where it does not capture.
 */
export async function openCap(request: LiveRequest, target: Target): Promise<HelperSource> {
  requireCap();
  const child = fileURLToPath(new URL(`./cap-child${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url));
  const options = process.execArgv.filter((option) => !option.startsWith('--inspect'));
  const capture = spawn(process.execPath, [...options, child, target.name, request.filter], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const source = new HelperSource(cap, capture, new StreamSource(capture.stdout), capture.stderr, {
    interface: request.interface,
    index: target.index,
    delaySec: cap.delaySec(request),
    name: 'cap',
    askDrops: () => {},
    end: (each) => each.stdin?.end(),
  });
  if (target.name === ANY) source.addLimit(ANY_LIMIT);
  if (await source.begun()) return source;
  const { failure } = await source.ended;
  if (failure) throw new LiveError('other', `cap could not be started: ${failure.message}`);
  throw capError(request, source.said);
}

/** Throws a `LiveError` where the package is not installed, or was not compiled. */
function requireCap(): void {
  try {
    createRequire(import.meta.url).resolve('cap');
  } catch {
    throw new LiveError('missing', 'the package cap is not installed: npm install cap (it needs a compiler and libpcap-dev)');
  }
}

function capError({ interface: name, filter }: LiveRequest, said: readonly string[]): LiveError {
  const { fault, text } = cap.complaint(said, filter !== '');
  if (fault === 'filter') return filterError(filter, text);
  if (fault === 'down') return downError(name, null);
  if (fault === 'rights') {
    const mending = gainsNoRights() ? 'start it with the capability CAP_NET_RAW' : 'run fluxcap as root, or use tcpdump';
    return new LiveError('rights', `cap may not capture on ${name} (${text}): ${mending}`);
  }
  return new LiveError(fault, `cap cannot capture on ${name}: ${text}`);
}
