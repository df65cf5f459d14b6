/** ResourceSlice (resource.k8s.io/v1): devices that a driver has, on a node or within reach of several. */
import type { CounterSet, Device, DeviceAttribute, DeviceCapacity, DeviceCounterConsumption, DeviceTaint, ResourceSlice as ResourceSliceType, ResourceSliceSpec } from '../generated/resource-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { nodeSelectorErrors } from '../core/node-selector-validation.ts';
import { forbidden, invalid, notSupported, required, tooLong, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123SubdomainErrors, labelKeyErrors, labelValueErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';
import { formatTime } from '../times.ts';
import { driverNameErrors, listErrors, nameErrors, poolNameErrors, qualifiedNameErrors } from './claim-validation.ts';
import { RESOURCE } from './resource-claim.ts';

export type ResourceSlice = ResourceSliceType;

const [MOST_DEVICES, MOST_ADVANCED_DEVICES, MOST_COUNTER_SETS, MOST_COUNTERS, MOST_CONSUMPTIONS, MOST_TAINTS, MOST_PROPERTIES, MOST_VALUE] = [128, 64, 8, 32, 2, 16, 32, 64];
const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;
const EFFECTS = ['NoSchedule', 'NoExecute', 'None'];

export const ResourceSlice: Kind<ResourceSlice> = defineKind<ResourceSlice>({
  group: RESOURCE, version: 'v1', kind: 'ResourceSlice', plural: 'resourceslices', namespaced: false,
  schema: () => schemaOf(RESOURCE, 'v1', 'ResourceSlice'),
  rules: {
    defaults({ spec }) {
      if (spec?.pool !== undefined) spec.pool.generation ??= 0;
      for (const taint of (spec?.devices ?? []).flatMap(({ taints = [] }) => taints)) taint.timeAdded ??= formatTime({ seconds: Math.floor(Date.now() / 1_000), nanos: 0 }, 0);
    },
    validate: ({ spec }, old) => (spec === undefined ? [required('spec')] : sliceErrors(spec, old?.spec)),
  },
  columns: [NAME, column('Node', ({ spec }) => spec?.nodeName ?? '<unset>'), column('Driver', ({ spec }) => spec?.driver ?? ''), column('Pool', ({ spec }) => spec?.pool?.name ?? ''), AGE],
  selectableFields: { 'spec.nodeName': ({ spec }) => spec?.nodeName ?? '', 'spec.driver': ({ spec }) => spec?.driver ?? '' },
});

function sliceErrors(spec: ResourceSliceSpec, old: ResourceSliceSpec | undefined): FieldError[] {
  const { driver, pool, devices, sharedCounters } = spec;
  const errors = [...driverNameErrors(driver, 'spec.driver'), ...poolNameErrors(pool?.name, 'spec.pool.name'), ...placeErrors(spec, 'spec', ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'])];
  if ((pool?.resourceSliceCount ?? 0) <= 0) errors.push(invalid('spec.pool.resourceSliceCount', pool?.resourceSliceCount ?? 0, 'must be greater than zero'));
  if ((pool?.generation ?? 0) < 0) errors.push(invalid('spec.pool.generation', pool.generation, 'must be greater than or equal to zero'));
  if (old !== undefined) errors.push(...changeErrors(spec, old));
  if (spec.nodeSelector !== undefined && spec.nodeSelector.nodeSelectorTerms?.length !== 1) errors.push(invalid('spec.nodeSelector.nodeSelectorTerms', spec.nodeSelector.nodeSelectorTerms, 'must have exactly one node selector term'));
  if (sharedCounters !== undefined && devices !== undefined) errors.push(invalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed'));
  const isAdvanced = (devices ?? []).some(({ taints = [], consumesCounters = [], attributes = {} }) => taints.length > 0 || consumesCounters.length > 0 || Object.values(attributes).some(({ ints, bools, strings, versions }) => ints ?? bools ?? strings ?? versions));
  return [
    ...errors,
    ...listErrors(devices, isAdvanced ? MOST_ADVANCED_DEVICES : MOST_DEVICES, 'spec.devices', (device, path) => deviceErrors(device, path, spec.perDeviceNodeSelection === true), ({ name }) => name),
    ...listErrors(sharedCounters, MOST_COUNTER_SETS, 'spec.sharedCounters', counterSetErrors, ({ name }) => name),
  ];
}

function changeErrors(spec: ResourceSliceSpec, old: ResourceSliceSpec): FieldError[] {
  const changed = (field: string, now: unknown, before: unknown): FieldError[] => (equalJson(now as never, before as never) ? [] : [invalid(field, now, 'field is immutable')]);
  return [...changed('spec.pool.name', spec.pool?.name, old.pool?.name), ...changed('spec.driver', spec.driver, old.driver), ...changed('spec.nodeName', spec.nodeName, old.nodeName)];
}

type Place = Pick<ResourceSliceSpec, 'nodeName' | 'nodeSelector' | 'allNodes' | 'perDeviceNodeSelection'>;

/** Which nodes reach it: one of these ways. */
function placeErrors(place: Place, path: string, ways: readonly (keyof Place)[], when = ''): FieldError[] {
  const errors: FieldError[] = [];
  const told = ways.filter((way) => place[way] !== undefined && place[way] !== '' && place[way] !== false);
  if (place.nodeName === '') errors.push(invalid(`${path}.nodeName`, '', 'must be either unset or set to a non-empty string'));
  else if (place.nodeName !== undefined) errors.push(...dns1123SubdomainErrors(place.nodeName).map((error) => invalid(`${path}.nodeName`, place.nodeName, error)));
  if (place.nodeSelector !== undefined) errors.push(...nodeSelectorErrors(place.nodeSelector, `${path}.nodeSelector`));
  for (const flag of ['allNodes', 'perDeviceNodeSelection'] as const) if (place[flag] === false) errors.push(invalid(`${path}.${flag}`, false, 'must be either unset or set to true'));
  const quoted = ways.map((way) => `\`${way}\``);
  const one = `exactly one of ${when === '' ? quoted.join(', ') : `${quoted.slice(0, -1).join(', ')}, or ${quoted.at(-1)}`} is required${when}`;
  if (told.length === 0) errors.push(required(path, one));
  if (told.length > 1) errors.push(invalid(path, `{${told.map((way) => `\`${way}\``).join(', ')}}`, when === '' ? `${one}, but multiple fields are set` : one));
  return errors;
}

function deviceErrors(device: Device, path: string, choosesNodes: boolean): FieldError[] {
  const { attributes = {}, capacity = {} } = device;
  const errors = nameErrors(device.name, `${path}.name`);
  const count = Object.keys(attributes).length + Object.keys(capacity).length;
  if (count > MOST_PROPERTIES) errors.push(invalid(path, count, `the total number of attributes and capacities must not exceed ${MOST_PROPERTIES}`));
  for (const [name, value] of Object.entries(attributes)) errors.push(...qualifiedNameErrors(name, `${path}.attributes`), ...attributeErrors(value, `${path}.attributes[${name}]`));
  for (const [name, value] of Object.entries(capacity)) errors.push(...qualifiedNameErrors(name, `${path}.capacity`), ...capacityErrors(value, `${path}.capacity[${name}]`, device.allowMultipleAllocations === true));
  if (choosesNodes) errors.push(...placeErrors(device, path, ['nodeName', 'nodeSelector', 'allNodes'], ' when `perDeviceNodeSelection` is set to true in the ResourceSlice spec'));
  else if ((device.nodeName ?? device.nodeSelector ?? device.allNodes) !== undefined) errors.push(invalid(path, null, '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec'));
  return [...errors, ...listErrors(device.taints, MOST_TAINTS, `${path}.taints`, taintErrors), ...listErrors(device.consumesCounters, MOST_CONSUMPTIONS, `${path}.consumesCounters`, consumptionErrors, ({ counterSet }) => counterSet)];
}

function attributeErrors({ int, bool, string, version, ints, bools, strings, versions }: DeviceAttribute, path: string): FieldError[] {
  const lists = { ints, bools, strings, versions };
  const given = [int, bool, string, version, ...Object.values(lists)].filter((value) => value !== undefined);
  const errors = given.length === 1 ? [] : [invalid(path, given.length === 0 ? '' : '<value omitted>', 'exactly one value must be specified')];
  for (const [name, list] of Object.entries(lists)) if (list?.length === 0) errors.push(invalid(`${path}.${name}`, list, 'must not be empty if specified'));
  for (const text of [string, version, ...(strings ?? []), ...(versions ?? [])]) if ((text ?? '').length > MOST_VALUE) errors.push(tooLong(path, MOST_VALUE));
  for (const text of [...(version === undefined ? [] : [version]), ...(versions ?? [])]) if (!SEMVER.test(text)) errors.push(invalid(`${path}.version`, text, 'must be a string compatible with semver.org spec 2.0.0'));
  return errors;
}

function capacityErrors({ requestPolicy }: DeviceCapacity, path: string, isShared: boolean): FieldError[] {
  if (requestPolicy === undefined) return [];
  if (!isShared) return [forbidden(`${path}.requestPolicy`, 'allowMultipleAllocations must be true')];
  const { validValues = [], validRange, default: fallback } = requestPolicy;
  if (validValues.length > 0 && validRange !== undefined) return [forbidden(`${path}.requestPolicy`, 'exactly one policy can be specified')];
  return (validValues.length > 0 || validRange !== undefined) && fallback === undefined ? [required(`${path}.requestPolicy.default`)] : [];
}

function taintErrors({ key, value = '', effect }: DeviceTaint, path: string): FieldError[] {
  const errors = key ? labelKeyErrors(key).map((error) => invalid(`${path}.key`, key, error)) : [required(`${path}.key`)];
  errors.push(...labelValueErrors(value).map((error) => invalid(`${path}.value`, value, error)));
  if (!effect) errors.push(required(`${path}.effect`));
  else if (!EFFECTS.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, EFFECTS));
  return errors;
}

function consumptionErrors({ counterSet, counters = {} }: DeviceCounterConsumption, path: string): FieldError[] {
  return [...nameErrors(counterSet, `${path}.counterSet`), ...counterErrors(counters, path)];
}

function counterSetErrors({ name, counters = {} }: CounterSet, path: string): FieldError[] {
  return [...nameErrors(name, `${path}.name`), ...counterErrors(counters, path)];
}

function counterErrors(counters: Readonly<Record<string, unknown>>, path: string): FieldError[] {
  const names = Object.keys(counters);
  if (names.length === 0) return [required(`${path}.counters`)];
  return [...(names.length > MOST_COUNTERS ? [invalid(`${path}.counters`, names.length, `must have at most ${MOST_COUNTERS} entries`)] : []), ...names.flatMap((name) => nameErrors(name, `${path}.counters`))];
}
