/** Both ends of a tunnel are the first eight words of a key: puts the lower one first; gives whether it was. Equal ends count as the wrong way. */
export function orderEnds(key: Int32Array): boolean {
  for (let i = 0; i < 4; i++) {
    const [a, b] = [key[i] ?? 0, key[i + 4] ?? 0];
    if (a === b) continue;
    if (a < b) return true;
    for (let j = 0; j < 4; j++) {
      const word = key[j] ?? 0;
      key[j] = key[j + 4] ?? 0;
      key[j + 4] = word;
    }
    return false;
  }
  return false;
}

export function isSameEnd(key: Int32Array): boolean {
  for (let i = 0; i < 4; i++) if (key[i] !== key[i + 4]) return false;
  return true;
}
