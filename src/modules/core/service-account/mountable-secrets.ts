/** A service account may say that its pods use no Secrets but those that it names (upstream: admission plugin ServiceAccount, limitSecretReferences). */
import type { Pod } from '../../../api/core/pod.ts';
import type { ServiceAccount } from '../../../api/core/service-account.ts';
import type { EnvFromSource, EnvVar } from '../../../api/generated/core-v1.ts';

const ENFORCE = 'kubernetes.io/enforce-mountable-secrets';
/** What Go's strconv.ParseBool takes for true. */
const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);

interface Reader { name: string; env?: EnvVar[]; envFrom?: EnvFromSource[] }

export function limitsSecrets({ metadata }: ServiceAccount): boolean {
  return TRUE.has(metadata.annotations?.[ENFORCE] ?? '');
}

/** Why the pod may not run as the account; undefined when it may. */
export function secretRefusal({ spec }: Pod, account: ServiceAccount): string | undefined {
  const named = namesOf(account.secrets);
  const pulls = namesOf(account.imagePullSecrets);
  const { name = '' } = account.metadata;
  const volume = spec?.volumes?.find(({ secret }) => secret !== undefined && secret !== null && !named.has(secret.secretName ?? ''));
  if (volume !== undefined) return `volume with secret.secretName="${volume.secret?.secretName ?? ''}" is not allowed because service account ${name} does not reference that secret`;
  const read = refusalOf(spec?.initContainers, 'init container', account) ?? refusalOf(spec?.containers, 'container', account);
  if (read !== undefined) return read;
  const index = spec?.imagePullSecrets?.findIndex((each) => !pulls.has(each.name ?? '')) ?? -1;
  return index < 0 ? undefined : `imagePullSecrets[${index}].name="${spec!.imagePullSecrets![index]!.name ?? ''}" is not allowed because service account ${name} does not reference that imagePullSecret`;
}

/** The same of containers that come later. */
export function ephemeralRefusal({ spec }: Pod, account: ServiceAccount): string | undefined {
  return refusalOf(spec?.ephemeralContainers, 'ephemeral container', account);
}

function refusalOf(containers: readonly Reader[] | undefined, what: string, account: ServiceAccount): string | undefined {
  const named = namesOf(account.secrets);
  for (const { name, env = [], envFrom = [] } of containers ?? []) {
    const variable = env.find(({ valueFrom }) => valueFrom?.secretKeyRef && !named.has(valueFrom.secretKeyRef.name ?? ''));
    const source = variable === undefined ? envFrom.find(({ secretRef }) => secretRef && !named.has(secretRef.name ?? '')) : undefined;
    const secret = variable?.valueFrom?.secretKeyRef?.name ?? source?.secretRef?.name;
    if (variable === undefined && source === undefined) continue;
    return `${what} ${name} with ${variable === undefined ? 'envFrom' : `envVar ${variable.name}`} referencing secret.secretName="${secret ?? ''}" is not allowed because service account ${account.metadata.name ?? ''} does not reference that secret`;
  }
  return undefined;
}

function namesOf(references: readonly { name?: string }[] | undefined): ReadonlySet<string> {
  return new Set((references ?? []).map(({ name = '' }) => name));
}
