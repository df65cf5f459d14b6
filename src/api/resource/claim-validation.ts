/** The rules of what claims ask for and were given (upstream: pkg/apis/resource/validation). */
import type { AllocationResult, DeviceClaim, DeviceClassConfiguration, DeviceConstraint, DeviceRequest, DeviceSelector, DeviceSubRequest, DeviceToleration, ExactDeviceRequest, ResourceClaim, ResourceClaimSpec, ResourceClaimStatus } from '../generated/resource-v1.ts';
import { nodeSelectorErrors } from '../core/node-selector-validation.ts';
import { duplicate, forbidden, invalid, notSupported, required, tooLong, tooMany, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors, labelKeyErrors, labelValueErrors, type NameCheck } from '../names.ts';
import { deviceSelectorFault } from './device-selector.ts';

const MOST_REQUESTS = 32;
const [MOST_FIRST_AVAILABLE, MOST_SELECTORS, MOST_CONSTRAINTS, MOST_CONFIGS, MOST_RESULTS, MOST_CONSUMERS, MOST_TOLERATIONS] = [8, 32, 32, 32, 32, 256, 16];
const [MOST_PARAMETER_BYTES, MOST_EXPRESSION_BYTES, MOST_DRIVER_NAME, MOST_POOL_NAME] = [10 * 1_024, 10 * 1_024, 63, 253];
const MODES = ['All', 'ExactCount'];
const EFFECTS = ['NoSchedule', 'NoExecute', 'None'];
const NO_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

export function claimSpecErrors({ devices = {} }: ResourceClaimSpec, path: string): FieldError[] {
  const at = `${path}.devices`;
  const requests = devices.requests ?? [];
  const known = requestNames(devices);
  return [
    ...listErrors(requests, MOST_REQUESTS, `${at}.requests`, requestErrors, ({ name }) => name),
    ...listErrors(devices.constraints, MOST_CONSTRAINTS, `${at}.constraints`, (each, here) => constraintErrors(each, here, known)),
    ...listErrors(devices.config, MOST_CONFIGS, `${at}.config`, (each, here) => [...referenceErrors(each.requests, `${here}.requests`, known), ...configurationErrors(each, here)]),
  ];
}

/** `request` and `request/subrequest`, as constraints, configurations and results name them. */
function requestNames({ requests = [] }: DeviceClaim): ReadonlySet<string> {
  return new Set(requests.flatMap(({ name, firstAvailable = [] }) => [name, ...firstAvailable.map((sub) => `${name}/${sub.name}`)]));
}

/** Each element, and the list: how long it is, and that no two have the same key. */
export function listErrors<T>(list: readonly T[] | undefined, most: number, path: string, errorsOf: (each: T, path: string) => FieldError[], keyOf?: (each: T) => string): FieldError[] {
  const seen = new Set<string>();
  const errors = (list ?? []).flatMap((each, index) => {
    const found = errorsOf(each, `${path}[${index}]`);
    const key = keyOf?.(each);
    if (key !== undefined && seen.has(key)) found.push(duplicate(`${path}[${index}]`, each));
    if (key !== undefined) seen.add(key);
    return found;
  });
  return (list ?? []).length > most ? [tooMany(path, list!.length, most), ...errors] : errors;
}

export function nameErrors(name: string | undefined, path: string, check: NameCheck = dns1123LabelErrors): FieldError[] {
  return name ? check(name).map((error) => invalid(path, name, error)) : [required(path)];
}

export function driverNameErrors(name: string | undefined, path: string): FieldError[] {
  return (name ?? '').length > MOST_DRIVER_NAME ? [tooLong(path, MOST_DRIVER_NAME)] : nameErrors(name?.toLowerCase(), path, dns1123SubdomainErrors);
}

/** Names between slashes. */
export function poolNameErrors(name: string | undefined, path: string): FieldError[] {
  if ((name ?? '').length > MOST_POOL_NAME) return [tooLong(path, MOST_POOL_NAME)];
  return name ? name.split('/').flatMap((part) => dns1123SubdomainErrors(part).map((error) => invalid(path, part, error))) : [required(path)];
}

function requestErrors({ name, exactly, firstAvailable = [] }: DeviceRequest, path: string): FieldError[] {
  const errors = nameErrors(name, `${path}.name`);
  if (exactly !== undefined && firstAvailable.length > 0) return [...errors, invalid(path, null, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set')];
  if (exactly !== undefined) return [...errors, ...askedErrors(exactly, `${path}.exactly`)];
  if (firstAvailable.length === 0) return [...errors, required(path, 'exactly one of `exactly` or `firstAvailable` is required')];
  return [...errors, ...listErrors(firstAvailable, MOST_FIRST_AVAILABLE, `${path}.firstAvailable`, (each, at) => [...nameErrors(each.name, `${at}.name`), ...askedErrors(each, at)], (each) => each.name)];
}

function askedErrors(asked: ExactDeviceRequest | DeviceSubRequest, path: string): FieldError[] {
  const { deviceClassName, selectors, allocationMode = '', count = 0, tolerations } = asked;
  const errors = [...nameErrors(deviceClassName, `${path}.deviceClassName`, dns1123SubdomainErrors), ...selectorErrors(selectors, `${path}.selectors`)];
  if (!MODES.includes(allocationMode)) errors.push(notSupported(`${path}.allocationMode`, allocationMode, MODES));
  if (allocationMode === 'All' && count !== 0) errors.push(invalid(`${path}.count`, count, "must not be specified when allocationMode is 'All'"));
  if (allocationMode === 'ExactCount' && count <= 0) errors.push(invalid(`${path}.count`, count, 'must be greater than zero'));
  return [...errors, ...listErrors(tolerations, MOST_TOLERATIONS, `${path}.tolerations`, deviceTolerationErrors)];
}

export function selectorErrors(selectors: readonly DeviceSelector[] | undefined, path: string): FieldError[] {
  return listErrors(selectors, MOST_SELECTORS, path, ({ cel }, at) => {
    if (cel === undefined) return [required(`${at}.cel`)];
    const { expression = '' } = cel;
    if (expression.length > MOST_EXPRESSION_BYTES) return [tooLong(`${at}.cel.expression`, MOST_EXPRESSION_BYTES)];
    const fault = deviceSelectorFault(expression);
    return fault === undefined ? [] : [invalid(`${at}.cel.expression`, expression, fault)];
  });
}

function deviceTolerationErrors(toleration: DeviceToleration, path: string): FieldError[] {
  const { key = '', operator = '', value = '', effect = '' }: { key?: string; operator?: string; value?: string; effect?: string } = toleration;
  const errors = key === '' ? [] : labelKeyErrors(key).map((error) => invalid(`${path}.key`, key, error));
  if (operator === 'Exists' && value !== '') errors.push(invalid(`${path}.value`, value, 'must be empty for operator `Exists`'));
  else if (operator === 'Equal') errors.push(...(key === '' ? [required(`${path}.key`)] : []), ...labelValueErrors(value).map((error) => invalid(`${path}.value`, value, error)));
  else if (operator !== 'Exists') errors.push(operator === '' ? required(`${path}.operator`) : notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== '' && !EFFECTS.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, EFFECTS));
  return errors;
}

function constraintErrors({ requests, matchAttribute, distinctAttribute }: DeviceConstraint, path: string, known: ReadonlySet<string>): FieldError[] {
  const errors = referenceErrors(requests, `${path}.requests`, known);
  if (matchAttribute !== undefined && distinctAttribute !== undefined) errors.push(invalid(path, null, 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'));
  else if (matchAttribute !== undefined) errors.push(...fullyQualifiedNameErrors(matchAttribute, `${path}.matchAttribute`));
  else if (distinctAttribute !== undefined) errors.push(...fullyQualifiedNameErrors(distinctAttribute, `${path}.distinctAttribute`));
  else errors.push(required(path, 'exactly one of "matchAttribute" or "distinctAttribute" is required'));
  return errors;
}

/** `domain/id`, where the domain may be left out (it is the driver's then). */
export function qualifiedNameErrors(name: string, path: string): FieldError[] {
  const [first = '', second, ...more] = name.split('/');
  if (more.length > 0) return [invalid(path, name, 'must be a name with at most one slash')];
  const [domain, id] = second === undefined ? [undefined, first] : [first, second];
  const errors = domain === undefined ? [] : domain.length > MOST_DRIVER_NAME ? [tooLong(path, MOST_DRIVER_NAME)] : nameErrors(domain, path, dns1123SubdomainErrors);
  if (id === '') errors.push(required(path, 'the name must not be empty'));
  else if (id.length > 32) errors.push(tooLong(path, 32));
  else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(id)) errors.push(invalid(path, id, 'must be a C identifier'));
  return errors;
}

function fullyQualifiedNameErrors(name: string, path: string): FieldError[] {
  return name.includes('/') ? qualifiedNameErrors(name, path) : [invalid(path, name, 'must include a domain'), ...qualifiedNameErrors(name, path)];
}

function referenceErrors(requests: readonly string[] | undefined, path: string, known: ReadonlySet<string>): FieldError[] {
  return listErrors(requests, MOST_REQUESTS, path, (name, at) => (known.has(name) ? [] : [invalid(at, name, NO_REQUEST)]), (name) => name);
}

export function configurationErrors({ opaque }: DeviceClassConfiguration, path: string): FieldError[] {
  if (opaque === undefined) return [required(`${path}.opaque`)];
  const errors = driverNameErrors(opaque.driver, `${path}.opaque.driver`);
  const { parameters } = opaque;
  if (parameters === undefined || parameters === null) errors.push(required(`${path}.opaque.parameters`));
  else if (typeof parameters !== 'object' || Array.isArray(parameters)) errors.push(invalid(`${path}.opaque.parameters`, '<value omitted>', 'must be a valid JSON object'));
  else if (JSON.stringify(parameters).length > MOST_PARAMETER_BYTES) errors.push(tooLong(`${path}.opaque.parameters`, MOST_PARAMETER_BYTES));
  return errors;
}

/** What may become of a claim: devices are given once and reserved for consumers; while they are reserved, or are to be given back, only less is said. */
export function claimStatusErrors({ metadata, spec, status = {} }: ResourceClaim, { status: old = {} }: ResourceClaim): FieldError[] {
  const known = requestNames(spec?.devices ?? {});
  const errors = listErrors(status.reservedFor, MOST_CONSUMERS, 'status.reservedFor', (each, at) => (['resource', 'name', 'uid'] as const).flatMap((field) => (each[field] ? [] : [required(`${at}.${field}`)])), ({ uid }) => uid);
  if ((status.reservedFor ?? []).length > 0) errors.push(...reservationErrors(status, old, metadata.deletionTimestamp !== undefined));
  if (status.allocation !== undefined && old.allocation !== undefined) {
    if (!equalJson(status.allocation, old.allocation)) errors.push(invalid('status.allocation', '<value omitted>', 'field is immutable'));
  } else if (status.allocation !== undefined) errors.push(...allocationErrors(status.allocation, known));
  return [...errors, ...deviceStatusErrors(status)];
}

function reservationErrors({ allocation, reservedFor = [] }: ResourceClaimStatus, old: ResourceClaimStatus, deleted: boolean): FieldError[] {
  if (allocation === undefined) return [forbidden('status.reservedFor', 'may not be specified when `allocated` is not set')];
  const before = new Set((old.reservedFor ?? []).map(({ uid }) => uid));
  return deleted && reservedFor.some(({ uid }) => !before.has(uid)) ? [forbidden('status.reservedFor', 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set')] : [];
}

function allocationErrors({ devices = {}, nodeSelector }: AllocationResult, known: ReadonlySet<string>): FieldError[] {
  const at = 'status.allocation';
  return [
    ...listErrors(devices.results, MOST_RESULTS, `${at}.devices.results`, ({ request, driver, pool, device, tolerations }, here) => [
      ...(known.has(request) ? [] : [invalid(`${here}.request`, request, NO_REQUEST)]), ...driverNameErrors(driver, `${here}.driver`), ...poolNameErrors(pool, `${here}.pool`), ...nameErrors(device, `${here}.device`),
      ...listErrors(tolerations, MOST_TOLERATIONS, `${here}.tolerations`, deviceTolerationErrors),
    ]),
    ...listErrors(devices.config, 2 * MOST_CONFIGS, `${at}.devices.config`, (each, here) => [
      ...(each.source === 'FromClaim' || each.source === 'FromClass' ? [] : [notSupported(`${here}.source`, each.source, ['FromClaim', 'FromClass'])]),
      ...referenceErrors(each.requests, `${here}.requests`, known), ...configurationErrors(each, here),
    ]),
    ...(nodeSelector === undefined ? [] : nodeSelectorErrors(nodeSelector, `${at}.nodeSelector`)),
  ];
}

function deviceStatusErrors({ allocation, devices }: ResourceClaimStatus): FieldError[] {
  const idOf = ({ driver, pool, device, shareID = '' }: { driver: string; pool: string; device: string; shareID?: string }): string => [driver, pool, device, shareID].join(' ');
  const given = new Set((allocation?.devices?.results ?? []).map(idOf));
  return listErrors(devices, Infinity, 'status.devices', (each, at) => [
    ...driverNameErrors(each.driver, `${at}.driver`), ...poolNameErrors(each.pool, `${at}.pool`), ...nameErrors(each.device, `${at}.device`),
    ...(given.has(idOf(each)) ? [] : [invalid(at, idOf(each), 'must be an allocated device in the claim')]),
    ...(each.data !== undefined && JSON.stringify(each.data).length > MOST_PARAMETER_BYTES ? [tooLong(`${at}.data`, MOST_PARAMETER_BYTES)] : []),
  ], idOf);
}
