/**
 * The history of a StatefulSet or DaemonSet: one ControllerRevision a template, as a patch that restores it (upstream:
 * pkg/controller/history).
 */
import { ControllerRevision } from '../../api/apps/controller-revision.ts';
import { isApiError } from '../../api/errors.ts';
import { equalJson } from '../../api/json.ts';
import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import type { Kind } from '../../api/kind.ts';
import type { Json, KubeObject, LabelSelector } from '../../api/meta.ts';
import { controllerReference, isControlledBy } from '../../api/owner.ts';
import type { ReconcileContext } from '../../sdk/index.ts';
import { claim } from './claims.ts';
import { controlledBy, orphansOf, settleClaims } from './dependents.ts';
import { templateHash } from './deployment/template.ts';

/** On pods: of which revision they are. On the revisions of daemon sets: the hash of their template. */
export const REVISION_HASH = 'controller-revision-hash';
const HASH = 'controller.kubernetes.io/hash';

export interface Historic extends KubeObject {
  spec?: { selector?: LabelSelector; template: PodTemplateSpec };
  status?: { collisionCount?: number };
}

export interface History {
  /** In order of their numbers, the newest last. */
  revisions: ControllerRevision[];
  /** That of the template as it is. */
  update: ControllerRevision;
  /** Raised when a name was taken by another template. */
  collisionCount: number | undefined;
}

/** Claims the revisions of the owner, and makes that of its template when there is none, or the newest of it again when it was rolled back to. */
export async function keepHistory(owner: Historic, kind: Kind, context: ReconcileContext): Promise<History> {
  const revisions = (await claimedRevisions(owner, kind, context)).sort((left, right) => Number(left.revision ?? 0) - Number(right.revision ?? 0));
  const data = restoring(owner.spec!.template);
  const last = revisions.at(-1);
  const collisionCount = owner.status?.collisionCount;
  const equal = revisions.filter((each) => equalJson(each.data, data)).at(-1);
  const number = Number(last?.revision ?? 0) + 1;
  if (equal !== undefined && equal === last) return { revisions, update: equal, collisionCount };
  if (equal !== undefined) {
    const update = await context.client.update(ControllerRevision, { ...equal, revision: number });
    return { revisions: [...revisions.filter((each) => each !== equal), update], update, collisionCount };
  }
  const made = await create(owner, kind, { data, number, collisionCount }, context);
  return { revisions: [...revisions, made.revision], update: made.revision, collisionCount: made.collisionCount };
}

async function claimedRevisions(owner: Historic, kind: Kind, { caches, client }: ReconcileContext): Promise<ControllerRevision[]> {
  const cache = caches.of(ControllerRevision);
  const claims = claim(owner, owner.spec?.selector, [...controlledBy(cache, owner), ...orphansOf(cache, owner.metadata.namespace)]);
  // The labels of a template may change: its revisions stay.
  return settleClaims(client, { ...claims, claimed: [...claims.claimed, ...claims.release], release: [] }, { kind: ControllerRevision, ownerKind: kind, owner, reference: controllerReference(kind, owner) });
}

/** A patch that puts the template in the place of any other. */
function restoring(template: PodTemplateSpec): ControllerRevision['data'] {
  return { spec: { template: { ...template, $patch: 'replace' } } } as unknown as ControllerRevision['data'];
}

/** The template that a revision restores. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { $patch: _patch, ...template } = (revision.data as unknown as { spec: { template: PodTemplateSpec & { $patch?: Json } } }).spec.template;
  return template;
}

interface Wanted {
  data: ControllerRevision['data'];
  number: number;
  collisionCount: number | undefined;
}

async function create(owner: Historic, kind: Kind, { data, number, collisionCount }: Wanted, { client }: ReconcileContext): Promise<{ revision: ControllerRevision; collisionCount: number | undefined }> {
  for (let collisions = collisionCount; ; collisions = (collisions ?? 0) + 1) {
    const hash = templateHash(owner.spec!.template, collisions);
    const name = `${owner.metadata.name}-${hash}`;
    const wanted: ControllerRevision = {
      metadata: {
        name, namespace: owner.metadata.namespace, labels: { ...owner.spec!.template.metadata?.labels, ...(kind.kind === 'DaemonSet' ? { [REVISION_HASH]: hash } : { [HASH]: hash }) },
        annotations: { ...owner.metadata.annotations }, ownerReferences: [controllerReference(kind, owner)],
      },
      data, revision: number,
    };
    try {
      return { revision: await client.create(ControllerRevision, wanted), collisionCount: collisions };
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
      const existing = await client.get(ControllerRevision, name, { namespace: owner.metadata.namespace });
      // Made a moment ago, and the cache does not show it yet.
      if (equalJson(existing.data, data) && isControlledBy(existing, owner)) return { revision: existing, collisionCount: collisions };
    }
  }
}

/** Deletes the oldest revisions beyond `limit` that nothing lives by. */
export async function trimHistory(revisions: readonly ControllerRevision[], { isLive, limit }: { isLive: (revision: ControllerRevision) => boolean; limit: number }, { client }: ReconcileContext): Promise<void> {
  const unused = revisions.filter((each) => !isLive(each));
  for (const { metadata } of unused.slice(0, Math.max(0, unused.length - limit))) {
    try {
      await client.delete(ControllerRevision, metadata.name ?? '', { namespace: metadata.namespace, preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    }
  }
}
