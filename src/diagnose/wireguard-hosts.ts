import type { Context } from '../context/context.ts';
import type { WireguardDocument } from '../context/document.ts';
import type { Host } from '../context/host.ts';
import { canonicalIp, type Endpoint, endpointText } from '../net/ip.ts';
import { type Attempt, applied, forHost, NotMade } from './host-remedy.ts';
import { uplinkRemedy } from './host-uplink.ts';
import type { Remedy } from './kind.ts';

/** The host of a context that has a WireGuard endpoint, and its tunnel interface there. */
export interface TunnelHost {
  host: Host;
  /** Undefined where the host names none for the port, or several. */
  tunnel: WireguardDocument | undefined;
  /** Its listen port; of the endpoint, where that is not known. */
  port: number;
}

/** Who has the endpoint itself; behind a NAT nobody does. */
export function tunnelHost(context: Context, { ip, port }: Required<Endpoint>): TunnelHost | undefined {
  const host = context.ownerOfAddress(ip)?.host;
  if (!host) return undefined;
  const listening = host.wireguard.filter(({ listenPort }) => listenPort === port);
  const candidates = listening.length > 0 ? listening : host.wireguard;
  const tunnel = candidates.length === 1 ? candidates[0] : undefined;
  return { host, tunnel, port: tunnel?.listenPort ?? port };
}

/**
 * The address at which a tunnel sends to its peer: of a peer behind a NAT not the one that it has itself.
 * @param peer where the peer was seen
 */
export function sentTo(context: Context, found: TunnelHost | undefined, peer: Required<Endpoint>): string {
  const peers = found?.tunnel?.peers ?? [];
  const keys = context.ownerOfAddress(peer.ip)?.host.wireguard.map(({ publicKey }) => publicKey) ?? [];
  const known = peers.filter(({ publicKey }) => keys.includes(publicKey));
  const [only] = known.length > 0 ? known : peers;
  if (!only?.endpoint || (known.length === 0 && peers.length > 1)) return peer.ip;
  return canonicalIp(only.endpoint.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')) ?? peer.ip;
}

/** Lets the tunnel leave by the uplink of `from`, towards the peer at `to`: by its port. */
export const byPort = (found: TunnelHost | undefined, from: string, to: string, general: Remedy, hosts: readonly Host[]): Remedy =>
  found ? uplinkRemedy(found.host, { address: from, to, by: { protocol: 17, port: found.port } }, general, hosts) : general;

/** The same by WireGuard's mark. */
export const byMark = (found: TunnelHost | undefined, from: string, to: string, general: Remedy, hosts: readonly Host[]): Remedy =>
  found?.tunnel ? uplinkRemedy(found.host, { address: from, to, by: { wireguard: found.tunnel.interface } }, general, hosts) : general;

/**
 * Points a peer back to its right endpoint, at the host that has drifted along with it: the one of the context that knows the peer by its key.
 * @param peer the public key of who drifted
 */
export function pointBack(context: Context, peer: string | undefined, endpoint: Required<Endpoint>, general: Remedy): Remedy {
  if (peer === undefined) return general;
  const knowing = context.hosts.flatMap((host) =>
    host.wireguard.filter(({ peers }) => peers.some(({ publicKey }) => publicKey === peer)).map((tunnel) => ({ host, tunnel })),
  );
  const [only] = knowing;
  if (!only || knowing.length > 1) return general;
  return forHost(only.host, JSON.stringify(['endpoint', only.tunnel.interface, peer, endpoint]), general, () =>
    backAt(only.host, only.tunnel, peer, endpoint),
  );
}

function backAt(host: Host, tunnel: WireguardDocument, peer: string, { ip, port }: Required<Endpoint>): Attempt {
  const wanted = endpointText({ ip, port });
  const now = tunnel.peers.find(({ publicKey }) => publicKey === peer)?.endpoint ?? null;
  if (now === wanted) throw new NotMade(`its endpoint of the peer is ${wanted} as it is`);
  const set = (endpoint: string): string => `wg set ${tunnel.interface} peer ${peer} endpoint ${endpoint}`;
  const commands = [set(wanted)];
  const after = applied(host, commands).wireguard.find((each) => each.interface === tunnel.interface);
  if (after?.peers.find(({ publicKey }) => publicKey === peer)?.endpoint !== wanted)
    throw new NotMade('the peer would not have that endpoint');
  return {
    host: host.name,
    text: `On ${host.name}, once the other side is repaired: point the peer back at once (it lasts until a packet authenticates from elsewhere)`,
    now: [
      now === null ? `${tunnel.interface} has no endpoint of this peer.` : `The endpoint of this peer of ${tunnel.interface} is ${now}.`,
    ],
    commands,
    keep: [
      `Endpoint = ${wanted} in the [Peer] section of its configuration, where the tunnel is not to learn the address from the other side.`,
    ],
    undo: now === null ? [] : [set(now)],
    checked: `With this command ${tunnel.interface} sends to ${wanted}.`,
  };
}
