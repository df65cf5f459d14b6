/**
 * Optional elements and entries, `[?a, b]` and `{?"k": v}` (cel-go OptionalTypes): the evaluator's parser does not know them, so they are written
 * as calls that give the value or a mark, and the mark is taken out of the list or map.
 */
import { skip } from './skip.ts';

const MAYBE = '__maybe__(';
const COMPACT = '.__compact__()';

interface Frame {
  bracket: '[' | '{' | '(';
  /** Something optional stands in it. */
  optional: boolean;
  /** A call to MAYBE is open around the element. */
  open: boolean;
  /** The text of an optional entry's key is being passed. */
  key: boolean;
}

/** The text itself where nothing optional stands in it. */
export function withOptionalElements(text: string): string {
  if (!/[[{,]\s*\?/.test(text)) return text;
  let made = '';
  const frames: Frame[] = [];
  let operand = false; // whether what came before is a value, so that a bracket is an access
  for (let at = 0; at < text.length;) {
    const past = skip(text, at);
    if (past > at) {
      const passed = text.slice(at, past);
      if (!/^(\s|\/\/)/.test(passed)) operand = true;
      made += passed;
      at = past;
      continue;
    }
    const word = /^[\w.]+/.exec(text.slice(at, at + 200))?.[0];
    if (word !== undefined) {
      made += word;
      at += word.length;
      operand = word !== 'in';
      continue;
    }
    const character = text[at]!;
    const frame = frames.at(-1);
    at += 1;
    if (character === '[' || character === '{' || character === '(') {
      const access = character !== '{' && operand;
      frames.push({ bracket: access ? '(' : character, optional: false, open: false, key: false });
      made += character;
      operand = false;
      const opened = frames.at(-1)!;
      if (!access) at = element(text, at, opened, (part) => (made += part));
    } else if (character === ']' || character === '}' || character === ')') {
      frames.pop();
      if (frame?.open === true) made += ')';
      made += character + (frame?.optional === true ? COMPACT : '');
      operand = true;
    } else if (character === ',' && frame !== undefined) {
      if (frame.open) made += ')';
      Object.assign(frame, { open: false, key: false });
      made += character;
      operand = false;
      at = element(text, at, frame, (part) => (made += part));
    } else if (character === ':' && frame?.key === true) {
      made += `: ${MAYBE}`;
      Object.assign(frame, { key: false, open: true });
      operand = false;
    } else {
      made += character;
      operand = false;
    }
  }
  return made;
}

/** At the beginning of an element: past the question mark of an optional one. */
function element(text: string, at: number, frame: Frame, write: (part: string) => void): number {
  if (frame.bracket === '(') return at;
  const mark = /^\s*\?/.exec(text.slice(at, at + 200));
  if (mark === null) return at;
  frame.optional = true;
  if (frame.bracket === '[') {
    frame.open = true;
    write(MAYBE);
  } else frame.key = true;
  return at + mark[0].length;
}
