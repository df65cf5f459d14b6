/** [sig-api-machinery] AdmissionWebhook */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, call, create, get, namespace, ok, patch, podOf, put, refused, remove, running, until, type Body } from '../cluster.ts';
import { allow, deny, openHooks, patching, type Hook, type Hooks } from '../hooks.ts';
import { define, definitionOf, DEFINITIONS, version, type Defined } from './definitions.ts';

type Which = 'mutating' | 'validating';

const GROUP = '/apis/admissionregistration.k8s.io/v1';
const MARKER = 'conformance-webhook-marker';
const MAPS = { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };
let server: Hooks;
let hooks = 0;

const pathOf = (which: Which): string => `${GROUP}/${which}webhookconfigurations`;
const mapsOf = (space: string): string => `/api/v1/namespaces/${space}/configmaps`;
const onlyIn = (space: string): Body => ({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': space } } });

function webhook(hook: Hook, operations: readonly string[], resources: Body, more: object = {}): Body {
  return {
    name: `hook-${(hooks += 1)}.example.com`, clientConfig: server.clientConfig(hook), rules: [{ operations, ...resources }], sideEffects: 'None', admissionReviewVersions: ['v1'],
    timeoutSeconds: 10, failurePolicy: 'Fail', ...more,
  };
}

/** Hooks that act on the marker show when a configuration holds. */
function withMarker(hook: Hook, which: Which): Hook {
  return (request) => (request.name !== MARKER ? hook(request) : which === 'validating' ? deny('the marker') : patching(() => [{ op: 'add', path: '/metadata/labels', value: { seen: 'true' } }])(request));
}

/** Whether the configurations act now, told by a dry run on the marker. */
async function acts(space: string, which: Which): Promise<boolean> {
  const { code, body } = await call('POST', `${mapsOf(space)}?dryRun=All`, { body: { metadata: { name: MARKER }, data: { is: 'marker' } } });
  return which === 'validating' ? code >= 400 : body.metadata?.labels?.seen === 'true';
}

interface Registered {
  space: string;
  name: string;
  which: Which;
}

/** Registers hooks for a namespace, runs, and takes them away again. */
async function registered(which: Which, make: (space: string) => Body[], run: (about: Registered) => Promise<void>, labels?: object): Promise<void> {
  const space = await namespace();
  const name = `conformance-${(hooks += 1)}`;
  await create(pathOf(which), { metadata: { name, labels }, webhooks: [...make(space), webhook(withMarker(allow, which), ['CREATE'], MAPS, onlyIn(space))] });
  try {
    await eventually(() => acts(space, which), { timeoutMs: 60_000, what: 'the webhook acts' });
    await run({ space, name, which });
  } finally {
    await call('DELETE', `${pathOf(which)}/${name}`);
  }
}

const addKey = (key: string, when: (object: Body) => boolean = () => true): Hook => patching((object) => (when(object) ? [{ op: 'add', path: `/data/${key}`, value: 'yes' }] : []));
const isBad = ({ object }: Body): boolean => object.data?.['webhook-e2e-test'] === 'webhook-disallow';
const mapNamed = (name: string, data: object = { 'mutation-start': 'yes' }): Body => ({ metadata: { name }, data });

function kindRules({ group, plural }: Defined, versions: readonly string[] = ['*']): Body {
  return { apiGroups: [group], apiVersions: versions, resources: [plural] };
}

export function webhooks(): void {
  before(async () => void (server = await openHooks()));
  after(() => server?.stop());
  discovered();
  judging();
  changing();
  configured();
  custom();
}

function discovered(): void {
  behaviour('AdmissionWebhook should include webhook resources in discovery documents', async () => {
    const group = (await get('/apis')).groups.find((each: Body) => each.name === 'admissionregistration.k8s.io');
    assert.ok(group.versions.some((each: Body) => each.groupVersion === 'admissionregistration.k8s.io/v1'));
    assert.ok((await get('/apis/admissionregistration.k8s.io')).versions.some((each: Body) => each.version === 'v1'));
    const { resources } = await get(GROUP);
    for (const name of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']) assert.ok(resources.some((each: Body) => each.name === name), name);
  });
}

function judging(): void {
  behaviour('AdmissionWebhook should be able to deny pod and configmap creation', () => registered('validating', (space) => [
    webhook(({ object }) => (object.metadata.name.startsWith('disallowed') ? deny('the pod contains an unwanted name') : object.metadata.name === 'to-be-attached' ? new Promise(() => {}) : { allowed: true }), ['CREATE'], { ...MAPS, resources: ['pods'] }, { ...onlyIn(space), timeoutSeconds: 1 }),
    webhook((request) => (isBad(request) ? deny('the configmap contains an unwanted key and value') : { allowed: true }), ['CREATE', 'UPDATE'], MAPS, onlyIn(space)),
  ], async ({ space }) => {
    const pods = `/api/v1/namespaces/${space}/pods`;
    assert.match((await refused(400, 'POST', pods, { body: podOf('disallowed-pod') })).message, /admission webhook ".*" denied the request: the pod contains an unwanted name/);
    const hanging = await call('POST', pods, { body: podOf('to-be-attached') });
    assert.ok(hanging.code >= 400, JSON.stringify(hanging.body));
    assert.match(hanging.body.message, /failed calling webhook|timeout|deadline/i);
    await refused(400, 'POST', mapsOf(space), { body: mapNamed('bad', { 'webhook-e2e-test': 'webhook-disallow' }) });
    const good = await create(mapsOf(space), mapNamed('good', { admit: 'this' }));
    await refused(400, 'PUT', `${mapsOf(space)}/good`, { body: { ...good, data: { 'webhook-e2e-test': 'webhook-disallow' } } });
    await refused(400, 'PATCH', `${mapsOf(space)}/good`, { body: { data: { 'webhook-e2e-test': 'webhook-disallow' } }, contentType: 'application/merge-patch+json' });
    const elsewhere = await namespace();
    await create(mapsOf(elsewhere), mapNamed('bad', { 'webhook-e2e-test': 'webhook-disallow' }));
  }));

  behaviour('AdmissionWebhook should be able to deny attaching pod', () => registered('validating', (space) => [
    webhook(({ name }) => (name === 'to-be-attached-pod' ? deny("attaching to pod 'to-be-attached-pod' is not allowed") : { allowed: true }), ['CONNECT'], { ...MAPS, resources: ['pods/attach'] }, onlyIn(space)),
  ], async ({ space }) => {
    await create(`/api/v1/namespaces/${space}/pods`, podOf('to-be-attached-pod'));
    await until(`/api/v1/namespaces/${space}/pods/to-be-attached-pod`, ({ status }) => status.phase === 'Running');
    const { code, stderr } = await running().kubectl('-n', space, 'attach', 'to-be-attached-pod', '-i', '-c=main');
    assert.notEqual(code, 0);
    assert.match(stderr, /attaching to pod 'to-be-attached-pod' is not allowed/);
  }));

  behaviour('AdmissionWebhook should unconditionally reject operations on fail closed webhook', () => registered('validating', (space) => [
    { ...webhook(allow, ['CREATE'], MAPS, onlyIn(space)), clientConfig: { url: 'https://127.0.0.1:1/none' } },
  ], async ({ space }) => {
    const { code, body } = await call('POST', mapsOf(space), { body: mapNamed('refused') });
    assert.ok(code >= 400 && /failed calling webhook/.test(body.message), JSON.stringify(body));
  }));

  behaviour('AdmissionWebhook should honor timeout', async () => {
    const slow: Hook = async () => {
      await new Promise((settle) => setTimeout(settle, 2_500));
      return { allowed: true };
    };
    const table: [timeoutSeconds: number | undefined, failurePolicy: string, passes: boolean][] = [[1, 'Fail', false], [1, 'Ignore', true], [5, 'Fail', true], [undefined, 'Fail', true]];
    await Promise.all(table.map(([timeoutSeconds, failurePolicy, passes], index) => registered('validating', (space) => [
      webhook((request) => (request.name === MARKER ? { allowed: true } : slow(request)), ['CREATE'], MAPS, { ...onlyIn(space), timeoutSeconds, failurePolicy }),
    ], async ({ space }) => {
      const { code, body } = await call('POST', mapsOf(space), { body: mapNamed(`slow-${index}`) });
      assert.equal(code === 201, passes, `${timeoutSeconds} ${failurePolicy}: ${JSON.stringify(body)}`);
    })));
  });

  behaviour('AdmissionWebhook should not be able to mutate or prevent deletion of webhook configuration objects', async () => {
    const resources = { apiGroups: ['admissionregistration.k8s.io'], apiVersions: ['*'], resources: ['*'] };
    const labels = { target: 'true' };
    const selector = { objectSelector: { matchLabels: labels } };
    await registered('validating', () => [webhook(() => deny('no deletion'), ['DELETE'], resources, selector)], () =>
      registered('mutating', () => [webhook(patching(() => [{ op: 'add', path: '/metadata/annotations', value: { changed: 'true' } }]), ['CREATE'], resources, selector)], async ({ space }) => {
        for (const which of ['validating', 'mutating'] as const) {
          const made = await create(pathOf(which), { metadata: { name: `target-${which}`, labels }, webhooks: [webhook(allow, ['CREATE'], { ...MAPS, resources: ['none'] }, onlyIn(space))] });
          assert.equal(made.metadata.annotations, undefined);
          await remove(`${pathOf(which)}/target-${which}`);
        }
      }));
  });
}

function changing(): void {
  behaviour('AdmissionWebhook should mutate configmap', () => registered('mutating', (space) => [
    webhook(addKey('mutation-stage-1', ({ data }) => data?.['mutation-start'] === 'yes'), ['CREATE'], MAPS, onlyIn(space)),
    webhook(addKey('mutation-stage-2', ({ data }) => data?.['mutation-stage-1'] === 'yes'), ['CREATE'], MAPS, onlyIn(space)),
  ], async ({ space }) => {
    assert.deepEqual((await create(mapsOf(space), mapNamed('mutated'))).data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' });
  }));

  behaviour('AdmissionWebhook should mutate pod and apply defaults after mutation', () => registered('mutating', (space) => [
    webhook(patching(() => [{ op: 'add', path: '/spec/initContainers', value: [{ name: 'webhook-added-init-container', image: 'webhook-added-image', resources: {} }] }]), ['CREATE'], { ...MAPS, resources: ['pods'] }, onlyIn(space)),
  ], async ({ space }) => {
    const { spec } = await create(`/api/v1/namespaces/${space}/pods`, podOf('mutated', { spec: { nodeSelector: { none: 'such' } } }));
    assert.deepEqual([spec.initContainers[0].name, spec.initContainers[0].terminationMessagePolicy], ['webhook-added-init-container', 'File']);
  }));

  behaviour("AdmissionWebhook should mutate everything except 'skip-me' configmaps", () => registered('mutating', (space) => [
    webhook(addKey('mutation-stage-1'), ['CREATE'], MAPS, { ...onlyIn(space), matchConditions: [{ name: 'skip-me', expression: "object.metadata.name != 'skip-me'" }] }),
  ], async ({ space }) => {
    assert.equal((await create(mapsOf(space), mapNamed('skip-me'))).data['mutation-stage-1'], undefined);
    assert.equal((await create(mapsOf(space), mapNamed('not-skipped'))).data['mutation-stage-1'], 'yes');
  }));
}

function configured(): void {
  const disallow = (space: string): Body => webhook(withMarker((request) => (isBad(request) ? deny('unwanted') : { allowed: true }), 'validating'), ['CREATE'], MAPS, onlyIn(space));
  const mutate = (space: string): Body => webhook(withMarker(addKey('mutation-stage-1'), 'mutating'), ['CREATE'], MAPS, onlyIn(space));
  const hookOf = { validating: disallow, mutating: mutate };
  const holds = async (space: string, which: Which): Promise<boolean> => {
    const name = `probe-${(hooks += 1)}`;
    const { code, body } = await call('POST', mapsOf(space), { body: mapNamed(name, { 'webhook-e2e-test': 'webhook-disallow' }) });
    return which === 'validating' ? code === 400 : body.data['mutation-stage-1'] === 'yes';
  };

  for (const which of ['validating', 'mutating'] as const) {
    behaviour(`AdmissionWebhook patching/updating a ${which} webhook should work`, async () => {
      const space = await namespace();
      const name = `changed-${which}`;
      const made = await create(pathOf(which), { metadata: { name }, webhooks: [hookOf[which](space)] });
      await eventually(() => acts(space, which));
      assert.equal(await holds(space, which), true);
      made.webhooks[0].rules[0].operations = ['UPDATE'];
      await put(`${pathOf(which)}/${name}`, made);
      await eventually(async () => !(await acts(space, which)));
      assert.equal(await holds(space, which), false);
      await patch(`${pathOf(which)}/${name}`, [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }], 'json-patch');
      await eventually(() => acts(space, which));
      assert.equal(await holds(space, which), true);
      await remove(`${pathOf(which)}/${name}`);
    });

    behaviour(`AdmissionWebhook listing ${which} webhooks should work`, async () => {
      const space = await namespace();
      for (let n = 0; n < 10; n += 1) await create(pathOf(which), { metadata: { name: `listed-${which}-${n}`, labels: { 'e2e-list-test': space } }, webhooks: [hookOf[which](space)] });
      const selected = `${pathOf(which)}?labelSelector=e2e-list-test%3D${space}`;
      assert.equal((await get(selected)).items.length, 10);
      await eventually(() => acts(space, which));
      assert.equal(await holds(space, which), true);
      await ok('DELETE', selected);
      await eventually(async () => !(await acts(space, which)));
      assert.equal(await holds(space, which), false);
    });

    behaviour(`AdmissionWebhook should be able to create and update ${which} webhook configurations with match conditions`, async () => {
      const path = pathOf(which);
      const conditions = [{ name: 'expression-1', expression: "object.metadata.namespace == 'production'" }];
      const hook = webhook(allow, ['CREATE'], { ...MAPS, resources: ['none'] }, { matchConditions: conditions });
      const made = await create(path, { metadata: { name: `conditions-${which}` }, webhooks: [hook] });
      assert.deepEqual(made.webhooks[0].matchConditions, conditions);
      const more = [...conditions, { name: 'expression-2', expression: "object.metadata.namespace == 'staging'" }];
      made.webhooks[0].matchConditions = more;
      await put(`${path}/conditions-${which}`, made);
      assert.deepEqual((await get(`${path}/conditions-${which}`)).webhooks[0].matchConditions, more);
      await remove(`${path}/conditions-${which}`);
    });

    behaviour(`AdmissionWebhook should reject ${which} webhook configurations with invalid match conditions`, async () => {
      const hook = webhook(allow, ['CREATE'], MAPS, { matchConditions: [{ name: 'invalid-expression', expression: "... [] bad expression" }] });
      assert.match((await refused(422, 'POST', pathOf(which), { body: { metadata: { name: 'invalid' }, webhooks: [hook] } })).message, /compilation failed/);
    });
  }
}

function custom(): void {
  behaviour('AdmissionWebhook should be able to deny custom resource creation, update and deletion', async () => {
    const defined = await define();
    const bad = ({ object, oldObject, operation }: Body): boolean => (operation === 'DELETE' ? oldObject : object).data?.['webhook-e2e-test'] === 'webhook-disallow';
    await registered('validating', (space) => [webhook((request) => (bad(request) ? deny('the custom resource contains unwanted data') : { allowed: true }), ['CREATE', 'UPDATE', 'DELETE'], kindRules(defined), onlyIn(space))], async ({ space, name, which }) => {
      const thing = (called: string, value: string): Body => ({ apiVersion: `${defined.group}/v1`, kind: defined.kind, metadata: { name: called }, data: { 'webhook-e2e-test': value } });
      const path = defined.path(space);
      assert.match((await refused(400, 'POST', path, { body: thing('one', 'webhook-disallow') })).message, /unwanted data/);
      await create(path, thing('two', 'fine'));
      await refused(400, 'PATCH', `${path}/two`, { body: { data: { 'webhook-e2e-test': 'webhook-disallow' } }, contentType: 'application/merge-patch+json' });
      const configuration = await get(`${pathOf(which)}/${name}`);
      configuration.webhooks[0].rules[0].operations = ['DELETE'];
      await put(`${pathOf(which)}/${name}`, configuration);
      await eventually(async () => (await call('PATCH', `${path}/two`, { body: { data: { 'webhook-e2e-test': 'webhook-disallow' } }, contentType: 'application/merge-patch+json' })).code === 200);
      await refused(400, 'DELETE', `${path}/two`);
      await patch(`${path}/two`, { data: { 'webhook-e2e-test': 'fine' } });
      await remove(`${path}/two`);
    });
  });

  behaviour('AdmissionWebhook should deny crd creation', () => {
    const resources = { apiGroups: ['apiextensions.k8s.io'], apiVersions: ['*'], resources: ['customresourcedefinitions'] };
    return registered('validating', () => [webhook(() => deny('the crd contains unwanted label'), ['CREATE'], resources, { objectSelector: { matchLabels: { disallow: 'true' } } })], async () => {
      const { object } = definitionOf({ labels: { disallow: 'true' } });
      assert.match((await refused(400, 'POST', DEFINITIONS, { body: object })).message, /denied the request: the crd contains unwanted label/);
    });
  });

  behaviour('AdmissionWebhook should mutate custom resource', async () => {
    const defined = await define();
    await registered('mutating', (space) => twoStages(defined, space), async ({ space }) => {
      const made = await create(defined.path(space), { apiVersion: `${defined.group}/v1`, kind: defined.kind, metadata: { name: 'mutated' }, data: { 'mutation-start': 'yes' } });
      assert.deepEqual(made.data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' });
    });
  });

  behaviour('AdmissionWebhook should mutate custom resource with pruning', async () => {
    const text = { type: 'string' };
    const defined = await define({ schema: { type: 'object', properties: { data: { type: 'object', properties: { 'mutation-start': text, 'mutation-stage-1': text } } } } });
    await registered('mutating', (space) => twoStages(defined, space), async ({ space }) => {
      const made = await create(defined.path(space), { apiVersion: `${defined.group}/v1`, kind: defined.kind, metadata: { name: 'pruned' }, data: { 'mutation-start': 'yes' } });
      assert.deepEqual(made.data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' });
    });
  });

  behaviour('AdmissionWebhook should mutate custom resource with different stored version', async () => {
    const defined = await define({ versions: [version('v1'), version('v2')] });
    await registered('mutating', (space) => [webhook(addKey('mutation-stage-1', ({ data }) => data?.['mutation-start'] === 'yes'), ['CREATE', 'UPDATE'], kindRules(defined, ['v1', 'v2']), onlyIn(space))], async ({ space }) => {
      await create(defined.path(space), { apiVersion: `${defined.group}/v1`, kind: defined.kind, metadata: { name: 'moved' }, data: { 'mutation-start': 'yes' } });
      await patch(`${DEFINITIONS}/${defined.name}`, [{ op: 'replace', path: '/spec/versions/0/storage', value: false }, { op: 'replace', path: '/spec/versions/1/storage', value: true }], 'json-patch');
      await patch(`${defined.path(space)}/moved`, { data: { 'mutation-start': 'yes', 'mutation-stage-1': null, dummy: 'test' } });
      for (const served of ['v1', 'v2']) assert.deepEqual((await get(`${defined.path(space, served)}/moved`)).data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes', dummy: 'test' });
    });
  });
}

function twoStages(defined: Defined, space: string): Body[] {
  return [
    webhook(addKey('mutation-stage-1', ({ data }) => data?.['mutation-start'] === 'yes'), ['CREATE'], kindRules(defined), onlyIn(space)),
    webhook(addKey('mutation-stage-2', ({ data }) => data?.['mutation-stage-1'] === 'yes'), ['CREATE'], kindRules(defined), onlyIn(space)),
  ];
}
