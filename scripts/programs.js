/** Programs beside Node.js: the Debian packages that have them, and their installation. Plain JavaScript: it runs before anything is installed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';

/** Packages that would push others off the machine (ntpsec its time daemon) or open it (openssh-server): they are unpacked below this folder, not installed. */
const UNPACKED = resolve(import.meta.dirname, '..', '.programs');

/** @type {Record<string, string>} */
const TO_UNPACK = { ntpd: 'ntpsec', sshd: 'openssh-server' };

/** Where programs are looked for; Debian keeps those of daemons where only root's PATH looks. */
export const PATH = [process.env.PATH, '/usr/sbin', '/sbin', join(UNPACKED, 'usr', 'sbin')].join(':');

/** What is needed to capture live in namespaces, by ssh too. They take root. */
export const LIVE_PROGRAMS = ['tcpdump', 'dumpcap', 'ip', 'ping', 'setpriv', 'sysctl', 'ssh', 'sshd', 'ssh-keygen', 'cc'];

/** What tests compare with. */
export const TEST_PROGRAMS = ['tshark', 'tcpdump', 'zstd', 'lz4', ...(process.getuid?.() === 0 ? LIVE_PROGRAMS : [])];

/** Programs, and files, that tests or labs (captures/…/make.sh --needs) name, where their package is called otherwise. @type {Record<string, string>} */
const PACKAGES = {
  '/etc/protocols': 'netbase',
  '/usr/bin/python3': 'python3',
  '/usr/lib/frr/bgpd': 'frr',
  '/usr/lib/frr/zebra': 'frr',
  '/usr/lib/ipsec/charon': 'strongswan-charon',
  '/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so': 'libcharon-extra-plugins',
  '/usr/lib/ipsec/plugins/libstrongswan-openssl.so': 'libstrongswan-standard-plugins',
  '/usr/lib/python3/dist-packages/cryptography': 'python3-cryptography',
  bridge: 'iproute2',
  cc: 'build-essential',
  cmp: 'diffutils',
  dig: 'bind9-dnsutils',
  dnsmasq: 'dnsmasq-base',
  dumpcap: 'wireshark-common',
  'in.tftpd': 'tftpd-hpa',
  ip: 'iproute2',
  mktemp: 'coreutils',
  mtr: 'mtr-tiny',
  nft: 'nftables',
  ntpdig: 'ntpsec-ntpdig',
  ping: 'iputils-ping',
  setpriv: 'util-linux',
  ss: 'iproute2',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  swanctl: 'strongswan-swanctl',
  sysctl: 'procps',
  tftp: 'tftp-hpa',
  'tcptraceroute.mt': 'tcptraceroute',
  timeout: 'coreutils',
  tincd: 'tinc',
  unshare: 'util-linux',
  vtysh: 'frr',
  wg: 'wireguard-tools',
};

const env = { ...process.env, PATH };

/** Those of `programs` that are not on this machine. @param {readonly string[]} programs */
export const missingPrograms = (programs) => [...new Set(programs)].filter((program) => !existsSync(program) && !isCommand(program));

/** @param {string} program */
const isCommand = (program) => spawnSync('sh', ['-c', 'command -v "$0"', program], { stdio: 'ignore', env }).status === 0;

/** @param {readonly string[]} programs */
const packagesOf = (programs) => [...new Set(programs.map((program) => PACKAGES[program] ?? program))].sort();

/** Those that are to be installed, and not unpacked. @param {readonly string[]} programs */
const installable = (programs) => packagesOf(programs.filter((program) => !TO_UNPACK[program]));

/** The command that installs `programs` on Debian and Ubuntu. @param {readonly string[]} programs */
export const installCommand = (programs) => `apt-get install --no-install-recommends ${installable(programs).join(' ')}`;

/**
 * Installs those of `programs` that are missing, where this runs as root on Debian or Ubuntu. Daemons that come with them are not started, now or at
 * boot, and no package is removed for another one. Returns what is missing still.
 * @param {readonly string[]} programs
 */
export function installPrograms(programs) {
  const missing = missingPrograms(programs);
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return missing;
  const packages = installable(missing);
  const before = services();
  withoutStartingDaemons(() => {
    // One by one where not all can be had together.
    if (!install(packages) && apt('update') && !install(packages)) for (const each of packages) install([each]);
    const added = services().filter((unit) => !before.includes(unit));
    if (added.length > 0) run('systemctl', ['disable', '--quiet', ...added]);
  });
  for (const program of missing) if (TO_UNPACK[program]) unpack(TO_UNPACK[program]);
  if (interrupted) process.exit(130);
  return missingPrograms(missing);
}

/** @param {readonly string[]} packages */
function install(packages) {
  if (packages.length === 0 || interrupted) return true;
  console.error(`fluxcap: apt-get install ${packages.join(' ')}`);
  return apt('install', '-y', '--no-install-recommends', '--no-remove', ...packages);
}

/** @param {string} name of a package */
function unpack(name) {
  const folder = join(UNPACKED, 'downloads');
  mkdirSync(folder, { recursive: true });
  console.error(`fluxcap: unpacking ${name} into ${UNPACKED}`);
  const download = () => run('apt-get', ['download', name], folder);
  if (download() || (apt('update') && download()))
    for (const file of readdirSync(folder)) run('dpkg', ['-x', join(folder, file), UNPACKED]);
  rmSync(folder, { recursive: true });
}

/** Asks nothing, keeps the administrator's configuration files, and waits where another one installs. @param {...string} args */
const apt = (...args) => run('apt-get', ['-o', 'Dpkg::Options::=--force-confold', '-o', 'DPkg::Lock::Timeout=120', ...args]);

let interrupted = false;

/** @param {string} program @param {readonly string[]} args @param {string} [cwd] */
function run(program, args, cwd) {
  const quiet = { ...env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1' };
  const { status, signal } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env: quiet, cwd });
  interrupted ||= signal === 'SIGINT' || signal === 'SIGTERM' || status === 130;
  return status === 0;
}

/** The services of this machine that start at boot. @returns {string[]} */
function services() {
  if (!existsSync('/run/systemd/system')) return [];
  const { stdout } = spawnSync('systemctl', ['list-unit-files', '--no-legend', '--state=enabled'], { encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => line.split(' ')[0] || []);
}

const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_TEXT = '#!/bin/sh\n# Left by `npm test` or `npm run captures` of fluxcap, if it is still here: to be removed.\nexit 101\n';

/**
 * Debian asks the policy file whether a package may start its daemon (invoke-rc.d): 101 is no. A signal must not leave it behind, for then nothing could be
 * started any more.
 * @param {() => void} work
 */
function withoutStartingDaemons(work) {
  const isOurs = existsSync(POLICY) && readFileSync(POLICY, 'utf8') === POLICY_TEXT;
  if (existsSync(POLICY) && !isOurs) return work();
  const ignore = () => {};
  for (const signal of SIGNALS) process.on(signal, ignore);
  writeFileSync(POLICY, POLICY_TEXT, { mode: 0o755 });
  try {
    work();
  } finally {
    rmSync(POLICY);
    for (const signal of SIGNALS) process.off(signal, ignore);
  }
}

/** @type {NodeJS.Signals[]} */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
