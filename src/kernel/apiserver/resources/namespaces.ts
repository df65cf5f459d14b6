/** The life of namespaces, as far as the door has a say in it (upstream: admission plugin NamespaceLifecycle, registry/core/namespace). */
import { notFound, type ApiError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import type { Door } from '../door.ts';
import { forbiddenObject } from '../errors.ts';

interface Namespace extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: string };
}

const IMMORTAL = new Set(['default', 'kube-system', 'kube-public']);

function isNamespace(kind: Kind): boolean {
  return kind.group === '' && kind.plural === 'namespaces';
}

/** Throws unless objects may be made in the namespace now. */
export function checkNamespace(door: Door, kind: Kind, namespace: string, name: string | undefined): void {
  const stored = door.store.newest(`/core/namespaces/${namespace}`);
  if (stored === undefined) throw notFound({ group: '', plural: 'namespaces' }, namespace);
  if (stored.object.metadata.deletionTimestamp !== undefined) throw terminating(kind, namespace, name);
}

function terminating(kind: Kind, namespace: string, name: string | undefined): ApiError {
  const message = `namespace ${namespace} is being terminated`;
  const causes = [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }];
  return forbiddenObject(kind, name, `unable to create new content in namespace ${namespace} because it is being terminated`, causes);
}

export function checkNamespaceDelete(kind: Kind, name: string): void {
  if (isNamespace(kind) && IMMORTAL.has(name)) throw forbiddenObject(kind, name, 'this namespace may not be deleted');
}

/** A namespace is Terminating from the moment that its deletion was asked for. */
export function markNamespace(kind: Kind, object: KubeObject): void {
  if (isNamespace(kind)) (object as Namespace).status = { ...(object as Namespace).status, phase: 'Terminating' };
}

/** What must go before an object that is being deleted may vanish. */
export function finalizersOf(kind: Kind, object: KubeObject): readonly string[] {
  const own = object.metadata.finalizers ?? [];
  return isNamespace(kind) ? [...own, ...((object as Namespace).spec?.finalizers ?? [])] : own;
}
