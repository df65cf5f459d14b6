/** Objects that containers refer to, read from the shared caches; what a cache has not seen yet is asked for. */
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import type { Pod, Secret } from '../../../api/generated/core-v1.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import type { Caches } from '../../../sdk/cache.ts';
import type { EnvSources } from '../bundle/env.ts';
import { ClusterTrustBundleKind, ConfigMapKind, CSIDriverKind, PersistentVolumeClaimKind, PersistentVolumeKind, PodKind, SecretKind, VolumeAttachmentKind, ServiceAccountKind, ServiceKind } from '../kinds.ts';
import { trustAnchors } from '../../../api/certificates/cluster-trust-bundle.ts';
import { matcherOfSelector } from '../../../api/selector.ts';
import { claimUses } from '../../../api/storage/claim-matching.ts';
import { podCertificates } from './pod-certificates.ts';
import { isTerminal } from './pod-run.ts';
import { takeAlone } from './take-alone.ts';
import type { NodeParts } from '../parts.ts';
import { pullCredentials } from '../images/credentials.ts';
import { haveImage } from '../volumes/image.ts';
import { renewalOf } from '../volumes/payload.ts';
import type { VolumeSources } from '../volumes/set-up.ts';

interface TokenRequest extends KubeObject { spec: object; status?: { token: string; expirationTimestamp: string } }

const API_SERVICE_PORT = 443;
/** Of gRPC, as the driver answered when it was to attach. */
const RESOURCE_EXHAUSTED = 8;

export function sourcesFor(parts: NodeParts, pod: Pod): EnvSources & VolumeSources {
  const { context } = parts;
  const namespace = pod.metadata.namespace ?? '';
  const tokens = new Map<string, { token: string; madeMs: number; expiresMs: number; renewAtMs: number }>();
  const sources: EnvSources & VolumeSources = {
    configMap: (name) => find(parts, ConfigMapKind, namespace, name),
    secret: (name) => find(parts, SecretKind, namespace, name),
    certificate: podCertificates(parts, pod),
    async trustAnchors({ name, signerName, labelSelector }) {
      if (name !== undefined) return ask(parts, ClusterTrustBundleKind, undefined, name).then((bundle) => (bundle === undefined ? undefined : trustAnchors([bundle])));
      const { items } = await context.client.list(ClusterTrustBundleKind, { fieldSelector: `spec.signerName=${signerName}` });
      const chosen = items.filter(({ metadata }) => matcherOfSelector(labelSelector).matches(metadata.labels ?? {}));
      return chosen.length === 0 ? undefined : trustAnchors(chosen);
    },
    claim: (name) => ask(parts, PersistentVolumeClaimKind, namespace, name),
    csi: (wish) => parts.csi.place(pod, wish, {
      csiDriver: (name) => ask(parts, CSIDriverKind, undefined, name),
      async secretData({ name = '', namespace: of }) {
        const secret = await ask(parts, SecretKind, of ?? namespace, name);
        if (secret === undefined) throw new Error(`secret "${of}/${name}" not found`);
        return Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(String(value), 'base64').toString()]));
      },
      attachment: (name) => attachmentOf(parts, name),
      token: (request) => sources.token(request),
    }, context.clock.nowMs()),
    async grew({ metadata }, storage) {
      const claim = await ask(parts, PersistentVolumeClaimKind, metadata.namespace, metadata.name ?? '');
      if (claim?.metadata.uid !== metadata.uid) return;
      const conditions = claim!.status?.conditions?.filter(({ type }) => type !== 'FileSystemResizePending') ?? [];
      await context.client.update(PersistentVolumeClaimKind, { ...claim!, status: { ...claim!.status, capacity: { ...claim!.status?.capacity, storage }, conditions: conditions.length === 0 ? undefined : conditions } }, { subresource: 'status' });
    },
    isShared: (claimName) => sharers(parts, pod, claimName).length > 0,
    takeAlone: (volumeName, claimName) => takeAlone(parts.admissions, pod, { volumeName, others: sharers(parts, pod, claimName) }),
    volume: (name) => ask(parts, PersistentVolumeKind, undefined, name),
    image: async (volumeName, source) => parts.storage.open(await haveImage(parts.images, `${pod.metadata.uid}/volumes/${volumeName}`, source, () => pullCredentials(pod, (name) => find(parts, SecretKind, namespace, name), machineSecret(context.caches)))),
    get services() {
      return pod.spec?.enableServiceLinks === false ? [] : context.caches.of(ServiceKind).list(namespace);
    },
    api: { host: context.machine.network.apiServiceIp, port: API_SERVICE_PORT },
    async token({ audience, expirationSeconds }) {
      const key = `${audience ?? ''} ${expirationSeconds}`;
      const known = tokens.get(key);
      const madeMs = context.clock.nowMs();
      if (known !== undefined && known.madeMs <= madeMs && madeMs < known.renewAtMs) return known; // a clock may go back before its making
      const body: TokenRequest = {
        apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {},
        spec: { audiences: audience === undefined || audience === '' ? [] : [audience], expirationSeconds, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid } },
      };
      const answer = await context.client.createSubresource<TokenRequest, TokenRequest>(ServiceAccountKind, { namespace, name: pod.spec?.serviceAccountName || 'default' }, 'token', body);
      if (answer.status === undefined) throw new Error('the answer to the token request has no token');
      const expiresMs = Date.parse(answer.status.expirationTimestamp);
      const fresh = { token: answer.status.token, madeMs, expiresMs, renewAtMs: renewalOf(madeMs, expiresMs) };
      tokens.set(key, fresh);
      return fresh;
    },
  };
  return sources;
}

/** Other pods of this node that use the claim. */
function sharers({ context }: NodeParts, { metadata }: Pod, claimName: string): Pod[] {
  return context.caches.of(PodKind).byIndex('spec.nodeName', context.machine.nodeName)
    .filter((other) => other.metadata.namespace === metadata.namespace && other.metadata.uid !== metadata.uid && !isTerminal(other) && claimUses(other).some((each) => each.claimName === claimName));
}

/** What the driver said when it attached the volume to this node (upstream: VolumeAttachment, made by the attach controller). */
async function attachmentOf(parts: NodeParts, name: string): Promise<Record<string, string>> {
  const attachment = await ask(parts, VolumeAttachmentKind, undefined, name);
  if (attachment?.status?.attached === true) return attachment.status.attachmentMetadata ?? {};
  const { message: why, errorCode } = attachment?.status?.attachError ?? {};
  if (errorCode === RESOURCE_EXHAUSTED) await askForRoom(parts, attachment?.spec?.attacher ?? '');
  throw new Error(why === undefined ? `timed out waiting for the volume to be attached: its driver has not attached ${name} yet` : `the volume could not be attached: ${why}`);
}

/** More volumes were attached than the node said that it could have: what it says is old. */
async function askForRoom({ context: { client, log }, csiDrivers }: NodeParts, name: string): Promise<void> {
  const driver = await ifThere(client.get(CSIDriverKind, name));
  if (driver?.spec?.nodeAllocatableUpdatePeriodSeconds !== undefined) await csiDrivers.refresh(name).catch((error: Error) => log.warn('a storage driver did not say how many volumes the node may have', { driver: name, error }));
}

/** By which every pod may pull from the registry on this machine, where there is one. */
export function machineSecret(caches: Caches): Secret | undefined {
  return caches.of(SecretKind).get('kube-system/local-registry');
}

async function find<T extends KubeObject>(parts: NodeParts, kind: Kind<T>, namespace: string, name: string): Promise<T | undefined> {
  const cached = parts.context.caches.of(kind).get(`${namespace}/${name}`);
  return cached ?? ask(parts, kind, namespace, name);
}

/** Few pods ask for these: no cache is kept of them. */
async function ask<T extends KubeObject>(parts: NodeParts, kind: Kind<T>, namespace: string | undefined, name: string): Promise<T | undefined> {
  return ifThere(parts.context.client.get(kind, name, { namespace }));
}
