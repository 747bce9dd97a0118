import type { Endpoint } from '../../net/ip.ts';
import type { Stamp } from '../stamp.ts';
import type { StreamBudget } from '../tcp-stream.ts';
import type { Neighbours } from './neighbours.ts';
import type { BgpConnection, BgpState } from './session.ts';
import { Way } from './way.ts';

/** A TCP connection that is being followed. */
export class Connection {
  readonly facts: BgpConnection;
  readonly neighbours: Neighbours;
  readonly fromClient: Way;
  readonly fromServer: Way;
  /** BGP is what it carries: it goes to the port, or a message was found. */
  isBgp = false;
  /** Where it is sighted (`laneOf`). */
  readonly lanes = new Set<number>();
  /** In the tracker's table, by addresses and ports. */
  readonly id: number;

  constructor(id: number, neighbours: Neighbours, client: Endpoint, server: Endpoint, stamp: Stamp, budget: StreamBudget) {
    this.id = id;
    this.neighbours = neighbours;
    const { a, b } = neighbours.session;
    this.fromClient = new Way(client.ip === a.ip ? a : b, budget);
    this.fromServer = new Way(client.ip === a.ip ? b : a, budget);
    this.facts = {
      client,
      server,
      speakers: [this.fromClient.facts, this.fromServer.facts],
      states: [],
      syns: 0,
      synFirst: null,
      synLast: null,
      synTtl: null,
      opens: new Map(),
      isAccepted: false,
      established: null,
      isCollision: false,
      notification: null,
      end: null,
      refusal: null,
      ttlExceeded: null,
      first: stamp,
      last: stamp,
    };
  }

  get ways(): readonly [Way, Way] {
    return [this.fromClient, this.fromServer];
  }

  way(isFromClient: boolean): Way {
    return isFromClient ? this.fromClient : this.fromServer;
  }

  /** Octets wait behind a gap. */
  get isWaiting(): boolean {
    return this.fromClient.stream.isWaiting || this.fromServer.stream.isWaiting;
  }

  /** What comes after the end changes nothing: an OPEN that crossed the FIN. */
  enter(state: BgpState, stamp: Stamp): void {
    if (this.facts.states.at(-1)?.state === 'idle') return;
    if (this.facts.states.at(-1)?.state !== state) this.facts.states.push({ state, stamp });
  }

  close(): void {
    for (const { stream } of this.ways) stream.close();
  }
}
