/** Breaks a sentence into lines of at most `width` columns; later lines begin with `indent`. Words are never broken: addresses stay whole. */
export function wrapText(text: string, width: number, first: string, indent: string): string {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else {
      line += isEmpty ? word : ` ${word}`;
    }
    isEmpty = false;
  }
  lines.push(line);
  return lines.join('\n');
}
