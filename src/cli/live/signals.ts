import { Exit } from '../io.ts';

export interface SignalHandlers {
  /** Ctrl-C, `kill`, or the terminal is closed: the run is to end with its summary. */
  end: () => void;
  /** SIGUSR1: the summary is wanted in between. */
  report: () => void;
}

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Listens to signals until `close`. One to end ends the program at once where there are no handlers yet, and where it is the second: helpers, which no signal of
 * a terminal reaches, end with the program.
 */
export class Signals {
  handlers: SignalHandlers | undefined;
  private isEnding = false;

  constructor() {
    for (const signal of ENDING) process.on(signal, this.end);
    process.on('SIGUSR1', this.report);
  }

  close(): void {
    for (const signal of ENDING) process.off(signal, this.end);
    process.off('SIGUSR1', this.report);
  }

  private readonly end = (): void => {
    if (this.isEnding || !this.handlers) process.exit(Exit.Interrupted);
    this.isEnding = true;
    this.handlers.end();
  };

  /** Without a listener Node.js would open its debugger. */
  private readonly report = (): void => this.handlers?.report();
}
