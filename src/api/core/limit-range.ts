/** LimitRange (core/v1): how much each container, pod or claim of a namespace may ask for, and what it gets that asks for nothing. */
import type { LimitRange as LimitRangeType, LimitRangeItem } from '../generated/core-v1.ts';
import { CREATED_AT, NAME } from '../columns.ts';
import { duplicate, forbidden, invalid, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { compareQuantities, formatQuantity } from '../quantity.ts';
import { schemaOf } from '../schema/facts.ts';

export type LimitRange = LimitRangeType;

export const LimitRange: Kind<LimitRange> = defineKind<LimitRange>({
  group: '', version: 'v1', kind: 'LimitRange', plural: 'limitranges', namespaced: true, shortNames: ['limits'],
  schema: () => schemaOf('', 'v1', 'LimitRange'),
  rules: {
    generation: false,
    defaults({ spec }) {
      for (const item of spec?.limits ?? []) if (item.type === 'Container') fillIn(item);
    },
    validate: ({ spec }) => limitsErrors(spec?.limits ?? []),
  },
  columns: [NAME, CREATED_AT],
});

/** The default limit is the maximum, the default request the default limit, else the minimum. */
function fillIn(item: LimitRangeItem): void {
  for (const [name, amount] of Object.entries(item.max ?? {})) (item.default ??= {})[name] ??= amount;
  for (const [name, amount] of Object.entries(item.default ?? {})) (item.defaultRequest ??= {})[name] ??= amount;
  for (const [name, amount] of Object.entries(item.min ?? {})) (item.defaultRequest ??= {})[name] ??= amount;
}

function limitsErrors(limits: readonly LimitRangeItem[]): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, item] of limits.entries()) {
    const at = `spec.limits[${index}]`;
    if (!item.type) errors.push(required(`${at}.type`));
    else if (seen.has(item.type)) errors.push(duplicate(`${at}.type`, item.type));
    seen.add(item.type);
    errors.push(...itemErrors(item, at));
  }
  return errors;
}

function itemErrors(item: LimitRangeItem, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (item.type === 'Pod') {
    if (item.default !== undefined) errors.push(forbidden(`${at}.default`, "may not be specified when `type` is 'Pod'"));
    if (item.defaultRequest !== undefined) errors.push(forbidden(`${at}.defaultRequest`, "may not be specified when `type` is 'Pod'"));
  }
  if (item.type === 'PersistentVolumeClaim' && item.min?.['storage'] === undefined && item.max?.['storage'] === undefined) errors.push(required(`${at}.limits`, 'either minimum or maximum storage value is required, but neither was provided'));
  const ordered: readonly [keyof LimitRangeItem, keyof LimitRangeItem][] = [['min', 'max'], ['min', 'default'], ['min', 'defaultRequest'], ['default', 'max'], ['defaultRequest', 'max'], ['defaultRequest', 'default']];
  for (const [less, more] of ordered) {
    const [small, large] = [item[less] as Record<string, string> | undefined, item[more] as Record<string, string> | undefined];
    for (const name in small) {
      if (large?.[name] === undefined || compareQuantities(small[name] ?? '0', large[name]) <= 0) continue;
      errors.push(invalid(`${at}.${less}[${name}]`, formatQuantity(small[name] ?? '0'), `${words(less)} value ${formatQuantity(small[name] ?? '0')} is greater than ${words(more)} value ${formatQuantity(large[name])}`));
    }
  }
  for (const [name, ratio] of Object.entries(item.maxLimitRequestRatio ?? {})) if (compareQuantities(ratio, 1) < 0) errors.push(invalid(`${at}.maxLimitRequestRatio[${name}]`, formatQuantity(ratio), `ratio ${formatQuantity(ratio)} is less than 1`));
  return errors;
}

function words(field: keyof LimitRangeItem): string {
  return field === 'defaultRequest' ? 'default request' : field;
}
