/** The labs that make the captures: `captures/NAME/make.sh` each, run side by side. Plain JavaScript: it runs before anything is installed. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { PATH } from './programs.js';

const captures = resolve(import.meta.dirname, '..', 'captures');

/**
 * As many labs at once by default: they sleep most of the time. More disturb each other on two processors.
 */
export const JOBS = 6;

/**
 * @typedef {object} Lab
 * @property {string} name what it is called here
 * @property {string} [folder] below captures/; else its name
 * @property {number} seconds after which it gives up
 * @property {string[]} programs what it needs
 *
 * @typedef {object} Outcome
 * @property {string} mark with which the names of its namespaces, interfaces and files begin; its processes have it as FLUXCAP_LAB
 * @property {number} status exit status; 128 and more: ended by a signal
 * @property {string} output what it said
 * @property {number} seconds how long it took
 */

let marks = 0;

/** Short: names of interfaces, of which it is a part, have 15 characters at most. */
export const newMark = () => `fx${process.pid.toString(36)}${(marks++).toString(36).padStart(2, '0')}`;

/** The folders that have a lab. */
export const labNames = () => readdirSync(captures).filter((name) => existsSync(join(captures, name, 'make.sh')));

/** All labs, or those that are named, the longest first. @param {readonly string[]} [names] @returns {Lab[]} */
export function labs(names = labNames()) {
  return names
    .map((name) => {
      const [seconds, ...programs] = execFileSync(join(captures, name, 'make.sh'), ['--needs'], { encoding: 'utf8' })
        .trim()
        .split(/ +/);
      return { name, seconds: Number(seconds), programs };
    })
    .sort((a, b) => b.seconds - a.seconds || (a.name < b.name ? -1 : 1));
}

/** Why labs cannot run here, or undefined. */
export function hindrance() {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (!existsSync('/bin/bash')) return 'bash is missing';
  // Root of a container may not be allowed to.
  const { status, stderr } = spawnSync('unshare', ['--net', '--mount', 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : `no namespaces: ${stderr?.trim().split('\n')[0] || 'unshare failed'}`;
}

/**
 * Runs labs, `jobs` at a time, the first ones first. Aborting ends those that run, which then clean up, and starts no more.
 * @param {readonly Lab[]} wanted
 * @param {object} [options]
 * @param {(lab: Lab) => string} [options.into] where a lab puts its captures; else its own folder
 * @param {(lab: Lab) => Record<string, string>} [options.env] more for a lab's environment
 * @param {number} [options.jobs]
 * @param {(text: string) => void} [options.say] progress, as it comes
 * @param {AbortSignal} [options.signal]
 * @returns {Map<string, Promise<Outcome>>} by name
 */
export function runLabs(wanted, { into, env = () => ({}), jobs = JOBS, say = () => {}, signal } = {}) {
  /** @type {Array<() => Promise<void>>} */
  const starts = [];
  const outcome = (/** @type {Lab} */ lab) =>
    new Promise((resolve, reject) => {
      starts.push(() => runLab(lab, into?.(lab), env(lab), say, signal).then(resolve, reject));
    });
  const outcomes = new Map(wanted.map((lab) => [lab.name, outcome(lab)]));
  const lane = async () => {
    for (let start = starts.shift(); start; start = starts.shift()) await start();
  };
  for (let i = 0; i < jobs; i++) void lane();
  return outcomes;
}

/**
 * @param {Lab} lab
 * @param {string | undefined} into
 * @param {Record<string, string>} more
 * @param {(text: string) => void} say
 * @param {AbortSignal} [signal]
 * @returns {Promise<Outcome>}
 */
function runLab({ name, folder = name }, into, more, say, signal) {
  const begun = performance.now();
  const mark = newMark();
  if (signal?.aborted) return Promise.resolve({ mark, status: 130, output: 'not started\n', seconds: 0 });
  const env = { ...process.env, PATH, ...more, FLUXCAP_LAB: mark };
  const child = spawn(join(captures, folder, 'make.sh'), into === undefined ? [] : [into], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env,
    signal,
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output += text;
    say(text);
  });
  return new Promise((resolve) => {
    // Aborted, or not to be started at all; what could be started closes then, too.
    child.on('error', (error) => {
      output += `${error.message}\n`;
      if (child.pid === undefined) resolve({ mark, status: 127, output, seconds: 0 });
    });
    child.on('close', (status, ended) => {
      resolve({
        mark,
        status: status ?? 128 + (constants.signals[ended ?? 'SIGTERM'] ?? 0),
        output,
        seconds: (performance.now() - begun) / 1000,
      });
    });
  });
}
