/** POST, PUT and PATCH. */
import { forbidden } from '../../../api/field-error.ts';
import { isJsonObject, ownValue } from '../../../api/json.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject, ObjectMeta } from '../../../api/meta.ts';
import { queryFlag } from '../../../api/query-flag.ts';
import { decodeJson, mediaTypeOf, type Decoded, type DuplicateOptions } from '../decode.ts';
import { decodeYaml } from '../decode-yaml.ts';
import { checkDepth } from '../parse-json.ts';
import { badRequest, invalidOptions, methodNotAllowed, resourceUnknown, unsupportedMediaType } from '../errors.ts';
import { answerObject, answerScale, answerValue, duplicateOptionsOf, readObject, writeContextOf, type Exchange } from '../exchange.ts';
import { apiVersionOfKind, schemaOfKind } from '../kind-table.ts';
import { readBody } from '../read-body.ts';
import { runAction, success } from '../resources/action.ts';
import { createObject } from '../resources/create.ts';
import { asKind } from '../resources/convert.ts';
import { named, placeIn } from '../resources/identify.ts';
import { patchObject, patched, type PatchKind } from '../resources/patch.ts';
import { appliedScale, scaleOf, withScale } from '../../../api/autoscaling/scale-view.ts';
import { replaceWith, updateObject } from '../resources/update.ts';

export async function handleCreate(exchange: Exchange): Promise<void> {
  const { door, kind, resource } = exchange;
  const { value, duplicates } = await readObject(exchange);
  const context = writeContextOf(exchange, duplicates);
  if (resource.subresource !== undefined) return handleAction(exchange, 'create', () => value);
  checkNamed(kind, value);
  return answerObject(exchange, 201, await createObject(door, kind, { namespace: resource.namespace, object: value }, context));
}

export async function handleUpdate(exchange: Exchange): Promise<void> {
  const { door, kind, resource } = exchange;
  const { value, duplicates } = await readObject(exchange);
  const context = writeContextOf(exchange, duplicates);
  const { subresource } = resource;
  const at = { namespace: resource.namespace, name: resource.name! };
  if (subresource === 'scale' && kind.subresources.scale !== undefined) return updateScale(exchange, () => value);
  if (subresource !== undefined && subresource !== 'status') return handleAction(exchange, 'update', () => value);
  if (subresource === 'status' && kind.subresources.status !== true) throw resourceUnknown();
  if (!isJsonObject(value)) throw badRequest(`the body of the request must be a ${kind.kind} object`);
  checkNamed(kind, value);
  // Before anything is looked up: upstream says this of objects that are not there, too.
  if (isJsonObject(value['metadata'])) {
    if (kind.namespaced) placeIn(value['metadata'] as unknown as ObjectMeta, at.namespace);
    named(value['metadata'] as unknown as ObjectMeta, at.name);
  }
  const outcome = await updateObject(door, kind, { ...at, subresource, change: replaceWith(value as unknown as KubeObject), optimistic: true }, context);
  return answerObject(exchange, outcome.created === true ? 201 : 200, outcome);
}

/** Characters of the body that a refusal shows. */
const SHOWN_MOST = 1_000;
const SUMMARY = 30;

/** Throws BadRequest for a custom resource that does not say what it is; of other kinds the path says it (upstream: serializer/json, Decode; handlers, transformDecodeError). */
function checkNamed(kind: Kind, value: unknown): void {
  if (kind.rules.namesItself !== true || !isJsonObject(value)) return;
  if (!value['kind']) {
    const text = JSON.stringify(value).slice(0, SHOWN_MOST);
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): Object 'Kind' is missing in '${text}' (${text.length > SUMMARY ? `${text.slice(0, SUMMARY)} ...` : text})`);
  }
  if (!value['apiVersion']) throw badRequest(`the API version in the data () does not match the expected API version (${apiVersionOfKind(kind)})`);
}

const PATCH_TYPES: Record<string, PatchKind> = {
  'application/json-patch+json': 'json', 'application/merge-patch+json': 'merge', 'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply', 'application/apply-patch+json': 'apply',
};

export async function handlePatch(exchange: Exchange): Promise<void> {
  const { door, kind, resource, info } = exchange;
  const mediaType = mediaTypeOf(exchange.http.headers['content-type']);
  const type = ownValue(PATCH_TYPES, mediaType);
  if (type === undefined || (type === 'strategic' && !takesStrategic(exchange))) throw unsupportedMediaType(Object.keys(PATCH_TYPES).filter((each) => takesStrategic(exchange) || !each.includes('strategic')));
  const bytes = await readBody(exchange.http);
  const finding = duplicateOptionsOf(exchange);
  const { value: body, duplicates } = mediaType.endsWith('yaml') ? await yamlOrJson(bytes, finding) : decodeJson(bytes, finding, type === 'strategic' || !finding.findDuplicates ? '' : 'error decoding patch: ');
  exchange.audit?.request(body);
  const context = writeContextOf(exchange, duplicates);
  if (type === 'apply') context.manager = info.query.get('fieldManager') ?? '';
  const { subresource } = resource;
  const force = queryFlag(info.query, 'force');
  if (force && type !== 'apply') throw invalidOptions('PatchOptions', forbidden('force', 'may not be specified for non-apply patch'));
  if (subresource === 'scale' && kind.subresources.scale !== undefined) {
    const paths = kind.subresources.scale;
    if (type === 'apply') {
      const { outcome } = await patchObject(door, kind, { namespace: resource.namespace, name: resource.name!, subresource, type, body: appliedScale(paths, kind, resource.name!, body), force }, context);
      return answerScale(exchange, scaleOf(paths, asKind(kind, outcome.object)));
    }
    return updateScale(exchange, (scale) => patched(kind, scale, { type: type === 'strategic' ? 'merge' : type, body }));
  }
  if (subresource !== undefined && kind.subresources.actions?.[subresource] !== undefined && type !== 'apply') {
    return handleAction(exchange, 'patch', (live) => patched(kind, live, { type, body }));
  }
  if (subresource !== undefined && !(subresource === 'status' && kind.subresources.status === true)) throw resourceUnknown();
  const { outcome, created } = await patchObject(door, kind, { namespace: resource.namespace, name: resource.name!, subresource, type, body, force }, context);
  return answerObject(exchange, created ? 201 : 200, outcome);
}

/** Custom resources have no merge keys: upstream refuses strategic patches of them. */
function takesStrategic(exchange: Exchange): boolean {
  return schemaOfKind(exchange.kind).goType !== undefined;
}

/** JSON is YAML, and much faster to read as JSON. */
async function yamlOrJson(bytes: Buffer, options: DuplicateOptions): Promise<Decoded> {
  if (bytes[0] === 0x7b) {
    // What is too deep is so in either form.
    checkDepth(bytes.toString('utf8'));
    try {
      return decodeJson(bytes, options);
    } catch {
      // then it is YAML that begins with a brace, or an error that the YAML reader words
    }
  }
  return decodeYaml(bytes, options);
}

async function updateScale(exchange: Exchange, change: (scale: KubeObject) => unknown): Promise<void> {
  const { door, kind, resource } = exchange;
  const paths = kind.subresources.scale!;
  const outcome = await updateObject(door, kind, {
    namespace: resource.namespace, name: resource.name!, subresource: 'scale',
    change: (live) => withScale(paths, live, change(scaleOf(paths, live))),
  }, writeContextOf(exchange));
  return answerScale(exchange, scaleOf(paths, asKind(kind, outcome.object)));
}

async function handleAction(exchange: Exchange, verb: 'create' | 'update' | 'patch', body: (live: KubeObject) => unknown): Promise<void> {
  const { door, kind, resource } = exchange;
  if (kind.subresources.actions?.[resource.subresource!] === undefined) {
    const { status, scale } = kind.subresources;
    throw (resource.subresource === 'status' && status === true) || (resource.subresource === 'scale' && scale !== undefined) ? methodNotAllowed() : resourceUnknown();
  }
  const outcome = await runAction(door, kind, { namespace: resource.namespace, name: resource.name!, action: resource.subresource!, verb, body }, writeContextOf(exchange));
  const code = verb === 'create' ? 201 : 200;
  return outcome === undefined ? answerValue(exchange, code, success(undefined, code)) : answerObject(exchange, code, outcome);
}
