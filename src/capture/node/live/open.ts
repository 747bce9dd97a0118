import { type LiveBackend, type LiveRequest, type LiveSource, liveBackends } from '../../live.ts';
import { openCap } from './cap.ts';
import { dumpcap } from './dumpcap.ts';
import { LiveError } from './error.ts';
import type { Helper } from './helper.ts';
import { OLD_COOKED, openLibPcap } from './libpcap.ts';
import { openLocal } from './local.ts';
import { openRemote } from './ssh.ts';
import { findTarget } from './targets.ts';
import { tcpdump } from './tcpdump.ts';

const HELPERS: Partial<Record<LiveBackend, Helper>> = { tcpdump, dumpcap };
/** cap only where it is asked for. */
const AUTO: readonly LiveBackend[] = ['tcpdump', 'dumpcap', 'libpcap'];

/** Another backend can help. */
const GOES_ON: ReadonlySet<string> = new Set(['missing', 'rights', 'other']);

/**
 * Opens an interface, and comes back when packets are really captured. Throws a `LiveError` with one line that says what to do, and the exit status: 2
 * for a wrong command line (no such interface, wrong filter, a backend that cannot do this), 3 where the machine does not allow it.
 */
export async function openLive(request: LiveRequest): Promise<LiveSource> {
  checkText('--filter', request.filter);
  checkText('interface', request.interface);
  if (request.backend !== 'auto') return openWith(request.backend, request);
  const refusals: LiveError[] = [];
  for (const backend of request.ssh === null ? AUTO : AUTO.filter((each) => HELPERS[each])) {
    try {
      return await openWith(backend, request);
    } catch (error) {
      if (!(error instanceof LiveError) || !GOES_ON.has(error.fault)) throw error;
      refusals.push(error);
    }
  }
  throw simplest(refusals);
}

/** No argument of a process can contain it. */
function checkText(name: string, text: string): void {
  if (text.includes('\0')) throw new LiveError('request', `${name}: it contains a NUL character`);
}

/** What is the least work to mend: rights for what is there, else its installation. */
function simplest(refusals: readonly LiveError[]): LiveError {
  const found = refusals.find(({ fault }) => fault === 'rights') ?? refusals.find(({ fault }) => fault === 'other') ?? refusals[0];
  return found ?? new LiveError('missing', 'nothing here can capture: sudo apt install tcpdump');
}

/** Opens an interface with one backend. */
async function openWith(backend: LiveBackend, request: LiveRequest): Promise<LiveSource> {
  const helper = HELPERS[backend];
  if (request.ssh !== null && !helper) {
    const able = liveBackends.filter((each) => HELPERS[each]).join(' or ');
    throw new LiveError('request', `--backend ${backend} captures on this machine only; with --ssh: ${able}`);
  }
  if (helper) return openHelper(helper, request);
  const target = await findTarget(request.interface);
  return backend === 'cap' ? openCap(request, target) : openLibPcap(request, target);
}

async function openHelper(helper: Helper, request: LiveRequest): Promise<LiveSource> {
  const { ssh } = request;
  const target = ssh === null ? await findTarget(request.interface) : { name: request.interface, index: null };
  const open = (sll2: boolean) => (ssh === null ? openLocal(helper, request, target, sll2) : openRemote(helper, ssh, request, sll2));
  try {
    return await open(true);
  } catch (error) {
    if (!(error instanceof LiveError) || error.fault !== 'no-sll2') throw error;
    const source = await open(false);
    source.addLimit(OLD_COOKED);
    return source;
  }
}
