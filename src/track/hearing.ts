import type { Mac } from '../net/mac.ts';

/** Stands for the capturing host, by whichever of its cards it takes part. */
const CAPTURING_HOST: Mac = -1;

/**
 * Whose answers pass where the capture was taken. Answers are unicast: on a switch only those from and to the capturing host are seen, and that one is asker
 * or answerer of all of them.
 */
export class Hearing {
  /**
   * By segment: who took part in every exchange of others that was answered in sight; empty where nobody did. The capturing host alone, where only its own
   * exchanges were: those it sees anywhere, which says nothing of anybody else's.
   */
  private readonly common = new Map<number, Set<Mac>>();
  private readonly isOwnMac: (mac: Mac) => boolean;

  /** @param isOwnMac whether frames with this link-layer source left the capturing host */
  constructor(isOwnMac: (mac: Mac) => boolean) {
    this.isOwnMac = isOwnMac;
  }

  /** Whether answers to this asker are to be seen, as far as is known. */
  hearsAnswersTo(segment: number, asker: Mac): boolean {
    const common = this.common.get(segment);
    return common === undefined || common.size === 0 || common.has(this.party(asker));
  }

  /** An answer was seen. Makes nothing new where all of it was known. */
  heard(segment: number, asker: Mac, answerer: Mac): void {
    const common = this.common.get(segment);
    // Nobody takes part in all, and that stays so: most segments, soon.
    if (common?.size === 0) return;
    const one = this.party(asker);
    const other = this.party(answerer);
    const isOwn = one === CAPTURING_HOST || other === CAPTURING_HOST;
    if (!common || isOwnOnly(common)) {
      if (!isOwn) this.common.set(segment, new Set([one, other]));
      else if (!common) this.common.set(segment, new Set([CAPTURING_HOST]));
    } else if (!isOwn) {
      for (const party of common) if (party !== one && party !== other) common.delete(party);
    }
  }

  /** Segments were joined. */
  join(kept: number, absorbed: number): void {
    const parties = this.common.get(absorbed);
    if (!parties) return;
    this.common.delete(absorbed);
    this.add(kept, parties);
  }

  /** Gives a function that brings back what is known now. */
  remember(): () => void {
    const before = new Map([...this.common].map(([segment, parties]) => [segment, new Set(parties)]));
    return () => {
      this.common.clear();
      for (const [segment, parties] of before) this.common.set(segment, parties);
    };
  }

  clear(): void {
    this.common.clear();
  }

  private add(segment: number, parties: Set<Mac>): void {
    const common = this.common.get(segment);
    if (!common || isOwnOnly(common)) this.common.set(segment, parties);
    else if (!isOwnOnly(parties)) for (const party of common) if (!parties.has(party)) common.delete(party);
  }

  private party(mac: Mac): Mac {
    return this.isOwnMac(mac) ? CAPTURING_HOST : mac;
  }
}

const isOwnOnly = (parties: ReadonlySet<Mac>): boolean => parties.size === 1 && parties.has(CAPTURING_HOST);
