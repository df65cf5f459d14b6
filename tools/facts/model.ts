/** The facts as the generator holds them, resolved over all packages: every type a struct, an enum or a special, no prose. */
import type { GoField, GoPackage, GoType } from './go-types.ts';
import { markOf } from './go-types.ts';

/** A type of a field: a one-letter scalar (see src/api/facts/decode.ts), `[` list of, `{` map of, `@` struct, `e` enum, `w` wrapped list. */
export type TypeCode = string;

export interface FactField {
  /** Name in JSON; '' where the struct's fields stand among its parent's. */
  name: string;
  type: TypeCode;
  protobufNumber: number;
  pointer: boolean;
  omitempty: boolean;
  required: boolean;
  default?: unknown;
  listType?: string;
  listMapKeys?: string[];
  mapType?: string;
  patchStrategy?: string;
  patchMergeKey?: string;
}

export interface FactType {
  /** `io.k8s.api.core.v1`. */
  module: string;
  name: string;
  fields: FactField[];
  enum?: string[];
  /** +structType=atomic */
  atomic: boolean;
  topLevel: 'object' | 'list' | 'plain' | undefined;
}

export interface Facts {
  modules: Map<string, { group: string; version: string; types: Map<string, FactType> }>;
}

const SCALARS: Record<string, TypeCode> = {
  string: 's', bool: 'b', int: 'l', int32: 'i', int64: 'l', uint32: 'i', float64: 'd', byte: 'i', uint8: 'i', '[]byte': 'y', 'interface{}': 'J', any: 'J',
};

const SPECIALS: Record<string, TypeCode> = {
  'k8s.io/apimachinery/pkg/api/resource.Quantity': 'q',
  'k8s.io/apimachinery/pkg/util/intstr.IntOrString': 'o',
  'k8s.io/apimachinery/pkg/apis/meta/v1.Time': 't',
  'k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime': 'm',
  'k8s.io/apimachinery/pkg/apis/meta/v1.Duration': 'u',
  'k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1': 'F',
  'k8s.io/apimachinery/pkg/runtime.RawExtension': 'R',
  'k8s.io/apimachinery/pkg/types.UID': 's',
  'k8s.io/apimachinery/pkg/types.NodeName': 's',
  'k8s.io/apimachinery/pkg/types.NamespacedName': 's',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON': 'J',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool': 'B',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray': 'A',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray': 'S',
};

/** `k8s.io/api/core/v1` is `io.k8s.api.core.v1`. */
function moduleOf(path: string): string {
  return path.replace(/^k8s\.io\//, 'io.k8s.').replaceAll('/', '.');
}

export function buildFacts(packages: readonly GoPackage[]): Facts {
  const byPath = new Map(packages.map((each) => [each.path, each]));
  const facts: Facts = { modules: new Map() };
  for (const home of packages) {
    const types = new Map<string, FactType>();
    for (const type of home.types.values()) {
      if (SPECIALS[`${home.path}.${type.name}`] !== undefined) continue;
      const fact = factOf(byPath, home, type);
      if (fact !== undefined) types.set(type.name, fact);
    }
    facts.modules.set(moduleOf(home.path), { group: home.group, version: home.path.slice(home.path.lastIndexOf('/') + 1), types });
  }
  return facts;
}

function factOf(byPath: Map<string, GoPackage>, home: GoPackage, type: GoType): FactType | undefined {
  const base = { module: moduleOf(home.path), name: type.name, atomic: markOf(type.marks, 'structType') === 'atomic' };
  if (type.fields !== undefined) {
    const tagged = type.fields.filter((field) => field.tags['json'] !== undefined && field.tags['json'] !== '-');
    if (tagged.length === 0 && type.fields.length > 0) return undefined;
    return { ...base, fields: tagged.map((field) => fieldOf(byPath, home, field)), topLevel: topLevelOf(tagged) };
  }
  if (type.underlying === 'string' && markOf(type.marks, 'enum') !== undefined) {
    const values = enumValues(byPath, home, type.name);
    if (values.length > 0) return { ...base, fields: [], enum: values, topLevel: undefined };
  }
  return undefined;
}

function topLevelOf(fields: readonly GoField[]): FactType['topLevel'] {
  if (!fields.some((field) => field.goName === '' && field.type.endsWith('TypeMeta'))) return undefined;
  const meta = fields.find((field) => field.tags['json']?.startsWith('metadata'))?.type ?? '';
  return meta.endsWith('ObjectMeta') ? 'object' : meta.endsWith('ListMeta') ? 'list' : 'plain';
}

/** Empty when a value cannot be found: half an enum would refuse what upstream takes. */
function enumValues(byPath: Map<string, GoPackage>, home: GoPackage, name: string): string[] {
  const values = [...home.constants.values()].filter((constant) => constant.type === name).map((constant) => constant.of === undefined ? constant.value : valueElsewhere(byPath, home, constant.of));
  return values.some((value) => value === undefined) ? [] : (values as string[]).sort();
}

function valueElsewhere(byPath: Map<string, GoPackage>, home: GoPackage, qualified: string): string | undefined {
  const [alias = '', constant = ''] = qualified.split('.');
  return byPath.get(home.imports.get(alias) ?? '')?.constants.get(constant)?.value;
}

function fieldOf(byPath: Map<string, GoPackage>, home: GoPackage, field: GoField): FactField {
  const [jsonName = '', ...options] = (field.tags['json'] ?? '').split(',');
  const omitempty = options.includes('omitempty') || options.includes('omitzero');
  const marks = field.marks;
  const inline = options.includes('inline');
  const fact: FactField = {
    name: inline ? '' : jsonName,
    type: typeCode(byPath, home, field.type),
    protobufNumber: Number((field.tags['protobuf'] ?? '').split(',')[1] ?? 0) || 0,
    pointer: field.type.startsWith('*'),
    omitempty,
    required: !inline && isRequired(marks, omitempty),
  };
  const listType = markOf(marks, 'listType');
  if (listType !== undefined) fact.listType = listType;
  const keys = marks.filter((mark) => mark.name === 'listMapKey').map((mark) => mark.value);
  if (keys.length > 0) fact.listMapKeys = keys;
  const mapType = markOf(marks, 'mapType') ?? markOf(marks, 'structType');
  if (mapType !== undefined) fact.mapType = mapType;
  if (field.tags['patchStrategy'] !== undefined) fact.patchStrategy = field.tags['patchStrategy'];
  if (field.tags['patchMergeKey'] !== undefined) fact.patchMergeKey = field.tags['patchMergeKey'];
  const value = markOf(marks, 'default');
  if (value !== undefined) fact.default = defaultValue(home, value);
  return fact;
}

/** A mark says so before the tag does, as in upstream's documents (kube-openapi: generators/openapi.go, isOptional). */
function isRequired(marks: GoField['marks'], omitempty: boolean): boolean {
  return markOf(marks, 'required') !== undefined || (markOf(marks, 'optional') === undefined && !omitempty);
}

/** A default is JSON, or `ref(Constant)`. */
function defaultValue(home: GoPackage, text: string): unknown {
  const constant = /^ref\((\w+)\)$/.exec(text)?.[1];
  if (constant === undefined) return JSON.parse(text);
  const found = home.constants.get(constant);
  if (found === undefined) throw new Error(`${home.path}: the default ref(${constant}) names no constant`);
  return found.value;
}

function typeCode(byPath: Map<string, GoPackage>, home: GoPackage, type: string): TypeCode {
  if (type.startsWith('*')) return typeCode(byPath, home, type.slice(1));
  const scalar = SCALARS[type];
  if (scalar !== undefined) return scalar;
  if (type.startsWith('[]')) return `[${typeCode(byPath, home, type.slice(2))}`;
  const map = /^map\[([\w.]+)\](.*)$/.exec(type);
  if (map !== null) return `{${typeCode(byPath, home, map[2] ?? '')}`;
  return namedCode(byPath, home, type);
}

function namedCode(byPath: Map<string, GoPackage>, home: GoPackage, type: string): TypeCode {
  const dot = type.indexOf('.');
  const path = dot < 0 ? home.path : home.imports.get(type.slice(0, dot));
  const name = type.slice(dot + 1);
  const special = SPECIALS[`${path}.${name}`];
  if (special !== undefined) return special;
  const owner = byPath.get(path ?? '');
  const target = owner?.types.get(name);
  if (owner === undefined || target === undefined) throw new Error(`${home.path}: the type ${type} is in no package that was read`);
  if (target.fields !== undefined) return `@${moduleOf(owner.path)}.${name}`;
  if (markOf(target.marks, 'enum') !== undefined && enumValues(byPath, owner, name).length > 0) return `e${moduleOf(owner.path)}.${name}`;
  const underlying = typeCode(byPath, owner, target.underlying ?? '');
  return markOf(target.marks, 'protobuf.nullable') === undefined ? underlying : `w${underlying}`;
}
