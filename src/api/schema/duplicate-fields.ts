/**
 * Finds keys that a JSON text has twice in one object, which JSON.parse hides. One pass over the text; nothing is made but the keys.
 */
import { showPath } from './check-fields.ts';

const MAX_FINDINGS = 100;

/** Paths of duplicate fields, each once, in order of the text. `text` must be valid JSON. Say them with {@link duplicateField}. */
export function findDuplicateFields(text: string): string[] {
  const found = new Set<string>();
  const scan = new Scan(text, found);
  scan.value();
  return [...found];
}

export function duplicateField(path: string): string {
  return `duplicate field ${JSON.stringify(path)}`;
}

const QUOTE = 34, BACKSLASH = 92, OPEN_BRACE = 123, CLOSE_BRACE = 125, OPEN_BRACKET = 91, CLOSE_BRACKET = 93, COMMA = 44, COLON = 58;

class Scan {
  readonly #text: string;
  readonly #found: Set<string>;
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(text: string, found: Set<string>) {
    this.#text = text;
    this.#found = found;
  }

  value(): void {
    this.#space();
    const code = this.#text.charCodeAt(this.#at);
    if (code === OPEN_BRACE) this.#object();
    else if (code === OPEN_BRACKET) this.#array();
    else if (code === QUOTE) this.#string();
    else this.#scalar();
  }

  #object(): void {
    // Most objects are small: a list of keys is cheaper than a Set until it grows.
    let keys: string[] | Set<string> = [];
    this.#at += 1;
    for (this.#space(); this.#peek() !== CLOSE_BRACE && this.#at < this.#text.length; this.#space()) {
      if (this.#peek() === COMMA) {
        this.#at += 1;
        continue;
      }
      const key = this.#key();
      const seen: boolean = Array.isArray(keys) ? keys.includes(key) : keys.has(key);
      if (seen && this.#found.size < MAX_FINDINGS) this.#found.add(showPath([...this.#path, key]));
      if (!Array.isArray(keys)) keys.add(key);
      else if (keys.push(key) > 16) keys = new Set(keys);
      this.#space();
      if (this.#peek() === COLON) this.#at += 1;
      this.#path.push(key);
      this.value();
      this.#path.pop();
    }
    this.#at += 1;
  }

  #array(): void {
    this.#at += 1;
    let index = 0;
    for (this.#space(); this.#peek() !== CLOSE_BRACKET && this.#at < this.#text.length; this.#space()) {
      if (this.#peek() === COMMA) {
        this.#at += 1;
        continue;
      }
      this.#path.push(index);
      this.value();
      this.#path.pop();
      index += 1;
    }
    this.#at += 1;
  }

  #key(): string {
    const start = this.#at;
    this.#string();
    const raw = this.#text.slice(start + 1, this.#at - 1);
    return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
  }

  #string(): void {
    let at = this.#at + 1;
    for (;;) {
      at = this.#text.indexOf('"', at);
      if (at < 0) {
        this.#at = this.#text.length;
        return;
      }
      let slashes = 0;
      while (this.#text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
      at += 1;
      if (slashes % 2 === 0) break;
    }
    this.#at = at;
  }

  #scalar(): void {
    const start = this.#at;
    while (this.#at < this.#text.length) {
      const code = this.#peek();
      if (code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || code <= 32) break;
      this.#at += 1;
    }
    if (this.#at === start) this.#at += 1;
  }

  #space(): void {
    while (this.#text.charCodeAt(this.#at) <= 32) this.#at += 1;
  }

  #peek(): number {
    return this.#text.charCodeAt(this.#at);
  }
}
