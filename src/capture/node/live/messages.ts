import type { LiveRequest } from '../../live.ts';
import { LiveError } from './error.ts';
import type { Helper } from './helper.ts';
import { gainsNoRights, groupOf, user } from './programs.ts';

/** Where a helper runs, and as whom. */
export interface Place {
  /** The machine; null for this one. */
  ssh: string | null;
  /** Of the helper. */
  path: string;
  /** The user's name. */
  name: string;
  isRoot: boolean;
}

const on = (ssh: string | null): string => (ssh === null ? '' : ` on ${ssh}`);

export const missingError = (helper: Helper, ssh: string | null): LiveError =>
  new LiveError('missing', `${helper.backend} is not installed${on(ssh)}: ${commandOn(ssh, `sudo apt install ${helper.debianPackage}`)}`);

/** For a file that only members of a group may run. */
export function notAllowedError(path: string): LiveError {
  const group = groupOf(path);
  const { name } = user();
  const mending = group === null ? 'run fluxcap as root' : `sudo usermod -aG ${group} ${name}, then log in again (or run fluxcap as root)`;
  return new LiveError('rights', `${path} may not be run by ${name}: ${mending}`);
}

/** @param words what the helper or the system said */
export function rightsError(helper: Helper, interfaceName: string, words: string, place: Place): LiveError {
  return new LiveError(
    'rights',
    `${helper.backend} may not capture on ${interfaceName}${on(place.ssh)} (${words}): ${rightsMending(place)}`,
  );
}

/** Rights that a program needs to capture. */
const CAPABILITIES = 'cap_net_raw,cap_net_admin=eip';

function rightsMending({ ssh, path, isRoot }: Place): string {
  if (isRoot) {
    return 'root has not the capabilities CAP_NET_RAW and CAP_NET_ADMIN here; a container gets them with --cap-add NET_RAW --cap-add NET_ADMIN';
  }
  if (ssh !== null) return `${commandOn(ssh, `sudo setcap ${CAPABILITIES} ${path}`)} (or log in there as root)`;
  if (gainsNoRights()) {
    return 'this process can gain no rights (NoNewPrivileges): start it with CAP_NET_RAW and CAP_NET_ADMIN, in systemd by AmbientCapabilities=';
  }
  return `sudo setcap ${CAPABILITIES} ${path} (or run fluxcap as root)`;
}

const commandOn = (ssh: string | null, command: string): string => (ssh === null ? command : `ssh -t ${ssh} ${command}`);

/** What a helper's complaint means for the user. */
export function complaintError(helper: Helper, request: LiveRequest, said: readonly string[], place: Place): LiveError {
  const { fault, text } = helper.complaint(said, request.filter !== '');
  switch (fault) {
    case 'filter':
      return filterError(request.filter, text);
    case 'rights':
      return rightsError(helper, request.interface, text, place);
    case 'interface':
      return new LiveError(fault, `${request.interface}: no such interface${on(place.ssh)} (${helper.backend}: ${text})`);
    case 'down':
      return downError(request.interface, place.ssh);
    default:
      return new LiveError(fault, `${helper.backend}${on(place.ssh)} cannot capture on ${request.interface}: ${text}`);
  }
}

/** @param words libpcap's own */
export const filterError = (filter: string, words: string): LiveError =>
  new LiveError('filter', `--filter "${filter}": ${words}; the language is that of tcpdump, man 7 pcap-filter`);

export const downError = (interfaceName: string, ssh: string | null): LiveError =>
  new LiveError('down', `${interfaceName} is down${on(ssh)}: ${commandOn(ssh, `sudo ip link set ${interfaceName} up`)}`);
