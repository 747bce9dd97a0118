#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';

// Packets leave next to no garbage, so that much room for young objects gains nothing: V8 would let it grow from 2 MB to 32. Only the V8 with which
// this was tried (Node.js 20) is told so.
if (process.versions.v8.startsWith('11.3.')) setFlagsFromString('--semi-space-growth-factor=1');

const { main } = await import('../dist/cli/main.js');
await main(process.argv.slice(2));
