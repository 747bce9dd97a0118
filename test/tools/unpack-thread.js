/** The thread that unpacks, from its source: `Worker` itself runs no TypeScript. */
import { register } from 'tsx/esm/api';

register();
await import('../../src/capture/node/unpack-thread.ts');
