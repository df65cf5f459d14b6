/** A schema of the published OpenAPI as a definition of a custom resource has it: no references, structural, with a text at every field. */
export type Schema = Record<string, unknown> & { $ref?: string; allOf?: Schema[]; items?: Schema; properties?: Record<string, Schema>; additionalProperties?: Schema };

const PREFIX = '#/components/schemas/';
/** Of whole objects, and of strategic merges, which custom resources have not. */
const NOT_INSIDE = /^x-kubernetes-(group-version-kind|patch-.*)$/;
const INT_OR_STRING: Schema = { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true };
/** What has a form of its own in definitions. */
const SPECIAL: Readonly<Record<string, Schema>> = {
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': INT_OR_STRING,
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { ...INT_OR_STRING, pattern: '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$' },
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': { type: 'string', format: 'date-time' },
  'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta': { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
};

/** The schema of that name with all that it refers to. */
export function embedded(schemas: Readonly<Record<string, Schema>>, name: string, description: string): Schema {
  const said = (schema: Schema): Schema => ({ ...schema, description });
  const inline = (schema: Schema): Schema => {
    const ref = schema.$ref ?? schema.allOf?.[0]?.$ref;
    if (ref !== undefined) return { ...named(ref.slice(PREFIX.length)), ...(schema['default'] === undefined || Object.keys(schema['default'] as object).length === 0 ? {} : { default: schema['default'] }) };
    const { items, properties, additionalProperties, ...rest } = schema;
    return said({
      ...Object.fromEntries(Object.entries(rest).filter(([key]) => !NOT_INSIDE.test(key))),
      ...(items === undefined ? {} : { items: inline(items) }),
      ...(additionalProperties === undefined ? {} : { additionalProperties: inline(additionalProperties) }),
      ...(properties === undefined ? {} : { properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, inline(value)])) }),
    });
  };
  const named = (which: string): Schema => {
    const special = SPECIAL[which];
    if (special !== undefined) return said(special);
    const schema = schemas[which];
    if (schema === undefined) throw new Error(`there is no schema ${which}`);
    return inline(schema);
  };
  return named(name);
}
