import type { Mac } from '../net/mac.ts';
import type { Address } from './neighbourhood.ts';

/**
 * Which addresses a MAC is known for: those that it answers for or announces, and those that it asks with. An index of a neighbourhood's addresses, kept as they
 * change: whoever asks for one MAC's must not go through all.
 */
export class Holdings {
  /** By MAC, then by the last 32 bits of the IP: so that most of what no MAC has is known by a number. One IP may be known on several segments. */
  private readonly byMac = new Map<Mac, Map<number, Address[]>>();

  /** The addresses of a MAC by the last 32 bits of their IP, signed. */
  of(mac: Mac): ReadonlyMap<number, readonly Address[]> | undefined {
    return this.byMac.get(mac);
  }

  add(mac: Mac, address: Address): void {
    let held = this.byMac.get(mac);
    if (!held) {
      held = new Map();
      this.byMac.set(mac, held);
    }
    const last = address.words[3];
    const known = held.get(last);
    if (!known) held.set(last, [address]);
    else if (!known.includes(address)) known.push(address);
  }

  /** All that have the address: it was found so, or joined with another one. */
  addAll(address: Address): void {
    for (const { mac, answers, announcements } of address.claims.values()) if (answers + announcements > 0) this.add(mac, address);
    for (const mac of address.askedWith?.keys() ?? []) this.add(mac, address);
  }

  /** The address is forgotten. */
  removeAll(address: Address): void {
    for (const mac of address.claims.keys()) this.remove(mac, address);
    for (const mac of address.askedWith?.keys() ?? []) this.remove(mac, address);
  }

  clear(): void {
    this.byMac.clear();
  }

  private remove(mac: Mac, address: Address): void {
    const held = this.byMac.get(mac);
    const last = address.words[3];
    const known = held?.get(last);
    const at = known?.indexOf(address) ?? -1;
    if (!held || !known || at < 0) return;
    known.splice(at, 1);
    if (known.length === 0) held.delete(last);
    if (held.size === 0) this.byMac.delete(mac);
  }
}
