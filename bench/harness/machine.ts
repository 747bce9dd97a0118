import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { arch, cpus, platform, totalmem } from 'node:os';
import process from 'node:process';

/** Where the figures come from, as far as it explains them. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGigabytes: number;
  system: string;
  node: string;
  /** Versions of the peers that are installed. */
  versions: Record<string, string>;
}

const VERSIONS: readonly [name: string, program: string, pattern: RegExp][] = [
  ['tcpdump', 'tcpdump', /tcpdump version (\S+)/],
  ['libpcap', 'tcpdump', /libpcap version (\S+)/],
  ['capinfos', 'capinfos', /Capinfos \(Wireshark\) ([\d.]+)/],
  ['tshark', 'tshark', /TShark \(Wireshark\) ([\d.]+)/],
];

export function thisMachine(): Machine {
  const versions = VERSIONS.flatMap(([name, program, pattern]): [string, string][] => {
    const { stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    const [, version] = pattern.exec(`${stdout}${stderr}`) ?? [];
    return version ? [[name, version.replace(/\.$/, '')]] : [];
  });
  const { version } = createRequire(import.meta.url)('pcap-parser/package.json') as { version: string };
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    system: `${platform()} ${arch()}`,
    node: process.versions.node,
    versions: { ...Object.fromEntries(versions), 'pcap-parser': version },
  };
}
