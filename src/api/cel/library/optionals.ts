/** What the evaluator's optional values lack: ofNonZeroValue, optMap, optFlatMap (cel-go OptionalTypes). */
import { Environment } from '@marcbachmann/cel-js';
import { Duration } from '@marcbachmann/cel-js/evaluator';
import { charge, unitsLeft } from '../cost/meter.ts';
import { compare, equal } from './collections.ts';
import { define, type Value } from './define.ts';

/** Makes an optional through the evaluator itself, which does not give its class away. */
export interface Optionals { of(value: Value): Value; none(): Value }

let made: Optionals | undefined;

export function optionals(): Optionals {
  if (made !== undefined) return made;
  const none: Value = new Environment({ enableOptionalTypes: true }).evaluate('optional.none()');
  const Optional = none.constructor as { of(value: Value): Value };
  return (made = { of: (value) => Optional.of(value), none: () => none });
}

export function registerOptionals(environment: Environment): void {
  environment.registerType('__absent__', Absent);
  environment.registerOperator('optional<dyn> == optional<dyn>', equalOptionals);
  define(environment, {
    'OptionalNamespace.ofNonZeroValue(dyn): optional<dyn>': (_: unknown, value: Value) => (isZero(value) ? optionals().none() : optionals().of(value)),
    'OptionalNamespace.unwrap(list): list<dyn>': (_: unknown, list: Value) => unwrapped(list),
    'list.unwrapOpt(): list<dyn>': unwrapped,
    'list.first(): optional<dyn>': (list: Value) => ends([...list], 0),
    'list.last(): optional<dyn>': (list: Value) => ends([...list], -1),
    // What optional elements are written as: see optional-elements.ts.
    '__maybe__(optional<dyn>): dyn': (optional: Value) => (optional.hasValue() ? optional.value() : ABSENT),
    'list.__compact__(): list<dyn>': (list: Value) => [...list].filter((each) => each !== ABSENT),
    'map.__compact__(): map<dyn, dyn>': (map: Value) => new Map((map instanceof Map ? [...map] : Object.entries(map)).filter(([, each]) => each !== ABSENT)),
    'optional.optMap(ast, ast): optional<dyn>': (call: Value) => mapMacro(call, (value) => optionals().of(value), { wraps: true }),
    'optional.optFlatMap(ast, ast): optional<dyn>': (call: Value) => mapMacro(call, (value) => value, { wraps: false }),
  });
}

const ZERO = new Duration(0n, 0);
/** Where Go's times begin. */
const YEAR_ONE_MS = Date.parse('0001-01-01T00:00:00Z');

/** Two that hold nothing, or the same. */
function equalOptionals(left: Value, right: Value): boolean {
  return left.hasValue() === right.hasValue() && (!left.hasValue() || equal(left.value(), right.value()));
}

/** Stands for an optional element that is not there, until its list or map is whole. */
class Absent {}
const ABSENT = new Absent();

function unwrapped(list: Value): Value[] {
  return [...list].filter((each) => each.hasValue()).map((each) => each.value());
}

function ends(list: Value[], index: 0 | -1): Value {
  return list.length === 0 ? optionals().none() : optionals().of(list.at(index));
}

function isZero(value: Value): boolean {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true;
  if (value instanceof Map || value instanceof Set) return value.size === 0;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  if (value instanceof Duration) return compare(value, ZERO) === 0;
  if (value instanceof Date) return value.getTime() === YEAR_ONE_MS;
  if (value.constructor !== Object && value.valueOf() === 0n) return true; // an unsigned integer
  return typeof value === 'object' && value.constructor === Object && Object.keys(value).length === 0;
}

/** `optional.optMap(name, expression)`: the expression of the value, where there is one. */
function mapMacro({ args, receiver, ast }: Value, wrap: (value: Value) => Value, { wraps }: { wraps: boolean }): Value {
  if (args[0].op !== 'id') throw new Error('optMap() variable name must be a simple identifier');
  return {
    ast, receiver, steps: [args[1]], name: args[0].args, expression: args[1],
    typeCheck(checker: Value, macro: Value, context: Value) {
      const type = checker.check(macro.receiver, context);
      macro.inner = context.forkWithVariable(macro.name, type.kind === 'optional' ? type.valueType : checker.getType('dyn'));
      checker.check(macro.expression, macro.inner);
      ast.setMeta('async', false);
      return checker.getType('optional');
    },
    evaluate(evaluator: Value, macro: Value, context: Value) {
      const before = unitsLeft();
      const optional = evaluator.run(macro.receiver, context);
      // cel-go asks twice: whether the value is there, and what it is.
      const asked = before - unitsLeft();
      charge(2);
      if (!optional.hasValue()) return optional;
      charge(asked + (wraps ? 1 : 0));
      return wrap(evaluator.run(macro.expression, macro.inner.reuse(context).setIterValue(optional.value(), evaluator)));
    },
  };
}
