/** Writes protobuf from its end to its beginning, so that a message's length is known when its head is written. */
import { Buffer } from 'node:buffer';
import type { Int64 } from '../int64.ts';

export class Writer {
  #buffer = Buffer.allocUnsafe(512);
  /** Where the written part begins. */
  #start = 512;

  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** What was written, in a buffer of its own. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#start));
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#start);
  }

  string(value: string): void {
    const size = Buffer.byteLength(value);
    this.#reserve(size);
    this.#buffer.write(value, this.#start, size, 'utf8');
  }

  /** Any integer; negative ones take ten bytes as protobuf's int32 and int64 do. */
  varint(value: Int64): void {
    if (typeof value === 'bigint') this.#big(BigInt.asUintN(64, value));
    else if (value >= 0 && value < 128) {
      this.#reserve(1);
      this.#buffer[this.#start] = value;
    } else if (value > 0 && value <= Number.MAX_SAFE_INTEGER) this.#positive(value);
    else this.#big(BigInt.asUintN(64, BigInt(Math.trunc(value))));
  }

  double(value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.#start);
  }

  #positive(value: number): void {
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
    this.#reserve(size);
    let at = this.#start;
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#buffer[at++] = (rest % 128) | 128;
    this.#buffer[at] = rest;
  }

  #big(value: bigint): void {
    const out: number[] = [];
    let rest = value;
    for (; rest >= 128n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
    out.push(Number(rest));
    this.bytes(Uint8Array.from(out));
  }

  #reserve(size: number): void {
    if (this.#start < size) {
      const used = this.length;
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + size));
      this.#buffer.copy(grown, grown.length - used, this.#start);
      this.#buffer = grown;
      this.#start = grown.length - used;
    }
    this.#start -= size;
  }
}
