/** Reads type declarations, their tags and their `+marks` out of gofmt-formatted Go sources. Prose is dropped where it is found. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface GoField {
  /** Name in Go; '' for an embedded field. */
  goName: string;
  /** The type as written: `[]*v1.PodSpec`. */
  type: string;
  tags: Record<string, string>;
  marks: Mark[];
}

/** `+listType=map` is { name: 'listType', value: 'map' }. */
export interface Mark { name: string; value: string }

export interface GoType {
  name: string;
  marks: Mark[];
  /** The fields of a struct. */
  fields?: GoField[];
  /** What a type that is no struct stands for: `string`, `map[string]Quantity`. */
  underlying?: string;
}

export interface GoPackage {
  /** Import path, for instance k8s.io/api/core/v1. */
  path: string;
  group: string;
  types: Map<string, GoType>;
  /** Import alias to import path, over all files. */
  imports: Map<string, string>;
  /** String constants: their type name ('' when untyped) and value, or the constant of another package that they convert, `alias.Name`. */
  constants: Map<string, { type: string; value: string; of?: string }>;
}

export function readPackage(root: string, path: string): GoPackage {
  const folder = join(root, path.replace(/^k8s\.io\//, ''));
  const found: GoPackage = { path, group: '', types: new Map(), imports: new Map(), constants: new Map() };
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.go') || file.endsWith('_test.go') || /generated|fuzz/.test(file)) continue;
    const text = readFileSync(join(folder, file), 'utf8');
    if (file === 'register.go') found.group = /GroupName\s*=\s*"([^"]*)"/.exec(text)?.[1] ?? '';
    readImports(text, found.imports);
    readConstants(text, found.constants);
    readTypes(text, found.types);
  }
  return found;
}

function readImports(text: string, imports: Map<string, string>): void {
  const block = /^import \(\n([\s\S]*?)^\)/m.exec(text)?.[1] ?? '';
  for (const match of block.matchAll(/^\t(?:(\w+) )?"([^"]+)"$/gm)) {
    const path = match[2] ?? '';
    imports.set(match[1] ?? path.slice(path.lastIndexOf('/') + 1), path);
  }
}

function readConstants(text: string, constants: GoPackage['constants']): void {
  for (const match of text.matchAll(/^(?:\t|const )(\w+)(?:\s+(\w+))?\s*=\s*(?:(\w+)\()?"((?:[^"\\]|\\.)*)"\)?/gm)) {
    constants.set(match[1] ?? '', { type: match[2] ?? match[3] ?? '', value: match[4] ?? '' });
  }
  for (const match of text.matchAll(/^(?:\t|const )(\w+)(?:\s+\w+)?\s*=\s*(\w+)\((\w+\.\w+)\)$/gm)) {
    constants.set(match[1] ?? '', { type: match[2] ?? '', value: '', of: match[3] ?? '' });
  }
}

function readTypes(text: string, types: Map<string, GoType>): void {
  const comments = new CommentBlock();
  let open: GoType | undefined;
  for (const line of text.split('\n')) {
    if (comments.take(line)) continue;
    if (open !== undefined) {
      if (line === '}') open = undefined;
      else {
        const field = readField(line, comments.marks());
        if (field !== undefined) open.fields?.push(field);
      }
    } else {
      const match = /^type (\w+) (?:= )?(.*)$/.exec(line);
      const [, name = '', body = ''] = match ?? [];
      if (match !== null && !/^(interface|func)\b/.test(body)) {
        const type: GoType = { name, marks: comments.marks() };
        if (body.startsWith('struct')) type.fields = [];
        else type.underlying = body.replace(/\s*\/\/.*$/, '').trim();
        if (body === 'struct {') open = type;
        types.set(name, type);
      }
    }
    if (line.trim() !== '') comments.clear();
  }
}

function readField(line: string, marks: Mark[]): GoField | undefined {
  const named = /^\t(\w+)\s+([^\s`]+)\s*`([^`]*)`/.exec(line);
  const embedded = named === null ? /^\t(\*?[\w.]+)\s+`([^`]*)`/.exec(line) : null;
  const [goName, type, tagText] = named !== null ? [named[1], named[2], named[3]] : ['', embedded?.[1], embedded?.[2]];
  if (type === undefined || tagText === undefined) return undefined;
  const tags: Record<string, string> = {};
  for (const tag of tagText.matchAll(/(\w+):"([^"]*)"/g)) tags[tag[1] ?? ''] = tag[2] ?? '';
  return { goName: goName ?? '', type, tags, marks };
}

/** Gathers the comment above a declaration, and the one before it when a single blank line parts them (where `+genclient` stands). */
class CommentBlock {
  #current: string[] = [];
  #previous: string[] = [];
  #blank = false;

  /** True when the line was part of a comment, or blank. */
  take(line: string): boolean {
    const comment = /^\s*\/\/ ?(.*)$/.exec(line);
    if (comment !== null) {
      if (this.#blank) [this.#previous, this.#current, this.#blank] = [this.#current, [], false];
      this.#current.push(comment[1] ?? '');
      return true;
    }
    if (line.trim() !== '') return false;
    if (this.#blank || this.#current.length === 0) this.clear();
    else this.#blank = true;
    return true;
  }

  marks(): Mark[] {
    const lines = this.#blank ? this.#current : [...this.#previous, ...this.#current];
    return lines.filter((line) => line.startsWith('+')).map((line) => {
      const [, name = '', value = ''] = /^\+([^=\s]+)(?:=(.*))?/.exec(line) ?? [];
      return { name, value: value.trim() };
    });
  }

  clear(): void {
    [this.#current, this.#previous, this.#blank] = [[], [], false];
  }
}

export function markOf(marks: readonly Mark[], name: string): string | undefined {
  return marks.find((mark) => mark.name === name)?.value;
}
