import type { Part } from '../part.ts';
import { isWantedSysctl, sysctlOfPath } from '../sysctls.ts';
import type { Block, Parser, Said } from './block.ts';
import type { Command } from './command.ts';

/** `sysctl -a`, `grep . /proc/sys/…/*`, `cat /proc/sys/…`. Of all settings, a context has those that say something of the way of packets. */
export const sysctl: Parser = {
  name: 'sysctl',
  starts: (line, command) => SETTING.test(line) || TIGHT.test(line) || OF_FILE.test(line) || REFUSED.test(line) || isValue(line, command),
  open: (command) => new Settings(command),
};

const SETTING = /^\s*((?:abi|crypto|debug|dev|fs|kernel|net|sunrpc|user|vm)[./][\w./@:-]+)\s*=(?:\s+(.*))?$/;
const TIGHT = /^\s*(net[./][\w./@:-]+)=(\S.*)$/;
const OF_FILE = /^\/proc\/sys\/([\w./@-]+)\s*[:=]\s*(.*)$/;
const REFUSED = /^sysctl: (reading key|permission denied|cannot stat|error)/;

/** What stands below `cat` of one or several such files. */
const isValue = (line: string, command: Command | undefined): boolean =>
  command?.shows === 'sysctl-file' && !command.of?.includes('*') && /^-?\d+(\s+-?\d+)*$/.test(line.trim());

class Settings implements Block {
  private readonly found: Record<string, string> = {};
  private readonly part: Part = {};
  private readonly files: string[];
  private readonly command: Command | undefined;

  constructor(command: Command | undefined) {
    this.command = command;
    this.files = command?.shows === 'sysctl-file' ? (command.of?.split(' ') ?? []) : [];
  }

  take(line: string): boolean {
    const [, path, ofPath = ''] = OF_FILE.exec(line) ?? [];
    const [, name, value = ''] = SETTING.exec(line) ?? TIGHT.exec(line) ?? [];
    if (path !== undefined) this.note(sysctlOfPath(path), ofPath);
    // With slashes between the parts a dot belongs to a name.
    else if (name !== undefined) this.note(/^\w+\//.test(name) ? sysctlOfPath(name) : name, value);
    else if (isValue(line, this.command)) {
      const file = this.files.shift();
      if (file === undefined) return false;
      this.note(sysctlOfPath(file), line);
    } else return REFUSED.test(line);
    return true;
  }

  private note(name: string, given: string): void {
    const value = given.trim();
    if (isWantedSysctl(name)) this.found[name] = value;
    else if (name === 'kernel.hostname') this.part.hostname = value;
    else if (name === 'kernel.osrelease') this.part.kernel = value;
  }

  end(): Said {
    const { found, part } = this;
    return { parts: [{ ...part, ...(Object.keys(found).length > 0 ? { sysctls: found } : {}) }], misread: [] };
  }
}
