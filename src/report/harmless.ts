/** C0 and C1 controls and DEL, line and paragraph separators, and what turns the direction of text around (Unicode TR 9, explicit formatting). */
const HARMFUL = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Text in which nothing moves the cursor, ends the line or hides what stands beside it: such characters as `\x1b` or `\u202e`, as JavaScript writes them. */
export const harmless = (text: string): string =>
  text.replace(HARMFUL, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
