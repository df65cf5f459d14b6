/** Writes facts.json: one string a module, one line a type, so that a reader parses only what it is asked for. Read by src/api/facts/. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FactField, FactType, Facts } from './model.ts';

export function writeFacts(facts: Facts, options: { target: string; versions: Record<string, string>; suite: string }): void {
  const { target, versions } = options;
  mkdirSync(target, { recursive: true });
  const modules: Record<string, { group: string; version: string; types: string }> = {};
  for (const [module, { group, version, types }] of [...facts.modules].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const lines = [...types.values()].map((type) => typeLine(module, type)).sort();
    modules[module] = { group, version, types: lines.join('\n') };
  }
  writeFileSync(join(target, 'facts.json'), `${JSON.stringify({ kubernetes: releaseOf(versions), modules }, null, 1)}\n`);
  const list = Object.entries(versions).map(([name, version]) => `  ${name} ${version}`).join('\n');
  writeFileSync(join(target, 'NOTICE'), `The files of this folder are made by tools/facts/generate.ts. They hold facts (names, numbers, marks) of the Kubernetes API,
Copyright The Kubernetes Authors, licensed under the Apache License, Version 2.0 (http://www.apache.org/licenses/LICENSE-2.0),
taken from these Debian packages (${options.suite}), without their texts:

${list}
`);
}

/** Debian 0.36.4-1 of the API types is Kubernetes 1.36. */
function releaseOf(versions: Record<string, string>): string {
  const minor = /^0\.(\d+)\./.exec(versions['golang-k8s-api-dev'] ?? '')?.[1];
  if (minor === undefined) throw new Error('golang-k8s-api-dev was not fetched');
  return `1.${minor}`;
}

/** `Name<tab>flags<tab>field;field;...` or, for an enum, `Name<tab>=<tab>value|value`. */
function typeLine(module: string, type: FactType): string {
  if (type.enum !== undefined) return `${type.name}\t=\t${type.enum.join('|')}`;
  const top = { object: 'o', list: 'l', plain: 'p' };
  const flags = `${type.atomic ? 'a' : ''}${type.topLevel === undefined ? '' : top[type.topLevel]}`;
  const fields = type.fields.filter((field) => !(field.name === '' && field.type.endsWith('.TypeMeta')));
  return `${type.name}\t${flags}\t${fields.map((field) => fieldText(module, field)).join(';')}`;
}

/** `name code number flags key=value ...`; see src/api/facts/decode.ts. */
function fieldText(module: string, field: FactField): string {
  const flags = `${field.required ? 'r' : ''}${field.pointer ? 'p' : ''}${field.omitempty ? 'o' : ''}`;
  const parts = [field.name, field.type.replace(`${module}.`, ''), String(field.protobufNumber), flags];
  if (field.listType !== undefined) parts.push(`L=${field.listType}`);
  if (field.listMapKeys !== undefined) parts.push(`K=${field.listMapKeys.join(',')}`);
  if (field.mapType !== undefined) parts.push(`M=${field.mapType}`);
  if (field.patchStrategy !== undefined) parts.push(`P=${field.patchStrategy}`);
  if (field.patchMergeKey !== undefined) parts.push(`Q=${field.patchMergeKey}`);
  if (field.default !== undefined) parts.push(`D=${encodeURIComponent(JSON.stringify(field.default))}`);
  return parts.join(' ');
}
