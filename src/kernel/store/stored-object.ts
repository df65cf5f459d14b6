/** The body of Stored: bytes that stay, and an object that is parsed when asked for and let go of when long unused. */
import { parseJson } from '../../api/int64.ts';
import { deepFreeze } from '../../api/json.ts';
import type { KubeObject } from '../../api/meta.ts';
import { StoreError, type Stored } from './store.ts';

export class StoredObject implements Stored {
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly bytes: Buffer;
  readonly #parsedObjects: ParsedObjects;
  #parsed: KubeObject | undefined;
  #generation = -1;

  constructor(parsedObjects: ParsedObjects, key: string, revision: number, createRevision: number, bytes: Buffer, object?: KubeObject) {
    this.#parsedObjects = parsedObjects;
    this.key = key;
    this.revision = revision;
    this.createRevision = createRevision;
    this.bytes = bytes;
    if (object !== undefined) this.#keep(object);
  }

  get object(): KubeObject {
    const known = this.#parsed;
    if (known !== undefined && this.#generation === this.#parsedObjects.generation) return known;
    return this.#keep(known ?? deepFreeze(parseJson(this.bytes.toString()) as KubeObject));
  }

  /** Lets go of the parsed object unless it was used since `generation`. */
  forget(generation: number): void {
    if (this.#generation <= generation) this.#parsed = undefined;
  }

  /** Another state took its place: hardly anybody will ask for the object again. */
  superseded(): void {
    if (this.#parsed === undefined) return;
    this.#parsed = undefined;
    this.#parsedObjects.drop(this);
  }

  #keep(object: KubeObject): KubeObject {
    this.#parsed = object;
    this.#generation = this.#parsedObjects.used(this);
    return object;
  }
}

/** Counts which objects are parsed; when those used lately fill half of the room, or at a `turn`, the ones not used since the last time are let go. */
export class ParsedObjects {
  generation = 0;
  readonly #halfBytes: number;
  #bytes = 0;
  #lately = new Set<StoredObject>();
  #before = new Set<StoredObject>();

  /** `limitBytes` counts JSON bytes; an object takes about three times as much. */
  constructor(limitBytes: number) {
    this.#halfBytes = limitBytes / 2;
  }

  used(stored: StoredObject): number {
    const { generation } = this;
    if (!this.#lately.has(stored)) this.#bytes += stored.bytes.length;
    this.#lately.add(stored);
    if (this.#bytes > this.#halfBytes) this.turn();
    return generation;
  }

  /** Nothing of it is kept here any more. */
  drop(stored: StoredObject): void {
    if (this.#lately.delete(stored)) this.#bytes -= stored.bytes.length;
    this.#before.delete(stored);
  }

  /** Lets go of what was not used since the turn before. */
  turn(): void {
    for (const stored of this.#before) stored.forget(this.generation - 1);
    this.#before = this.#lately;
    this.#lately = new Set();
    this.#bytes = 0;
    this.generation += 1;
  }
}

/** The object with its resourceVersion, frozen, and its bytes. Throws `large`. */
export function encode(object: KubeObject, options: { key: string; revision: number; maxBytes?: number }): { object: KubeObject; bytes: Buffer } {
  const owned = { ...object, metadata: { ...object.metadata, resourceVersion: String(options.revision) } };
  const text = JSON.stringify(owned);
  const lengthBytes = Buffer.byteLength(text);
  if (lengthBytes > (options.maxBytes ?? Infinity))
    throw new StoreError('large', `the object has ${lengthBytes} bytes, and no more than ${options.maxBytes} are stored: make it smaller or split it`, { key: options.key });
  // Not from the shared pool: one long-lived small object would keep eight KiB of short-lived neighbours.
  const bytes = Buffer.allocUnsafeSlow(lengthBytes);
  bytes.write(text);
  return { object: deepFreeze(owned), bytes };
}
