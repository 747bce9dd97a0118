const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `1.9 GB`: decimal units, as disks and links count. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${UNITS[unit]}`;
}

/** `1,234,567`. Not by the locale: loading the rules of all languages takes longer than reading a small capture. */
export const grouped = (count: number): string => String(Math.round(count)).replace(/\B(?=(?:\d{3})+$)/g, ',');

/** Octets and packets a second. */
export const rateText = (bytes: number, packets: number, seconds: number): string =>
  `${bytesText(bytes / seconds)}/s, ${grouped(packets / seconds)} packets/s`;
