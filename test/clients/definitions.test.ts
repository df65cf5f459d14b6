/** Definitions of the shape of well-known projects' ones: they install, take what they must, and refuse the rest in the words that users know. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { bootInstance, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { ARGO_CD } from './definitions/argo-cd.ts';
import { CERT_MANAGER } from './definitions/cert-manager.ts';
import { GATEWAY_API } from './definitions/gateway-api.ts';
import { KEDA } from './definitions/keda.ts';
import { KNATIVE_SERVING } from './definitions/knative-serving.ts';
import { PROMETHEUS_OPERATOR } from './definitions/prometheus-operator.ts';
import type { DefinitionCase } from './definitions/shape.ts';
import { embedded, type Schema } from './embedded-schema.ts';

const ALL = [...CERT_MANAGER, ...GATEWAY_API, ...KEDA, ...KNATIVE_SERVING, ...PROMETHEUS_OPERATOR, ...ARGO_CD];
const nameOf = ({ definition }: DefinitionCase): string => /name: ([a-z.0-9-]+\.[a-z.0-9-]+)/.exec(definition)![1]!;

describe('definitions of well-known projects', { timeout: 180_000 }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootInstance({ config: 'modules: { node: { enabled: false } }\n' });
    const definitions = ALL.map(({ definition }) => definition).join('---\n');
    const count = (text: string, word: RegExp): void => assert.equal(text.match(word)?.length, ALL.length, text);
    count(await ok(llmos.kubectlWith(definitions, 'apply', '-f', '-')), / (created|configured)$/gm);
    count(await ok(llmos.kubectl('wait', ...ALL.map((each) => `crd/${nameOf(each)}`), '--for=condition=Established', '--timeout=60s')), /condition met/g);
    count(await ok(llmos.kubectlWith(definitions, 'apply', '-f', '-')), / unchanged$/gm);
  });
  after(() => llmos?.destroy());

  for (const each of ALL) it(each.project, async () => {
    const { samples, changed, refused, warned, shown, explained } = each;
    const name = nameOf(each);
    const all = samples.join('---\n');
    const { code, stdout, stderr } = await llmos.kubectlWith(all, 'apply', '-f', '-');
    assert.equal(code, 0, stderr);
    assert.equal(stdout.match(/ created$/gm)?.length, samples.length, stdout);
    if (warned !== undefined) assert.match(stderr, warned);
    // kubectl says "configured" where items have defaults, which a merge patch sends without; nothing changes all the same.
    assert.equal((await ok(llmos.kubectlWith(all, 'apply', '-f', '-'))).match(/ (unchanged|configured)$/gm)?.length, samples.length);
    assert.match(await ok(llmos.kubectl('get', name, '-o', 'jsonpath={.items[*].metadata.generation}')), /^1( 1)*$/);
    await ok(llmos.kubectlWith(all, 'apply', '--server-side', '--force-conflicts', '-f', '-'));
    assert.equal((await llmos.kubectlWith(all, 'diff', '-f', '-')).code, 0);
    const wrong = [...changed ?? [], ...refused];
    const answer = await llmos.kubectlWith(wrong.map(([sample]) => sample).join('---\n'), 'apply', '-f', '-');
    assert.equal(answer.code, 1);
    assert.equal(answer.stdout, '');
    for (const [, message] of wrong) assert.match(answer.stderr, message);
    assert.match(await ok(llmos.kubectl('get', name)), shown);
    assert.match(await ok(llmos.kubectl('explain', explained[0])), explained[1]);
  });

  /** Such as those of KEDA's ScaledJob, the Prometheus operator's Prometheus and Argo's ApplicationSet, which have pods in them, with all their texts. */
  it('a definition of real size', async () => {
    const document = JSON.parse(await ok(llmos.kubectl('get', '--raw', '/openapi/v3/api/v1'))) as { components: { schemas: Record<string, Schema> } };
    const template = embedded(document.components.schemas, 'io.k8s.api.core.v1.PodTemplateSpec', 'This text says what the field is for, what it may be, and what holds where it is left out. '.repeat(3));
    const definition = (replicas: object): string => JSON.stringify({
      apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'fleets.big.example.com' },
      spec: {
        group: 'big.example.com', scope: 'Namespaced', names: { plural: 'fleets', kind: 'Fleet' },
        versions: ['v1', 'v1beta1'].map((name) => ({
          name, served: true, storage: name === 'v1', subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
          schema: { openAPIV3Schema: { type: 'object', required: ['spec'], properties: { spec: { type: 'object', required: ['template'], properties: { replicas, template } }, status: { type: 'object', properties: { replicas: { type: 'integer' } } } } } },
        })),
      },
    });
    const text = definition({ type: 'integer', default: 1 });
    assert.ok(text.length > 700_000, `${text.length} bytes`);
    const { code, stderr } = await llmos.kubectlWith(text, 'apply', '-f', '-');
    assert.equal(code, 1);
    assert.match(stderr, /metadata\.annotations: Too long: may not be more than 262144 bytes/);
    await ok(llmos.kubectlWith(text, 'apply', '--server-side', '-f', '-'));
    await ok(llmos.kubectl('wait', 'crd/fleets.big.example.com', '--for=condition=Established', '--timeout=60s'));
    assert.match(await ok(llmos.kubectl('explain', 'fleets.spec.template.spec.containers.livenessProbe')), /httpGet\s+<Object>[\s\S]*This text says/);
    const fleet = (container: object, version = 'v1'): string => JSON.stringify({ apiVersion: `big.example.com/${version}`, kind: 'Fleet', metadata: { name: 'web' }, spec: { template: { spec: { containers: [{ name: 'web', image: 'web:1', ...container }] } } } });
    assert.match(await ok(llmos.kubectlWith(fleet({ ports: [{ containerPort: 80 }], resources: { limits: { cpu: 1, memory: '64Mi' } }, livenessProbe: { httpGet: { port: 'http' } } }), 'apply', '-f', '-')), /created/);
    assert.equal(await ok(llmos.kubectl('get', 'fleets.v1beta1.big.example.com', 'web', '-o', 'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].ports[0].protocol}')), '1 TCP');
    // A second manager's container is merged by its name, as in a Deployment.
    assert.match(await ok(llmos.kubectlWith(fleet({ name: 'side' }, 'v1beta1'), 'apply', '--server-side', '--field-manager', 'other', '-f', '-')), /serverside-applied/);
    assert.equal(await ok(llmos.kubectl('get', 'fleet', 'web', '-o', 'jsonpath={.spec.template.spec.containers[*].name}')), 'web side');
    assert.match((await llmos.kubectlWith(fleet({ livenessProbe: { httpGet: { prot: 80 } } }), 'apply', '-f', '-')).stderr, /unknown field "spec\.template\.spec\.containers\[0\]\.livenessProbe\.httpGet\.prot"/);
    assert.match((await llmos.kubectlWith(fleet({ ports: [{ containerPort: 80 }, { containerPort: 80 }] }), 'apply', '-f', '-')).stderr, /ports\[1\]: Duplicate value: \{"containerPort":80,"protocol":"TCP"\}/);
    assert.match(await ok(llmos.kubectl('scale', 'fleet/web', '--replicas=3')), /scaled/);
    await ok(llmos.kubectlWith(definition({ type: 'integer', default: 2, maximum: 2 }), 'apply', '--server-side', '-f', '-'));
    // What was there before the bound stays as it is until that field is changed.
    await ok(llmos.kubectl('label', 'fleet/web', 'a=b'));
    assert.match((await llmos.kubectl('scale', 'fleet/web', '--replicas=4')).stderr, /spec\.replicas in body should be less than or equal to 2/);
    await ok(llmos.kubectl('delete', 'crd', 'fleets.big.example.com', '--timeout=60s'));
  });
});
