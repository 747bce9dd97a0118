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
    this.offsetSeconds = offsetSeconds;
    this.isDecimal = (resolution & 0x80) === 0;
    this.isPlain = this.units <= (this.isDecimal ? 1e15 : 2 ** 23);
  }

  read(upper: number, lower: number): void {
    if (!this.isPlain) {
      this.readExactly(upper, lower);
      return;
    }
    if (upper !== this.upper) {
      const count = BigInt(upper) << 32n;
      this.upper = upper;
      this.upperSeconds = Number(count / this.unitsPerSecond) + this.offsetSeconds;
      this.upperRest = Number(count % this.unitsPerSecond);
    }
    const rest = this.upperRest + lower;
    const seconds = Math.floor(rest / this.units);
    const fraction = rest - seconds * this.units;
    this.sec = this.upperSeconds + seconds;
    if (!this.isDecimal) this.nsec = Math.floor((fraction * 1e9) / this.units);
    else this.nsec = this.units <= 1e9 ? fraction * (1e9 / this.units) : Math.floor(fraction / (this.units / 1e9));
  }

  private readExactly(upper: number, lower: number): void {
    const count = (BigInt(upper) << 32n) + BigInt(lower);
    this.sec = Number(count / this.unitsPerSecond) + this.offsetSeconds;
    this.nsec = Number(((count % this.unitsPerSecond) * 1_000_000_000n) / this.unitsPerSecond);
  }
}
