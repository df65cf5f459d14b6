/** Parses the JSON of a request, with a bound on its depth. */
import { parseJson as parseExactly } from '../../api/int64.ts';
import { MAX_DEPTH } from '../../api/json.ts';
import { jsonSyntaxError } from '../../api/json-syntax.ts';
import type { Json } from '../../api/meta.ts';
import { badRequest } from './errors.ts';

/** `lead` stands before what is wrong with the text; default as with objects. */
export function parseJson(text: string, lead = "couldn't get version/kind; json parse error: "): Json {
  if (!/\S/.test(text)) throw badRequest('the body of the request was empty: unexpected end of JSON input');
  // First: to make a million nested values takes long.
  checkDepth(text);
  try {
    return parseExactly(text) as Json;
  } catch (error) {
    throw badRequest(`${lead}${jsonSyntaxError(text) ?? (error as Error).message}`);
  }
}

/** Counts brackets without regard to strings: too much only for texts that are strange anyway. */
export function checkDepth(text: string): void {
  if (isTooDeep(text)) throw badRequest(`the body of the request is nested deeper than ${MAX_DEPTH} levels`);
}

/** By its brackets outside of double quotes. */
export function isTooDeep(text: string): boolean {
  if (!hasMany(text, MAX_DEPTH)) return false;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 92) at++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 123 || code === 91) {
      if (++depth > MAX_DEPTH) return true;
    } else if (code === 125 || code === 93) depth--;
  }
  return false;
}

/** Whether so many brackets stand in it at all; looking for them is much cheaper than looking at everything. */
function hasMany(text: string, count: number): boolean {
  let left = count;
  for (const bracket of ['{', '[']) for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) if (--left <= 0) return true;
  return false;
}
