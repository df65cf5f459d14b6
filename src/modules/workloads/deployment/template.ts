/** The pod template of a Deployment: its hash, its comparison, and the replica set that is made of it. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.ts';
import type { PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import { controllerReference } from '../../../api/owner.ts';
import { fnv1a } from '../../../base/fnv1a.ts';
import { annotationsOfNew } from './revision.ts';
import { byCreation } from './replica-counts.ts';

const TEMPLATE_HASH = 'pod-template-hash';

/** The replica set whose template is the deployment's; the oldest where several are. */
export function findNewReplicaSet(deployment: Deployment, replicaSets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = deployment.spec?.template;
  return replicaSets.toSorted(byCreation).find((each) => equalTemplates(wanted, each.spec?.template));
}

/** Equal but for the hash label, which only the replica set's template has. */
export function equalTemplates(left: PodTemplateSpec | undefined, right: PodTemplateSpec | undefined): boolean {
  return isDeepStrictEqual(withoutHash(left), withoutHash(right));
}

function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec | undefined {
  if (template === undefined) return undefined;
  const { [TEMPLATE_HASH]: _hash, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** FNV-1a over the template and the count of collisions, in letters and digits that make no words. */
export function templateHash(template: PodTemplateSpec | undefined, collisionCount: number | undefined): string {
  const text = canonical(template) + (collisionCount === undefined ? '' : `#${collisionCount}`);
  return safeEncode(String(fnv1a(text)));
}

const SAFE = 'bcdfghjklmnpqrstvwxz2456789';

function safeEncode(text: string): string {
  let encoded = '';
  for (let index = 0; index < text.length; index++) encoded += SAFE[text.charCodeAt(index) % SAFE.length];
  return encoded;
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, each]) => each !== undefined).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${fields.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`;
}

/** The replica set for the deployment's template, not yet created. */
export function makeReplicaSet(deployment: Deployment, options: { replicas: number; revision: number }): ReplicaSet {
  const { spec, metadata } = deployment;
  const hash = templateHash(spec?.template, deployment.status?.collisionCount);
  const template = structuredClone(spec?.template) ?? { spec: { containers: [] } };
  const labels = { ...template.metadata?.labels, [TEMPLATE_HASH]: hash };
  const selector = structuredClone(spec?.selector) ?? {};
  return {
    apiVersion: 'apps/v1', kind: 'ReplicaSet',
    metadata: {
      name: `${metadata.name}-${hash}`, namespace: metadata.namespace, labels,
      annotations: annotationsOfNew(deployment, undefined, options.revision), ownerReferences: [controllerReference({ group: 'apps', version: 'v1', kind: 'Deployment' }, deployment)],
    },
    spec: {
      replicas: options.replicas,
      ...(spec?.minReadySeconds ? { minReadySeconds: spec.minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [TEMPLATE_HASH]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels: { ...labels } } },
    },
  };
}
