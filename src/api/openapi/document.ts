/** The parts that OpenAPI documents of both versions share: the schemas and paths of a list of kinds. */
import { schemaOfType } from '../schema/facts.ts';
import type { Kind } from '../kind.ts';
import { moduleOf } from '../facts/fact-type.ts';
import type { Schema } from '../schema/schema.ts';
import { resourcePaths } from './paths.ts';
import { rootItem, type RootPath } from './root-paths.ts';
import type { ConnectPath } from './connect-paths.ts';
import { DELETE_OPTIONS, LIST_META, SchemaBook, schemaName, STATUS, WATCH_EVENT, type JsonObject, type OpenapiOptions } from './schemas.ts';

export interface DocumentOptions extends OpenapiOptions {
  /** Subresources that modules answer; default none. */
  connects?: readonly ConnectPath[];
  /** Further paths; default none. */
  roots?: readonly RootPath[];
}

export interface Parts {
  schemas: JsonObject;
  paths: JsonObject;
}

/** Schemas and paths of `kinds`, sorted by name. */
export function buildParts(kinds: readonly Kind[], options: DocumentOptions): Parts {
  const book = new SchemaBook(options);
  const paths: [string, JsonObject][] = [];
  const gvks = new Map<string, JsonObject[]>();
  /** Of custom resources, as their definitions name them (apiextensions-apiserver/pkg/controller/openapi/builder). */
  const selectable = new Map<string, JsonObject[]>();
  const mark = (name: string, gvk: JsonObject): void => void gvks.set(name, [...(gvks.get(name) ?? []), gvk]);
  for (const kind of kinds) {
    const gvk = { group: kind.group, kind: kind.kind, version: kind.version };
    const schema = kind.schema();
    const name = schemaName(kind, schema);
    const object = book.refer(name, schema);
    mark(name, gvk);
    if (kind.isCustom === true && Object.keys(kind.selectableFields).length > 0) selectable.set(name, Object.keys(kind.selectableFields).map((fieldPath) => ({ fieldPath })));
    const list = book.refer(`${name}List`, schemaOfType(`${name}List`) ?? listSchema(name, schema));
    mark(`${name}List`, { ...gvk, kind: `${kind.kind}List` });
    mark(DELETE_OPTIONS, { ...gvk, kind: 'DeleteOptions' });
    const forms = {
      object, list, isBuiltIn: schema.name !== undefined, connects: options.connects ?? [],
      watchEvent: book.referTo(WATCH_EVENT) ?? {},
      status: book.referTo(STATUS) ?? {},
      deleteOptions: book.referTo(DELETE_OPTIONS) ?? {},
      bodyOf: (body: { group: string; version: string; kind: string }): JsonObject | undefined => {
        const full = `${moduleOf(body.group, body.version)}.${body.kind}`;
        const ref = book.referTo(full);
        if (ref !== undefined && !gvks.has(full)) mark(full, { group: body.group, kind: body.kind, version: body.version });
        return ref;
      },
    };
    paths.push(...Object.entries(resourcePaths(kind, forms, options.openapi)));
  }
  for (const root of options.roots ?? []) paths.push([root.path, rootItem(root, book, options.openapi)]);
  mark(STATUS, { group: '', kind: 'Status', version: 'v1' });
  const schemas = [...book.schemas].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, schema]): [string, JsonObject] => {
    const kindsOfIt = unique(gvks.get(name) ?? []);
    const fields = selectable.get(name);
    return [name, kindsOfIt.length === 0 ? schema : { ...schema, 'x-kubernetes-group-version-kind': kindsOfIt, ...(fields === undefined ? {} : { 'x-kubernetes-selectable-fields': fields }) }];
  });
  return { schemas: Object.fromEntries(schemas), paths: Object.fromEntries(paths.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function unique(gvks: readonly JsonObject[]): JsonObject[] {
  return [...new Map(gvks.map((gvk) => [JSON.stringify(gvk), gvk])).values()];
}

function listSchema(name: string, schema: Schema): Schema {
  return {
    type: 'object', required: ['items'],
    properties: {
      apiVersion: { type: 'string' }, kind: { type: 'string' },
      metadata: () => schemaOfType(LIST_META) ?? {},
      items: { type: 'array', items: { ...schema, name } },
    },
  };
}
