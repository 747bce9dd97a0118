/** Why nothing can be captured; what `auto` does next, and the exit status, follow from it. */
export type FaultKind =
  /** The backend is not on the machine. */
  | 'missing'
  | 'rights'
  /** No interface of that name. */
  | 'interface'
  | 'down'
  | 'filter'
  /** The backend cannot do what was asked, here or anywhere. */
  | 'request'
  /** The backend's libpcap is too old for LINUX_SLL2. */
  | 'no-sll2'
  | 'ssh'
  | 'other';

const WRONG_USAGE: ReadonlySet<FaultKind> = new Set<FaultKind>(['interface', 'filter', 'request']);

/** Capturing could not begin: one line that says why, and what to do. */
export class LiveError extends Error {
  readonly fault: FaultKind;

  constructor(fault: FaultKind, message: string) {
    super(message);
    this.fault = fault;
  }

  /** 2: the command line is wrong; 3: the machine does not allow it. */
  get exit(): 2 | 3 {
    return WRONG_USAGE.has(this.fault) ? 2 : 3;
  }
}
