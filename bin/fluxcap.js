#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';

// Packets leave next to no garbage, so that much room for young objects gains nothing: V8 would let it grow from 2 MB to 32. Only versions of
// V8 with which this was tried are told so (those of Node.js 20, 22 and 24): one that does not know the option complains.
if (/^1[123]\./.test(process.versions.v8)) setFlagsFromString('--semi-space-growth-factor=1');

const { main } = await import('../dist/cli/main.js');
await main(process.argv.slice(2));
