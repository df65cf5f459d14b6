/** What users see of rules, policies and standards: the real kubectl against a whole llmos. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type CommandResult, type Instance } from '../fixtures/instance.ts';
import { startWebhookServer, type WebhookServer } from '../fixtures/webhook-server.ts';

const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ranges.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { kind: Range, plural: ranges }
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties: { min: { type: integer }, max: { type: integer } }
            x-kubernetes-validations:
            - { rule: self.min <= self.max, messageExpression: "'min %d is above max %d'.format([self.min, self.max])" }
            - { rule: self.max >= oldSelf.max, message: max may only grow, reason: FieldValueForbidden, fieldPath: .max }
`;
const range = (min: number, max: number): string => `{"apiVersion":"example.com/v1","kind":"Range","metadata":{"name":"r"},"spec":{"min":${min},"max":${max}}}`;
const pod = (name: string, context = ''): string => `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"${name}"},"spec":{"containers":[{"name":"main","image":"${TEST_IMAGE}","imagePullPolicy":"IfNotPresent","command":["sleep","1000"]${context}}]}}`;
const RESTRICTED = ',"securityContext":{"allowPrivilegeEscalation":false,"runAsNonRoot":true,"runAsUser":65534,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"}}';

describe('admission as users see it', { timeout: 120_000 }, () => {
  let llmos: Instance;
  let server: WebhookServer;
  const ok = async (result: Promise<CommandResult>): Promise<CommandResult> => {
    const said = await result;
    assert.equal(said.code, 0, `${said.stderr}\n${said.stdout}`);
    return said;
  };
  const fails = async (result: Promise<CommandResult>, expected: RegExp): Promise<void> => {
    const { code, stderr } = await result;
    assert.notEqual(code, 0);
    assert.match(stderr, expected);
  };
  const apply = (text: string, ...args: string[]): Promise<CommandResult> => llmos.kubectlWith(text, 'apply', '-f', '-', ...args);

  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
    server = await startWebhookServer(((_path: string, { request, apiVersion }: { request: { uid: string }; apiVersion: string }) => ({ apiVersion, kind: 'AdmissionReview', response: { uid: request.uid, allowed: true, warnings: ['think twice'] } })) as never);
  });
  after(async () => {
    await llmos?.destroy();
    await server?.stop();
  });

  it('rules of custom resources', async () => {
    await ok(apply(DEFINITION));
    await ok(llmos.kubectl('wait', '--for=condition=Established', 'crd/ranges.example.com', '--timeout=60s'));
    await eventually(async () => (await llmos.kubectl('get', 'ranges')).code === 0);
    await ok(apply(range(1, 2)));
    await fails(apply(range(3, 2)), /The Range "r" is invalid: spec: Invalid value: min 3 is above max 2/);
    await fails(apply(range(1, 1)), /spec\.max: Forbidden: max may only grow/);
    await ok(apply(range(1, 5)));
    // How long a number is as text upstream does not know, and takes it for endless.
    await fails(apply(DEFINITION.replace("'min %d is above max %d'.format([self.min, self.max])", "'min is ' + string(self.min)").replaceAll('ranges', 'others').replace('kind: Range', 'kind: Other')), /estimated messageExpression cost exceeds budget by factor of more than 100x/);
    await fails(apply(DEFINITION.replace('self.min <= self.max', 'self.mini <= self.max').replaceAll('ranges', 'others').replace('kind: Range', 'kind: Other')), /undefined field 'mini'/);
  });

  it('the Pod Security Standards', async () => {
    await ok(llmos.kubectl('create', 'namespace', 'strict'));
    await ok(apply(pod('early'), '-n', 'strict'));
    const { stderr } = await ok(llmos.kubectl('label', 'namespace', 'strict', 'pod-security.kubernetes.io/enforce=restricted'));
    assert.match(stderr, /Warning: existing pods in namespace "strict" violate the new PodSecurity enforce level "restricted:latest"[\s\S]*Warning: early: allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile/);
    await fails(apply(pod('late'), '-n', 'strict'), /pods "late" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false \(container "main" must set securityContext\.allowPrivilegeEscalation=false\)/);
    await ok(apply(pod('good', RESTRICTED), '-n', 'strict'));
    const warned = await ok(llmos.kubectl('create', 'deployment', 'web', `--image=${TEST_IMAGE}`, '-n', 'strict'));
    assert.match(warned.stderr, /^Warning: would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false/, 'what is enforced is warned of where nothing is said of warnings');
    await ok(llmos.kubectl('label', 'namespace', 'strict', 'pod-security.kubernetes.io/warn=baseline'));
    const host = await ok(apply('{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"host"},"spec":{"replicas":0,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"hostNetwork":true,"containers":[{"name":"main","image":"x"}]}}}}', '-n', 'strict'));
    assert.match(host.stderr, /Warning: would violate PodSecurity "baseline:latest": host namespaces \(hostNetwork=true\)/);
    await fails(llmos.kubectl('label', '--overwrite', 'namespace', 'strict', 'pod-security.kubernetes.io/warn=none'), /must be one of privileged, baseline, restricted/);
  });

  it('warnings of webhooks and policies', async () => {
    const rules = '[{"apiGroups":[""],"apiVersions":["v1"],"resources":["configmaps"],"operations":["CREATE"]}]';
    await ok(apply(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"warns"},"webhooks":[{"name":"warns.example.com.","clientConfig":{"url":"${server.url}/","caBundle":"${server.caBundle}"},"rules":${rules},"sideEffects":"None","admissionReviewVersions":["v1"]}]}`.replace('example.com.', 'example.com')));
    await ok(apply(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"short"},"spec":{"matchConstraints":{"resourceRules":${rules}},"validations":[{"expression":"object.metadata.name.size() < 5","message":"a short name please"}]}}`));
    await ok(apply('{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"short"},"spec":{"policyName":"short","validationActions":["Warn","Audit"]}}'));
    const { stderr } = await eventually(async () => {
      const said = await llmos.kubectl('create', 'configmap', 'longer-name', '--dry-run=server');
      return said.stderr.includes('please') && said;
    }, { what: 'the policy in force' });
    assert.match(stderr, /Warning: Validation failed for ValidatingAdmissionPolicy 'short' with binding 'short': a short name please/);
    assert.match(stderr, /Warning: think twice/);
    assert.match((await ok(llmos.kubectl('get', 'validatingadmissionpolicies'))).stdout, /^short\s+1\s+<unset>/m);
  });

  it('a Binding that names its pod itself is made at bindings', async () => {
    await ok(apply('{"apiVersion":"v1","kind":"Pod","metadata":{"name":"waits"},"spec":{"schedulerName":"nobody","containers":[{"name":"main","image":"none"}]}}'));
    for (const resource of ['bindings', 'pods/binding']) {
      const name = resource.replace('/', '-');
      const rules = JSON.stringify([{ apiGroups: [''], apiVersions: ['v1'], resources: [resource], operations: ['CREATE'] }]);
      await ok(apply(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"${name}"},"spec":{"matchConstraints":{"resourceRules":${rules}},"validations":[{"expression":"false","messageExpression":"'at ' + request.resource.resource + (has(request.subResource) ? '/' + request.subResource : '')"}]}}`));
      await ok(apply(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"${name}"},"spec":{"policyName":"${name}","validationActions":["Deny"]}}`));
    }
    const bind = (path: string): Promise<CommandResult> => llmos.kubectlWith('{"apiVersion":"v1","kind":"Binding","metadata":{"name":"waits"},"target":{"kind":"Node","name":"n"}}', 'create', '--raw', `/api/v1/namespaces/default/${path}?dryRun=All`, '-f', '-');
    await eventually(async () => (await bind('bindings')).code !== 0 && (await bind('pods/waits/binding')).code !== 0, { what: 'both policies in force' });
    await fails(bind('bindings'), /'bindings' with binding 'bindings' denied request: at bindings$/m);
    await fails(bind('pods/waits/binding'), /'pods-binding' with binding 'pods-binding' denied request: at pods\/binding$/m);
  });
});
