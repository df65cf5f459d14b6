/** The audit log of a whole llmos, with the default policy and with one of the user's. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { startWebhookServer } from '../fixtures/webhook-server.ts';

// Events of all shapes.
// oxlint-disable-next-line typescript/no-explicit-any
type Event = any;

const POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- level: Request
  resources: [{ group: '', resources: [configmaps] }]
- level: None
`;

describe('audit log', { timeout: 120_000 }, () => {
  let instance: Instance;
  let folder: string;
  const file = (): string => join(instance.state, 'audit', 'audit.log');
  const events = (): Event[] => readFileSync(file(), 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
  const told = (holds: (event: Event) => boolean): Promise<Event> => eventually(async () => events().find(holds), { what: holds.toString() });
  const apply = (manifest: string): Promise<string> => ok(instance.kubectlWith(manifest, 'apply', '-f', '-'));

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-audit-'));
    instance = await bootInstance({ config: 'audit: { enabled: true }\nmodules: { pod-security: { exemptions: { namespaces: [spared], usernames: [spared-user], runtimeClasses: [spared-class] } } }\n' });
  });
  after(async () => {
    await instance?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  it('tells who did what, and nothing of secrets', async () => {
    await apply('{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"default"},"stringData":{"password":"hunter2"}}');
    const { stdout: token } = await instance.kubectl('create', 'token', 'default');
    assert.equal((await instance.kubectl('get', 'secrets', '-o', 'yaml')).code, 0);
    const event = await told(({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'secrets');
    assert.deepEqual([event.level, event.stage, event.user.username, event.objectRef.name, event.responseStatus.code, event.annotations['authorization.k8s.io/decision']], ['Metadata', 'ResponseComplete', 'kubernetes-admin', 's', 201, 'allow']);
    assert.match(event.userAgent, /^kubectl/);
    await told(({ verb, objectRef }) => verb === 'create' && objectRef?.subresource === 'token');
    await told(({ verb, objectRef }) => verb === 'list' && objectRef?.resource === 'secrets');
    const text = readFileSync(file(), 'utf8');
    for (const secret of ['hunter2', Buffer.from('hunter2').toString('base64'), token.trim()]) assert.ok(!text.includes(secret));
    assert.deepEqual([statSync(file()).mode & 0o777, statSync(join(instance.state, 'audit')).mode & 0o777], [0o600, 0o700]);
  });

  it('tells what modules do, under their names, and not what they read', async () => {
    await apply(JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'told', namespace: 'default' }, spec: { replicas: 0, selector: { matchLabels: { app: 'told' } }, template: { metadata: { labels: { app: 'told' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } } }));
    const made = await told(({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'replicasets');
    assert.deepEqual([made.user.username, made.user.groups, made.objectRef.namespace, made.responseStatus.code], ['system:llmos:workloads', ['system:llmos'], 'default', 201]);
    assert.match(made.requestURI, /^\/apis\/apps\/v1\/namespaces\/default\/replicasets$/);
    assert.ok(!events().some(({ verb, user }) => user.groups?.includes('system:llmos') && ['get', 'list', 'watch'].includes(verb)));
    assert.equal((await instance.kubectl('delete', 'deployment', 'told')).code, 0);
    await told(({ verb, objectRef, user }) => verb === 'delete' && objectRef?.resource === 'replicasets' && user.username === 'system:llmos:garbage-collector');
  });

  it('tells what policies of admission found', async () => {
    await apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'strict', labels: { 'pod-security.kubernetes.io/audit': 'restricted', 'pod-security.kubernetes.io/enforce': 'baseline' } } }));
    const group = 'admissionregistration.k8s.io/v1';
    await apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [
      { apiVersion: group, kind: 'ValidatingAdmissionPolicy', metadata: { name: 'named' }, spec: {
        matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] },
        validations: [{ expression: "object.metadata.name == 'good'", message: 'another name, please' }], auditAnnotations: [{ key: 'who', valueExpression: "'name ' + object.metadata.name" }],
      } },
      { apiVersion: group, kind: 'ValidatingAdmissionPolicyBinding', metadata: { name: 'named' }, spec: { policyName: 'named', validationActions: ['Audit'] } },
    ] }));
    const pod = (name: string): string => JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'strict' }, spec: { serviceAccountName: 'default', nodeName: 'elsewhere', containers: [{ name: 'a', image: 'x' }] } });
    const event = await eventually(async () => {
      await instance.kubectlWith(pod('bad'), 'create', '-f', '-');
      const found = events().find(({ verb, objectRef, annotations }) => verb === 'create' && objectRef?.name === 'bad' && annotations?.['named/who'] !== undefined);
      if (found === undefined) await instance.kubectl('delete', 'pod', 'bad', '-n', 'strict', '--force', '--grace-period=0');
      return found;
    }, { everyMs: 300 });
    const { annotations } = event;
    assert.equal(annotations['named/who'], 'name bad');
    const [failure] = JSON.parse(annotations['validation.policy.admission.k8s.io/validation_failure']);
    assert.deepEqual(failure, { message: 'another name, please', policy: 'named', binding: 'named', expressionIndex: 0, validationActions: ['Audit'] });
    assert.equal(annotations['pod-security.kubernetes.io/enforce-policy'], 'baseline:latest');
    assert.match(annotations['pod-security.kubernetes.io/audit-violations'], /^would violate PodSecurity "restricted:latest": allowPrivilegeEscalation/);
  });

  it('tells who is exempt from the Pod Security Standards, and counts it', async () => {
    const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/audit-version': 'v1.30' };
    for (const [name, labels] of [['spared', restricted], ['not-spared', restricted], ['plain', {}]] as const) {
      const { stderr } = await instance.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }), 'create', '-f', '-');
      assert.equal(stderr.trim(), name === 'spared' ? 'Warning: namespace "spared" is exempt from Pod Security, and the policy (enforce=restricted:latest) will be ignored' : '');
    }
    await apply(JSON.stringify({ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'spared-class' }, handler: 'crun' }));
    const pod = (name: string, namespace: string, more: object = {}): string => JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec: { nodeName: 'elsewhere', hostPID: true, containers: [{ name: 'a', image: 'x' }], ...more } });
    const asking = async (text: string, ...args: string[]): Promise<[number, string]> => {
      const { code, stderr } = await instance.kubectlWith(text, 'create', '-f', '-', ...args);
      return [code, stderr];
    };
    assert.deepEqual(await asking(pod('e1', 'spared')), [0, '']);
    assert.deepEqual(await asking(pod('e2', 'not-spared', { runtimeClassName: 'spared-class' })), [0, '']);
    assert.deepEqual(await asking(pod('e3', 'not-spared'), '--as=spared-user', '--as-group=system:masters'), [0, '']);
    assert.deepEqual(await asking(pod('e4', 'plain')), [0, '']);
    assert.match((await asking(pod('e5', 'not-spared')))[1], /pods "e5" is forbidden: violates PodSecurity "restricted:latest": host namespaces \(hostPID=true\), allowPrivilegeEscalation/);
    const annotationsOf = async (name: string): Promise<Record<string, string>> => {
      const { annotations } = await told(({ verb, objectRef, stage }) => verb === 'create' && objectRef?.name === name && stage === 'ResponseComplete');
      return Object.fromEntries(Object.entries(annotations as Record<string, string>).filter(([key]) => key.startsWith('pod-security.')).map(([key, value]) => [key.split('/')[1]!, value]));
    };
    assert.deepEqual([await annotationsOf('e1'), await annotationsOf('e2'), await annotationsOf('e3'), await annotationsOf('e4')], [{ exempt: 'namespace' }, { exempt: 'runtimeClass' }, { exempt: 'user' }, { 'enforce-policy': 'privileged:latest' }]);
    const metrics = await ok(instance.kubectl('get', '--raw', '/metrics'));
    assert.match(metrics, /^pod_security_exemptions_total\{request_operation="create",resource="pod",subresource=""\} 3$/m);
    assert.match(metrics, /^pod_security_evaluations_total\{decision="deny",mode="enforce",policy_level="restricted",policy_version="latest",request_operation="create",resource="pod",subresource=""\} \d+$/m);
    assert.match(metrics, /^pod_security_evaluations_total\{decision="allow",mode="enforce",policy_level="privileged",policy_version="latest",request_operation="create",resource="pod",subresource=""\} \d+$/m);
  });

  it('tells what webhooks were asked, and what they had to say', async () => {
    const server = await startWebhookServer((path, { apiVersion, kind, request }: Event) => ({
      apiVersion, kind, response: { uid: request.uid, allowed: true, auditAnnotations: { seen: path }, ...(path === '/change' ? { patchType: 'JSONPatch', patch: Buffer.from('[{"op":"add","path":"/data/b","value":"c"}]').toString('base64') } : {}) },
    }));
    try {
      const hook = (name: string, url: string): object => ({
        name, clientConfig: { url, caBundle: server.caBundle }, sideEffects: 'None', admissionReviewVersions: ['v1'], failurePolicy: 'Ignore', timeoutSeconds: 2,
        rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }], namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
      });
      const group = 'admissionregistration.k8s.io/v1';
      await apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [
        { apiVersion: group, kind: 'MutatingWebhookConfiguration', metadata: { name: 'changing' }, webhooks: [hook('change.example.com', `${server.url}/change`), hook('gone.example.com', 'https://127.0.0.1:9/gone')] },
        { apiVersion: group, kind: 'ValidatingWebhookConfiguration', metadata: { name: 'judging' }, webhooks: [hook('judge.example.com', `${server.url}/judge`)] },
      ] }));
      let round = 0;
      const { annotations } = await eventually(async () => {
        await instance.kubectl('create', 'configmap', `hooked-${(round += 1)}`, '--from-literal=a=b');
        return events().find((event) => event.annotations?.['judge.example.com/seen'] !== undefined && event.annotations['change.example.com/seen'] !== undefined);
      }, { everyMs: 300 });
      const prefix = 'webhook.admission.k8s.io/round_0_index_';
      assert.deepEqual(JSON.parse(annotations[`mutation.${prefix}0`]), { configuration: 'changing', webhook: 'change.example.com', mutated: true });
      assert.deepEqual([annotations[`failed-open.mutation.${prefix}1`], annotations['change.example.com/seen'], annotations['judge.example.com/seen']], ['gone.example.com', '/change', '/judge']);
    } finally {
      for (const kind of ['mutatingwebhookconfiguration/changing', 'validatingwebhookconfiguration/judging']) await instance.kubectl('delete', kind);
      await server.stop();
    }
  });

  it('follows a policy of the user, and outlives a kill; a wrong policy stops the boot with its reason', async () => {
    const policy = join(folder, 'policy.yaml');
    writeFileSync(policy, POLICY);
    const config = instance.env['LLMOS_CONFIG']!;
    writeFileSync(config, readFileSync(config, 'utf8').replace('enabled: true', `enabled: true, policyFile: ${policy}`));
    await instance.kill('SIGKILL');
    const before = events().length; // until then it told by the policy of before
    await instance.boot();
    assert.equal((await instance.kubectl('get', 'pods')).code, 0);
    assert.equal((await instance.kubectl('create', 'configmap', 'm', '--from-literal=a=b')).code, 0);
    const event = await told(({ objectRef, requestObject, stage }) => objectRef?.name === 'm' && requestObject !== undefined && stage === 'ResponseComplete');
    assert.deepEqual([event.requestObject.data, event.responseObject], [{ a: 'b' }, undefined]);
    assert.ok(events().slice(before).every(({ objectRef }) => objectRef?.resource === 'configmaps'));
    await instance.kill('SIGTERM');
    writeFileSync(policy, POLICY.replace('level: None', 'level: Nothing'));
    await assert.rejects(instance.boot(), /audit policy .*policy\.yaml cannot be used: rules\[1\]\.level must be one of None, Metadata, Request, RequestResponse, not Nothing/);
    writeFileSync(policy, POLICY);
    await instance.boot();
  });
});
