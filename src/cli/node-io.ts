import { once } from 'node:events';
import type { logUpdateStderr } from 'log-update';
import type { Io } from './io.ts';

const USUAL_WIDTH = 100;
const WIDEST = 160;

/** The streams of the process. A closed pipe (`| head`) ends the program quietly. */
export function nodeIo(): Io {
  const { stdout, stderr } = process;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
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
    ...(stdout.isTTY ? { terminal: stdout } : {}),
    ...(stderr.isTTY ? { status: statusLine() } : {}),
  };
}

/** Redraws a line. What it takes is loaded at the first one, which is not drawn: most runs are over before there is any, and loading takes as long as they. */
function statusLine(): (line: string | undefined) => void {
  let update: typeof logUpdateStderr | undefined;
  let isLoading = false;
  return (line) => {
    if (update) {
      if (line === undefined) update.clear();
      else update(line);
    } else if (line !== undefined && !isLoading) {
      isLoading = true;
      void import('log-update').then(({ logUpdateStderr }) => {
        update = logUpdateStderr;
      });
    }
  };
}
