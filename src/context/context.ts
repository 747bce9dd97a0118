import type { Mac } from '../net/mac.ts';
import type { Host, Link } from './host.ts';

/** An interface with its host. */
export interface Owner {
  host: Host;
  link: Link;
}

/** What the capture shows of an interface: its ifindex, and the MAC with which it sends; -1 where that is not known. */
export interface SeenInterface {
  /** Equal where one capture shows them: captures of two hosts may be looked at together. */
  capture: number;
  index: number;
  ownMac: Mac;
}

/**
 * What hosts say of themselves (`--context`, or the own host of `live`), for trackers and diagnoses to ask. Without a context there is one without hosts.
 */
export class Context {
  private known: readonly Host[] = [];
  /** By MAC and by address; all that have it. Interfaces that only pass others' frames on (lo) are not in it. */
  private readonly byMac = new Map<Mac, Owner[]>();
  private readonly byAddress = new Map<string, Owner[]>();
  /** Given by name, or because it is this machine. */
  private readonly captures: ReadonlySet<string>;
  /** The one host is the machine that captures, and is asked again and again what it says. */
  readonly isOwn: boolean;
  private recognised: Host | undefined;
  /** The capture shows interfaces that no host has. */
  isElsewhere = false;
  /** When this machine was asked last, in seconds since 1970: what happened later it has not said anything of. */
  readAt = Number.NEGATIVE_INFINITY;
  /** Counts how often what the hosts say was replaced. */
  version = 0;

  /**
   * @param captures file names of the inputs: hosts may say which captures were taken on them
   * @param isOwn the one host is the machine that captures
   */
  constructor(hosts: readonly Host[] = [], { captures = [], isOwn = false }: { captures?: readonly string[]; isOwn?: boolean } = {}) {
    this.captures = new Set(captures);
    this.isOwn = isOwn;
    this.replace(hosts);
  }

  /** Hosts say something else now: a route changed, an address moved. */
  replace(hosts: readonly Host[]): void {
    this.version++;
    this.known = hosts;
    this.byMac.clear();
    this.byAddress.clear();
    for (const host of hosts) {
      for (const link of host.links) {
        if (link.type === 'loopback') continue;
        // A VLAN has its parent's MAC, a bond its member's: the lower one stands for both.
        if (link.mac > 0) add(this.byMac, link.mac, { host, link });
        for (const { ip } of link.addresses) add(this.byAddress, ip, { host, link });
      }
    }
    if (this.recognised) this.recognised = hosts.find(({ name }) => name === this.recognised?.name);
  }

  get hosts(): readonly Host[] {
    return this.known;
  }

  /**
   * The host at which the capture was taken; undefined where the context does not say so, or says otherwise than the capture. Asked when findings are made:
   * the capture may tell it late.
   */
  get observer(): Host | undefined {
    return this.given ?? this.recognised;
  }

  /** The observer as far as it is known without looking at packets. */
  get given(): Host | undefined {
    if (this.isOwn) return this.known[0];
    const named = this.known.filter(({ document }) => document.captures?.some((name) => this.captures.has(name)));
    return named.length === 1 ? named[0] : undefined;
  }

  /** The one host whose interfaces have the indexes and MACs that the capture shows of its own (LINUX_SLL2, outgoing frames). Captures of two hosts have no such host. */
  recognise(seen: readonly SeenInterface[]): void {
    if (this.recognised || this.given) return;
    const sending = seen.filter(({ ownMac }) => ownMac > 0);
    if (sending.length === 0) return;
    const fittingTo = (seenThere: readonly SeenInterface[]): Host[] =>
      this.known.filter((host) => seenThere.every(({ index, ownMac }) => host.link(index)?.mac === ownMac));
    const fitting = fittingTo(sending);
    if (fitting.length === 1) this.recognised = fitting[0];
    const captures = [...new Set(sending.map(({ capture }) => capture))];
    this.isElsewhere =
      this.known.length > 0 && captures.every((one) => fittingTo(sending.filter(({ capture }) => capture === one)).length === 0);
  }

  /** Host and interface with this MAC; undefined where none has it, or several hosts have. Of a host's interfaces with one MAC the lowest counts. */
  ownerOfMac(mac: Mac): Owner | undefined {
    const owners = this.byMac.get(mac) ?? [];
    const [first] = owners;
    if (!first || owners.some(({ host }) => host !== first.host)) return undefined;
    return owners.find(({ link }) => link.parent === null && link.kind !== 'bridge' && link.kind !== 'bond') ?? first;
  }

  /** Host and interface with this address; undefined where none has it, or several have. */
  ownerOfAddress(ip: string): Owner | undefined {
    const owners = this.ownersOfAddress(ip);
    return owners.length === 1 ? owners[0] : undefined;
  }

  /** All interfaces that have it: several hosts of one document may, and one host twice. Loopback interfaces are not looked at. */
  ownersOfAddress(ip: string): readonly Owner[] {
    return this.byAddress.get(ip) ?? [];
  }

  /** WireGuard's public keys with what findings call their owners: the host that says that a key is its own, else the key. */
  get wireguardKeys(): { name: string; publicKey: string }[] {
    const names = new Map<string, string>();
    for (const { wireguard } of this.known)
      for (const { peers } of wireguard) for (const { publicKey } of peers) names.set(publicKey, publicKey);
    for (const { name, wireguard } of this.known)
      for (const own of wireguard) names.set(own.publicKey, wireguard.length === 1 ? name : `${name}/${own.interface}`);
    return [...names].map(([publicKey, name]) => ({ name, publicKey }));
  }
}

function add<K>(map: Map<K, Owner[]>, key: K, owner: Owner): void {
  const owners = map.get(key);
  if (owners) owners.push(owner);
  else map.set(key, [owner]);
}
