import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6, type Socket } from 'node:net';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { News } from '../../live/news.ts';
import type { RecorderStatus } from '../../live/recorder.ts';
import type { LiveStatus } from '../../live/status.ts';
import { UsageError } from '../io.ts';
import { type RunMetrics, runMetrics } from './metrics-registry.ts';

/** Where metrics are served. */
export interface MetricsAddress {
  host: string;
  /** 0: a free one is chosen. */
  port: number;
}

export interface MetricsSources {
  status: () => LiveStatus;
  /** Undefined where nothing is recorded. */
  recorder?: () => RecorderStatus;
}

const LOOPBACK = '127.0.0.1';
const EXPECTED = '--metrics: expected PORT, HOST:PORT or [IPV6]:PORT, got';

/** Far more than who looks at one run. */
const MOST_CONNECTIONS = 32;
/** A request is a few hundred octets; who takes longer than this to send it, or to read the answer, is cut off. */
const PATIENCE_MS = 10_000;
const MOST_HEADER_OCTETS = 8192;
const RESOLUTION_MS = 10;

/** `9400` and `:9400` mean this machine only. Throws a `UsageError`. */
export function parseMetricsAddress(text: string): MetricsAddress {
  const match = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new UsageError(`${EXPECTED} "${text}"`);
  const [, ipv6, host] = match;
  if (ipv6 !== undefined && !isIPv6(ipv6)) throw new UsageError(`${EXPECTED} "${text}": "${ipv6}" is no IPv6 address`);
  return { host: ipv6 ?? (host || LOOPBACK), port };
}

/**
 * Serves the state of a live run as Prometheus text, on `/metrics`. Everything is worked out when it is asked for. `start` rejects with a `UsageError`
 * where the address cannot be had; what happens later on a connection ends that connection and nothing else.
 */
export class MetricsServer {
  /** `http://127.0.0.1:9400/metrics` */
  readonly url: string;
  private readonly server: Server;
  private readonly lag: IntervalHistogram;
  private readonly metrics: RunMetrics;

  private constructor(server: Server, url: string, lag: IntervalHistogram, metrics: RunMetrics) {
    this.server = server;
    this.url = url;
    this.lag = lag;
    this.metrics = metrics;
  }

  static async start(address: MetricsAddress, sources: MetricsSources): Promise<MetricsServer> {
    const lag = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    const metrics = await runMetrics({ ...sources, lag: () => lagOf(lag) });
    const server = createServer({ maxHeaderSize: MOST_HEADER_OCTETS, requestTimeout: PATIENCE_MS, headersTimeout: PATIENCE_MS });
    server.maxConnections = MOST_CONNECTIONS;
    server.keepAliveTimeout = PATIENCE_MS;
    // Also while an answer is not read: what is left of it is dropped with the connection.
    server.timeout = PATIENCE_MS;
    server.on('request', (request, response) => void answer(metrics, request, response));
    server.on('clientError', refuse);
    await listening(server, address);
    server.on('error', () => {});
    lag.enable();
    return new MetricsServer(server, urlOf(server), lag, metrics);
  }

  /** Counts findings as they are told. */
  told(news: News): void {
    this.metrics.told(news);
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.lag.disable();
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    this.server.closeAllConnections();
    await closed;
  }
}

/** Seconds that timers came late since this was asked before. */
function lagOf(histogram: IntervalHistogram): { max: number; mean: number; p99: number } | null {
  // What it measures is the distance of ticks, not their delay.
  const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3);
  const { count, max, mean } = histogram;
  const lag = count === 0 ? null : { max: seconds(max), mean: seconds(mean), p99: seconds(histogram.percentile(99)) };
  histogram.reset();
  return lag;
}

async function answer(metrics: RunMetrics, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A body is not wanted; what comes of it is thrown away.
  request.resume();
  response.on('error', () => {});
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return send(response, 405, TEXT, 'Only GET and HEAD are understood.\n');
  }
  const [path] = (request.url ?? '').split('?');
  if (path === '/') return send(response, 200, HTML, INDEX);
  if (path !== '/metrics') return send(response, 404, TEXT, 'Nothing is here but /metrics.\n');
  try {
    send(response, 200, metrics.contentType, await metrics.text());
  } catch (error) {
    send(response, 500, TEXT, `${error instanceof Error ? error.message : String(error)}\n`);
  }
}

const TEXT = 'text/plain; charset=utf-8';
const HTML = 'text/html; charset=utf-8';
const INDEX = '<!DOCTYPE html><html lang="en"><title>fluxcap</title><h1>fluxcap live</h1><p><a href="/metrics">Metrics</a></p></html>\n';

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  // Node.js leaves the body out where the request is HEAD.
  response.end(body);
}

/** What is no HTTP. */
function refuse(_error: Error, socket: Socket | NodeJS.WritableStream): void {
  if ('destroyed' in socket && (socket.destroyed || !socket.writable)) return;
  socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
}

function listening(server: Server, { host, port }: MetricsAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = REASONS[error.code ?? '']?.(host, port) ?? error.message;
      reject(new UsageError(`--metrics: cannot listen on ${addressText(host, port)}: ${reason}`));
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

const REASONS: Readonly<Record<string, (host: string, port: number) => string>> = {
  EADDRINUSE: (_host, port) => `port ${port} is in use by another program; choose another one`,
  EACCES: (_host, port) => `no permission for port ${port}; those from 1024 on need none`,
  EADDRNOTAVAIL: (host) => `${host} is no address of this machine`,
  ENOTFOUND: (host) => `${host} is not known`,
  EAI_AGAIN: (host) => `${host} is not known`,
};

const addressText = (host: string, port: number): string => `${isIPv6(host) ? `[${host}]` : host}:${port}`;

function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${addressText(address, port)}/metrics`;
}
