/** Writes TypeScript interfaces, one file a group and version: `core-v1.ts`, `meta-v1.ts`. Types only; they vanish at run time. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FactField, FactType, Facts } from './model.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
/** Written by hand in src/api/meta.ts. */
const BY_HAND = new Set(['ObjectMeta', 'OwnerReference', 'ManagedFieldsEntry', 'ListMeta', 'LabelSelector', 'LabelSelectorRequirement', 'Condition']);

const SCALARS: Record<string, string> = {
  s: 'string', b: 'boolean', i: 'number', l: 'Int64', d: 'number', y: 'string', q: 'Quantity', o: 'IntOrString', t: 'Time', m: 'MicroTime',
  u: 'string', F: 'Json', R: 'Json', J: 'Json', B: 'JSONSchemaProps | boolean', A: 'JSONSchemaProps | JSONSchemaProps[]', S: 'JSONSchemaProps | string[]',
};

const PRELUDE = `/** A Kubernetes quantity, for instance 500m or 1Gi. */
export type Quantity = string;
/** A number, or a name or percentage. */
export type IntOrString = number | string;
/** RFC 3339 in whole seconds. */
export type Time = string;
/** RFC 3339 with microseconds. */
export type MicroTime = string;
`;

export function writeTypes(facts: Facts, target: string): void {
  for (const module of facts.modules.keys()) writeFileSync(join(target, `${fileOf(module)}.ts`), moduleText(facts, module));
}

/** `io.k8s.api.core.v1` is core-v1. */
function fileOf(module: string): string {
  return module.split('.').slice(-2).join('-');
}

function moduleText(facts: Facts, module: string): string {
  const imports = new Map<string, Set<string>>();
  const types = [...(facts.modules.get(module)?.types.values() ?? [])].filter((type) => !(module === META && BY_HAND.has(type.name)) && type.name !== 'TypeMeta');
  const bodies = types.sort((a, b) => (a.name < b.name ? -1 : 1)).map((type) => typeText(module, type, imports));
  const lines = ['// Made by tools/facts/generate.ts from the Kubernetes API types (Apache-2.0, see NOTICE). Do not edit.'];
  if (module === META) lines.push(`export type { ${[...BY_HAND].join(', ')} } from '../meta.ts';`);
  for (const [file, names] of [...imports].sort()) lines.push(`import type { ${[...names].sort().join(', ')} } from '${file}';`);
  if (module === META) lines.push('', PRELUDE.trimEnd());
  return `${lines.join('\n')}\n\n${bodies.join('\n\n')}\n`;
}

function typeText(module: string, type: FactType, imports: Map<string, Set<string>>): string {
  if (type.enum !== undefined) return `export type ${type.name} = ${type.enum.map((value) => JSON.stringify(value).replaceAll('"', "'")).join(' | ')};`;
  const need = (file: string, name: string): string => {
    if (!imports.has(file)) imports.set(file, new Set());
    imports.get(file)?.add(name);
    return name;
  };
  const refer = (code: string): string => typeName(module, code, need);
  const parents = type.fields.filter((field) => field.name === '' && !field.type.endsWith('.TypeMeta')).map((field) => refer(field.type));
  if (type.topLevel === 'object') parents.unshift(need('../meta.ts', 'KubeObject'));
  const lines = type.fields.filter((field) => field.name !== '').map((field) => `  ${fieldText(type, field, refer)}`);
  if (type.topLevel === 'list' || type.topLevel === 'plain') lines.unshift('  apiVersion?: string;', '  kind?: string;');
  const head = `export interface ${type.name}${parents.length === 0 ? '' : ` extends ${parents.join(', ')}`}`;
  return lines.length === 0 ? `${head} {}` : `${head} {\n${lines.join('\n')}\n}`;
}

function fieldText(type: FactType, field: FactField, refer: (code: string) => string): string {
  const isMetadata = field.name === 'metadata' && (type.topLevel === 'object' || type.topLevel === 'list');
  const name = /^[a-zA-Z_]\w*$/.test(field.name) ? field.name : JSON.stringify(field.name).replaceAll('"', "'");
  return `${name}${(field.required && !field.omitempty) || isMetadata ? '' : '?'}: ${refer(field.type)};`;
}

function typeName(module: string, code: string, need: (file: string, name: string) => string): string {
  const rest = code.slice(1);
  switch (code[0]) {
    case 'w': return typeName(module, rest, need);
    case '{': return `Record<string, ${typeName(module, rest, need)}>`;
    case '[': {
      const item = typeName(module, rest, need);
      return item.includes('|') ? `(${item})[]` : `${item}[]`;
    }
    case '@': case 'e': {
      const dot = rest.lastIndexOf('.');
      const [home, name] = [rest.slice(0, dot), rest.slice(dot + 1)];
      if (home === META && BY_HAND.has(name)) return need('../meta.ts', name);
      return home === module ? name : need(`./${fileOf(home)}.ts`, name);
    }
    default: {
      const scalar = SCALARS[code] ?? 'unknown';
      if (scalar === 'Json') return need('../meta.ts', 'Json');
      if (scalar === 'Int64') return need('../int64.ts', 'Int64');
      if (/^(Quantity|IntOrString|Time|MicroTime)$/.test(scalar) && module !== META) return need('./meta-v1.ts', scalar);
      return scalar;
    }
  }
}
