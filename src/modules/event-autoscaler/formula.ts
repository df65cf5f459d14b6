/**
 * Formulas of scaledObject.spec.advanced.scalingModifiers: the part of the language expr that deals with numbers. Names are those of triggers. Operators:
 * `?:` `??` `||` `&&` `!` (`or` `and` `not`) `==` `!=` `<` `<=` `>` `>=` `in` `..` `+` `-` `*` `/` `%` `**` (`^`); lists `[a, b]` with an index; `let x = ...; ...`; predicates
 * `{# > 1}` of the functions that take them. Source: the language definition of expr-lang. Pure.
 */
export type Formula = (values: Readonly<Record<string, number | null>>) => number;

type Value = number | boolean | null | Value[];
interface Scope { readonly names: Readonly<Record<string, Value>>; readonly item?: Value; readonly spent: { items: number } }
type Expression = (scope: Scope) => Value;

const LONGEST = 4_096;
const DEEPEST = 64;
const MOST_ITEMS = 10_000;
/** Items of lists that one run looks at: predicates within predicates would never end (expr-lang: the memory budget). */
const MOST_WORK = 1_000_000;
/** What each trigger is said to be, to try a formula (KEDA's webhook). */
const TRIED = -1;
const TOKEN = /\s*(?:(\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_$][\w$]*)|(\*\*|\|\||&&|==|!=|<=|>=|\?\?|\.\.|[-+*/%^<>!?:()[\]{},;#=.]))/y;
const NOT_IN = 'not in';
const WORDS: Readonly<Record<string, string>> = { and: '&&', or: '||', not: '!', in: 'in', let: 'let' };
const LITERALS: Readonly<Record<string, Value>> = { true: true, false: false, nil: null };
/** Loosest first; `**` is read apart, since it binds to the right, and so is `??`, which binds the most. */
const LEVELS: readonly (readonly string[])[] = [['||'], ['&&'], ['==', '!=', '<', '<=', '>', '>=', 'in', NOT_IN], ['..'], ['+', '-'], ['*', '/', '%']];

/**
 * Throws Error that names what is wrong: a word that is none of `names`, what is no formula, or what cannot come to a number. Running it throws Error where the result
 * is no finite number; on the way there it may be none, as in `min(one / 0, 5)`.
 */
export function parseFormula(text: string, names: readonly string[]): Formula {
  if (text.length > LONGEST) throw new Error(`the formula is longer than ${LONGEST} characters`);
  const reader = new Reader(text, names);
  const expression = reader.whole();
  const run = (values: Readonly<Record<string, number | null>>): number => numberOf(expression({ names: values, spent: { items: 0 } }), 'the result of the formula');
  run(Object.fromEntries(names.map((each) => [each, TRIED])));
  return (values) => {
    const result = run(values);
    if (!Number.isFinite(result)) throw new Error(`the result of the formula is no number: ${result}`);
    return result;
  };
}

class Reader {
  readonly #tokens: string[];
  readonly #known: Set<string>;
  #at = 0;
  #depth = 0;

  constructor(text: string, names: readonly string[]) {
    this.#tokens = tokensOf(text);
    this.#known = new Set(names);
  }

  whole(): Expression {
    const expression = this.#sequence();
    if (this.#at < this.#tokens.length) throw new Error(`'${this.#tokens[this.#at]}' is not expected there`);
    return expression;
  }

  #takes(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }

  #needs(token: string): void {
    if (!this.#takes(token)) throw new Error(`'${token}' is expected ${this.#at < this.#tokens.length ? `before '${this.#tokens[this.#at]}'` : 'at the end'}`);
  }

  #sequence(): Expression {
    if (!this.#takes('let')) return this.#choice();
    const name = this.#tokens[this.#at++] ?? '';
    if (!/^[A-Za-z_]/.test(name)) throw new Error('a name is expected after let');
    this.#needs('=');
    const value = this.#choice();
    this.#needs(';');
    this.#known.add(name);
    const rest = this.#sequence();
    return (scope) => rest({ ...scope, names: { ...scope.names, [name]: value(scope) } });
  }

  #choice(): Expression {
    if (++this.#depth > DEEPEST) throw new Error(`the formula is nested more than ${DEEPEST} deep`);
    const condition = this.#binary(0);
    let expression = condition;
    if (this.#takes('?')) {
      const yes = this.#choice();
      this.#needs(':');
      const no = this.#choice();
      expression = (scope) => (truthOf(condition(scope)) ? yes : no)(scope);
    }
    this.#depth--;
    return expression;
  }

  #binary(level: number): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (let token = this.#operator(); token !== undefined && operators.includes(token); token = this.#operator()) {
      this.#at += token === NOT_IN ? 2 : 1;
      left = applied(token, left, this.#binary(level + 1));
    }
    return left;
  }

  #operator(): string | undefined {
    return this.#tokens[this.#at] === '!' && this.#tokens[this.#at + 1] === 'in' ? NOT_IN : this.#tokens[this.#at];
  }

  #unary(): Expression {
    if (++this.#depth > DEEPEST) throw new Error(`the formula is nested more than ${DEEPEST} deep`);
    const [minus, plus, not] = [this.#takes('-'), this.#takes('+'), this.#takes('!')];
    const operand = minus || plus || not ? this.#unary() : this.#power();
    this.#depth--;
    if (minus) return (scope) => -numberOf(operand(scope), "what follows '-'");
    return not ? (scope) => !truthOf(operand(scope)) : operand;
  }

  #power(): Expression {
    let base = this.#postfix();
    while (this.#takes('??')) base = applied('??', base, ['-', '+', '!'].includes(this.#tokens[this.#at] ?? '') ? this.#unary() : this.#postfix());
    return this.#takes('**') || this.#takes('^') ? applied('**', base, this.#unary()) : base;
  }

  #postfix(): Expression {
    let expression = this.#primary();
    while (this.#takes('[')) {
      const [list, index] = [expression, this.#choice()];
      this.#needs(']');
      expression = (scope) => {
        const items = listOf(list(scope), 'what has an index');
        return items.at(numberOf(index(scope), 'an index')) ?? null;
      };
    }
    return expression;
  }

  #primary(): Expression {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new Error('the formula ends too early');
    if (/^[.\d]/.test(token)) return constant(Number(token.replaceAll('_', '')));
    if (token === '(') return this.#until(')');
    if (token === '#') return ({ item = null }) => item;
    if (token === '[') {
      const items = this.#list(']');
      return (scope) => items.map((each) => each(scope));
    }
    if (Object.hasOwn(LITERALS, token)) return constant(LITERALS[token]!);
    if (!/^[A-Za-z_]/.test(token)) throw new Error(`'${token}' is not expected there`);
    if (this.#takes('(')) return this.#call(token);
    if (!this.#known.has(token)) throw new Error(`'${token}' is the name of no trigger; there are: ${[...this.#known].join(', ')}`);
    return ({ names }) => names[token] ?? null;
  }

  #until(end: string): Expression {
    const expression = this.#choice();
    this.#needs(end);
    return expression;
  }

  #list(end: string): Expression[] {
    const items: Expression[] = [];
    while (!this.#takes(end)) {
      items.push(this.#takes('{') ? this.#until('}') : this.#choice());
      if (!this.#takes(',')) {
        this.#needs(end);
        break;
      }
    }
    return items;
  }

  #call(name: string): Expression {
    const parts = this.#list(')');
    const ofList = Object.hasOwn(OF_LISTS, name) ? OF_LISTS[name]! : undefined;
    if (ofList !== undefined && parts.length === 2) {
      const [list, predicate] = parts as [Expression, Expression];
      return (scope) => ofList(listOf(list(scope), `what ${name} is asked of`), (item) => {
        spend(scope, 1);
        return predicate({ ...scope, item });
      });
    }
    const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name]! : undefined;
    if (known === undefined || parts.length === 0) throw new Error(known === undefined ? `there is no function ${name}; there are: ${[...Object.keys(FUNCTIONS), ...Object.keys(OF_LISTS)].join(', ')}` : `${name} needs something to work on`);
    return (scope) => {
      const given = parts.map((each) => each(scope));
      for (const each of given) if (Array.isArray(each)) spend(scope, each.length);
      return known(given);
    };
  }
}

const constant = (value: Value): Expression => () => value;

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  const body = text.trimEnd();
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < body.length;) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(body);
    if (found === null) throw new Error(`'${body.slice(at).trim().slice(0, 20)}' is not understood`);
    const [, number, word, sign] = found;
    tokens.push(number ?? (word !== undefined && Object.hasOwn(WORDS, word) ? WORDS[word]! : (word ?? sign!)));
  }
  return tokens;
}

function applied(operator: string, left: Expression, right: Expression): Expression {
  switch (operator) {
    case '??': return (scope) => left(scope) ?? right(scope);
    case '||': return (scope) => truthOf(left(scope)) || truthOf(right(scope));
    case '&&': return (scope) => truthOf(left(scope)) && truthOf(right(scope));
    case '==': return (scope) => left(scope) === right(scope);
    case '!=': return (scope) => left(scope) !== right(scope);
    case 'in': case NOT_IN: return (scope) => {
      const item = left(scope);
      const items = listOf(right(scope), "what follows 'in'");
      spend(scope, items.length);
      return items.includes(item) === (operator === 'in');
    };
    case '..': return (scope) => {
      const items = range(numberOf(left(scope), 'a range'), numberOf(right(scope), 'a range'));
      spend(scope, items.length);
      return items;
    };
    default: {
      const work = ARITHMETIC[operator]!;
      return (scope) => work(numberOf(left(scope), `what precedes '${operator}'`), numberOf(right(scope), `what follows '${operator}'`));
    }
  }
}

const ARITHMETIC: Readonly<Record<string, (left: number, right: number) => Value>> = {
  '<': (left, right) => left < right, '<=': (left, right) => left <= right, '>': (left, right) => left > right, '>=': (left, right) => left >= right,
  '+': (left, right) => left + right, '-': (left, right) => left - right, '*': (left, right) => left * right, '/': (left, right) => left / right, '%': (left, right) => left % right, '**': (left, right) => left ** right,
};

function spend({ spent }: Scope, items: number): void {
  spent.items += items;
  if (spent.items > MOST_WORK) throw new Error(`the formula looks at more than ${MOST_WORK} items of lists`);
}

function range(from: number, to: number): Value[] {
  if (to - from >= MOST_ITEMS) throw new Error(`a range has ${MOST_ITEMS} items at most`);
  return Array.from({ length: Math.max(0, Math.floor(to - from) + 1) }, (_, index) => from + index);
}

/** All the numbers that are given, those of lists too. */
const numbers = (values: readonly Value[]): number[] => values.flatMap((each) => (Array.isArray(each) ? numbers(each) : [numberOf(each, 'what a function is given')]));
const total = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0);
const one = (work: (value: number) => number) => (values: readonly Value[]): Value => work(numberOf(values[0]!, 'what a function is given'));

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const FUNCTIONS: Readonly<Record<string, (values: readonly Value[]) => Value>> = {
  abs: one(Math.abs), ceil: one(Math.ceil), floor: one(Math.floor), round: one((value) => Math.sign(value) * Math.round(Math.abs(value))), int: one(Math.trunc), float: one(Number),
  max: (values) => Math.max(...numbers(values)), min: (values) => Math.min(...numbers(values)), sum: (values) => total(numbers(values)), mean: (values) => total(numbers(values)) / numbers(values).length, median: (values) => median(numbers(values)),
  len: ([list]) => listOf(list!, 'what len is asked of').length, first: ([list]) => listOf(list!, 'what first is asked of')[0] ?? null, last: ([list]) => listOf(list!, 'what last is asked of').at(-1) ?? null,
  count: ([list]) => listOf(list!, 'what count is asked of').filter(truthOf).length,
};
const OF_LISTS: Readonly<Record<string, (list: readonly Value[], work: (item: Value) => Value) => Value>> = {
  all: (list, work) => list.every((each) => truthOf(work(each))), any: (list, work) => list.some((each) => truthOf(work(each))), none: (list, work) => !list.some((each) => truthOf(work(each))), one: (list, work) => list.filter((each) => truthOf(work(each))).length === 1,
  count: (list, work) => list.filter((each) => truthOf(work(each))).length, filter: (list, work) => list.filter((each) => truthOf(work(each))), map: (list, work) => list.map(work), sum: (list, work) => total(numbers(list.map(work))),
};

function numberOf(value: Value, what: string): number {
  if (typeof value !== 'number') throw new Error(`${what} is no number: ${JSON.stringify(value)}`);
  return value;
}

function truthOf(value: Value): boolean {
  if (typeof value !== 'boolean') throw new Error(`a condition is neither true nor false: ${JSON.stringify(value)}`);
  return value;
}

function listOf(value: Value, what: string): Value[] {
  if (!Array.isArray(value)) throw new Error(`${what} is no list: ${JSON.stringify(value)}`);
  return value;
}
