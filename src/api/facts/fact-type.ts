/**
 * Reads src/api/generated/facts.json: what is known of the types of built-in kinds. The file is read when the first type is asked for, a
 * module's lines are told apart when one of its types is, and a type is parsed when it is needed itself.
 *
 * A field's type is a code, its first letter says what it is: `s` string, `b` bool, `i` int32, `l` int64, `d` double, `y` bytes, `q` Quantity,
 * `o` IntOrString, `t` Time, `m` MicroTime, `u` Duration, `F` FieldsV1, `R` RawExtension, `J` any JSON, `B` `A` `S` the JSONSchemaPropsOr
 * Bool, Array and StringArray of apiextensions, `[X` list of X, `{X` map of X, `wX` a list of X that is a message of its own in protobuf,
 * `@name` a struct, `ename` an enum.
 */
import { readFileSync } from 'node:fs';
import type { Json } from '../meta.ts';
import { AGGREGATOR_MODULES } from './aggregator-facts.ts';
import { addLaterFacts } from './later-facts.ts';

export interface FactField {
  /** Name in JSON; '' where the fields of the struct stand among its parent's. */
  readonly name: string;
  readonly type: string;
  readonly protobufNumber: number;
  readonly required: boolean;
  readonly pointer: boolean;
  readonly omitempty: boolean;
  readonly default?: Json;
  readonly listType?: string;
  readonly listMapKeys?: readonly string[];
  readonly mapType?: string;
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
}

export interface FactType {
  /** In full: `io.k8s.api.core.v1.PodSpec`. */
  readonly name: string;
  readonly fields: readonly FactField[];
  /** The values of an enum, which has no fields. */
  readonly enum?: readonly string[];
  /** Server-side apply treats it as one value. */
  readonly atomic: boolean;
  /** `object` has ObjectMeta, `list` ListMeta, `plain` only apiVersion and kind (DeleteOptions, Binding's review kinds). */
  readonly topLevel?: 'object' | 'list' | 'plain';
}

export interface Module { group: string; version: string; types: string }

interface FactsFile { kubernetes: string; modules: Record<string, Module> }

let file: FactsFile | undefined;
const lines = new Map<string, Map<string, string>>();
const parsed = new Map<string, FactType>();

function facts(): FactsFile {
  if (file === undefined) {
    file = JSON.parse(readFileSync(new URL('../generated/facts.json', import.meta.url), 'utf8')) as FactsFile;
    Object.assign(file.modules, AGGREGATOR_MODULES);
    addLaterFacts(file.modules);
  }
  return file;
}

/** The Kubernetes release whose types these are, for instance `1.36`. */
export function kubernetesRelease(): string {
  return facts().kubernetes;
}

/** The module (`io.k8s.api.apps.v1`) of a group and version; undefined when its types are not known. */
export function moduleOf(group: string, version: string): string | undefined {
  return Object.entries(facts().modules).find(([, module]) => module.group === group && module.version === version)?.[0];
}

/** The type of a full name (`io.k8s.api.core.v1.PodSpec`); undefined when there is none. */
export function factType(name: string): FactType | undefined {
  const known = parsed.get(name);
  if (known !== undefined) return known;
  const dot = name.lastIndexOf('.');
  const line = linesOf(name.slice(0, dot)).get(name.slice(dot + 1));
  if (line === undefined) return undefined;
  const type = parseType(name.slice(0, dot), line);
  parsed.set(name, type);
  return type;
}

function linesOf(module: string): Map<string, string> {
  const known = lines.get(module);
  if (known !== undefined) return known;
  const text = facts().modules[module]?.types ?? '';
  const found = new Map(text === '' ? [] : text.split('\n').map((line) => [line.slice(0, line.indexOf('\t')), line]));
  lines.set(module, found);
  return found;
}

function parseType(module: string, line: string): FactType {
  const [shortName = '', flags = '', body = ''] = line.split('\t');
  const name = `${module}.${shortName}`;
  if (flags === '=') return { name, fields: [], enum: body.split('|'), atomic: false };
  const topLevel = flags.includes('o') ? 'object' : flags.includes('l') ? 'list' : flags.includes('p') ? 'plain' : undefined;
  const fields = body === '' ? [] : body.split(';').map((text) => parseField(module, text));
  return { name, fields, atomic: flags.includes('a'), topLevel };
}

function parseField(module: string, text: string): FactField {
  const [name = '', type = '', number = '0', flags = '', ...extras] = text.split(' ');
  const field: { -readonly [K in keyof FactField]: FactField[K] } = {
    name, type: withModule(type, module), protobufNumber: Number(number),
    required: flags.includes('r'), pointer: flags.includes('p'), omitempty: flags.includes('o'),
  };
  for (const extra of extras) {
    const value = extra.slice(2);
    switch (extra[0]) {
      case 'L': field.listType = value; break;
      case 'K': field.listMapKeys = value.split(','); break;
      case 'M': field.mapType = value; break;
      case 'P': field.patchStrategy = value; break;
      case 'Q': field.patchMergeKey = value; break;
      case 'D': field.default = JSON.parse(decodeURIComponent(value)) as Json; break;
    }
  }
  return field;
}

/** Names without a dot are of the module itself. */
function withModule(type: string, module: string): string {
  const at = type.search(/[@e][A-Z]/);
  return at < 0 || type.indexOf('.') >= 0 ? type : `${type.slice(0, at + 1)}${module}.${type.slice(at + 1)}`;
}
