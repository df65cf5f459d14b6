/**
 * What a write costs beside the disk: defaults, validation, field ownership and the merges, in microseconds, of a Pod and a Deployment
 * as users write them. Each figure is over rounds of many calls, so p99 is that of rounds.
 */
import { Deployment, Pod } from '../src/api/kinds.ts';
import { applyObject, resetFieldsOf, updateManagedFields } from '../src/api/merge/apply/index.ts';
import { strategicMergePatch } from '../src/api/merge/strategic.ts';
import type { Json } from '../src/api/meta.ts';
import { applyDefaults } from '../src/api/schema/default.ts';
import { toTable } from '../src/api/table.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const ROUNDS = 60;
const CALLS = 200;
const NOW = '2026-01-01T00:00:00Z';

const POD = JSON.stringify({
  apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default', labels: { app: 'web' } },
  spec: {
    volumes: [{ name: 'v', emptyDir: {} }],
    containers: [{ name: 'c', image: 'nginx', ports: [{ containerPort: 80 }], resources: { limits: { cpu: '1', memory: '1Gi' } }, env: [{ name: 'A', value: 'b' }], volumeMounts: [{ name: 'v', mountPath: '/x' }] }],
  },
});
const DEPLOYMENT = {
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
  spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: (JSON.parse(POD) as { spec: Json }).spec } },
};

export function run(): Promise<BenchResult> {
  return Promise.resolve(resultOf('merge', measure(), {}));
}

function measure(): Record<string, Figure> {
  const schema = Pod.schema();
  const reset = resetFieldsOf(Pod, '');
  const fresh = (): Pod => {
    const pod = JSON.parse(POD) as Pod;
    applyDefaults(schema, pod);
    Pod.rules.defaults!(pod);
    return pod;
  };
  const own = (live: Pod | undefined, next: Pod, subresource: string): Pod => {
    updateManagedFields({ schema, live, next, manager: 'kubelet', apiVersion: 'v1', subresource, reset: resetFieldsOf(Pod, subresource), now: NOW });
    return next;
  };
  const made = own(undefined, fresh(), '');
  made.metadata.uid = 'u';
  const running: Pod = { ...structuredClone(made), status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } };
  const bare = structuredClone(made);
  const applied = DEPLOYMENT as unknown as Json;
  const apply = (live: Deployment | undefined): Deployment => applyObject({ schema: Deployment.schema(), live, applied, manager: 'kubectl', force: false, apiVersion: 'apps/v1', reset, now: NOW }) as Deployment;
  const deployment = apply(undefined);
  deployment.metadata.uid = 'u';
  const image = { spec: { template: { spec: { containers: [{ name: 'c', image: 'nginx:2' }] } } } };
  return {
    defaults: time(() => void fresh()),
    validate: time(() => void Pod.rules.validate!(made, undefined)),
    ownCreate: time(() => { delete bare.metadata.managedFields; own(undefined, bare, ''); }),
    ownStatus: time(() => { running.metadata.managedFields = made.metadata.managedFields; own(made, running, 'status'); }),
    strategicPatch: time(() => void strategicMergePatch(applied, image, Deployment.schema())),
    applySame: time(() => void apply(deployment)),
    tableRow: time(() => void toTable(Pod, [made], { nowMs: 0, includeObject: 'None' })),
  };
}

/** Microseconds a call. */
function time(call: () => void): Figure {
  for (let index = 0; index < CALLS * 5; index++) call();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let index = 0; index < CALLS; index++) call();
    rounds.push(((performance.now() - start) * 1000) / CALLS);
  }
  return figureOf('us', rounds);
}
