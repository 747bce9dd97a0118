import type { Io } from '../../src/cli/io.ts';

export interface CollectedIo extends Io {
  stdout: string;
  stderr: string;
}

/** An `Io` that collects text instead of printing it. */
export function collectingIo(env: Record<string, string> = {}, terminal = false): CollectedIo {
  const io: CollectedIo = {
    stdout: '',
    stderr: '',
    out: async (text) => {
      io.stdout += text;
    },
    err: (text) => {
      io.stderr += text;
    },
    width: 100,
    outIsTerminal: terminal,
    errIsTerminal: terminal,
    env,
  };
  return io;
}
