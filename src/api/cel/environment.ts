/** The environment of expressions: which functions, types and variables they know (upstream: apiserver cel/environment). */
import { Environment as CelEnvironment } from '@marcbachmann/cel-js';
import { registerCollections } from './library/collections.ts';
import { registerComprehensions } from './library/comprehensions.ts';
import { registerFormats } from './library/formats.ts';
import { registerNet } from './library/net.ts';
import { registerOptionals } from './library/optionals.ts';
import { registerQuantity } from './library/quantity.ts';
import { registerSemver } from './library/semver.ts';
import { registerStrings } from './library/strings.ts';
import { registerTimes } from './library/times.ts';
import { registerUrl } from './library/url.ts';
import { MAX_CODE_POINTS, MAX_DEPTH } from './parse.ts';

export type Environment = CelEnvironment;

let base: CelEnvironment | undefined;

/** An environment with the variables that are named, each of any type or of the one that is given. */
export function createEnvironment(variables: Readonly<Record<string, string>>, extend?: (environment: Environment) => void): Environment {
  const environment = (base ??= createBase()).clone();
  extend?.(environment);
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  return environment;
}

function createBase(): CelEnvironment {
  const environment = new CelEnvironment({
    enableOptionalTypes: true, homogeneousAggregateLiterals: false, unlistedVariablesAreDyn: false,
    // The length of the text bounds all but the depth.
    limits: { maxAstNodes: 10 * MAX_CODE_POINTS, maxDepth: MAX_DEPTH, maxListElements: MAX_CODE_POINTS, maxMapEntries: MAX_CODE_POINTS, maxCallArguments: MAX_CODE_POINTS },
  });
  for (const register of [registerStrings, registerCollections, registerOptionals, registerTimes, registerUrl, registerQuantity, registerNet, registerFormats, registerSemver, registerComprehensions]) register(environment);
  nameTypes(environment);
  return environment;
}

/** The names of the libraries' types, for `type(x) == net.IP`. */
function nameTypes(environment: CelEnvironment): void {
  const typeOf = (text: string): unknown => environment.evaluate(`type(${text})`);
  environment.registerConstant('net', 'map<string, dyn>', new Map([['IP', typeOf('ip("0.0.0.0")')], ['CIDR', typeOf('cidr("0.0.0.0/0")')]]) as never);
  environment.registerConstant('kubernetes', 'map<string, dyn>', new Map([['Quantity', typeOf('quantity("1")')], ['URL', typeOf('url("/")')], ['Semver', typeOf('semver("1.0.0")')]]) as never);
}
