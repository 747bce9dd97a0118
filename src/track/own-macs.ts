import { Direction } from '../frame.ts';
import { type Mac, readMac } from '../net/mac.ts';
import type { Packet } from '../wire/packet.ts';

const MOST = 64;

/** MACs with which the capturing host itself sends: link-layer sources of outgoing frames, where the capture tells directions. */
export class OwnMacs {
  private readonly macs = new Set<Mac>();
  private readonly high = new Int32Array(MOST);
  private readonly low = new Int32Array(MOST);
  private count = 0;

  observe({ direction, ethernetAt, senderMacAt, view }: Packet): void {
    if (direction !== Direction.Out) return;
    const at = ethernetAt >= 0 ? ethernetAt + 6 : senderMacAt;
    if (at < 0) return;
    const high = view.getUint16(at);
    const low = view.getInt32(at + 2);
    for (let i = 0; i < this.count; i++) if (this.low[i] === low && this.high[i] === high) return;
    if (this.count === MOST) return;
    this.high[this.count] = high;
    this.low[this.count++] = low;
    this.macs.add(readMac(view, at));
  }

  /** In order. */
  get list(): Mac[] {
    return [...this.macs].sort((a, b) => a - b);
  }

  has(mac: Mac): boolean {
    return this.macs.has(mac);
  }
}
