import { existsSync } from 'node:fs';
import type { Part } from '../part.ts';
import { partOfPrinted } from './printed.ts';
import { complaint, type Limits, type Ran, run } from './run.ts';

/** What is asked of `ip`; the words that make JSON of it are put before. */
const IP_COMMANDS: readonly { what: string; words: readonly string[]; needsIpv6?: boolean }[] = [
  { what: 'links', words: ['-d', 'link'] },
  { what: 'addresses', words: ['address'] },
  { what: 'IPv4 routes', words: ['-4', 'route', 'show', 'table', 'all'] },
  { what: 'IPv6 routes', words: ['-6', 'route', 'show', 'table', 'all'], needsIpv6: true },
  { what: 'rules', words: ['-4', 'rule'] },
  { what: 'IPv6 rules', words: ['-6', 'rule'], needsIpv6: true },
  { what: 'neighbours', words: ['neigh'] },
  { what: 'proxied neighbours', words: ['neigh', 'show', 'proxy'] },
];

/** By `ip`; where there is none, by the older programs. */
export async function readIp(limits: Limits): Promise<Part[]> {
  const hasIpv6 = existsSync('/proc/net/if_inet6');
  const commands = IP_COMMANDS.filter(({ needsIpv6 }) => hasIpv6 || !needsIpv6);
  const version = await run('ip', ['-V'], limits);
  if (version.failure === 'missing') return readNetTools(limits);
  const isBusybox = version.failure === undefined && /BusyBox/.test(version.stdout + version.stderr);
  return Promise.all(commands.map(({ what, words }) => readOne(what, words, isBusybox, limits)));
}

async function readOne(what: string, words: readonly string[], isBusybox: boolean, limits: Limits): Promise<Part> {
  let ran = await runWhole(['-j', ...words], limits);
  // Versions before 2018 do not know -j, BusyBox neither that nor -d.
  let plain = words;
  if (ran.failure === undefined && ran.status !== 0 && refusesOption(ran)) ran = await runWhole(plain, limits);
  if (ran.failure === undefined && ran.status !== 0 && refusesOption(ran)) {
    plain = words.filter((word) => word !== '-d');
    ran = await runWhole(plain, limits);
  }
  if (ran.failure !== undefined) return { notes: [{ what, why: ran.why }] };
  // BusyBox cannot show proxied neighbours; most machines have none.
  if (ran.status !== 0) return what.startsWith('proxied') ? {} : { notes: [{ what, why: complaint('ip', ran) }] };
  return partOfPrinted(what, `${isBusybox ? 'busybox ' : ''}ip ${plain.join(' ')}`, ran.stdout);
}

const refusesOption = ({ stdout, stderr }: { stdout: string; stderr: string }): boolean =>
  /option.{0,8}-[jd]\W|(unrecognized|invalid|unknown) option|BusyBox|^Usage:/im.test(`${stderr}\n${stdout}`);

/** Tables that change while the kernel lists them are asked for again. */
async function runWhole(words: readonly string[], limits: Limits): Promise<Ran> {
  let ran = await run('ip', words, limits);
  for (let tries = 0; tries < 2 && ran.failure === undefined && /Dump (was|has been) interrupted/.test(ran.stderr); tries++)
    ran = await run('ip', words, limits);
  return ran;
}

async function readNetTools(limits: Limits): Promise<Part[]> {
  const commands = [
    { what: 'addresses', program: 'ifconfig', args: ['-a'] },
    { what: 'IPv4 routes', program: 'route', args: ['-n'] },
    { what: 'neighbours', program: 'arp', args: ['-an'] },
  ];
  const rules: Part = { notes: [{ what: 'rules', why: 'ip is not installed' }] };
  const parts = commands.map(async ({ what, program, args }): Promise<Part> => {
    const ran = await run(program, args, limits);
    if (ran.failure !== undefined)
      return { notes: [{ what, why: ran.failure === 'missing' ? `neither ip nor ${program} is installed` : ran.why }] };
    if (ran.status !== 0) return { notes: [{ what, why: complaint(program, ran) }] };
    return partOfPrinted(what, [program, ...args].join(' '), ran.stdout);
  });
  return [...(await Promise.all(parts)), rules];
}
