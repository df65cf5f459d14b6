/**
 * Regular expressions that users write: Go's syntax (RE2), read as JavaScript's. RE2 takes linear time on any text; JavaScript's usual engine tries
 * all ways, which may never end. V8 has a linear one too (the flag `l`), which knows neither counts above 16 nor the flag `i`:
 * expressions with those are written out (`a{2,3}` as `aaa?`, `a` as `[aA]`). What RE2 refuses is refused: looking around, references back, and counts
 * above 1,000, nested ones multiplied (regexp/syntax of Go).
 */
import v8 from 'node:v8';

const MAX_REPEAT = 1_000;
const MAX_WRITTEN_OUT = 100_000;
const MAX_DEPTH = 1_000;

let prepared = false;

/** Only when the first is needed; it holds for all that are made after. */
function prepareEngine(): void {
  if (!prepared) v8.setFlagsFromString('--enable-experimental-regexp-engine');
  prepared = true;
}

/** undefined when the pattern is no regular expression, or none that RE2 takes. Leading flags such as `(?i)` are understood, after a leading `^` too. */
export function compile(pattern: string): RegExp | undefined {
  prepareEngine();
  const [, flags = '', rest = ''] = /^(?:\(\?([ims]+)\))?([\s\S]*)$/.exec(pattern.replace(/^\^\(\?([is]+)\)/, '(?$1)^')) ?? [];
  const source = rest.replace(/\\A/g, '^').replace(/\\z/g, '$').replace(/\(\?P</g, '(?<').replaceAll('[[:alnum:]]', '[0-9A-Za-z]').replaceAll('[[:alpha:]]', '[A-Za-z]').replaceAll('[[:digit:]]', '[0-9]');
  try {
    const plain = new RegExp(source, flags);
    const writtenOut = writeOut(source, flags.includes('i'));
    if (writtenOut === undefined) return undefined;
    return linear(source, flags) ?? linear(writtenOut, flags.replace('i', '')) ?? plain;
  } catch {
    return undefined;
  }
}

function linear(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(source, `${flags}l`);
  } catch {
    return undefined;
  }
}

/** The same expression without counts, captures and, when cases are the same, letters. undefined when RE2 has no such expression. */
export function writeOut(source: string, ignoreCase: boolean): string | undefined {
  try {
    const writer = new Writer(source, ignoreCase);
    const { text } = writer.alternatives(0);
    return writer.done ? text : undefined;
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

class Refused extends Error {}

/** A part with the product of the counts in it, which RE2 bounds. */
interface Part {
  text: string;
  repeat: number;
}

class Writer {
  readonly #source: string;
  readonly #ignoreCase: boolean;
  #at = 0;

  constructor(source: string, ignoreCase: boolean) {
    this.#source = source;
    this.#ignoreCase = ignoreCase;
  }

  get done(): boolean {
    return this.#at >= this.#source.length;
  }

  alternatives(depth: number): Part {
    if (depth > MAX_DEPTH) throw new Refused();
    const texts: string[] = [];
    let repeat = 1;
    for (;;) {
      const part = this.#sequence(depth);
      texts.push(part.text);
      repeat = Math.max(repeat, part.repeat);
      if (this.#source[this.#at] !== '|') return { text: texts.join('|'), repeat };
      this.#at += 1;
    }
  }

  #sequence(depth: number): Part {
    const texts: string[] = [];
    let repeat = 1;
    let length = 0;
    while (!this.done && !'|)'.includes(this.#source[this.#at] as string)) {
      const part = this.#quantified(this.#atom(depth));
      texts.push(part.text);
      repeat = Math.max(repeat, part.repeat);
      if ((length += part.text.length) > MAX_WRITTEN_OUT) throw new Refused();
    }
    return { text: texts.join(''), repeat };
  }

  #atom(depth: number): Part {
    const [character = ''] = this.#source.slice(this.#at, this.#at + 1);
    if (character === '(') return this.#group(depth);
    if (character === '[') return { text: this.#class(), repeat: 1 };
    if (character === '\\') {
      const escaped = /^\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|c[A-Za-z]|[\s\S])/.exec(this.#source.slice(this.#at, this.#at + 6))?.[0] ?? '';
      if (escaped === '' || /^\\[1-9k]/.test(escaped)) throw new Refused();
      this.#at += escaped.length;
      return { text: escaped, repeat: 1 };
    }
    this.#at += 1;
    return { text: this.#bothCases(character, (both) => `[${both}]`), repeat: 1 };
  }

  #group(depth: number): Part {
    const head = /^\((?:\?(?:[:=!]|<[=!]|<\w+>|[ims-]*:))?/.exec(this.#source.slice(this.#at, this.#at + 100))?.[0] ?? '(';
    if (/[=!]$/.test(head)) throw new Refused();
    this.#at += head.length;
    const inner = this.alternatives(depth + 1);
    if (this.#source[this.#at] !== ')') throw new Refused();
    this.#at += 1;
    return { text: `${/^\(\?[ims-]+:$/.test(head) ? head : '(?:'}${inner.text})`, repeat: inner.repeat };
  }

  #class(): string {
    const found = /^\[(?:\\[\s\S]|[^\]\\])*\]/.exec(this.#source.slice(this.#at))?.[0];
    if (found === undefined) throw new Refused();
    this.#at += found.length;
    if (!this.#ignoreCase) return found;
    // A range of letters, or one letter, in the other case too; escapes stay.
    const others = [...found.slice(1, -1).replace(/^\^/, '').matchAll(/\\[\s\S]|([a-zA-Z])(?:-([a-zA-Z]))?/g)].flatMap(([, from, to]) => (from === undefined ? [] : [`${otherCase(from)}${to === undefined ? '' : `-${otherCase(to)}`}`]));
    return `${found.slice(0, -1)}${others.join('')}]`;
  }

  #bothCases(character: string, both: (text: string) => string): string {
    return this.#ignoreCase && otherCase(character) !== character ? both(`${character}${otherCase(character)}`) : character;
  }

  #quantified(part: Part): Part {
    const [, count, lazy = ''] = /^([*+?]|\{\d+(?:,\d*)?\})(\??)/.exec(this.#source.slice(this.#at, this.#at + 20)) ?? [];
    if (count === undefined) return part;
    this.#at += count.length + lazy.length;
    const bounds = /^\{(\d+)(,?)(\d*)\}$/.exec(count);
    if (bounds === null) return { text: `${part.text}${count}${lazy}`, repeat: part.repeat };
    const least = Number(bounds[1]);
    const most = bounds[2] === '' ? least : bounds[3] === '' ? Infinity : Number(bounds[3]);
    const repeat = part.repeat * Math.max(1, least, most === Infinity ? 1 : most);
    if (repeat > MAX_REPEAT || most < least) throw new Refused();
    const optional = most === Infinity ? `${part.text}*${lazy}` : `${part.text}?${lazy}`.repeat(most - least);
    if (part.text.length * Math.max(least, most === Infinity ? 1 : most) > MAX_WRITTEN_OUT) throw new Refused();
    return { text: `(?:${part.text.repeat(least)}${optional})`, repeat };
  }
}

function otherCase(character: string): string {
  const upper = character.toUpperCase();
  const other = upper === character ? character.toLowerCase() : upper;
  return other.length === 1 ? other : character;
}
