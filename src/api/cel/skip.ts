/** What in the text of an expression is no expression. */

/** Past white space, a comment or a string that begins here. */
export function skip(text: string, at: number): number {
  const space = /^\s+/.exec(text.slice(at, at + 200));
  if (space !== null) return at + space[0].length;
  if (text.startsWith('//', at)) return (text.indexOf('\n', at) + 1 || text.length + 1) - 1;
  const string = /^(?:[rRbB]{0,2})("""|'''|"|')/.exec(text.slice(at, at + 6));
  if (string === null) return at;
  const [opening, quote] = [string[0], string[1]!];
  const raw = /r/i.test(opening);
  for (let end = at + opening.length; end < text.length; end++) {
    if (!raw && text[end] === '\\') end++;
    else if (text.startsWith(quote, end)) return end + quote.length;
  }
  return text.length;
}
