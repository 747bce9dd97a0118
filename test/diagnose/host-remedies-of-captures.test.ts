import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { applyCommands } from '../../src/context/apply.ts';
import type { ContextDocument } from '../../src/context/document.ts';
import type { Host } from '../../src/context/host.ts';
import { hostOf } from '../../src/context/model.ts';
import { analysisSchema } from '../../src/report/schema.ts';
import { bundledCaptures, root } from '../tools/captures.ts';
import { analyzeAll } from '../tools/statements.ts';

/** Words that stand for what is not known. */
const PLACEHOLDER = /\b(GATEWAY|IFACE|ADDRESS|PORT|WG|KEY|TABLE|SUBNET|NAME|CAPTURE|CLIENT)\b/;

const captures = bundledCaptures().filter((path) => existsSync(join(root, dirname(path), 'context.json')));

/** What commands can change, so that two hosts compare. */
const stateOf = ({ rules, routes, document, wireguard }: Host): unknown => ({
  rules: rules?.map(({ text }) => text),
  routes: routes?.map(({ text, table }) => `${table} ${text}`),
  sysctls: document.sysctls,
  wireguard,
});

describe('remedies that were made for a host of the context', () => {
  const isDocument = new Ajv2020({ allErrors: true, strict: false }).compile(analysisSchema());
  let count = 0;

  it.each(captures)('%s', async (path) => {
    const directory = join(root, dirname(path));
    const { hosts } = JSON.parse(readFileSync(join(directory, 'context.json'), 'utf8')) as ContextDocument;
    const { document } = await analyzeAll(basename(path), directory, 'context.json');
    if (!isDocument(document)) expect.fail(JSON.stringify(isDocument.errors, undefined, 2));
    for (const { host: name, text, now, commands, keep, undo, checked } of document.findings.flatMap(({ remedies }) => remedies)) {
      if (name === undefined) {
        expect({ text, now, keep, undo, checked }).toEqual({ text });
        continue;
      }
      count++;
      const host = hostOf(hosts.find(({ hostname }) => hostname === name) ?? expect.fail(`there is no host ${name}`));
      expect(commands.length).toBeGreaterThan(0);
      const said = [text, ...(now ?? []), ...commands, ...(keep ?? []), ...(undo ?? []), checked ?? ''];
      expect(said.filter((each) => PLACEHOLDER.test(each))).toEqual([]);
      for (const each of [now, keep, undo]) expect(each?.length, text).toBeGreaterThan(0);
      expect(checked).toMatch(/^With th(is|ese) commands? /);
      // They are commands that the model knows, they change something, and what undoes them leaves it as it was.
      const after = applyCommands(host, commands);
      expect(stateOf(after)).not.toEqual(stateOf(host));
      expect(stateOf(applyCommands(after, undo ?? []))).toEqual(stateOf(host));
    }
  });

  it('are there', () => expect(count).toBeGreaterThan(30));

  it.each(captures.filter((path) => /wrong-source|drift|flux/.test(path)))('%s: without context there is none', async (path) => {
    const { document } = await analyzeAll(basename(path), join(root, dirname(path)));
    for (const remedy of document.findings.flatMap(({ remedies }) => remedies)) expect(Object.keys(remedy)).toEqual(['text', 'commands']);
  });
});
