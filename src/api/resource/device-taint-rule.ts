/** DeviceTaintRule (resource.k8s.io/v1, since 1.37): a taint for every device that it selects (KEP-5055). */
import type { DeviceTaint } from '../generated/resource-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { Condition, KubeObject, ObjectMeta } from '../meta.ts';
import { labelKeyErrors, labelValueErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';
import { formatTime } from '../times.ts';
import { driverNameErrors, nameErrors, poolNameErrors } from './claim-validation.ts';
import { RESOURCE } from './resource-claim.ts';

export interface DeviceTaintRule extends KubeObject {
  metadata: ObjectMeta;
  spec: { deviceSelector?: DeviceTaintSelector; taint: DeviceTaint };
  status?: { conditions?: Condition[] };
}

/** All of it must hold; an empty one selects every device, a missing one none. */
export interface DeviceTaintSelector { driver?: string; pool?: string; device?: string }

const now = (): string => formatTime({ seconds: Math.floor(Date.now() / 1_000), nanos: 0 }, 0);
const EFFECTS = ['NoExecute', 'NoSchedule', 'None'];

export const DeviceTaintRule: Kind<DeviceTaintRule> = defineKind<DeviceTaintRule>({
  group: RESOURCE, version: 'v1', kind: 'DeviceTaintRule', plural: 'devicetaintrules', namespaced: false,
  schema: () => schemaOf(RESOURCE, 'v1', 'DeviceTaintRule'),
  rules: {
    allowUnconditionalUpdate: false,
    statusKeeps: 'metadata',
    prepareForCreate(rule) {
      rule.status = {};
      if (rule.spec?.taint !== undefined) rule.spec.taint.timeAdded ??= now();
    },
    prepareForUpdate(rule, old) {
      const [taint, before] = [rule.spec?.taint, old.spec?.taint];
      // Tolerations count from it: another effect begins anew, unless the client says otherwise.
      if (taint !== undefined && taint.effect !== before?.effect && (taint.timeAdded ?? before?.timeAdded) === before?.timeAdded) taint.timeAdded = now();
    },
    validate: ({ spec }) => [...selectorErrors(spec?.deviceSelector), ...taintErrors(spec?.taint)],
  },
  subresources: { status: true },
  columns: [NAME, column('Driver', ({ spec }) => spec?.deviceSelector?.driver ?? ''), column('Pool', ({ spec }) => spec?.deviceSelector?.pool ?? ''), column('Device', ({ spec }) => spec?.deviceSelector?.device ?? ''), column('Effect', ({ spec }) => spec?.taint?.effect ?? ''), AGE],
});

function selectorErrors({ driver, pool, device }: DeviceTaintSelector = {}): FieldError[] {
  const at = 'spec.deviceSelector';
  return [
    ...(driver === undefined ? [] : driverNameErrors(driver, `${at}.driver`)),
    ...(pool === undefined ? [] : poolNameErrors(pool, `${at}.pool`)),
    ...(device === undefined ? [] : nameErrors(device, `${at}.device`)),
  ];
}

function taintErrors(taint: DeviceTaint | undefined): FieldError[] {
  const { key = '', value = '', effect = '' }: { key?: string; value?: string; effect?: string } = taint ?? {};
  const at = 'spec.taint';
  const errors = key === '' ? [required(`${at}.key`)] : labelKeyErrors(key).map((error) => invalid(`${at}.key`, key, error));
  errors.push(...(value === '' ? [] : labelValueErrors(value).map((error) => invalid(`${at}.value`, value, error))));
  if (effect === '') errors.push(required(`${at}.effect`));
  else if (!EFFECTS.includes(effect)) errors.push(notSupported(`${at}.effect`, effect, EFFECTS));
  return errors;
}

/** Whether the rule is for that device. */
export function rulesDevice({ spec }: DeviceTaintRule, { driver, pool, device }: Required<DeviceTaintSelector>): boolean {
  const selector = spec.deviceSelector;
  return selector !== undefined && (selector.driver ?? driver) === driver && (selector.pool ?? pool) === pool && (selector.device ?? device) === device;
}
