/** Defaults and judgement of CustomResourceDefinitions (apiextensions v1), for the rules of that kind. */
import { hasRules } from '../cel/has-rules.ts';
import { cel } from '../cel/lazy.ts';
import { serviceErrors, urlErrors } from '../admissionregistration/webhook-validation.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionSpec, JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import { dns1035LabelErrors, dns1123SubdomainErrors } from '../names.ts';
import { equalJson } from '../json.ts';
import { applyDefaults } from '../schema/default.ts';
import { prune } from '../schema/prune.ts';
import { validateSchema } from '../schema/validate.ts';
import { schemaOfCustomResource } from './custom-schema.ts';
import { APPROVED, approvalOf } from './approval.ts';
import { isCaBundle } from './ca-bundle.ts';
import { embeddedErrors } from './embedded-resources.ts';
import { isConvertible, keywordErrors } from './schema-keywords.ts';
import { structuralErrors } from './structural.ts';
import { versionDetailErrors } from './version-checks.ts';

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

/** Fills in what upstream's defaulting does: singular, listKind, conversion None, the stored versions. Changes `definition`. */
export function defaultDefinition(definition: CustomResourceDefinition): void {
  const { spec } = definition;
  if (spec?.names === undefined) return;
  spec.names.singular ||= (spec.names.kind ?? '').toLowerCase();
  if (spec.names.kind) spec.names.listKind ||= `${spec.names.kind}List`;
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service) service.port ??= 443;
  const storage = spec.versions?.find((version) => version.storage === true)?.name;
  const status = (definition.status ??= { storedVersions: [] } as NonNullable<CustomResourceDefinition['status']>);
  if ((status.storedVersions ?? []).length === 0 && storage !== undefined) status.storedVersions = [storage];
}

/** Everything wrong with a definition, in upstream's words. `old` is given on update. Metadata is the door's, but for the name. */
export function validateDefinition(definition: CustomResourceDefinition, old?: CustomResourceDefinition): FieldError[] {
  const { spec, metadata } = definition;
  if (spec === undefined) return [required('spec')];
  const errors: FieldError[] = [];
  const name = `${spec.names?.plural ?? ''}.${spec.group ?? ''}`;
  if (old === undefined && metadata.name !== name) errors.push(invalid('metadata.name', metadata.name ?? '', 'must be spec.names.plural+"."+spec.group'));
  errors.push(...groupErrors(spec.group ?? ''), ...scopeErrors(spec.scope ?? ''), ...nameErrors(spec.names ?? ({} as CustomResourceDefinitionNames)), ...versionErrors(spec, old), ...conversionErrors(spec, old));
  if (spec.preserveUnknownFields === true && old?.spec.preserveUnknownFields !== true) {
    errors.push(invalid('spec.preserveUnknownFields', true, 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead'));
  }
  errors.push(...approvalErrors(definition, old));
  if (old !== undefined) errors.push(...changeErrors(definition, old));
  return errors;
}

/** What was so before stays allowed: somebody may only have changed something else. */
function approvalErrors(definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldError[] {
  const approval = approvalOf(definition);
  if (approval === undefined || approval.state === 'approved' || approval.state === 'bypassed') return [];
  if (old !== undefined && approvalOf(old)?.state === approval.state) return [];
  const field = `metadata.annotations[${APPROVED}]`;
  return [approval.state === 'missing' ? required(field, approval.message) : invalid(field, definition.metadata.annotations?.[APPROVED] ?? '', approval.message)];
}

function conversionErrors({ conversion }: CustomResourceDefinitionSpec, old: CustomResourceDefinition | undefined): FieldError[] {
  const path = 'spec.conversion';
  if (conversion === undefined) return [];
  const { strategy, webhook } = conversion;
  const { clientConfig, conversionReviewVersions = [] } = webhook ?? {};
  const errors: FieldError[] = [];
  if (!strategy) errors.push(required(`${path}.strategy`));
  else if (!['None', 'Webhook'].includes(strategy)) errors.push(notSupported(`${path}.strategy`, strategy, ['None', 'Webhook']));
  if (strategy !== 'Webhook') {
    const unwanted = 'should not be set when strategy is not set to Webhook';
    if (clientConfig !== undefined) errors.push(forbidden(`${path}.webhookClientConfig`, unwanted));
    if (conversionReviewVersions.length > 0) errors.push(forbidden(`${path}.conversionReviewVersions`, unwanted));
    return errors;
  }
  if (clientConfig === undefined) errors.push(required(`${path}.webhookClientConfig`, 'required when strategy is set to Webhook'));
  else if ((clientConfig.url === undefined) === (clientConfig.service === undefined)) errors.push(required(`${path}.webhookClientConfig`, 'exactly one of url or service is required'));
  else errors.push(...(clientConfig.url === undefined ? serviceErrors(clientConfig.service!, `${path}.webhookClientConfig.service`) : urlErrors(clientConfig.url, `${path}.webhookClientConfig.url`)));
  const bundle = clientConfig?.caBundle ?? '';
  if (bundle !== '' && !isCaBundle(bundle) && needsCaBundle(old)) errors.push(invalid(`${path}.webhookClientConfig.caBundle`, bundle, 'unable to load root certificates: unable to parse bytes as PEM block'));
  if (conversionReviewVersions.length === 0) errors.push(required(`${path}.conversionReviewVersions`));
  for (const [index, version] of conversionReviewVersions.entries()) {
    const faults = conversionReviewVersions.indexOf(version) < index ? ['duplicate version'] : dns1035LabelErrors(version);
    for (const fault of faults) errors.push(invalid(`${path}.conversionReviewVersions[${index}]`, version, fault));
  }
  if (conversionReviewVersions.length > 0 && !conversionReviewVersions.some((version) => version === 'v1' || version === 'v1beta1')) errors.push(invalid(`${path}.conversionReviewVersions`, conversionReviewVersions, 'must include at least one of v1, v1beta1'));
  return errors;
}

/** Once it is established, and where it had no bad one before: until then the condition tells. */
function needsCaBundle(old: CustomResourceDefinition | undefined): boolean {
  const before = old?.spec.conversion?.webhook?.clientConfig?.caBundle ?? '';
  return old !== undefined && isEstablished(old) && (before === '' || isCaBundle(before));
}

function isEstablished({ status }: CustomResourceDefinition): boolean {
  return status?.conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True') === true;
}

function groupErrors(group: string): FieldError[] {
  if (group === '') return [required('spec.group')];
  const faults = dns1123SubdomainErrors(group);
  if (faults.length > 0) return [invalid('spec.group', group, faults.join(','))];
  return group.includes('.') ? [] : [invalid('spec.group', group, 'should be a domain with at least one dot')];
}

function scopeErrors(scope: string): FieldError[] {
  if (scope === '') return [required('spec.scope')];
  if (scope === 'Cluster' || scope === 'Namespaced') return [];
  return [{ type: 'FieldValueNotSupported', field: 'spec.scope', message: `Unsupported value: ${JSON.stringify(scope)}: supported values: "Cluster", "Namespaced"` }];
}

function nameErrors(names: CustomResourceDefinitionNames): FieldError[] {
  const path = 'spec.names';
  const errors: FieldError[] = [];
  for (const key of ['plural', 'singular', 'kind', 'listKind'] as const) {
    const value = names[key] ?? '';
    const mixed = key === 'kind' || key === 'listKind';
    const faults = value === '' ? [] : dns1035LabelErrors(mixed ? value.toLowerCase() : value);
    if (value === '') errors.push(required(`${path}.${key}`));
    else if (faults.length > 0) errors.push(invalid(`${path}.${key}`, value, `${mixed ? 'may have mixed case, but should otherwise match: ' : ''}${faults.join(',')}`));
  }
  if (names.kind && names.kind === names.listKind) errors.push(invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same'));
  for (const key of ['shortNames', 'categories'] as const) {
    for (const [index, value] of (names[key] ?? []).entries()) {
      const faults = dns1035LabelErrors(value);
      if (faults.length > 0) errors.push(invalid(`${path}.${key}[${index}]`, value, faults.join(',')));
    }
  }
  return errors;
}

function versionErrors(spec: CustomResourceDefinitionSpec, old: CustomResourceDefinition | undefined): FieldError[] {
  const versions = spec.versions ?? [];
  const errors: FieldError[] = [];
  const shown = versions.length === 0 ? null : versions;
  // Upstream holds once for all versions what they have alike, and its paths say so.
  const texts = new Set(versions.map((version) => JSON.stringify(version.schema)));
  const shared = texts.size === 1 && versions[0]?.schema !== undefined;
  const pathOf = (key: 'additionalPrinterColumns' | 'subresources' | 'selectableFields', index: number): string | undefined => {
    const isShared = new Set(versions.map((each) => JSON.stringify(each[key]))).size === 1;
    return isShared ? (index === 0 ? 'spec' : undefined) : `spec.versions[${index}]`;
  };
  for (const [index, version] of versions.entries()) {
    const path = `spec.versions[${index}]`;
    const faults = dns1035LabelErrors(version.name ?? '');
    if (faults.length > 0) errors.push(invalid(`${path}.name`, version.name ?? '', faults.join(',')));
    // Upstream also holds the first name by itself.
    if (faults.length > 0 && index === 0 && version.name) errors.push(invalid('spec.version', version.name, faults.join(',')));
    const schema = version.schema?.openAPIV3Schema;
    if (schema === undefined) errors.push(required(`${path}.schema.openAPIV3Schema`));
    else if (!shared || index === 0) {
      const at = shared ? 'spec.validation.openAPIV3Schema' : `${path}.schema.openAPIV3Schema`;
      errors.push(...rootErrors(schema, at, versions.some((each) => (shared || each === version) && each.subresources?.status)), ...schemaErrors(schema, at, { isKept: equalJson(schema, old?.spec.versions?.find((each) => each.name === version.name)?.schema?.openAPIV3Schema) }));
    }
    const columnsPath = pathOf('additionalPrinterColumns', index);
    for (const [position, column] of (columnsPath === undefined ? [] : (version.additionalPrinterColumns ?? [])).entries()) {
      const at = `${columnsPath}.additionalPrinterColumns[${position}]`;
      if (!column.name) errors.push(required(`${at}.name`));
      if (!column.type) errors.push(required(`${at}.type`, `must be one of ${COLUMN_TYPES.join(',')}`));
      else if (!COLUMN_TYPES.includes(column.type)) errors.push(invalid(`${at}.type`, column.type, `must be one of ${COLUMN_TYPES.join(',')}`));
      if (column.format && !COLUMN_FORMATS.includes(column.format)) errors.push(invalid(`${at}.format`, column.format, `must be one of ${COLUMN_FORMATS.join(',')}`));
      if (!column.jsonPath) errors.push(required(`${at}.JSONPath`));
      else if (!column.jsonPath.startsWith('.')) errors.push(invalid(`${at}.JSONPath`, column.jsonPath, 'must be a simple json path starting with .'));
    }
    errors.push(...versionDetailErrors(version, path, (key) => pathOf(key, index)));
  }
  if (new Set(versions.map((version) => version.name)).size < versions.length) errors.push(invalid('spec.versions', shown, 'must contain unique version names'));
  if (versions.filter((version) => version.storage === true).length !== 1) errors.push(invalid('spec.versions', shown, 'must have exactly one version marked as storage version'));
  return errors;
}

const AT_ROOT = ['Description', 'Type', 'Format', 'Title', 'Maximum', 'ExclusiveMaximum', 'Minimum', 'ExclusiveMinimum', 'MaxLength', 'MinLength', 'Pattern', 'MaxItems', 'MinItems', 'UniqueItems', 'MultipleOf', 'Required', 'Items', 'Properties', 'ExternalDocs', 'Example', 'XPreserveUnknownFields', 'XValidations'];
const KEYS_AT_ROOT = new Set([...AT_ROOT.map((name) => name[0]!.toLowerCase() + name.slice(1)), 'x-kubernetes-preserve-unknown-fields', 'x-kubernetes-validations']);

/** The status is judged by its own part of the schema: what stands at the root must not speak of it (apiextensions validation, allowedFieldsAtRootSchema). */
function rootErrors(schema: JSONSchemaProps, path: string, hasStatus: boolean): FieldError[] {
  if (!hasStatus) return [];
  if (schema.type && schema.type !== 'object') return [invalid(`${path}.type`, schema.type, 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled')];
  const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== '' && value !== false;
  if (!Object.entries(schema).some(([key, value]) => isSet(value) && !KEYS_AT_ROOT.has(key))) return [];
  return [invalid(path, schema, `only [${AT_ROOT.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`)];
}

/** `isKept` says that the version had the same schema before. */
function schemaErrors(schema: JSONSchemaProps, path: string, { isKept }: { isKept: boolean }): FieldError[] {
  const ofKeywords = keywordErrors(schema, path);
  const errors = isConvertible(schema) ? structuralErrors(schema, path) : [];
  const ofDefaults = errors.length === 0 && isConvertible(schema) ? defaultErrors(schema, path, { withRules: false }) : [];
  const atRoot = schema.nullable === true ? [forbidden(`${path}.nullable`, 'nullable cannot be true at the root')] : [];
  const found = [...atRoot, ...errors, ...ofDefaults, ...ofKeywords];
  if (errors.length > 0 || ofDefaults.length > 0 || !isConvertible(schema)) return found;
  const ofRules = celErrors(schema, path, ofKeywords, isKept);
  if (found.length > 0 || ofRules.length > 0) return [...found, ...ofRules];
  return defaultErrors(schema, path, { withRules: true });
}

/** Rules must compile; those of a schema that is wrong itself, or within, are not looked at. */
function celErrors(props: JSONSchemaProps, path: string, wrong: readonly FieldError[], isKept: boolean): FieldError[] {
  const schema = schemaOfCustomResource({ schema: { openAPIV3Schema: props } });
  return hasRules(schema) ? cel().ruleErrorsOf(schema, path, { isWrong: (at) => wrong.some(({ field }) => field.startsWith(at)), isKept }) : [];
}

/** Defaults must be valid themselves: of known fields, and by the rules too, where those compile. */
function defaultErrors(schema: JSONSchemaProps, path: string, { withRules }: { withRules: boolean }): FieldError[] {
  const errors: FieldError[] = [];
  const walk = (props: JSONSchemaProps, at: string, inMeta: boolean): void => {
    if (props.default !== undefined && props.default !== null) {
      const around = schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { value: { ...props, default: undefined } } } } });
      const own = around.properties?.['value'];
      const known = prune(around, { value: structuredClone(props.default) });
      // Of metadata nothing is pruned.
      if (!inMeta && !equalJson(known.value, props.default)) errors.push(invalid(`${at}.default`, props.default, 'must not have unknown fields'));
      const value = structuredClone(props.default);
      const found = own === undefined || typeof own === 'function' ? [] : validateSchema(own, applyDefaults(own, value));
      for (const error of found) errors.push({ ...error, field: error.field === '<nil>' ? `${at}.default` : `${at}.default.${error.field}` });
      for (const error of found.length > 0 ? [] : embeddedErrors(around, { value })) errors.push({ ...error, field: `${at}.default${error.field.slice('value'.length)}` });
      if (withRules && found.length === 0 && hasRules(around)) {
        for (const error of cel().evaluateRules(around, { value }, undefined)) errors.push({ ...error, field: `${at}.default${error.field.slice('value'.length)}` });
      }
    }
    // What every object says by itself may have none.
    const isEmbedded = props['x-kubernetes-embedded-resource'] === true;
    const within = inMeta && !isEmbedded;
    for (const [key, value] of Object.entries(props.properties ?? {})) {
      const isMeta = ['apiVersion', 'kind', 'metadata'].includes(key);
      if (props !== schema || !isMeta) walk(value, `${at}.properties[${key}]`, within || (isEmbedded && isMeta));
    }
    if (props.items !== undefined && !Array.isArray(props.items)) walk(props.items, `${at}.items`, within);
    if (typeof props.additionalProperties === 'object') walk(props.additionalProperties, `${at}.additionalProperties`, within);
  };
  walk(schema, path, false);
  return errors;
}

function changeErrors(definition: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  const same = (field: string, now: unknown, before: unknown): void => {
    if (now !== before) errors.push(invalid(field, now, 'field is immutable'));
  };
  if (isEstablished(old)) {
    same('spec.scope', definition.spec.scope, old.spec.scope);
    same('spec.names.kind', definition.spec.names?.kind ?? '', old.spec.names.kind);
  }
  same('spec.group', definition.spec.group, old.spec.group);
  same('spec.names.plural', definition.spec.names?.plural ?? '', old.spec.names.plural);
  const names = new Set((definition.spec.versions ?? []).map((version) => version.name));
  for (const [index, version] of (definition.status?.storedVersions ?? []).entries()) {
    if (!names.has(version)) {
      errors.push(invalid(`status.storedVersions[${index}]`, version, `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`));
    }
  }
  return errors;
}
