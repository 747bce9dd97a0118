/** The list with one item more. The first `push` makes room for seventeen, and most lists that are kept of each of many things stay at one. */
export function appended<T>(list: T[], item: T): T[] {
  if (list.length === 0) return [item];
  list.push(item);
  return list;
}
