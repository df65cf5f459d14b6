/** What metadata must be like, in upstream's words (apimachinery api/validation ObjectMeta). */
import { forbidden, invalid, required, tooLong, type FieldError } from './field-error.ts';
import type { LabelSelector, ManagedFieldsEntry, ObjectMeta, OwnerReference } from './meta.ts';
import { parseApiVersion } from './meta.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors, generateNameErrors, labelKeyErrors, labelValueErrors, type NameCheck } from './names.ts';

const MAX_ANNOTATION_BYTES = 256 * 1024;
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

export interface MetadataRules {
  namespaced: boolean;
  /** How names of the kind look; default {@link dns1123SubdomainErrors}. */
  nameErrors?: NameCheck;
  /** Whether finalizers may be bare words, as those of custom resources may; default false. */
  anyFinalizers?: boolean;
  /** Path of the metadata; default `metadata`. */
  path?: string;
}

/** Judges the metadata of a new object. */
export function validateObjectMeta(metadata: ObjectMeta, rules: MetadataRules): FieldError[] {
  const path = rules.path ?? 'metadata';
  const check = rules.nameErrors ?? dns1123SubdomainErrors;
  const errors: FieldError[] = [];
  const { name, generateName, namespace } = metadata;
  if (generateName) errors.push(...each(`${path}.generateName`, generateName, generateNameErrors(generateName, check)));
  if (!name) errors.push(required(`${path}.name`, 'name or generateName is required'));
  else errors.push(...each(`${path}.name`, name, check(name)));
  if (rules.namespaced) {
    if (!namespace) errors.push(required(`${path}.namespace`));
    else errors.push(...each(`${path}.namespace`, namespace, dns1123LabelErrors(namespace)));
  } else if (namespace) errors.push(forbidden(`${path}.namespace`, 'not allowed on this type'));
  if ((metadata.generation ?? 0) < 0) errors.push(invalid(`${path}.generation`, metadata.generation, 'must be greater than or equal to 0'));
  return [...errors, ...commonErrors(metadata, path), ...finalizerErrors(metadata.finalizers ?? [], `${path}.finalizers`), ...(rules.anyFinalizers === true ? [] : bareFinalizerErrors(metadata.finalizers, undefined, path))];
}

/** Judges a change of metadata; what the server itself owns must not differ. */
export function validateObjectMetaUpdate(metadata: ObjectMeta, old: ObjectMeta, { path = 'metadata', anyFinalizers = false }: Pick<MetadataRules, 'path' | 'anyFinalizers'> = {}): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const extra = (metadata.finalizers ?? []).filter((finalizer) => !old.finalizers?.includes(finalizer)).sort();
    const list = extra.map((finalizer) => JSON.stringify(finalizer)).join(', ');
    if (extra.length > 0) {
      errors.push(forbidden(`${path}.finalizers`, `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`));
    }
  }
  if (!metadata.resourceVersion) errors.push(invalid(`${path}.resourceVersion`, metadata.resourceVersion ?? '', 'must be specified for an update'));
  if ((metadata.generation ?? 0) < (old.generation ?? 0)) errors.push(invalid(`${path}.generation`, metadata.generation ?? 0, 'must not be decremented'));
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (metadata[field] !== old[field]) errors.push(invalid(`${path}.${field}`, metadata[field] ?? null, 'field is immutable'));
  }
  if (!anyFinalizers) errors.push(...bareFinalizerErrors(metadata.finalizers, old.finalizers, path));
  return [...errors, ...commonErrors(metadata, path)];
}

/** Labels, for instance of a pod template at `spec.template.labels`. */
export function validateLabels(labels: Record<string, string> | undefined, path: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [...each(path, key, labelKeyErrors(key)), ...each(path, value, labelValueErrors(value))]);
}

/** Annotations: keys as labels have them (in any case), 256 KiB in all. */
export function validateAnnotations(annotations: Record<string, string> | undefined, path: string): FieldError[] {
  const entries = Object.entries(annotations ?? {});
  const errors = entries.flatMap(([key]) => each(path, key, labelKeyErrors(key.toLowerCase())));
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > MAX_ANNOTATION_BYTES) errors.push(tooLong(path, MAX_ANNOTATION_BYTES));
  return errors;
}

/** A LabelSelector inside of an object. */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string): FieldError[] {
  const errors = validateLabels(selector?.matchLabels, `${path}.matchLabels`);
  for (const [index, { key, operator, values = [] }] of (selector?.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else errors.push(invalid(`${at}.operator`, operator ?? '', 'not a valid selector operator'));
    errors.push(...each(`${at}.key`, key ?? '', labelKeyErrors(key ?? '')));
    for (const [position, value] of values.entries()) errors.push(...each(`${at}.values[${position}]`, value, labelValueErrors(value)));
  }
  return errors;
}

function commonErrors(metadata: ObjectMeta, path: string): FieldError[] {
  return [
    ...validateLabels(metadata.labels, `${path}.labels`),
    ...validateAnnotations(metadata.annotations, `${path}.annotations`),
    ...ownerErrors(metadata.ownerReferences ?? [], `${path}.ownerReferences`),
    ...managedFieldsErrors(metadata.managedFields ?? [], `${path}.managedFields`),
  ];
}

function ownerErrors(owners: readonly OwnerReference[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  let controller: string | undefined;
  for (const owner of owners) {
    const { group, version } = parseApiVersion(owner.apiVersion ?? '');
    if (version === '') errors.push(invalid(`${path}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'));
    for (const field of ['kind', 'name', 'uid'] as const) if (!owner[field]) errors.push(invalid(`${path}.${field}`, owner[field] ?? '', 'must not be empty'));
    if (group === '' && version === 'v1' && owner.kind === 'Event') errors.push(invalid(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
    if (owner.controller !== true) continue;
    const named = `${owner.kind}/${owner.name}`;
    if (controller === undefined) controller = named;
    else errors.push(invalid(path, owners, `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${named}`));
  }
  return errors;
}

function finalizerErrors(finalizers: readonly string[], path: string): FieldError[] {
  const errors = finalizers.flatMap((finalizer) => each(path, finalizer, labelKeyErrors(finalizer)));
  if (finalizers.includes(ORPHAN) && finalizers.includes(FOREGROUND)) {
    errors.push(invalid(path, finalizers, `finalizer ${ORPHAN} and ${FOREGROUND} cannot be both set`));
  }
  return errors;
}

const STANDARD_FINALIZERS = new Set([ORPHAN, FOREGROUND, 'kubernetes']);

/** New finalizers without a domain, but for the few that are everybody's (upstream: apis/core/validation validateKubeFinalizerName). */
export function bareFinalizerErrors(finalizers: readonly string[] | undefined, old: readonly string[] | undefined, path: string): FieldError[] {
  return (finalizers ?? []).flatMap((finalizer, index) => {
    if (finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer) || old?.includes(finalizer) === true) return [];
    return [invalid(`${path}.finalizers[${index}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')];
  });
}

function managedFieldsErrors(entries: readonly ManagedFieldsEntry[], path: string): FieldError[] {
  return entries.flatMap((entry, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') errors.push(invalid(`${at}.operation`, entry.operation ?? '', 'must be `Apply` or `Update`'));
    if (entry.fieldsType && entry.fieldsType !== 'FieldsV1') errors.push(invalid(`${at}.fieldsType`, entry.fieldsType, 'must be `FieldsV1`'));
    if ((entry.manager ?? '').length > 128) errors.push(tooLong(`${at}.manager`, 128));
    if ((entry.subresource ?? '').length > 256) errors.push(tooLong(`${at}.subresource`, 256));
    return errors;
  });
}

function each(path: string, value: unknown, messages: readonly string[]): FieldError[] {
  return messages.map((message) => invalid(path, value, message));
}
