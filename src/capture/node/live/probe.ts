import { type LiveBackend, liveBackends } from '../../live.ts';
import { LiveError } from './error.ts';
import { openLive } from './open.ts';
import { ANY } from './targets.ts';

/** Whether a backend can capture here, as this user. */
export interface BackendState {
  backend: LiveBackend;
  /** Why it cannot, and what to do; null where it can. */
  refusal: string | null;
}

/** Headers only: nothing is read of it. */
const SNAPLEN = 64;

/** Tries each backend on `any`: what it takes is the same for all interfaces. */
export function probeBackends(): Promise<BackendState[]> {
  return Promise.all(
    liveBackends.map(async (backend) => {
      try {
        const source = await openLive({ interface: ANY, backend, filter: '', snaplen: SNAPLEN, ssh: null });
        await source.close?.();
        return { backend, refusal: null };
      } catch (error) {
        if (!(error instanceof LiveError)) throw error;
        return { backend, refusal: error.message };
      }
    }),
  );
}
