const UNIT = 2 ** -32;

/** Numbers that depend on nothing but the seed: sfc32 of Chris Doty-Humphrey's PractRand. */
export class Random {
  private a: number;
  private b = 0x9e3779b9 | 0;
  private c = 0x243f6a88;
  private counter = 1;

  constructor(seed: number) {
    this.a = seed | 0;
    // So that seeds that are near to each other begin differently.
    for (let i = 0; i < 12; i++) this.word();
  }

  /** 32 bits, signed. */
  word(): number {
    const result = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + result) | 0;
    return result;
  }

  /** From 0 to below 1. */
  unit(): number {
    return (this.word() >>> 0) * UNIT;
  }

  /** An integer from 0 to below `limit`, which is at most 2^31. */
  below(limit: number): number {
    return (this.unit() * limit) | 0;
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }
}
