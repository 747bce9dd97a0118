import type { TincDocument } from '../document.ts';
import { type Block, type Parser, type Said, wordsOf } from './block.ts';
import type { Command } from './command.ts';

/** `tinc -n NET dump subnets` (tinc 1.1, src/tincctl.c), and the list that tincd 1.0 writes to its log on SIGUSR2. */
export const tincSubnets: Parser = {
  name: 'tinc dump subnets',
  starts: (line) => subnetOf(line) !== undefined || LOG.test(line),
  open: (command) => new Subnets(command),
};

const LOG = /^(\S.*: )?(Subnet list:|End of subnet list\.)$/;

class Subnets implements Block {
  private readonly command: Command | undefined;
  private readonly subnets: TincDocument['subnets'] = [];

  constructor(command: Command | undefined) {
    this.command = command;
  }

  take(line: string): boolean {
    const subnet = subnetOf(line);
    if (subnet) this.subnets.push(subnet);
    return subnet !== undefined || LOG.test(line);
  }

  end(): Said {
    return { parts: [{ tinc: [{ interface: this.command?.of ?? null, name: null, mode: null, subnets: this.subnets }] }], misread: [] };
  }
}

/** Subnets without a weight have this one (src/subnet.h, DEFAULT_WEIGHT); tinc leaves it out. */
export const TINC_DEFAULT_WEIGHT = 10;

function subnetOf(line: string): TincDocument['subnets'][number] | undefined {
  const words = wordsOf(line.replace(/^.*?\]: /, ''));
  const [given = '', word, owner] = words;
  if (word !== 'owner' || owner === undefined || words.length !== 3) return undefined;
  return { ...tincSubnet(given), owner };
}

/** `10.0.0.0/8#5`. tinc leaves out leading zeros of MACs. */
export function tincSubnet(text: string): { subnet: string; weight: number } {
  const [, subnet = '', weight] = /^([^#]*)(?:#(-?\d+))?$/.exec(text) ?? [];
  const isMac = /^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(subnet);
  return {
    subnet: isMac ? subnet.replace(/\b([0-9a-f])\b/gi, '0$1').toLowerCase() : subnet,
    weight: weight === undefined ? TINC_DEFAULT_WEIGHT : Number(weight),
  };
}
