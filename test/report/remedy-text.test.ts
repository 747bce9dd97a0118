import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Remedy } from '../../src/diagnose/kind.ts';
import { remedyText } from '../../src/report/remedy-text.ts';

const COMMANDS = ['echo one', 'echo two   three'];
const MADE: Remedy = {
  text: 'On server: say one, and then two, and whatever else comes to mind until the line is full',
  commands: COMMANDS,
  host: 'server',
  now: ['It says `nothing` $(at all); not a word, however long one listens to it, and that is what is so strange here.'],
  keep: ['Lines of a file:', 'say = two'],
  undo: ['echo nothing'],
  checked: 'With these commands it says two.',
};

describe('a remedy in a report', () => {
  it('is a text and its commands', () => {
    expect(remedyText({ text: 'Say something', commands: COMMANDS }, 80)).toBe(
      '   - Say something\n       echo one\n       echo two   three',
    );
  });

  it('is a script where it was made for a host', () => {
    expect(remedyText(MADE, 60)).toBe(`   - On server: say one, and then two, and whatever else
     comes to mind until the line is full
       # Now:
       #   It says \`nothing\` $(at all); not a word, however
       #   long one listens to it, and that is what is so
       #   strange here.
       echo one
       echo two   three
       # Checked on what the host says of itself: with these
       # commands it says two.
       # To keep it over a reboot:
       #   Lines of a file:
       #   say = two
       # To undo it:
       #   echo nothing`);
  });

  it.runIf(existsSync('/bin/bash'))('can be pasted: nothing but its commands runs', () => {
    const lines = remedyText(MADE, 60).split('\n').slice(2).join('\n');
    const { status, stdout, stderr } = spawnSync('/bin/bash', ['-eu'], { input: lines, encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'one\ntwo three\n', stderr: '' });
  });
});
