/**
 * Turns pcapng's 64-bit counts into seconds and nanoseconds without rounding: a count of nanoseconds does not fit a double. The upper word changes
 * rarely, so what it stands for is worked out with BigInt once and the lower word is added with plain numbers.
 */
export class TimestampClock {
  /** Results of the latest `read`. */
  sec = 0;
  nsec = 0;
  /** 6, or 9 where a unit is smaller than a microsecond. */
  readonly digits: number;
  private readonly unitsPerSecond: bigint;
  private readonly units: number;
  /** Nanoseconds in a unit; 0 where a unit is none of them or more, or no power of ten. */
  private readonly unitNsec: number;
  private readonly offsetSeconds: number;
  /** Whether the sums of `read` are exact in doubles: a power of two needs 30 more bits for its nanoseconds. */
  private readonly isPlain: boolean;
  private readonly isDecimal: boolean;
  private upper = -1;
  private upperSeconds = 0;
  private upperRest = 0;

  /**
   * @param resolution if_tsresol: the power of ten (or, with the highest bit set, of two) by which a second is divided
   * @param offsetSeconds if_tsoffset
   */
  constructor(resolution: number, offsetSeconds: number) {
    const exponent = BigInt(resolution & 0x7f);
    this.unitsPerSecond = resolution & 0x80 ? 2n ** exponent : 10n ** exponent;
    this.units = Number(this.unitsPerSecond);
    this.digits = this.unitsPerSecond > 1_000_000n ? 9 : 6;
    this.unitNsec = resolution <= 9 ? 1e9 / this.units : 0;
    this.offsetSeconds = offsetSeconds;
    this.isDecimal = (resolution & 0x80) === 0;
    this.isPlain = this.units <= (this.isDecimal ? 1e15 : 2 ** 23);
  }

  /** @param at where the count lies: its upper word, then its lower one */
  read(view: DataView, at: number, littleEndian: boolean): void {
    const upper = view.getUint32(at, littleEndian);
    const lower = view.getUint32(at + 4, littleEndian);
    if (this.isPlain !== true) {
      this.readExactly(upper, lower);
      return;
    }
    if (upper !== this.upper) this.renew(upper);
    const rest = this.upperRest + lower;
    const seconds = Math.floor(rest / this.units);
    const fraction = rest - seconds * this.units;
    const sec = this.upperSeconds + seconds;
    // A small integer where it is one: V8 then keeps no double for it, here and wherever it is copied to.
    this.sec = sec | 0;
    if (this.sec !== sec) this.sec = sec;
    if (this.unitNsec > 0) this.nsec = (fraction * this.unitNsec) | 0;
    else this.nsec = (this.isDecimal ? fraction / (this.units / 1e9) : (fraction * 1e9) / this.units) | 0;
  }

  private renew(upper: number): void {
    const count = BigInt(upper) << 32n;
    this.upper = upper;
    this.upperSeconds = Number(count / this.unitsPerSecond) + this.offsetSeconds;
    this.upperRest = Number(count % this.unitsPerSecond);
  }

  private readExactly(upper: number, lower: number): void {
    const count = (BigInt(upper) << 32n) + BigInt(lower);
    this.sec = Number(count / this.unitsPerSecond) + this.offsetSeconds;
    this.nsec = Number(((count % this.unitsPerSecond) * 1_000_000_000n) / this.unitsPerSecond);
  }
}
