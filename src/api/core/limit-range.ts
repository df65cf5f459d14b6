/** LimitRange (core/v1): how much each container, pod or claim of a namespace may ask for, and what it gets that asks for nothing. */
import type { LimitRange as LimitRangeType, LimitRangeItem } from '../generated/core-v1.ts';
import { CREATED_AT, NAME } from '../columns.ts';
import { duplicate, forbidden, invalid, required, type FieldError } from '../field-error.ts';
import { ownValue } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { labelKeyErrors } from '../names.ts';
import { compareQuantities, formatQuantity, quantityMillis } from '../quantity.ts';
import { schemaOf } from '../schema/facts.ts';
import { containerResourceNameErrors, mayOvercommit, resourceNameErrors } from './resource-names.ts';

export type LimitRange = LimitRangeType;

export const LimitRange: Kind<LimitRange> = defineKind<LimitRange>({
  group: '', version: 'v1', kind: 'LimitRange', plural: 'limitranges', namespaced: true, shortNames: ['limits'],
  schema: () => schemaOf('', 'v1', 'LimitRange'),
  rules: {
    allowCreateOnUpdate: true,
    generation: false,
    // As old clients left it to the server (upstream: registry/core/limitrange).
    prepareForCreate({ metadata }) {
      metadata.name ||= crypto.randomUUID();
    },
    defaults({ spec }) {
      for (const item of spec?.limits ?? []) if (item.type === 'Container') fillIn(item);
    },
    validate: ({ spec }) => limitsErrors(spec?.limits ?? []),
  },
  columns: [NAME, CREATED_AT],
});

/** The default limit is the maximum, the default request the default limit, else the minimum. */
function fillIn(item: LimitRangeItem): void {
  const fill = (field: 'default' | 'defaultRequest', amounts: LimitRangeItem['max'] = {}): void => {
    if (Object.keys(amounts).length > 0) item[field] = { ...amounts, ...item[field] };
  };
  fill('default', item.max);
  fill('defaultRequest', item.default);
  fill('defaultRequest', item.min);
}

const TYPES = ['Container', 'PersistentVolumeClaim', 'Pod'];

function limitsErrors(limits: readonly LimitRangeItem[]): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, item] of limits.entries()) {
    const at = `spec.limits[${index}]`;
    errors.push(...typeErrors(item.type ?? '', `${at}.type`));
    if (seen.has(item.type)) errors.push(duplicate(`${at}.type`, item.type));
    seen.add(item.type);
    errors.push(...itemErrors(item, at));
  }
  return errors;
}

function typeErrors(type: string, at: string): FieldError[] {
  const errors = labelKeyErrors(type).map((error) => invalid(at, type, error));
  return errors.length > 0 || type.includes('/') || TYPES.includes(type) ? errors : [invalid(at, type, 'must be a standard limit type or fully qualified')];
}

type Amounts = Readonly<Record<string, string | undefined>>;

function itemErrors(item: LimitRangeItem, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const ofPods = item.type === 'Pod';
  const { min = {}, max = {}, maxLimitRequestRatio: ratios = {} } = item as { min?: Amounts; max?: Amounts; maxLimitRequestRatio?: Amounts };
  const fallback: Amounts = ofPods ? {} : (item.default ?? {});
  const request: Amounts = ofPods ? {} : (item.defaultRequest ?? {});
  const nameErrors = ofPods || item.type === 'Container' ? containerResourceNameErrors : resourceNameErrors;
  const named = (field: string, amounts: Amounts): void => Object.keys(amounts).forEach((name) => errors.push(...nameErrors(name, `${at}.${field}[${name}]`)));
  named('max', max);
  named('min', min);
  if (ofPods) for (const field of ['default', 'defaultRequest'] as const) if (Object.keys(item[field] ?? {}).length > 0) errors.push(forbidden(`${at}.${field}`, "may not be specified when `type` is 'Pod'"));
  named('default', fallback);
  named('defaultRequest', request);
  if (item.type === 'PersistentVolumeClaim' && min['storage'] === undefined && max['storage'] === undefined) errors.push(required(`${at}.limits`, 'either minimum or maximum storage value is required, but neither was provided'));
  named('maxLimitRequestRatio', ratios);
  for (const name of new Set([max, min, fallback, request, ratios].flatMap((amounts) => Object.keys(amounts)))) {
    const [least, most, given, asked, ratio] = [min, max, fallback, request, ratios].map((amounts) => ownValue(amounts, name));
    errors.push(...amountErrors({ min: least, max: most, default: given, request: asked, ratio }, at, name));
  }
  return errors;
}

interface Amount { min: string | undefined; max: string | undefined; default: string | undefined; request: string | undefined; ratio: string | undefined }

/** One resource: the least, the default request, the default and the most are in this order. */
function amountErrors(amount: Amount, at: string, name: string): FieldError[] {
  const errors: FieldError[] = [];
  const above = (small: string | undefined, large: string | undefined, field: string, words: readonly [string, string], shown: string | undefined): void => {
    if (small === undefined || large === undefined || compareQuantities(small, large) <= 0) return;
    errors.push(invalid(`${at}.${field}[${name}]`, formatQuantity(shown!), `${words[0]} value ${formatQuantity(small)} is greater than ${words[1]} value ${formatQuantity(large)}`));
  };
  above(amount.min, amount.max, 'min', ['min', 'max'], amount.min);
  above(amount.min, amount.request, 'defaultRequest', ['min', 'default request'], amount.request);
  above(amount.request, amount.max, 'defaultRequest', ['default request', 'max'], amount.request);
  above(amount.request, amount.default, 'defaultRequest', ['default request', 'default limit'], amount.request);
  above(amount.min, amount.default, 'default', ['min', 'default'], amount.min);
  above(amount.default, amount.max, 'default', ['default', 'max'], amount.max);
  return [...errors, ...ratioErrors(amount, `${at}.maxLimitRequestRatio[${name}]`), ...overcommitErrors(amount, `${at}.defaultRequest[${name}]`, name)];
}

function ratioErrors({ ratio, min, max }: Amount, at: string): FieldError[] {
  if (ratio === undefined) return [];
  const errors: FieldError[] = [];
  if (compareQuantities(ratio, 1) < 0) errors.push(invalid(at, formatQuantity(ratio), `ratio ${formatQuantity(ratio)} is less than 1`));
  if (min === undefined || max === undefined) return errors;
  const most = quantityMillis(max) / quantityMillis(min);
  if (quantityMillis(ratio) / 1000 > most) errors.push(invalid(at, formatQuantity(ratio), `ratio ${formatQuantity(ratio)} is greater than max/min = ${most.toFixed(6)}`));
  return errors;
}

function overcommitErrors({ default: fallback, request }: Amount, at: string, name: string): FieldError[] {
  if (mayOvercommit(name) || fallback === undefined || request === undefined || compareQuantities(fallback, request) === 0) return [];
  return [invalid(at, formatQuantity(request), `default value ${formatQuantity(fallback)} must equal to defaultRequest value ${formatQuantity(request)} in ${name}`)];
}
