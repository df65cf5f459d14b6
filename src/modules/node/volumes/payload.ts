/** What files a configMap, secret, downwardAPI or projected volume holds (core/v1 VolumeSource). */
import type { ClusterTrustBundleProjection, ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, PodCertificateProjection, Secret, Volume, VolumeProjection } from '../../../api/generated/core-v1.ts';
import { fieldValue, resourceValue, type PodFacts } from '../bundle/downward.ts';

export interface PayloadFile {
  data: Buffer;
  mode: number;
  /** Whose it is; default root's. */
  user?: number;
}
/** By path within the volume. */
export type Payload = Map<string, PayloadFile>;

export interface PayloadSources {
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
  /** The certificates that a projection selects; undefined where there is none such. */
  trustAnchors(projection: ClusterTrustBundleProjection): Promise<string | undefined>;
  /** The key and the certificate of a projection, which its place tells from others. */
  certificate(place: string, projection: PodCertificateProjection): Promise<{ keyPem: string; chainPem: string; renewAtMs: number }>;
  /** Asks for a token of the pod's service account. */
  token(request: { audience?: string; expirationSeconds: number }): Promise<{ token: string; expiresMs: number; renewAtMs: number }>;
}

export interface PayloadAnswer {
  files: Payload;
  /** When a token in it should be renewed. */
  renewAtMs?: number;
}

const DEFAULT_MODE = 0o644;
const SERVED: readonly string[] = ['configMap', 'secret', 'downwardAPI', 'serviceAccountToken', 'clusterTrustBundle', 'podCertificate'];
const DEFAULT_TOKEN_SECONDS = 3_600;
const DAY_MS = 24 * 3_600_000;

/** Gives undefined for volumes of another sort. Rejects with kubelet's words for what is missing. */
export async function volumePayload(pod: Pod, volume: Volume, sources: PayloadSources, facts: PodFacts): Promise<PayloadAnswer | undefined> {
  const build = (projections: VolumeProjection[], mode: number | undefined): Promise<PayloadAnswer> => projected(pod, volume.name, projections, mode ?? DEFAULT_MODE, sources, facts);
  if (volume.configMap !== undefined) return build([{ configMap: volume.configMap }], volume.configMap.defaultMode);
  if (volume.secret !== undefined) return build([{ secret: { name: volume.secret.secretName, items: volume.secret.items, optional: volume.secret.optional } }], volume.secret.defaultMode);
  if (volume.downwardAPI !== undefined) return build([{ downwardAPI: volume.downwardAPI }], volume.downwardAPI.defaultMode);
  if (volume.projected !== undefined) return build(volume.projected.sources ?? [], volume.projected.defaultMode);
  return undefined;
}

async function projected(pod: Pod, name: string, projections: readonly VolumeProjection[], mode: number, sources: PayloadSources, facts: PodFacts): Promise<PayloadAnswer> {
  const files: Payload = new Map();
  let renewAtMs: number | undefined;
  const user = onlyUser(pod);
  const secretMode = user !== undefined || pod.spec?.securityContext?.fsGroup !== undefined ? 0o600 : mode;
  for (const [index, projection] of projections.entries()) {
    const strange = Object.keys(projection).find((key) => !SERVED.includes(key) && projection[key as keyof VolumeProjection] !== undefined);
    if (strange !== undefined) throw new Error(`projected sources of type ${strange} are not served by this node`);
    if (projection.configMap !== undefined) {
      const { name: mapName = '', items, optional } = projection.configMap;
      const map = await sources.configMap(mapName);
      if (map === undefined && optional !== true) throw new Error(`configmap "${mapName}" not found`);
      const data = new Map([...Object.entries(map?.data ?? {}).map(([key, value]) => [key, Buffer.from(String(value))] as const), ...Object.entries(map?.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(String(value), 'base64')] as const)]);
      addKeys(files, data, { items, mode, optional, what: `configmap references non-existent config key` });
    }
    if (projection.secret !== undefined) {
      const { name: secretName = '', items, optional } = projection.secret;
      const secret = await sources.secret(secretName);
      if (secret === undefined && optional !== true) throw new Error(`secret "${secretName}" not found`);
      addKeys(files, new Map(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(String(value), 'base64')])), { items, mode, optional, what: `references non-existent secret key` });
    }
    if (projection.clusterTrustBundle !== undefined) {
      const { path, optional } = projection.clusterTrustBundle;
      const anchors = await sources.trustAnchors(projection.clusterTrustBundle);
      if (anchors === undefined && optional !== true) throw new Error(noAnchors(projection.clusterTrustBundle));
      files.set(safePath(path), { data: Buffer.from(anchors ?? ''), mode });
    }
    for (const item of projection.downwardAPI?.items ?? []) files.set(safePath(item.path), { data: Buffer.from(downward(pod, item, facts)), mode: item.mode ?? mode });
    if (projection.serviceAccountToken !== undefined) {
      const { path, audience, expirationSeconds = DEFAULT_TOKEN_SECONDS } = projection.serviceAccountToken;
      const { token, renewAtMs: renew } = await sources.token({ audience, expirationSeconds: Number(expirationSeconds) });
      files.set(safePath(path), { data: Buffer.from(token), mode: secretMode, user });
      renewAtMs = Math.min(renewAtMs ?? renew, renew);
    }
    if (projection.podCertificate !== undefined) {
      const { credentialBundlePath, keyPath, certificateChainPath } = projection.podCertificate;
      const { keyPem, chainPem, renewAtMs: renew } = await sources.certificate(`${name}/${index}`, projection.podCertificate);
      for (const [path, text] of [[credentialBundlePath, keyPem + chainPem], [keyPath, keyPem], [certificateChainPath, chainPem]] as const) if (path) files.set(safePath(path), { data: Buffer.from(text), mode: secretMode, user });
      renewAtMs = Math.min(renewAtMs ?? renew, renew);
    }
  }
  return { files, renewAtMs };
}

/** When a token that was made now is renewed: after four fifths of its time, and after a day at the latest (upstream: token manager). */
export function renewalOf(nowMs: number, expiresMs: number): number {
  return nowMs + Math.min((expiresMs - nowMs) * 0.8, DAY_MS);
}

/** As whom all containers run, by the pod's own words: a token is that user's alone (upstream: FsUserFrom). Undefined where they differ, or one leaves it to its image. */
function onlyUser({ spec }: Pod): number | undefined {
  const users = new Set([...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(({ securityContext }) => securityContext?.runAsUser ?? spec?.securityContext?.runAsUser));
  const [user] = users;
  return users.size === 1 && user !== undefined ? Number(user) : undefined;
}

function noAnchors({ name, signerName }: ClusterTrustBundleProjection): string {
  return name === undefined ? `combination of signerName ${JSON.stringify(signerName)} and labelSelector matched zero ClusterTrustBundles` : `clustertrustbundle ${JSON.stringify(name)} not found`;
}

function downward(pod: Pod, item: DownwardAPIVolumeFile, facts: PodFacts): string {
  if (item.fieldRef !== undefined) return fieldValue(pod, item.fieldRef.fieldPath, facts);
  if (item.resourceFieldRef !== undefined) return resourceValue(pod, undefined, item.resourceFieldRef, facts);
  return '';
}

function addKeys(files: Payload, data: ReadonlyMap<string, Buffer>, options: { items?: readonly KeyToPath[]; mode: number; optional?: boolean; what: string }): void {
  if (options.items === undefined || options.items.length === 0) {
    for (const [key, value] of data) files.set(key, { data: value, mode: options.mode });
    return;
  }
  for (const item of options.items) {
    const value = data.get(item.key);
    if (value !== undefined) files.set(safePath(item.path), { data: value, mode: item.mode ?? options.mode });
    else if (options.optional !== true) throw new Error(`${options.what}: ${item.key}`);
  }
}

function safePath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..') || parts.length === 0 || parts[0]!.startsWith('..')) throw new Error(`invalid path in volume: ${path}`);
  return parts.join('/');
}
