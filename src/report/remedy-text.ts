import type { Remedy } from '../diagnose/kind.ts';
import { wrapText } from './wrap.ts';

/** A remedy in a report. What was made for a host is a script with comments: all of it can be read, and pasted into a shell there. */
export function remedyText(remedy: Remedy, width: number): string {
  const lines = remedy.host === undefined ? remedy.commands : script(remedy, width - INDENT.length);
  return [wrapText(remedy.text, width, '   - ', '     '), ...lines.map((line) => INDENT + line)].join('\n');
}

const INDENT = '       ';

function script({ commands, now = [], keep = [], undo = [], checked }: Remedy, width: number): string[] {
  const comment = (text: string, indent = ''): string[] => wrapText(text, width, `# ${indent}`, `# ${indent}`).split('\n');
  // What is to be copied stays in one line.
  const copied = (line: string): string => `#   ${line}`;
  return [
    ...(now.length > 0 ? [...comment('Now:'), ...now.flatMap((sentence) => comment(sentence, '  '))] : []),
    ...commands,
    ...(checked === undefined
      ? []
      : comment(`Checked on what the host says of itself: ${checked.charAt(0).toLowerCase()}${checked.slice(1)}`)),
    ...(keep.length > 0 ? [...comment('To keep it over a reboot:'), ...keep.flatMap((line) => comment(line, '  '))] : []),
    ...(undo.length > 0 ? [...comment('To undo it:'), ...undo.map(copied)] : []),
  ];
}
