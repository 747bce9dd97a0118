import { type FindingKind, severities } from '../diagnose/kind.ts';
import type { Layout } from './table.ts';
import { wrapText } from './wrap.ts';

/** What a kind of finding means, what proves it, what looks like it, and what mends it: the guide that stands beside its diagnosis. */
export function explanation(
  { kind, severity, means, provenBy, seenFrom, looksLike, remedies, references }: FindingKind,
  { width, paint }: Layout,
): string {
  const list = (items: readonly string[]): string => items.map((item) => wrapText(item, width, '  - ', '    ')).join('\n');
  const parts = [
    `${paint.strong(kind)} (${paint.severity(severity, severity)})`,
    wrapText(means, width, '', ''),
    `${paint.strong('What proves it')}\n${list(provenBy)}`,
    `${paint.strong('Where it shows')}\n${list(seenFrom)}`,
    `${paint.strong('What looks like it')}\n${list(looksLike)}`,
    ...(remedies.length > 0
      ? [
          `${paint.strong('What mends it')}\n${remedies
            .map(({ text, commands }) =>
              [wrapText(text, width, '  - ', '    '), ...commands.map((command) => `      ${command}`)].join('\n'),
            )
            .join('\n')}`,
        ]
      : []),
    `${paint.strong('References')}\n${list(references)}`,
  ];
  return `${parts.join('\n\n')}\n`;
}

/** All kinds, in a line each, with the severity that they usually have. */
export function kindList(kinds: readonly FindingKind[], { paint, width }: Layout): string {
  const longest = Math.max(...kinds.map(({ kind }) => kind.length));
  const indent = ' '.repeat(longest + SEVERITY_COLUMN + 4);
  const lines = kinds.map(({ kind, severity, brief }) => {
    const text = wrapText(brief, width, indent, indent).trimStart();
    return `${kind.padEnd(longest)}  ${paint.severity(severity, severity.padEnd(SEVERITY_COLUMN))}  ${text}`;
  });
  return `${lines.join('\n')}\n`;
}

const SEVERITY_COLUMN = Math.max(...severities.map((severity) => severity.length));
