/**
 * Server-side apply's own schema (client-go applyconfigurations/internal) is the authority on how lists and maps merge. Where the Go marks
 * say nothing or something else, its word is taken.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { FactField, FactType, Facts } from './model.ts';

interface Relation { elementRelationship?: 'atomic' | 'associative' | 'separable'; keys?: string[]; fields?: { name: string; type: ApplyType }[] }
interface ApplyType { list?: Relation; map?: Relation; namedType?: string }
type NamedType = ApplyType & { name: string };

/** Changes `facts`; returns a line for every difference found. */
export function mergeApplySemantics(facts: Facts, root: string): string[] {
  const text = readFileSync(join(root, 'client-go/applyconfigurations/internal/internal.go'), 'utf8');
  const yaml = text.slice(text.indexOf('YAMLObject(`') + 'YAMLObject(`'.length, text.lastIndexOf('`)'));
  const { types } = parse(yaml) as { types: NamedType[] };
  const said: string[] = [];
  for (const type of types) {
    const fact = factType(facts, type.name);
    if (fact === undefined || type.map === undefined) continue;
    const atomic = type.map.elementRelationship === 'atomic';
    if (atomic !== fact.atomic) said.push(`${type.name}: atomic ${fact.atomic} -> ${atomic}`);
    fact.atomic = atomic;
    for (const field of type.map.fields ?? []) {
      const own = findField(facts, fact, field.name);
      if (own !== undefined) said.push(...mergeField(own, field.type, `${type.name}.${field.name}`));
    }
  }
  return said;
}

function mergeField(own: FactField, type: ApplyType, path: string): string[] {
  const before = `${own.listType ?? ''} ${own.listMapKeys?.join(',') ?? ''} ${own.mapType ?? ''}`;
  if (type.list !== undefined) {
    const keys = type.list.keys;
    const kind = type.list.elementRelationship === 'atomic' ? 'atomic' : keys === undefined ? 'set' : 'map';
    if (kind !== 'atomic' || own.listType !== undefined) own.listType = kind;
    if (kind === 'map') own.listMapKeys = keys ?? [];
    else delete own.listMapKeys;
  } else if (type.map?.elementRelationship !== undefined) {
    const kind = type.map.elementRelationship === 'atomic' ? 'atomic' : 'granular';
    if (kind === 'atomic' || own.mapType !== undefined) own.mapType = kind;
  }
  const after = `${own.listType ?? ''} ${own.listMapKeys?.join(',') ?? ''} ${own.mapType ?? ''}`;
  return before === after ? [] : [`${path}: "${before}" -> "${after}"`];
}

function factType(facts: Facts, name: string): FactType | undefined {
  const dot = name.lastIndexOf('.');
  return facts.modules.get(name.slice(0, dot))?.types.get(name.slice(dot + 1));
}

function findField(facts: Facts, type: FactType, name: string): FactField | undefined {
  for (const field of type.fields) {
    if (field.name === name) return field;
    const inner = field.name === '' ? factType(facts, field.type.slice(1)) : undefined;
    const found = inner === undefined ? undefined : findField(facts, inner, name);
    if (found !== undefined) return found;
  }
  return undefined;
}
