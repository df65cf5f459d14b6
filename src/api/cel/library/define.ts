/** How libraries add what they bring. All functions are synchronous; what they throw becomes the error of the expression. */
import type { Environment } from '@marcbachmann/cel-js';

// The values of expressions have any shape.
// oxlint-disable-next-line typescript/no-explicit-any
export type Value = any;

/** Functions by their signature, for instance `string.find(string): string`. */
export function define(environment: Environment, functions: Readonly<Record<string, (...args: Value[]) => Value>>): void {
  for (const [signature, handler] of Object.entries(functions)) environment.registerFunction(signature, handler, { async: false });
}

/** Makes `NAME.function()` possible: a constant of a type of its own. */
export function defineNamespace(environment: Environment, name: string): string {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Namespace`;
  // The evaluator knows values by their class.
  // oxlint-disable-next-line typescript/no-extraneous-class
  const Namespace = { [type]: class {} }[type]!;
  environment.registerType(type, Namespace);
  environment.registerConstant(name, type, new Namespace() as never);
  return type;
}
