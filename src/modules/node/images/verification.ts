/** For which images that are there already a pod must show that it may have them (KubeletConfiguration imagePullCredentialsVerificationPolicy and preloadedImagesVerificationAllowlist). Pure. */
import { parseImageName } from './name.ts';

const POLICIES = ['NeverVerify', 'NeverVerifyPreloadedImages', 'NeverVerifyAllowlistedImages', 'AlwaysVerify'] as const;

export interface VerificationSettings {
  policy: (typeof POLICIES)[number];
  /** Repositories without tag, or `registry/path/*` for all below. */
  allowlist: readonly string[];
}

/** Throws with what is wrong. */
export function verificationSettings(config: Readonly<Record<string, unknown>>): VerificationSettings {
  const policy = config['imagePullCredentialsVerificationPolicy'] ?? 'NeverVerifyPreloadedImages';
  const allowlist = config['preloadedImagesVerificationAllowlist'] ?? [];
  if (!POLICIES.includes(policy as VerificationSettings['policy'])) throw new Error(`modules.node.imagePullCredentialsVerificationPolicy must be one of ${POLICIES.join(', ')}, not ${JSON.stringify(policy)}`);
  if (!Array.isArray(allowlist) || !allowlist.every(isPattern)) throw new Error(`modules.node.preloadedImagesVerificationAllowlist must be a list of repositories such as registry.io/team/app or registry.io/team/*, without tags, not ${JSON.stringify(allowlist)}`);
  if (allowlist.length > 0 && policy !== 'NeverVerifyAllowlistedImages') throw new Error('modules.node.preloadedImagesVerificationAllowlist is for the policy NeverVerifyAllowlistedImages alone');
  return { policy: policy as VerificationSettings['policy'], allowlist };
}

export function mustVerify({ policy, allowlist }: VerificationSettings, repository: string, wasPulled: boolean): boolean {
  if (policy === 'NeverVerifyAllowlistedImages') return !allowlist.some((pattern) => (pattern.endsWith('/*') ? repository.startsWith(pattern.slice(0, -1)) : repository === pattern));
  return policy === 'AlwaysVerify' || (policy === 'NeverVerifyPreloadedImages' && wasPulled);
}

function isPattern(pattern: unknown): boolean {
  if (typeof pattern !== 'string') return false;
  if (pattern.endsWith('/*')) return pattern.length > 2 && !/[*\s]/.test(pattern.slice(0, -1));
  return parseImageName(pattern)?.repository === pattern;
}
