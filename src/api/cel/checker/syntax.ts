/** Where in the text the parts of an expression stand, as cel-go counts: operators and brackets speak for what they join. */

export interface Node {
  op: string;
  args: unknown;
  start: number;
  end: number;
}

/** The offset by which messages point at the node. */
export function offsetOf(node: Node, text: string): number {
  switch (node.op) {
    case 'value': case 'id': case 'list': case 'map': case '!_': case '-_': return node.start;
    case 'call': return past(text, node.start + (node.args as [string])[0].length);
    case 'rcall': {
      const [name, target] = node.args as [string, Node];
      return past(text, past(text, past(text, target.end, ')') + 1) + name.length);
    }
    // An operator, a dot or a bracket after what stands before it.
    default: return past(text, ((node.args as Node[])[0])?.end ?? node.start, ')');
  }
}

/** Over blanks, comments, and those characters that are given. */
function past(text: string, at: number, also = ''): number {
  for (;;) {
    const blank = /^(?:\s+|\/\/[^\n]*)/.exec(text.slice(at, at + 1_000))?.[0].length ?? 0;
    if (blank > 0) at += blank;
    else if (also !== '' && text[at] === also) at += 1;
    else return at;
  }
}
