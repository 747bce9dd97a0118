/** Nothing that somebody else may use to get in stands in a context or in a message: neither keys nor passwords. */

/** Texts that may be base64 or hexadecimal, and are long enough for a piece of a key. */
const LONG = /[A-Za-z0-9+/]{12,}={0,2}/g;
/** Words have no digits, and no capital letters in their middle. */
const isWord = (text: string): boolean => !/\d/.test(text) && (!/[a-z]/.test(text) || !/[A-Z]/.test(text.slice(1)));

/** Words after which a secret stands. */
const SECRET_WORDS =
  /\b((?:private|preshared|pre-shared|shared|secret|auth(?:entication)?)[ _-]?key|psk|secret|password|passwd|passphrase|key)\b(\s*[:=]?\s*).+$/i;

/** The line with what may be a secret left out. */
export const redacted = (line: string): string => line.replace(SECRET_WORDS, '$1$2…').replace(LONG, (text) => (isWord(text) ? text : '…'));

/** As a message quotes it: short, without secrets and control characters. */
export function quoted(line: string): string {
  // Control characters would act on a terminal.
  const plain = redacted(
    line
      .slice(0, 1000)
      .replace(/\p{Cc}/gu, ' ')
      .trim(),
  );
  return `"${plain.length > 60 ? `${plain.slice(0, 57)}…` : plain}"`;
}
