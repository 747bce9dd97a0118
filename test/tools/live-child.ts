/**
 * Opens live sources as it is told, in the namespace in which it was started (netns.ts). A line of JSON on standard input is a command, a line on standard
 * output what came of it.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { LiveRequest, LiveSource } from '../../src/capture/live.ts';
import { LiveError } from '../../src/capture/node/live/error.ts';
import { hostInterfaces } from '../../src/capture/node/live/interfaces.ts';
import { type HostNames, interfaceNames } from '../../src/capture/node/live/names.ts';
import { openLive } from '../../src/capture/node/live/open.ts';
import { probeBackends } from '../../src/capture/node/live/probe.ts';

export type Command =
  | { do: 'open'; request: LiveRequest; into: string }
  | { do: 'read' | 'hold' | 'stop' | 'close' | 'refresh' | 'status'; of: string }
  | { do: 'send'; to: string; texts: string[] }
  | { do: 'flood'; to: string; count: number; size: number }
  | { do: 'names'; ssh: string | null; indexes: number[] }
  | { do: 'interfaces' | 'probe' | 'self' | 'leave' };

/** Where `send` and `flood` send to. */
export const PORT = 5000;

const CHUNK = 1 << 20;

/** A source, and the file that gets its octets. */
class Opened {
  readonly source: LiveSource;
  private readonly file: number;
  private readonly chunk = new Uint8Array(CHUNK);
  private length = 0;
  private ended: { error: string | null } | null = null;
  private held: { release: () => void; until: Promise<void> } | null = null;

  constructor(source: LiveSource, into: string) {
    this.source = source;
    this.file = openSync(into, 'w');
    void this.readAll();
  }

  /** Nothing is read until `read`. */
  hold(): void {
    let release = (): void => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.held = { release, until };
  }

  read(): void {
    this.held?.release();
    this.held = null;
  }

  status() {
    const { backend, index, delaySec, limits, drops } = this.source;
    return { backend, index, delaySec, limits, drops: { ...drops }, length: this.length, ended: this.ended };
  }

  private async readAll(): Promise<void> {
    try {
      for (;;) {
        if (this.held) await this.held.until;
        const length = await this.source.read(this.chunk, 0, CHUNK);
        if (length === 0) break;
        writeSync(this.file, this.chunk, 0, length);
        this.length += length;
      }
      this.ended = { error: null };
    } catch (error) {
      this.ended = { error: error instanceof Error ? error.message : String(error) };
    }
    closeSync(this.file);
  }
}

/** As UDP, from one port, one after the other. */
async function send(to: string, payloads: readonly Buffer[]): Promise<number> {
  const socket = createSocket('udp4');
  for (const payload of payloads) await new Promise((sent) => socket.send(payload, PORT, to, sent));
  socket.close();
  await once(socket, 'close');
  return payloads.length;
}

const opened = new Map<string, Opened>();

/** By machine. */
const namesOf = new Map<string | null, HostNames>();

async function obey(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'open':
      try {
        const each = new Opened(await openLive(command.request), command.into);
        opened.set(command.into, each);
        return each.status();
      } catch (error) {
        if (!(error instanceof LiveError)) throw error;
        return { fault: error.fault, exit: error.exit, message: error.message };
      }
    case 'names': {
      const known = namesOf.get(command.ssh) ?? interfaceNames(command.ssh);
      if (!namesOf.has(command.ssh) && command.ssh !== null) await known.refresh();
      namesOf.set(command.ssh, known);
      return command.indexes.map((index) => known.nameOf(index));
    }
    case 'interfaces':
      return hostInterfaces();
    case 'probe':
      return probeBackends();
    case 'send':
      return send(command.to, command.texts.map(Buffer.from));
    case 'flood':
      return send(command.to, new Array<Buffer>(command.count).fill(Buffer.alloc(command.size)));
    case 'self':
      return {
        files: readdirSync('/proc/self/fd').length,
        kib: Number(/VmSize:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]),
      };
    case 'leave':
      return process.exit(0);
    default: {
      const each = opened.get(command.of);
      if (!each) throw new Error(`${command.of} is not open`);
      if (command.do === 'hold') each.hold();
      else if (command.do === 'read') each.read();
      else if (command.do === 'stop') each.source.stop();
      else if (command.do === 'refresh') each.source.refreshDrops();
      else if (command.do === 'close') await each.source.close?.();
      return each.status();
    }
  }
}

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { id, command } = JSON.parse(line) as { id: number; command: Command };
    let answer: unknown;
    try {
      answer = { id, answer: await obey(command) };
    } catch (error) {
      answer = { id, failure: error instanceof Error ? error.stack : String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  })
  .on('close', () => process.exit(0));
