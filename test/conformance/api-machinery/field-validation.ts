/** [sig-api-machinery] FieldValidation */
import assert from 'node:assert/strict';
import { behaviour, kubectlWith, namespace, ok, refused, running } from '../cluster.ts';
import { withDefinition, type Defined } from './definitions.ts';

const SCHEMA = { type: 'object', properties: { spec: { type: 'object', properties: { foo: { type: 'string' }, cronSpec: { type: 'string' } } } } };

const yaml = (text: string): { contentType: string; body: string } => ({ contentType: 'application/apply-patch+yaml', body: text });

function thing({ group, kind }: Defined, rest: string, metadata = ''): string {
  return `{"apiVersion":"${group}/v1","kind":"${kind}","metadata":{"name":"mine"${metadata}},${rest}}`;
}

async function applied(text: string): Promise<string> {
  const space = await namespace();
  return kubectlWith(text, '-n', space, 'apply', '--validate=true', '-f', '-');
}

export function fieldValidation(): void {
  behaviour('FieldValidation should detect unknown and duplicate fields of a typed object', async () => {
    const space = await namespace();
    const body = (spec: string): string => `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{${spec}"selector":{"matchLabels":{"app":"x"}},"template":{"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`;
    const path = `/apis/apps/v1/namespaces/${space}/deployments`;
    const status = await refused(400, 'POST', `${path}?fieldValidation=Strict`, { body: body('"unknown1":"val1","unknownDupe":"a","unknownDupe":"b","paused":true,"paused":false,') });
    for (const text of ['unknown field "spec.unknown1"', 'unknown field "spec.unknownDupe"', 'duplicate field "spec.paused"']) assert.ok(status.message.includes(text), status.message);
    await ok('POST', `${path}?fieldValidation=Strict`, { body: body('') });
    const patched = await refused(422, 'PATCH', `${path}/d?fieldValidation=Strict`, { body: '{"spec":{"unknown1":"val1","paused":true,"paused":false}}', contentType: 'application/merge-patch+json' });
    assert.match(patched.message, /duplicate field "spec.paused"|unknown field "spec.unknown1"/);
  });

  behaviour('FieldValidation should detect unknown metadata fields of a typed object', async () => {
    const space = await namespace();
    const status = await refused(400, 'POST', `/api/v1/namespaces/${space}/configmaps?fieldValidation=Strict`, { body: { metadata: { name: 'c', unknownMeta: 'metaVal' } } });
    assert.match(status.message, /unknown field "metadata.unknownMeta"/);
  });

  behaviour('FieldValidation should create/apply a valid CR for CRD with validation schema', () => withDefinition({ schema: SCHEMA }, async (defined) => {
    const space = await namespace();
    await ok('PATCH', `${defined.path(space)}/mine?fieldManager=test&fieldValidation=Strict`, yaml(thing(defined, '"spec":{"foo":"foo1","cronSpec":"* * * * */5"}')));
    assert.match(await applied(thing(defined, '"spec":{"foo":"foo1"}')), /created/);
  }));

  behaviour('FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema', () => withDefinition({}, async (defined) => {
    const space = await namespace();
    await ok('PATCH', `${defined.path(space)}/mine?fieldManager=test&fieldValidation=Strict`, yaml(thing(defined, '"spec":{"any":1},"more":true')));
    assert.match(await applied(thing(defined, '"other":[1]')), /created/);
  }));

  behaviour('FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema', () => withDefinition({ schema: SCHEMA }, async (defined) => {
    const space = await namespace();
    const text = thing(defined, '"spec":{"foo":"foo1","extraProperty":"arbitrary"}');
    // Upstream does not classify it (managedfields, structuredMergeManager.Apply).
    const status = await refused(500, 'PATCH', `${defined.path(space)}/mine?fieldManager=test&fieldValidation=Strict`, yaml(text));
    assert.match(status.message, /^failed to create typed patch object .*\.spec\.extraProperty: field not declared in schema$/);
    const result = await running().kubectlWith(text, '-n', space, 'apply', '--validate=true', '-f', '-');
    assert.equal(result.code, 1);
    assert.match(result.stderr, /unknown field "spec\.extraProperty"/);
  }));

  behaviour('FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR', () => {
    const embedded = { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true };
    return withDefinition({ schema: { type: 'object', properties: { spec: { type: 'object', properties: { template: embedded } } } } }, async (defined) => {
      const space = await namespace();
      const body = thing(defined, '"spec":{"template":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"inner","unknownSubMeta":"x"}}}', ',"unknownMeta":"y"');
      const status = await refused(400, 'POST', `${defined.path(space)}?fieldValidation=Strict`, { body });
      for (const text of ['unknown field "metadata.unknownMeta"', 'unknown field "spec.template.metadata.unknownSubMeta"']) assert.ok(status.message.includes(text), status.message);
    });
  });

  behaviour('FieldValidation should detect duplicates in a CR when preserving unknown fields', () => withDefinition({}, async (defined) => {
    const space = await namespace();
    const body = thing(defined, '"spec":{"unknown":"a","foo":"b","foo":"c"}');
    const status = await refused(400, 'POST', `${defined.path(space)}?fieldValidation=Strict`, { body });
    assert.match(status.message, /duplicate field "spec.foo"/);
  }));
}
