/** [sig-api-machinery] CustomResourcePublishOpenAPI */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, get, kubectl, kubectlWith, namespace, patch, running, type Body } from '../cluster.ts';
import { define, DEFINITIONS, OPEN_SCHEMA, version, withDefinition, type Defined } from './definitions.ts';

const FOO = {
  description: 'Foo CRD for Testing', type: 'object',
  properties: {
    spec: {
      type: 'object', description: 'Specification of Foo',
      properties: { bars: { description: 'List of Bars and their specs.', type: 'array', items: { type: 'object', required: ['name'], properties: {
        name: { description: 'Name of Bar.', type: 'string' }, age: { description: 'Age of Bar.', type: 'string' }, feeling: { description: 'Whether Bar is feeling great.', type: 'string', enum: ['Great', 'Down'] }, bazs: { description: 'List of Bazs.', type: 'array', items: { type: 'string' } },
      } } } },
    },
    status: { type: 'object', description: 'Status of Foo', properties: { ready: { type: 'boolean' } } },
  },
};

function definitionName({ group, kind }: Defined, name: string): string {
  return `${group.split('.').toReversed().join('.')}.${name}.${kind}`;
}

/** Settles when both OpenAPI documents have the definition, or have it no more. */
async function published(defined: Defined, name: string, wanted: boolean): Promise<Body> {
  const key = definitionName(defined, name);
  const schema = await eventually(async () => {
    const v2 = (await get('/openapi/v2')).definitions[key];
    const index = (await get('/openapi/v3')).paths[`apis/${defined.group}/${name}`];
    const v3 = index === undefined ? undefined : (await get(index.serverRelativeURL)).components?.schemas?.[key];
    return (v2 !== undefined) === wanted && (v3 !== undefined) === wanted && { v2, v3 };
  }, { timeoutMs: 60_000, what: `${key} ${wanted ? 'is' : 'is not'} published` });
  return schema;
}

function thing({ group, kind }: Defined, fields: object): string {
  return JSON.stringify({ apiVersion: `${group}/v1`, kind, metadata: { name: 'test' }, ...fields });
}

/** kubectl makes, applies and deletes it. */
async function accepted(space: string, text: string): Promise<void> {
  await kubectlWith(text, '-n', space, 'create', '-f', '-');
  await kubectlWith(text, '-n', space, 'delete', '-f', '-');
  await kubectlWith(text, '-n', space, 'apply', '-f', '-');
  await kubectlWith(text, '-n', space, 'delete', '-f', '-');
}

export function openApi(): void {
  behaviour('CustomResourcePublishOpenAPI works for CRD with validation schema', () => withDefinition({ schema: FOO }, async (defined) => {
    const space = await namespace();
    const { v2 } = await published(defined, 'v1', true);
    assert.equal(v2.properties.spec.properties.bars.items.properties.name.description, 'Name of Bar.');
    await accepted(space, thing(defined, { spec: { bars: [{ name: 'test-bar', bazs: ['a'] }] } }));
    for (const verb of ['create', 'apply']) {
      for (const [fields, text] of [[{ spec: { foo: true } }, /unknown field "spec\.foo"/], [{ spec: { bars: [{ age: '10' }] } }, /missing required field "name"|spec\.bars\[0\]\.name: Required value/], [{ spec: { bars: [{ name: 'a', feeling: 'NonExistentValue' }] } }, /Unsupported value: "NonExistentValue"/]] as const) {
        const { code, stderr } = await running().kubectlWith(thing(defined, fields), '-n', space, verb, '-f', '-');
        assert.equal(code, 1, stderr);
        assert.match(stderr, text);
      }
    }
    assert.match(await kubectl('explain', defined.plural), /DESCRIPTION:\s+Foo CRD for Testing[\s\S]*FIELDS:[\s\S]*apiVersion[\s\S]*<string>[\s\S]*metadata[\s\S]*spec[\s\S]*Specification of Foo/);
    assert.match(await kubectl('explain', `${defined.plural}.metadata`), /creationTimestamp/);
    assert.match(await kubectl('explain', `${defined.plural}.spec.bars`), /name[\s\S]*-required-[\s\S]*Name of Bar/);
    assert.equal((await running().kubectl('explain', `${defined.plural}.spec.bars2`)).code, 1);
  }));

  behaviour('CustomResourcePublishOpenAPI works for CRD without validation schema', () => withDefinition({}, async (defined) => {
    await published(defined, 'v1', true);
    await accepted(await namespace(), thing(defined, { a: { b: [{ c: 'd' }] } }));
    assert.match(await kubectl('explain', defined.plural), /DESCRIPTION:\n\s+<empty>/);
  }));

  behaviour('CustomResourcePublishOpenAPI works for CRD preserving unknown fields at the schema root', () => {
    const schema = { ...OPEN_SCHEMA, properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } };
    return withDefinition({ schema }, async (defined) => {
      await published(defined, 'v1', true);
      await accepted(await namespace(), thing(defined, { unknown: 1, spec: { other: true } }));
      assert.ok((await kubectl('explain', defined.plural)).includes(`KIND:       ${defined.kind}`));
    });
  });

  behaviour('CustomResourcePublishOpenAPI works for CRD preserving unknown fields in an embedded object', () => {
    const schema = { type: 'object', properties: { spec: { description: 'Specification of Waldo', type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { dummy: { description: 'Dummy property.', type: 'object' } } } } };
    return withDefinition({ schema }, async (defined) => {
      const { v3 } = await published(defined, 'v1', true);
      assert.equal(v3.properties.spec['x-kubernetes-preserve-unknown-fields'], true);
      await accepted(await namespace(), thing(defined, { spec: { b: [{ c: 'd' }] } }));
      assert.match(await kubectl('explain', `${defined.plural}.spec`), /Specification of Waldo[\s\S]*dummy/);
    });
  });

  behaviour('CustomResourcePublishOpenAPI works for multiple CRDs of different groups', async () => {
    for (const group of ['one.example.com', 'two.example.com']) await published(await define({ group, schema: FOO }), 'v1', true);
  });

  behaviour('CustomResourcePublishOpenAPI works for multiple CRDs of same group but different versions', () =>
    withDefinition({ versions: [version('v1', FOO), version('v2', FOO)] }, async (defined) => {
      for (const name of ['v1', 'v2']) await published(defined, name, true);
    }));

  behaviour('CustomResourcePublishOpenAPI works for multiple CRDs of same group and version but different kinds', async () => {
    for (const made of [await define({ group: 'same.example.com', schema: FOO }), await define({ group: 'same.example.com', schema: FOO })]) await published(made, 'v1', true);
  });

  behaviour('CustomResourcePublishOpenAPI updates the published spec when one version gets renamed', () =>
    withDefinition({ versions: [version('v1', FOO), version('v2', FOO)] }, async (defined) => {
      for (const name of ['v1', 'v2']) await published(defined, name, true);
      await patch(`${DEFINITIONS}/${defined.name}`, { spec: { versions: [version('v1', FOO), version('v4', FOO)] } });
      await published(defined, 'v4', true);
      await published(defined, 'v2', false);
      await published(defined, 'v1', true);
    }));

  behaviour('CustomResourcePublishOpenAPI removes definition from spec when one version gets changed to not be served', () =>
    withDefinition({ versions: [version('v1', FOO), version('v2', FOO)] }, async (defined) => {
      await published(defined, 'v2', true);
      await patch(`${DEFINITIONS}/${defined.name}`, [{ op: 'test', path: '/spec/versions/1/name', value: 'v2' }, { op: 'replace', path: '/spec/versions/1/served', value: false }], 'json-patch');
      await published(defined, 'v2', false);
      await published(defined, 'v1', true);
    }));
}
