/** The product's version, as in package.json (a test holds them equal). */
export const VERSION = '0.1.0';
/** Of the JSON output: goes up when a field is renamed or removed. */
export const SCHEMA_VERSION = 1;
