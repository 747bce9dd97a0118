import { compareIps } from '../../net/ip.ts';
import type { Packet } from '../../wire/packet.ts';
import { BoundedMap } from '../bounded-map.ts';
import { stampOf } from '../stamp.ts';
import { Neighbours } from './neighbours.ts';

const MOST_SESSIONS = 2048;
const MOST_REALMS = 4096;

/** A connection that begins. */
export interface Beginning {
  client: string;
  server: string;
  /** Where the packet was sighted that shows it (`laneOf`). */
  lane: number;
  at: Packet;
  /** The packet is a segment of it, not an error about one. */
  isSighted: boolean;
  /** Between link-local addresses. */
  isOnLink: boolean;
}

/** Sessions by their two addresses and where they are sighted: in several VLANs or overlays the same addresses may be those of different routers. */
export class NeighbourTable {
  private readonly byKey: BoundedMap<string, Neighbours>;
  /** By the two addresses, with their keys. */
  private readonly byPair = new Map<string, Map<string, Neighbours>>();
  /** Lanes whose addresses are not those of other lanes. */
  private readonly realms = new Map<number, string>();
  private made = 0;

  constructor(leave: (neighbours: Neighbours) => void) {
    this.byKey = new BoundedMap(MOST_SESSIONS, (neighbours, key) => {
      const pair = pairOf(neighbours.session.a.ip, neighbours.session.b.ip);
      const alike = this.byPair.get(pair);
      alike?.delete(key);
      if (alike?.size === 0) this.byPair.delete(pair);
      leave(neighbours);
    });
  }

  get size(): number {
    return this.byKey.size;
  }

  get evicted(): number {
    return this.byKey.evicted;
  }

  values(): Iterable<Neighbours> {
    return this.byKey.values();
  }

  /** The session of a new connection, made where there is none. */
  take({ client, server, lane, at, isSighted, isOnLink }: Beginning): Neighbours {
    const pair = pairOf(client, server);
    const alike = this.byPair.get(pair) ?? new Map<string, Neighbours>();
    for (const [key, neighbours] of alike) {
      const isKnown = isSighted ? neighbours.mayHave(lane, at.interfaceId) : alike.size === 1 || neighbours.isIn(lane);
      if (isKnown) return this.byKey.take(key, () => neighbours);
    }
    const scope = this.scopeOf(lane, [...alike.values()], isOnLink);
    const made = new Neighbours(client, server, at.path, at.interfaceId, scope, stampOf(at));
    made.sighted(lane, at.interfaceId);
    const key = `${pair} ${this.made++}`;
    this.byKey.set(key, made);
    this.byPair.set(pair, alike.set(key, made));
    return made;
  }

  clear(): void {
    this.byKey.clear();
    this.byPair.clear();
    this.realms.clear();
  }

  /** What the addresses mean there: another session has them already, so that these are others. Link-local ones are of one link each, and yet may be of one router. */
  private scopeOf(lane: number, alike: readonly Neighbours[], isOnLink: boolean): string {
    if (isOnLink) return alike.length > 0 ? `%${this.made}` : '';
    const known = this.realms.get(lane);
    if (alike.length === 0 || (known !== undefined && alike.every(({ session }) => session.scope !== known))) return known ?? '';
    const realm = ` ${this.made}`;
    if (this.realms.size < MOST_REALMS && !alike.some((each) => each.isIn(lane))) this.realms.set(lane, realm);
    return realm;
  }
}

const pairOf = (a: string, b: string): string => (compareIps(a, b) <= 0 ? `${a} ${b}` : `${b} ${a}`);
