/** Conversion of custom resources between versions by a webhook (apiextensions.k8s.io/v1 ConversionReview). */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '../../api/errors.ts';
import type { CustomResourceDefinition, WebhookConversion } from '../../api/generated/apiextensions-v1.ts';
import { cloneJson, isJsonObject, type JsonObject } from '../../api/json.ts';
import type { Json, KubeObject } from '../../api/meta.ts';
import { validateAnnotations, validateLabels } from '../../api/metadata-validation.ts';
import type { Client } from '../../sdk/client.ts';
import { callWebhook } from '../../sdk/webhook/call.ts';

const TIMEOUT_MS = 30_000;

export type Convert = (objects: readonly KubeObject[], apiVersion: string) => Promise<KubeObject[]>;

interface ConversionResponse {
  uid?: string;
  convertedObjects?: KubeObject[];
  result?: { status?: string; message?: string };
}

/** Undefined where versions differ by their name alone. */
export function conversionOf(definition: CustomResourceDefinition, client: Client, signal: AbortSignal): Convert | undefined {
  const { conversion, group, names } = definition.spec;
  const webhook = conversion?.strategy === 'Webhook' ? conversion.webhook : undefined;
  if (webhook?.clientConfig === undefined) return undefined;
  return async (objects, apiVersion) => {
    const failure = (why: string): ApiError => {
      const message = `conversion webhook for ${objects[0]?.apiVersion ?? group}, Kind=${names.kind} ${why.startsWith('returned ') ? '' : 'failed: '}${why}`;
      return new ApiError('InternalError', message, { causes: [{ message }] });
    };
    try {
      return (await ask(webhook, objects, apiVersion, client, signal)).map((converted, index) => checked(objects[index]!, converted, apiVersion));
    } catch (error) {
      throw failure((error as Error).message);
    }
  };
}

async function ask(webhook: WebhookConversion, objects: readonly KubeObject[], apiVersion: string, client: Client, signal: AbortSignal): Promise<KubeObject[]> {
  const version = webhook.conversionReviewVersions.find((each) => each === 'v1' || each === 'v1beta1') ?? 'v1';
  const request = { uid: randomUUID(), desiredAPIVersion: apiVersion, objects };
  const review = { apiVersion: `apiextensions.k8s.io/${version}`, kind: 'ConversionReview', request };
  const answer = (await callWebhook({ client, target: webhook.clientConfig!, body: review, timeoutMs: TIMEOUT_MS, signal })) as { apiVersion?: string; kind?: string; response?: ConversionResponse } | null;
  const response = answer?.response;
  if (answer?.kind !== 'ConversionReview' || answer.apiVersion !== review.apiVersion) throw new Error(`expected webhook response of ${review.apiVersion}, Kind=ConversionReview, got ${answer?.apiVersion ?? ''}, Kind=${answer?.kind ?? ''}`);
  if (response === undefined || response === null) throw new Error('no response provided');
  if (version === 'v1' && response.uid !== request.uid) throw new Error(`expected response.uid=${JSON.stringify(request.uid)}, got ${JSON.stringify(response.uid ?? '')}`);
  if (response.result?.status !== 'Success') throw new Error(response.result?.message || `unexpected response.result.status ${JSON.stringify(response.result?.status ?? '')}`);
  const { convertedObjects = [] } = response;
  if (convertedObjects.length !== objects.length) throw new Error(`returned ${convertedObjects.length} objects, expected ${objects.length}`);
  return convertedObjects;
}

/** Of the metadata a webhook may change labels and annotations alone. */
function checked(original: KubeObject, converted: KubeObject, apiVersion: string): KubeObject {
  if (!isJsonObject(converted)) throw new Error('returned something that is no object');
  if (converted.apiVersion !== apiVersion) throw new Error(`returned invalid object: invalid groupVersion (expected ${apiVersion}, received ${converted.apiVersion ?? ''})`);
  if (converted.kind !== original.kind) throw new Error(`returned invalid object: invalid kind (expected ${original.kind ?? ''}, received ${converted.kind ?? ''})`);
  const told: JsonObject = isJsonObject(converted.metadata) ? converted.metadata : {};
  for (const field of ['name', 'namespace', 'uid'] as const) {
    if ((told[field] ?? '') !== (original.metadata[field] ?? '')) throw new Error(`returned invalid object: must have the same ${field === 'uid' ? 'UID' : field}: ${original.metadata[field] ?? ''} != ${String(told[field] ?? '')}`);
  }
  const metadata = cloneJson(original.metadata);
  for (const field of ['labels', 'annotations'] as const) {
    delete metadata[field];
    const map = told[field];
    if (map !== undefined && map !== null) metadata[field] = checkedMap(field, map, original.metadata[field]);
  }
  return { ...(converted as KubeObject), metadata };
}

/** What was there before may stay as it is, whatever it is. */
function checkedMap(field: 'labels' | 'annotations', map: Json, before: Record<string, string> | undefined): Record<string, string> {
  const invalid = (why: string): Error => new Error(`returned invalid metadata: ${why}`);
  if (!isJsonObject(map)) throw invalid(`invalid metadata.${field} of type ${Array.isArray(map) ? '[]interface {}' : typeof map} in converted object`);
  for (const [key, value] of Object.entries(map)) if (typeof value !== 'string') throw invalid(`metadata.${field}[${key}] must be a string, but is ${value === null ? '<nil>' : typeof value} in converted object`);
  const made = map as Record<string, string>;
  const errors = isDeepStrictEqual(made, before ?? {}) ? [] : field === 'labels' ? validateLabels(made, 'metadata.labels') : validateAnnotations(made, 'metadata.annotation');
  if (errors.length > 0) throw invalid(errors.length === 1 ? `${errors[0]!.field}: ${errors[0]!.message}` : `[${errors.map(({ field: at, message }) => `${at}: ${message}`).join(', ')}]`);
  return made;
}
