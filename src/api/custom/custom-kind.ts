/** A CustomResourceDefinition becomes the Kinds by which the door serves its versions. */
import type { CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import { isNumeric } from '../int64.ts';
import { deepFreeze } from '../json.ts';
import { applyDefaults } from '../schema/default.ts';
import { humanDuration } from '../age.ts';
import { compileJsonPath } from '../json-path.ts';
import { defineKind, type Column, type Kind, type Subresources } from '../kind.ts';
import type { Json, KubeObject } from '../meta.ts';
import { dropNulls } from '../schema/drop-nulls.ts';
import { prune } from '../schema/prune.ts';
import type { Schema } from '../schema/schema.ts';
import type { FieldError } from '../field-error.ts';
import { CUSTOM_RULES } from './custom-rules.ts';
import { schemaOfCustomResource } from './custom-schema.ts';
import { embeddedErrors, hasEmbedded } from './embedded-resources.ts';
import { scaleSpecErrors, scaleStatusErrors } from './scale-values.ts';

/** One Kind for every served version, the storage version first. The schema is made when first asked for. `convert` is given where versions differ by more than their name. */
export function kindsOfDefinition(definition: CustomResourceDefinition, convert?: Convert): Kind[] {
  const served = definition.spec.versions.filter((version) => version.served);
  const between = convert === undefined ? undefined : bySchemas(definition, convert);
  return served.toSorted((a, b) => Number(b.storage) - Number(a.storage)).map((version) => kindOfVersion(definition, version, between));
}

type Convert = NonNullable<Kind['conversion']>['convert'];

/** What is converted has the defaults of its own version, and what comes of it the fields of the other one only (apiextensions-apiserver schemaCoercingConverter). */
function bySchemas({ spec: { group, versions } }: CustomResourceDefinition, convert: Convert): Convert {
  const made = new Map<string, Schema>();
  const schemaOf = (apiVersion: string): Schema | undefined => {
    const version = versions.find(({ name }) => `${group}/${name}` === apiVersion);
    if (version !== undefined && !made.has(apiVersion)) made.set(apiVersion, schemaOfCustomResource(version));
    return made.get(apiVersion);
  };
  const withDefaults = (object: KubeObject): KubeObject => {
    const schema = schemaOf(object.apiVersion ?? '');
    return schema === undefined ? object : applyDefaults(schema, object);
  };
  return async (objects, apiVersion) => {
    const schema = schemaOf(apiVersion);
    const converted = await convert(objects.map(withDefaults), apiVersion);
    return schema === undefined ? converted : converted.map((object) => prune(schema, object));
  };
}

function kindOfVersion(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion, convert?: Convert): Kind {
  const { group, names, scope } = definition.spec;
  const columns = version.additionalPrinterColumns ?? [];
  const status = version.subresources?.status !== undefined && version.subresources.status !== null;
  let schema: Schema | undefined;
  const schemaOf = (): Schema => (schema ??= schemaOfCustomResource(version));
  return defineKind({
    group, version: version.name, kind: names.kind, plural: names.plural, singular: names.singular || names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [], categories: names.categories ?? [], namespaced: scope === 'Namespaced',
    schema: schemaOf, isCustom: true,
    ...(convert === undefined && definition.spec.versions.length > 1 ? { storageVersion: definition.spec.versions.find((each) => each.storage)?.name ?? version.name } : {}),
    ...(convert === undefined ? {} : { conversion: { storageApiVersion: `${group}/${definition.spec.versions.find((each) => each.storage)?.name ?? version.name}`, convert } }),
    ...completion(definition, version, schemaOf),
    rules: {
      ...CUSTOM_RULES,
      namesItself: true,
      anyFinalizers: true,
      warnings: finalizerWarnings,
      defaults: (object) => dropNulls(schemaOf(), object as unknown as Json),
      prepareForCreate(object) {
        if (status) delete (object as KubeObject & { status?: Json }).status;
      },
      ...judgements(version, schemaOf),
      ...(version.deprecated === true ? { deprecation: version.deprecationWarning ?? `${group}/${version.name} ${names.kind} is deprecated` } : {}),
    },
    subresources: subresourcesOf(version, status),
    columns: [{ name: 'Name', type: 'string', format: 'name', cell: (object) => object.metadata.name ?? '' }, ...(columns.length === 0 ? [AGE] : columns).map(columnOf)],
    selectableFields: Object.fromEntries((version.selectableFields ?? []).map(({ jsonPath }) => [jsonPath.replace(/^\./, ''), fieldReader(jsonPath)])),
  });
}

/** The column of definitions that name none (apiextensions registry/customresource/tableconvertor). */
const AGE: CustomResourceColumnDefinition = { name: 'Age', type: 'date', description: '', jsonPath: '.metadata.creationTimestamp' };

/**
 * What is kept may have been written under another schema, before the definition changed or as another version: it is read with the defaults and
 * without the fields that this one lacks or has no longer (apiextensions customresource_handler.go, schemaCoercingDecoder).
 */
function completion({ metadata, spec }: CustomResourceDefinition, { schema }: CustomResourceDefinitionVersion, schemaOf: () => Schema): Pick<Kind, 'completes'> {
  const props = schema?.openAPIV3Schema;
  const keepsAll = props === undefined || (props['x-kubernetes-preserve-unknown-fields'] === true && props.properties === undefined);
  const mayDiffer = !keepsAll && ((metadata.generation ?? 1) > 1 || spec.versions.length > 1);
  if (mayDiffer) return { completes: (object) => deepFreeze(applyDefaults(schemaOf(), prune(schemaOf(), object))) };
  return hasDefaults(props) ? { completes: (object) => deepFreeze(applyDefaults(schemaOf(), object)) } : {};
}

/** Beyond the schema: the values of the scale, and the metadata of embedded resources. */
function judgements(version: CustomResourceDefinitionVersion, schemaOf: () => Schema): Pick<Kind['rules'], 'validate' | 'validateStatus'> {
  const scale = version.subresources?.scale ?? undefined;
  let embeds: boolean | undefined;
  const ofEmbedded = (object: KubeObject): FieldError[] => {
    embeds ??= hasEmbedded(schemaOf());
    return embeds ? embeddedErrors(schemaOf(), object) : [];
  };
  return {
    validate: (object) => [...ofEmbedded(object), ...(scale === undefined ? [] : [...scaleSpecErrors(object, scale), ...scaleStatusErrors(object, scale)])],
    validateStatus: (object) => [...ofEmbedded(object), ...(scale === undefined ? [] : scaleStatusErrors(object, scale))],
  };
}

/** Upstream: apiextensions-apiserver customresource strategy, generateWarningsFromObj. */
function finalizerWarnings({ metadata }: KubeObject, old?: KubeObject): string[] {
  const bare = (metadata.finalizers ?? []).filter((each) => !each.includes('/') && each !== 'orphan' && each !== 'foregroundDeletion' && old?.metadata.finalizers?.includes(each) !== true);
  return bare.map((each) => `metadata.finalizers: ${JSON.stringify(each)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`);
}

/** Whether a default stands anywhere in a schema; a field may be called `default` itself. */
function hasDefaults(schema: JSONSchemaProps | undefined): boolean {
  if (schema === undefined) return false;
  if (schema.default !== undefined) return true;
  const below = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties];
  return below.some((each) => typeof each === 'object' && !Array.isArray(each) && hasDefaults(each));
}

function subresourcesOf(version: CustomResourceDefinitionVersion, status: boolean): Subresources<KubeObject> {
  const scale = version.subresources?.scale;
  return {
    ...(status ? { status } : {}),
    ...(scale === undefined || scale === null ? {} : { scale: { specReplicasPath: scale.specReplicasPath, statusReplicasPath: scale.statusReplicasPath, labelSelectorPath: scale.labelSelectorPath } }),
  };
}

function fieldReader(jsonPath: string): (object: KubeObject) => string {
  const read = compileJsonPath(jsonPath);
  return (object) => String(read(object)[0] ?? '');
}

function columnOf(definition: CustomResourceColumnDefinition): Column<KubeObject> {
  const read = compileJsonPath(definition.jsonPath);
  const type = definition.type as Column<KubeObject>['type'];
  return {
    name: definition.name, type, priority: definition.priority ?? 0,
    ...(definition.format === undefined ? {} : { format: definition.format }),
    // What says nothing of itself is told by its path (tableconvertor.go); the age is known to everybody.
    description: definition.description ?? `Custom resource definition column (in JSONPath format): ${definition.jsonPath}`,
    cell: (object, nowMs) => cellOf(type, read(object), nowMs),
  };
}

/** A value that is not of the column's type shows as nothing, as upstream has it. */
function cellOf(type: Column<KubeObject>['type'], values: readonly unknown[], nowMs: number): Json {
  const [value] = values;
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'integer': return typeof value === 'number' ? Math.trunc(value) : typeof value === 'bigint' ? value : null;
    case 'number': return isNumeric(value) ? Number(value) : null;
    case 'boolean': return typeof value === 'boolean' ? value : null;
    case 'date': {
      const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
      return Number.isNaN(time) ? '<invalid>' : humanDuration(nowMs - time);
    }
    default: return values.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join(' ');
  }
}
