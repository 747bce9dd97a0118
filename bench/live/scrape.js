/** Asks for metrics every second, and prints the values of those that are named, as a line of JSON each time. Arguments: the address, then names. */
import { get } from 'node:http';
import process from 'node:process';

const [url = '', ...names] = process.argv.slice(2);

function scrape() {
  const request = get(url, { timeout: 20_000 }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (piece) => {
      text += piece;
    });
    response.on('end', () => {
      const values = Object.fromEntries(names.map((name) => [name, sumOf(text, name)]));
      process.stdout.write(`${JSON.stringify({ values })}\n`);
    });
  });
  request.on('timeout', () => request.destroy());
  // The run is over, or has not begun.
  request.on('error', () => {});
}

/**
 * Over all labels; null where the metric is not there. `name{stat="max"}`: of this label only.
 * @param {string} text
 * @param {string} name
 */
function sumOf(text, name) {
  const lines = text.split('\n').filter((line) => [' ', '{'].some((end) => line.startsWith(`${name}${end}`)));
  return lines.length === 0 ? null : lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

setInterval(scrape, 1000);
