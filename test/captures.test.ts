import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { analysisSchema } from '../src/report/schema.ts';
import { root } from './tools/captures.ts';
import { checkContext } from './tools/context.ts';
import { analyzeAll, folderKinds, labFolders, type Stated, statedCaptures, statementsOf, toBeFound, told } from './tools/statements.ts';

/*
 * The bundled captures of real software: what the READMEs of their folders say must be found is found, and nothing else. Golden files hold the rest, to be
 * read when they change; `npx vitest run -u` writes them anew.
 */
const ajv = new Ajv2020({ allErrors: true, strict: false });
const isDocument = ajv.compile(analysisSchema());

const ofFolder = ({ folder, capture }: Pick<Stated, 'folder' | 'capture'>): string => `${folder}/${capture}`;
const stated = statedCaptures().map((each) => ({ ...each, name: `${ofFolder(each)}${each.given && ` with ${each.given}`}` }));

describe.each(stated)('$name', ({ folder, capture, given, statements, name }) => {
  // As a user names it in the checkout: the path is in the output.
  const directory = join('captures', folder);

  it('shows what happened, and nothing else', async () => {
    const { document } = await analyzeAll(capture, directory, given);
    expect(document.findings.map(told).sort()).toEqual(toBeFound(statements));
  });

  // What a context adds is held by the statements; its golden files would be those of the hosts, too.
  if (given !== '') return;
  it('gives the golden JSON, as the schema says', async () => {
    // A table of routes is as long as it is: what some hundred records look like says enough.
    const { text, document } = await analyzeAll(capture, directory, given, '--records', '--max-records', '200');
    if (!isDocument(document)) expect.fail(JSON.stringify(isDocument.errors, undefined, 2));
    const golden = `${name.replace('/', '-').replace(/\.pcap(ng)?$/, '')}.json`;
    await expect(text).toMatchFileSnapshot(join(root, 'test', 'golden', golden));
  });
});

describe('the folders', () => {
  const kinds = folderKinds();

  it('are all listed in captures/README.md', () => {
    expect([...kinds.keys()].sort()).toEqual(labFolders().sort());
    expect([...new Set(kinds.values())].sort()).toEqual(['incident', 'look-alike', 'repaired']);
  });

  it('state only captures that are there', () => {
    const captures = new Set(stated.map(ofFolder));
    const wrong = labFolders().flatMap((folder) =>
      statementsOf(folder).filter(({ capture }) => !captures.has(ofFolder({ folder, capture }))),
    );
    expect(wrong).toEqual([]);
  });

  it('have something to be found where there is an incident, and nothing worse than a notice elsewhere', () => {
    for (const [folder, kind] of kinds) {
      const stated = statementsOf(folder).filter(({ severity }) => severity !== 'info');
      if (kind === 'incident') expect(stated, folder).not.toEqual([]);
      else
        expect(
          stated.filter(({ severity }) => severity !== 'notice'),
          folder,
        ).toEqual([]);
    }
  });

  it.each(labFolders())('%s: context.json has the hosts at which the captures were taken, and no secret', (folder) => {
    const directory = join(root, 'captures', folder);
    checkContext(directory);
  });
});
