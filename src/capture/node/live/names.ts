import { readdirSync } from 'node:fs';
import type { InterfaceNames } from '../../live.ts';
import { runRemote } from './ssh.ts';
import { indexOf, SYS_NET } from './targets.ts';

/** Interfaces come and go, on a host of containers for months: more names than this are not remembered. */
const MOST_NAMES = 4096;
/** Reading them again costs little here, and a connection elsewhere. */
const PAUSE_MS = { local: 1000, remote: 10_000 } as const;

/** Names of a machine's interfaces, kept when the interfaces have gone. */
export interface HostNames extends InterfaceNames {
  /** Reads them again; over ssh this takes a while, and throws a `LiveError` where it fails. It happens by itself when an unknown index is asked for. */
  refresh(): Promise<void>;
}

/** @param ssh the machine, as ssh takes it; null: this one */
export const interfaceNames = (ssh: string | null): HostNames => (ssh === null ? new LocalNames() : new RemoteNames(ssh));

/** By index; the oldest leave. */
class Names {
  private readonly byIndex = new Map<number, string>();

  get(index: number): string | null {
    return this.byIndex.get(index) ?? null;
  }

  set(index: number, name: string): void {
    // The last that was seen is the last to leave.
    this.byIndex.delete(index);
    this.byIndex.set(index, name);
    if (this.byIndex.size <= MOST_NAMES) return;
    for (const oldest of this.byIndex.keys()) {
      this.byIndex.delete(oldest);
      return;
    }
  }
}

class LocalNames implements HostNames {
  private readonly names = new Names();
  private isFresh = false;

  nameOf(index: number): string | null {
    if (index <= 0) return null;
    if (this.names.get(index) === null && !this.isFresh) this.read();
    return this.names.get(index);
  }

  async refresh(): Promise<void> {
    this.read();
  }

  private read(): void {
    this.isFresh = true;
    setTimeout(() => {
      this.isFresh = false;
    }, PAUSE_MS.local).unref();
    for (const name of listed()) {
      const index = indexOf(name);
      if (index !== null) this.names.set(index, name);
    }
  }
}

function listed(): string[] {
  try {
    return readdirSync(SYS_NET);
  } catch {
    return [];
  }
}

/** A line an interface: index, name. */
const LIST = ['for d in /sys/class/net/*; do if [ -e "$d/ifindex" ]; then echo "$(cat "$d/ifindex") $(basename "$d")"; fi; done'];
const LINE = /^(\d+) (.+)$/;

class RemoteNames implements HostNames {
  private readonly names = new Names();
  private readonly host: string;
  private isFresh = false;

  constructor(host: string) {
    this.host = host;
  }

  nameOf(index: number): string | null {
    if (index <= 0) return null;
    const name = this.names.get(index);
    // Where it fails, names are missing and nothing else: the capture itself has a connection of its own.
    if (name === null && !this.isFresh) this.refresh().catch(() => {});
    return name;
  }

  async refresh(): Promise<void> {
    this.isFresh = true;
    try {
      for (const line of (await runRemote(this.host, LIST)).split('\n')) {
        const [, index, name] = LINE.exec(line) ?? [];
        if (index !== undefined && name !== undefined) this.names.set(Number(index), name);
      }
    } finally {
      setTimeout(() => {
        this.isFresh = false;
      }, PAUSE_MS.remote).unref();
    }
  }
}
