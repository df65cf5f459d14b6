/** The annotations by which AppArmor profiles were named before 1.30: what they say becomes fields (upstream: applyAppArmorVersionSkew). */
import type { AppArmorProfile, Pod } from '../generated/core-v1.ts';
import { equalJson } from '../json.ts';

const ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const LOCALHOST = 'localhost/';

/** Gives containers without a profile of their own the one of their annotation. Changes the pod. */
export function appArmorFields(pod: Pod): void {
  for (const [container, profile] of annotated(pod)) {
    if (profile === undefined || container.securityContext?.appArmorProfile !== undefined || equalJson(profile, pod.spec?.securityContext?.appArmorProfile)) continue;
    container.securityContext = { ...container.securityContext, appArmorProfile: profile };
  }
}

/** Texts for Warning headers, after {@link appArmorFields}. */
export function appArmorWarnings(pod: Pod): string[] {
  return annotated(pod)
    .filter(([{ securityContext }, profile]) => securityContext?.appArmorProfile === undefined ? profile === undefined : equalJson(securityContext.appArmorProfile, profile))
    .map(([{ name }]) => `metadata.annotations[${ANNOTATION}${name}]: deprecated since v1.30; use the "appArmorProfile" field instead`);
}

function annotated({ metadata, spec }: Pod): [NonNullable<Pod['spec']>['containers'][number], AppArmorProfile | undefined][] {
  const { annotations } = metadata;
  if (annotations === undefined) return [];
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].flatMap((container) => {
    const text = annotations[ANNOTATION + container.name];
    return text === undefined ? [] : [[container, profileOf(text)]];
  });
}

/** Undefined for what names no profile. */
function profileOf(text: string): AppArmorProfile | undefined {
  if (text === 'unconfined') return { type: 'Unconfined' };
  if (text === 'runtime/default') return { type: 'RuntimeDefault' };
  const localhostProfile = text.startsWith(LOCALHOST) ? text.slice(LOCALHOST.length).trim() : '';
  return localhostProfile === '' ? undefined : { type: 'Localhost', localhostProfile };
}
