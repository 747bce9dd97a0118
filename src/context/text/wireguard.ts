import type { WireguardDocument } from '../document.ts';
import { type Block, type Parser, type Said, wordsOf } from './block.ts';
import type { Command } from './command.ts';

/**
 * `wg show all dump` and `wg show INTERFACE dump` (wg(8), "dump"): columns with private and preshared keys are not looked at, and no line is ever
 * repeated, for a line that was cut may have its keys in other columns.
 */
export const wireguardDump: Parser = {
  name: 'wg show all dump',
  starts: (line, command) => deviceOf(line, command) !== undefined || peerOf(line) !== undefined || isPieceOfDump(line, command),
  open: (command) => new Dump(command),
};

const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
/** An own key is `(none)` where there is none yet. */
const isKey = (word: string | undefined): word is string => word !== undefined && KEY.test(word);
const isName = (word: string | undefined): word is string => word !== undefined && /^[^\s/]{1,15}$/.test(word);
const isNumber = (word: string | undefined): word is string => word !== undefined && /^\d{1,15}$/.test(word);
const isMark = (word: string | undefined): word is string => word !== undefined && /^(off|0x[0-9a-f]{1,8}|\d{1,10})$/.test(word);

type Device = Omit<WireguardDocument, 'peers'>;
type Peer = WireguardDocument['peers'][number];

/** `INTERFACE private public port mark`, or without the interface, which then is in the command. */
function deviceOf(line: string, command: Pick<Command, 'of'> | undefined): Device | undefined {
  const words = wordsOf(line);
  const name = words.length === 5 ? words.shift() : command?.of;
  const [, publicKey, port, mark, more] = words;
  if (!isName(name) || more !== undefined || !(isKey(publicKey) || publicKey === '(none)') || !isNumber(port) || !isMark(mark))
    return undefined;
  return { interface: name, publicKey: isKey(publicKey) ? publicKey : '', listenPort: Number(port) || null, fwmark: mark };
}

/** `INTERFACE public preshared endpoint allowed-ips handshake received sent keepalive`, or without the interface. */
function peerOf(line: string): { name: string | undefined; peer: Peer } | undefined {
  const words = wordsOf(line);
  const name = words.length === 9 ? words.shift() : undefined;
  const [publicKey, , endpoint = '', allowedIps = '', handshake, received, sent, keepalive, more] = words;
  if ((name !== undefined && !isName(name)) || !isKey(publicKey) || more !== undefined) return undefined;
  if (!/^(\(none\)|\S+:\d+)$/.test(endpoint) || !/^(\(none\)|[0-9a-f:./,]+)$/i.test(allowedIps)) return undefined;
  if (!isNumber(handshake) || !isNumber(received) || !isNumber(sent) || keepalive === undefined || !/^(off|\d+)$/.test(keepalive))
    return undefined;
  return {
    name,
    peer: {
      publicKey,
      endpoint: endpoint === '(none)' ? null : endpoint,
      allowedIps: allowedIps === '(none)' ? '' : allowedIps,
      latestHandshake: Number(handshake),
      persistentKeepalive: keepalive,
    },
  };
}

/** A line with a key in a place of its own: whatever it is, nobody else shall read it. */
function isPieceOfDump(line: string, command: Command | undefined): boolean {
  if (command?.shows === 'wireguard-dump') return true;
  return /\t/.test(line) && /[A-Za-z0-9+/]{43}=|\(none\)/.test(line);
}

class Dump implements Block {
  private readonly command: Command | undefined;
  private readonly devices: WireguardDocument[] = [];
  private broken = 0;
  private isNameless = false;

  constructor(command: Command | undefined) {
    this.command = command;
  }

  take(line: string): boolean {
    const device = deviceOf(line, this.command);
    if (device) {
      this.devices.push({ ...device, peers: [] });
      return true;
    }
    // `wg show INTERFACE dump`, without the command.
    if (deviceOf(line, { of: 'wg' })) this.isNameless = true;
    const found = peerOf(line);
    const of = found && (found.name === undefined ? this.devices.at(-1) : this.devices.find((each) => each.interface === found.name));
    if (found && of) of.peers.push(found.peer);
    else if (found || isPieceOfDump(line, this.command)) this.broken++;
    else return false;
    return true;
  }

  end(): Said {
    const lines = `${this.broken} ${this.broken === 1 ? 'line' : 'lines'}`;
    const why = this.isNameless
      ? 'a dump of wg does not say of which interface it is: "wg show all dump" does'
      : `${lines} of the dump of wg could not be read (not repeated here: keys may be in it)`;
    const notes = this.broken > 0 ? [{ what: 'wireguard', why }] : [];
    return { parts: [{ wireguard: this.devices, notes }], misread: [] };
  }
}

/** `wg show`, as people read it (wireguard-tools, show.c, pretty_print). */
export const wireguardShow: Parser = {
  name: 'wg show',
  starts: (line) => /^interface: \S+$/.test(line),
  open: () => new Show(),
};

class Show implements Block {
  private readonly devices: WireguardDocument[] = [];
  private readonly ages = new Map<string, number>();
  private peer: Peer | undefined;

  take(line: string): boolean {
    const [, name = '', value = ''] = /^\s*([a-z][a-z ]*): ?(.*)$/.exec(line) ?? [];
    const device = this.devices.at(-1);
    if (name === 'interface') {
      this.devices.push({ interface: value, publicKey: '', listenPort: null, fwmark: 'off', peers: [] });
      this.peer = undefined;
    } else if (!device) return false;
    else if (name === 'peer') {
      this.peer = undefined;
      if (!isKey(value)) return true;
      this.peer = { publicKey: value, endpoint: null, allowedIps: '', latestHandshake: 0, persistentKeepalive: 'off' };
      device.peers.push(this.peer);
    } else if (this.peer && OF_PEER[name]) OF_PEER[name](this.peer, value, this.ages);
    else if (!this.peer && OF_DEVICE[name]) OF_DEVICE[name](device, value);
    // A broken line of allowed IPs; keys, hidden or not, and counters are of no use.
    else if (this.peer && /^[0-9a-f:./]+(, [0-9a-f:./]+)*,?$/i.test(line.trim()))
      this.peer.allowedIps += `,${compact(line.trim())}`.replace(/,+/g, ',');
    else return /^(private key|preshared key|transfer)$/.test(name);
    return true;
  }

  end(): Said {
    return { parts: [{ wireguard: this.devices, handshakeAges: this.ages }], misread: [] };
  }
}

const compact = (list: string): string => list.replace(/,\s*/g, ',').replace(/,$/, '');

const OF_DEVICE: Readonly<Record<string, ((device: WireguardDocument, value: string) => void) | undefined>> = {
  'public key': (device, value) => {
    if (isKey(value)) device.publicKey = value;
  },
  'listening port': (device, value) => {
    if (isNumber(value)) device.listenPort = Number(value);
  },
  fwmark: (device, value) => {
    if (isMark(value)) device.fwmark = value;
  },
};

const OF_PEER: Readonly<Record<string, ((peer: Peer, value: string, ages: Map<string, number>) => void) | undefined>> = {
  endpoint: (peer, value) => {
    if (/^\S+:\d+$/.test(value)) peer.endpoint = value;
  },
  'allowed ips': (peer, value) => {
    peer.allowedIps = value === '(none)' ? '' : compact(value);
  },
  'latest handshake': (peer, value, ages) => {
    // Not never, but when is only known with the time of the output.
    peer.latestHandshake = null;
    const age = secondsOf(value);
    if (age !== undefined) ages.set(peer.publicKey, age);
  },
  'persistent keepalive': (peer, value) => {
    peer.persistentKeepalive = /^every /.test(value) ? String(secondsOf(value.slice('every '.length)) ?? 'off') : value;
  },
};

const UNITS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400, year: 31_536_000 };

/** `1 minute, 30 seconds ago`, `Now`; undefined for anything else. */
function secondsOf(text: string): number | undefined {
  if (/^now$/i.test(text)) return 0;
  let total = 0;
  for (const piece of text.replace(/ ago$/, '').split(', ')) {
    const [, count, unit = ''] = /^(\d+) ([a-z]+?)s?$/.exec(piece) ?? [];
    const seconds = UNITS[unit];
    if (count === undefined || seconds === undefined) return undefined;
    total += Number(count) * seconds;
  }
  return total;
}

/** Configuration with private keys (`wg showconf`, wg-quick, tinc, IPsec): nothing of it is read, nor repeated. */
export const secretConfiguration: Parser = {
  name: 'configuration with keys',
  starts: (line, command) => command?.shows === 'secret' || SECRET.test(line),
  open: () => new Secret(),
};

const SECRET = /^\s*(\[(Interface|Peer)\]|(PrivateKey|PresharedKey)\s*=|-----BEGIN .*(PRIVATE|SECRET).*-----)/;

class Secret implements Block {
  /** All that follows belongs to it: it is safer to lose a line than to show one. */
  take(): boolean {
    return true;
  }

  end(): Said {
    return {
      parts: [
        {
          notes: [{ what: 'configuration', why: 'it is of the kind that holds private keys: not read. Of WireGuard, "wg show" is enough' }],
        },
      ],
      misread: [],
    };
  }
}
