import { canonicalIp } from '../../net/ip.ts';
import type { NeighbourDocument } from '../document.ts';
import { type Block, type Parser, type Said, wordsOf } from './block.ts';
import type { Command } from './command.ts';

/** `ip neighbour`, of iproute2 (ip/ipneigh.c, print_neigh) and of BusyBox. */
export const ipNeighbours: Parser = {
  name: 'ip neighbour',
  starts: (line, command) => isEntry(line) && (wordsOf(line).includes('dev') || command?.shows === 'neighbour'),
  open: (command) => new Neighbours(command),
};

const STATES = /^(INCOMPLETE|REACHABLE|STALE|DELAY|PROBE|FAILED|NOARP|PERMANENT|NONE|NUD_\w+)$/;
const WITH_VALUE = new Set(['dev', 'lladdr', 'ref', 'used', 'probes', 'vlan', 'vni', 'proto', 'protocol', 'nhid']);
const ALONE = new Set(['router', 'proxy', 'extern_learn', 'offload', 'managed', 'extern_valid', 'stick', 'permanent']);

function isEntry(line: string): boolean {
  const words = wordsOf(line);
  if (canonicalIp(words[0] ?? '') === undefined) return false;
  return words.includes('lladdr') || words.includes('proxy') || STATES.test(words.at(-1) ?? '');
}

class Neighbours implements Block {
  private readonly command: Command | undefined;
  private readonly lines: string[] = [];

  constructor(command: Command | undefined) {
    this.command = command;
  }

  take(line: string): boolean {
    const last = this.lines.at(-1);
    if (isEntry(line)) this.lines.push(line);
    // The state alone: the line was too long for a mail.
    else if (last !== undefined && (STATES.test(line.trim()) || /^\s*(lladdr|dev)\s/.test(line)))
      this.lines[this.lines.length - 1] = `${last} ${line.trim()}`;
    else return false;
    return true;
  }

  end(): Said {
    const misread: string[] = [];
    const neighbours: NeighbourDocument[] = [];
    for (const line of this.lines) {
      const neighbour = neighbourOf(line, this.command?.of);
      if (neighbour) neighbours.push(neighbour);
      else misread.push(line);
    }
    return { parts: [{ neighbours }], misread };
  }
}

/** The neighbour as `ip -j` prints it. @param device of the command, which then is not in the line */
export function neighbourOf(line: string, device?: string): NeighbourDocument | undefined {
  const [dst = '', ...words] = wordsOf(line);
  const found: Partial<NeighbourDocument> = {};
  const states: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (STATES.test(word)) states.push(word);
    else if (word === 'router' || word === 'proxy') found[word] = null;
    else if (WITH_VALUE.has(word)) {
      const value = words[++i];
      if (word === 'dev' || word === 'lladdr') found[word] = value ?? '';
    } else if (!ALONE.has(word)) return undefined;
  }
  const dev = found.dev ?? device;
  return dev === undefined ? undefined : { dst, ...found, dev, ...(states.length > 0 ? { state: states } : {}) };
}
