import { once } from 'node:events';
import type { Io } from './io.ts';

const USUAL_WIDTH = 100;
const WIDEST = 160;

/** The streams of the process. A closed pipe (`| head`) ends the program quietly. */
export async function nodeIo(): Promise<Io> {
  const { stdout, stderr } = process;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  let status: ((line: string | undefined) => void) | undefined;
  if (stderr.isTTY) {
    const { logUpdateStderr } = await import('log-update');
    status = (line) => (line === undefined ? logUpdateStderr.clear() : logUpdateStderr(line));
  }
  return {
    out: async (text) => {
      if (!stdout.write(text)) await once(stdout, 'drain');
    },
    err: (text) => {
      stderr.write(text);
    },
    width: Math.min(stdout.columns ?? USUAL_WIDTH, WIDEST),
    outIsTerminal: stdout.isTTY === true,
    errIsTerminal: stderr.isTTY === true,
    env: process.env,
    ...(status ? { status } : {}),
  };
}
