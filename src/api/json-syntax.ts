/** What is wrong with a text that is no JSON, in the words of Go's encoding/json (scanner.go), which clients know and search for. */

const LITERALS: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };
const END = 'unexpected end of JSON input';

/** Undefined where the grammar finds nothing wrong. */
export function jsonSyntaxError(text: string): string | undefined {
  try {
    new Scanner(text).whole();
    return undefined;
  } catch (error) {
    if (error instanceof SyntaxFault) return error.message;
    throw error;
  }
}

class SyntaxFault extends Error {}

/** Walks through the text once, with a stack of its own: texts are nested as deep as they like. */
class Scanner {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  whole(): void {
    const open: ('{' | '[')[] = [];
    for (;;) {
      const opened = this.value();
      if (opened !== undefined && !this.isClosedAtOnce(opened)) {
        open.push(opened);
        if (opened === '{') this.key();
        continue;
      }
      if (!this.next(open)) return;
    }
  }

  /** After a value: closes what ends here; false at the end of all. */
  private next(open: ('{' | '[')[]): boolean {
    for (let within = open.at(-1); within !== undefined; within = open.at(-1)) {
      const sign = this.sign();
      if (sign === ',') {
        this.at++;
        if (within === '{') this.key();
        return true;
      }
      if (sign !== (within === '{' ? '}' : ']')) throw this.invalid(within === '{' ? 'after object key:value pair' : 'after array element');
      this.at++;
      open.pop();
    }
    this.space();
    if (this.at < this.text.length) throw this.invalid('after top-level value');
    return false;
  }

  private isClosedAtOnce(opened: '{' | '['): boolean {
    this.space();
    if (this.text[this.at] !== (opened === '{' ? '}' : ']')) return false;
    this.at++;
    return true;
  }

  private key(): void {
    if (this.sign() !== '"') throw this.invalid('looking for beginning of object key string');
    this.string();
    if (this.sign() !== ':') throw this.invalid('after object key');
    this.at++;
  }

  /** What it opens, where it is no value by itself. */
  private value(): '{' | '[' | undefined {
    const sign = this.sign();
    if (sign === '{' || sign === '[') {
      this.at++;
      return sign;
    }
    if (sign === '"') this.string();
    else if (sign === '-' || isDigit(sign)) this.number();
    else if (LITERALS[sign] !== undefined) this.literal(LITERALS[sign]);
    else throw this.invalid('looking for beginning of value');
    return undefined;
  }

  private literal(word: string): void {
    for (const expected of word) {
      if (this.here() !== expected) throw this.invalid(`in literal ${word} (expecting '${expected}')`);
      this.at++;
    }
  }

  private string(): void {
    this.at++;
    for (let sign = this.here(); sign !== '"'; sign = this.here()) {
      if (sign < ' ') throw this.invalid('in string literal');
      this.at++;
      if (sign === '\\') this.escape();
    }
    this.at++;
  }

  private escape(): void {
    const sign = this.here();
    if (!'bfnrt\\/"u'.includes(sign)) throw this.invalid('in string escape code');
    this.at++;
    for (let left = sign === 'u' ? 4 : 0; left > 0; left--) {
      if (!/[\da-fA-F]/.test(this.here())) throw this.invalid('in \\u hexadecimal character escape');
      this.at++;
    }
  }

  private number(): void {
    if (this.text[this.at] === '-') this.at++;
    if (this.here() === '0') this.at++;
    else this.digits('in numeric literal');
    if (this.text[this.at] === '.') {
      this.at++;
      this.digits('after decimal point in numeric literal');
    }
    if (this.text[this.at] !== 'e' && this.text[this.at] !== 'E') return;
    this.at++;
    if ('+-'.includes(this.here())) this.at++;
    this.digits('in exponent of numeric literal');
  }

  private digits(where: string): void {
    if (!isDigit(this.here())) throw this.invalid(where);
    while (isDigit(this.text[this.at] ?? '')) this.at++;
  }

  private space(): void {
    while (' \t\r\n'.includes(this.text[this.at] ?? 'end')) this.at++;
  }

  /** The sign that comes after space. */
  private sign(): string {
    this.space();
    return this.here();
  }

  private here(): string {
    const sign = this.text[this.at];
    if (sign === undefined) throw new SyntaxFault(END);
    return sign;
  }

  private invalid(where: string): SyntaxFault {
    return new SyntaxFault(`invalid character ${quoted(this.text.codePointAt(this.at)!)} ${where}`);
  }
}

const isDigit = (sign: string): boolean => sign >= '0' && sign <= '9' && sign.length === 1;

/** Go shows the first byte of a character, as if it were one. */
function quoted(code: number): string {
  const byte = Buffer.from(String.fromCodePoint(code))[0]!;
  if (byte === 39) return String.raw`'\''`;
  if (byte === 34) return `'"'`;
  const named: Readonly<Record<number, string>> = { 7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r', 92: '\\\\' };
  const isPlain = (byte >= 32 && byte < 127) || (byte > 160 && byte !== 173);
  return `'${named[byte] ?? (isPlain ? String.fromCodePoint(byte) : byte < 128 ? `\\x${byte.toString(16).padStart(2, '0')}` : `\\u00${byte.toString(16)}`)}'`;
}
