import { describe, expect, it } from 'vitest';
import { DropCounts } from '../../src/capture/node/live/drop-counts.ts';
import { dumpcap } from '../../src/capture/node/live/dumpcap.ts';
import { LiveError } from '../../src/capture/node/live/error.ts';
import { tcpdump } from '../../src/capture/node/live/tcpdump.ts';

/* What helpers say, as they were heard to say it (tcpdump 4.9 to 4.99, dumpcap 4.0), and what is made of it. */

describe('what tcpdump complains of', () => {
  it.each([
    { said: ['tcpdump: v9: No such device exists', '(No such device exists)'], fault: 'interface', text: 'v9: No such device exists' },
    {
      said: ["tcpdump: eth0: You don't have permission to capture on that device", '(socket: Operation not permitted)'],
      fault: 'rights',
      text: "eth0: You don't have permission to capture on that device",
    },
    { said: ['tcpdump: v0: That device is not up'], fault: 'down', text: 'v0: That device is not up' },
    { said: ["tcpdump: unknown port 'foo'"], fault: 'filter', text: "unknown port 'foo'" },
    { said: ['tcpdump: syntax error in filter expression: syntax error'], fault: 'filter' },
    {
      said: ['tcpdump: WARNING: any: it is slow', 'tcpdump: expression rejects all packets'],
      fault: 'filter',
      text: 'expression rejects all packets',
    },
    { said: ['tcpdump: LINUX_SLL2 is not one of the DLTs supported by this device'], fault: 'no-sll2' },
    { said: ['tcpdump: invalid data link type LINUX_SLL2'], fault: 'no-sll2' },
    { said: ["tcpdump: Couldn't change root directory"], fault: 'other' },
    { said: ['Segmentation fault'], fault: 'other' },
    { said: [], fault: 'other', text: 'it said nothing' },
    { said: ["tcpdump: unknown host 'permission'"], fault: 'filter' },
  ])('$said', ({ said, fault, text }) => {
    expect(tcpdump.complaint(said, true)).toEqual({ fault, text: text ?? expect.any(String) });
  });

  it('is not what it counted', () => {
    const counted = 'tcpdump: 8 packets captured, 8 packets received by filter, 0 packets dropped by kernel';
    expect(tcpdump.lastWords(['tcpdump: listening on v0, link-type EN10MB (Ethernet)', counted])).toBe(null);
  });

  it('is never the filter where none was given', () => {
    expect(tcpdump.complaint(['tcpdump: something new'], false)).toEqual({ fault: 'other', text: 'something new' });
  });
});

describe('what dumpcap complains of', () => {
  it.each([
    { said: ["Capturing on 'v9'", 'dumpcap: There is no device named "v9".', '(No such device exists)'], fault: 'interface' },
    {
      said: [
        'dumpcap: cap_set_proc() fail return: Operation not permitted',
        'dumpcap: You do not have permission to capture on device "v0".',
        '(socket: Operation not permitted)',
        'and then restarting Wireshark.',
      ],
      fault: 'rights',
      text: 'You do not have permission to capture on device "v0"',
    },
    {
      said: ['dumpcap: Invalid capture filter "x" for interface \'v0\'.', "That string isn't a valid capture filter (unknown port 'x')."],
      fault: 'filter',
      text: "unknown port 'x'",
    },
    { said: ['dumpcap: Device "v0" is not up.', '(That device is not up)'], fault: 'down' },
  ])('$said', ({ said, fault, text }) => {
    expect(dumpcap.complaint(said, true)).toEqual({ fault, text: text ?? expect.any(String) });
  });
});

describe('counters of drops', () => {
  it.each([
    {
      name: 'tcpdump, asked',
      helper: tcpdump,
      said: ['1 packet captured, 3 packets received by filter, 2 packets dropped by kernel'],
      kernel: 2,
      interface: 0,
    },
    {
      name: 'tcpdump, asked, with those of the interface',
      helper: tcpdump,
      said: ['9 packets captured, 9 packets received by filter, 1 packet dropped by kernel, 4 packets dropped by interface'],
      kernel: 1,
      interface: 4,
    },
    {
      name: 'tcpdump, at its end',
      helper: tcpdump,
      said: ['5 packets captured', '6 packets received by filter', '7 packets dropped by kernel', '8 packets dropped by interface'],
      kernel: 7,
      interface: 8,
    },
    {
      name: 'dumpcap, at its end',
      helper: dumpcap,
      said: ["Packets received/dropped on interface 'v0': 5/30 (pcap:10/dumpcap:20/flushed:1/ps_ifdrop:3) (14.3%)"],
      kernel: 30,
      interface: 3,
    },
    { name: 'nothing of it', helper: tcpdump, said: ['tcpdump: listening on v0'], kernel: null, interface: null },
  ])('$name', ({ helper, said, kernel, interface: ofInterface }) => {
    const drops = new DropCounts();
    for (const line of said) helper.readDrops(line, drops);
    expect({ ...drops }).toEqual({ kernel, interface: ofInterface });
  });

  it('go on where the helper begins at 0 again, after 32 bits', () => {
    const drops = new DropCounts();
    for (const kernel of [2 ** 32 - 2, 3, 3, 10]) drops.update(kernel, 0);
    expect(drops.kernel).toBe(2 ** 32 + 10);
  });
});

it('a mistake on the command line ends with 2, everything else with 3', () => {
  const exits = (['interface', 'filter', 'request', 'rights', 'missing', 'down', 'ssh', 'other'] as const).map(
    (fault) => new LiveError(fault, '').exit,
  );
  expect(exits).toEqual([2, 2, 2, 3, 3, 3, 3, 3]);
});
