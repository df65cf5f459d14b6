/** Reads protobuf's wire format; what is cut off or malformed throws ApiError BadRequest. */
import { Buffer } from 'node:buffer';
import { ApiError } from '../errors.ts';
import { int64Of, type Int64 } from '../int64.ts';
import { BYTES, FIXED32, FIXED64, VARINT } from './plan.ts';

export class Reader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** An integer of up to 64 bits, signed; for lengths, tags and what is no larger. Beyond 2^53 it is not exact. */
  varint(): number {
    return Number(this.int64());
  }

  /** An integer of up to 64 bits, signed. */
  int64(): Int64 {
    let value = 0;
    for (let shift = 1, count = 0; count < 7; shift *= 128, count += 1) {
      const byte = this.#byte();
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
    let big = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      big |= BigInt(byte & 127) << shift;
      if (byte < 128) return int64Of(BigInt.asIntN(64, big));
    }
    throw malformed('a number is too long');
  }

  double(): number {
    this.#need(8);
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  bytes(): Buffer {
    const { start, end } = this.#range();
    return this.#bytes.subarray(start, end);
  }

  string(): string {
    const { start, end } = this.#range();
    return this.#bytes.toString('utf8', start, end);
  }

  /** A reader of the message that follows with its length. */
  message(): Reader {
    const { start, end } = this.#range();
    return new Reader(this.#bytes, start, end);
  }

  skip(wire: number): void {
    if (wire === VARINT) this.varint();
    else if (wire === FIXED64 || wire === FIXED32) this.#advance(wire === FIXED64 ? 8 : 4);
    else if (wire === BYTES) this.#range();
    else throw malformed(`wire type ${wire} is not known`);
  }

  #range(): { start: number; end: number } {
    const length = this.varint();
    if (length < 0) throw malformed('a length is negative');
    const start = this.#at;
    this.#advance(length);
    return { start, end: this.#at };
  }

  #advance(count: number): void {
    this.#need(count);
    this.#at += count;
  }

  #need(count: number): void {
    if (this.#at + count > this.#end) throw malformed('unexpected EOF');
  }

  #byte(): number {
    this.#need(1);
    return this.#bytes[this.#at++] ?? 0;
  }
}

export function malformed(why: string): ApiError {
  return new ApiError('BadRequest', `the body is no valid protobuf: ${why}`);
}
