/** Selectors of devices (resource.k8s.io/v1 CELDeviceSelector): expressions over `device`, compiled once (upstream: dynamic-resource-allocation/cel). */
import type { Environment } from '../cel/environment.ts';
import type { Program } from '../cel/index.ts';
import { cel } from '../cel/lazy.ts';
import type { Device, DeviceAttribute } from '../generated/resource-v1.ts';
import { formatQuantity } from '../quantity.ts';

/** `true` where the device is wanted. Throws EvaluationFailure where the expression asks for what the device does not have. */
export type DeviceTest = (device: Device, driver: string) => boolean;

const MOST_KEPT = 512;
const compiled = new Map<string, DeviceTest>();
let environment: Environment | undefined;

/** Throws EvaluationFailure where the text is no expression. */
function compileDeviceSelector(expression: string): DeviceTest {
  let test = compiled.get(expression);
  if (test !== undefined) return test;
  environment ??= cel().createEnvironment({ device: 'map<string, dyn>' });
  test = testOf(cel().compileExpression(environment, expression));
  if (compiled.size >= MOST_KEPT) compiled.clear();
  compiled.set(expression, test);
  return test;
}

/** Why an expression is none, in upstream's words; undefined where it is one. */
export function deviceSelectorFault(expression: string): string | undefined {
  try {
    compileDeviceSelector(expression);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const judged = new WeakMap<Device, Map<string, boolean>>();

/** Whether a device is wanted; asked once for each device and expression, since devices do not change. Throws as {@link compileDeviceSelector} and {@link DeviceTest}. */
export function matchesDevice(expression: string, device: Device, driver: string): boolean {
  let answers = judged.get(device);
  if (answers === undefined) judged.set(device, (answers = new Map()));
  let answer = answers.get(expression);
  if (answer === undefined) answers.set(expression, (answer = compileDeviceSelector(expression)(device, driver)));
  return answer;
}

function testOf(program: Program): DeviceTest {
  return (device, driver) => program.evaluate({ device: deviceValue(device, driver) }, new (cel().Budget)()) === true;
}

const values = new WeakMap<Device, Map<string, unknown>>();

/**
 * `device.driver`, `device.attributes[DOMAIN].NAME`, `device.capacity[DOMAIN].NAME` and `device.allowMultipleAllocations`; a name without domain is of the
 * driver's. Domains that a device has nothing of are empty, so that `has()` can be asked.
 */
function deviceValue(device: Device, driver: string): Map<string, unknown> {
  const known = values.get(device);
  if (known?.get('driver') === driver) return known;
  const attributes = byDomain(device.attributes, driver, attributeValue);
  const capacity = byDomain(device.capacity, driver, ({ value }) => quantity(String(value)));
  const made = new Map<string, unknown>([['driver', driver], ['attributes', attributes], ['capacity', capacity], ['allowMultipleAllocations', device.allowMultipleAllocations === true]]);
  values.set(device, made);
  return made;
}

type Named = Map<string, unknown>;

/** A map in which every domain is there as soon as it is asked for. */
function byDomain<T>(named: Record<string, T> | undefined, driver: string, read: (value: T) => unknown): Map<string, Named> {
  const known = new Map<string, Named>();
  for (const [name, value] of Object.entries(named ?? {})) {
    const { domain, id } = qualified(name, driver);
    known.set(domain, (known.get(domain) ?? new Map<string, unknown>()).set(id, read(value)));
  }
  // The evaluator takes maps, not what is derived of them.
  return Object.assign(new Map(known), { get: (domain: string): Named => known.get(domain) ?? new Map(), has: () => true });
}

/** `domain/id`; without a domain it is the driver's. */
export function qualified(name: string, driver: string): { domain: string; id: string } {
  const slash = name.indexOf('/');
  return slash < 0 ? { domain: driver, id: name } : { domain: name.slice(0, slash), id: name.slice(slash + 1) };
}

function attributeValue({ int, bool, string, version, ints, bools, strings, versions }: DeviceAttribute): unknown {
  if (int !== undefined) return BigInt(int);
  if (ints !== undefined) return ints.map(BigInt);
  if (version !== undefined) return semver(version);
  return bool ?? string ?? bools ?? strings ?? versions?.map(semver);
}

let makers: Environment | undefined;
const made = (text: string): unknown => (makers ??= cel().createEnvironment({})).evaluate(text);
const semver = (text: string): unknown => made(`semver(${JSON.stringify(text)})`);
const quantity = (text: string): unknown => made(`quantity(${JSON.stringify(formatQuantity(text))})`);
