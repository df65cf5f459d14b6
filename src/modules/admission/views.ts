/**
 * What webhooks and policies see in place of the object that is written, where a request says something else: a Binding that is made at a pod, a Scale.
 * What they make of it goes back into the object.
 */
import { scaleOf, setReplicas, type Scale } from '../../api/autoscaling/scale-view.ts';
import { cloneJson } from '../../api/json.ts';
import type { ScalePaths } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { AdmissionRequest } from '../../sdk/module.ts';

const views = new WeakMap<AdmissionRequest, AdmissionRequest>();

/** The request as they see it: itself, or the same view of it in both rounds, by which the steps know what they have seen. */
export function viewOf(asked: AdmissionRequest): AdmissionRequest {
  if (asked.body === undefined && scalePathsOf(asked) === undefined) return asked;
  let view = views.get(asked);
  if (view === undefined) views.set(asked, (view = asked.body === undefined ? scaleView(asked) : { ...asked, operation: 'CREATE', object: asked.body, oldObject: undefined }));
  else if (asked.body === undefined) Object.assign(view, scaleView(asked));
  if (asked.again === true) view.again = true;
  return view;
}

/** Makes of the object what its view became. */
export function writeBack(asked: AdmissionRequest, view: AdmissionRequest, nowMs: number): void {
  if (view === asked) return;
  const paths = scalePathsOf(asked);
  if (asked.body === undefined) setReplicas(paths!, asked.object!, (view.object as Scale).spec.replicas ?? 0);
  else if (asked.operation === 'UPDATE') remake(asked, asked.body, nowMs);
}

/** The parent as what was sent makes it now. */
function remake({ kind, subresource = '', object, oldObject }: AdmissionRequest, body: KubeObject, nowMs: number): void {
  const next = cloneJson(oldObject!);
  kind.subresources.actions?.[subresource]?.apply(next, cloneJson(body), nowMs);
  for (const key of Object.keys(object!)) delete (object as unknown as Record<string, unknown>)[key];
  Object.assign(object!, next);
}

function scalePathsOf({ kind, subresource, object }: AdmissionRequest): ScalePaths | undefined {
  return subresource === 'scale' && object !== undefined ? kind.subresources.scale : undefined;
}

function scaleView(asked: AdmissionRequest): AdmissionRequest {
  const { kind: { subresources: { scale } }, object, oldObject } = asked;
  const body = cloneJson(scaleOf(scale!, object!)) as KubeObject;
  return { ...asked, object: body, oldObject: oldObject === undefined ? undefined : scaleOf(scale!, oldObject), body };
}
