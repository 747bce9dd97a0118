/** What was probably meant by a word that is none of the known ones: the longer form of it, or the one it is nearest to; undefined where none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const longer = word.length > 1 ? known.filter((each) => each.startsWith(word)) : [];
  if (longer.length === 1) return longer[0];
  const near = known.map((each) => ({ each, edits: editsBetween(word, each) })).sort((a, b) => a.edits - b.edits)[0];
  return near && near.edits <= Math.min(2, word.length / 2) ? near.each : undefined;
}

/** How many letters must be added, taken away or replaced (Levenshtein). */
function editsBetween(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const row = [i + 1];
    for (let j = 0; j < b.length; j++) {
      row.push(Math.min((above[j] ?? 0) + (letter === b[j] ? 0 : 1), (above[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1));
    }
    above = row;
  }
  return above[b.length] ?? 0;
}
