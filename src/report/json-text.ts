/** Objects are indented, as people read them with a pager; the order of keys is part of the text. */
export const jsonText = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
