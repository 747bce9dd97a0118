import { spawnSync } from 'node:child_process';
import { arch, cpus, platform, totalmem } from 'node:os';
import process from 'node:process';
import { versionOfPackage } from './installed.ts';

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

const VERSIONS: readonly [name: string, command: readonly [string, string], pattern: RegExp][] = [
  ['tcpdump', ['tcpdump', '--version'], /tcpdump version (\S+)/],
  ['libpcap', ['tcpdump', '--version'], /libpcap version (\S+)/],
  ['capinfos', ['capinfos', '--version'], /Capinfos \(Wireshark\) ([\d.]+)/],
  ['tshark', ['tshark', '--version'], /TShark \(Wireshark\) ([\d.]+)/],
  ['argus', ['argus', '-h'], /Argus Version (\S+)/],
  ['softflowd', ['softflowd', '-h'], /softflowd version (\S+)/],
  ['arpwatch', ['arpwatch', '-h'], /Version (\S+)/],
  ['gzip', ['gzip', '--version'], /gzip (\S+)/],
  ['zstd', ['zstd', '--version'], /v(\d[\d.]*)/],
];
const PACKAGES: readonly string[] = ['pcap-parser', 'cap', 'fzstd'];

export function thisMachine(): Machine {
  const programs = VERSIONS.flatMap(([name, [program, option], pattern]): [string, string][] => {
    const { stdout, stderr } = spawnSync(program, [option], { encoding: 'utf8' });
    const [, version] = pattern.exec(`${stdout}${stderr}`) ?? [];
    return version ? [[name, version.replace(/[.,]$/, '')]] : [];
  });
  const packages = PACKAGES.flatMap((name): [string, string][] => {
    const version = versionOfPackage(name);
    return version === undefined ? [] : [[`${name} (npm)`, version]];
  });
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    system: `${platform()} ${arch()}`,
    node: process.versions.node,
    versions: Object.fromEntries([...programs, ...packages]),
  };
}
