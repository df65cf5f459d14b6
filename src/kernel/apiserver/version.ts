/** /version: which Kubernetes we behave as (apimachinery version.Info). */
import { kubernetesRelease } from '../../api/facts/fact-type.ts';

export interface VersionFacts {
  /** Of llmos: `0.1.0`. */
  llmos?: string;
  gitCommit?: string;
  buildDate?: string;
}

export interface VersionInfo {
  major: string;
  minor: string;
  emulationMajor: string;
  emulationMinor: string;
  /** The oldest release whose API is kept: the one before, as upstream has it without a flag (component-base/compatibility/version.go). */
  minCompatibilityMajor: string;
  minCompatibilityMinor: string;
  gitVersion: string;
  gitCommit: string;
  gitTreeState: string;
  buildDate: string;
  goVersion: string;
  compiler: string;
  platform: string;
}

/** The release is that of the schema facts, for instance v1.36.0+llmos.0.1.0. */
export function versionInfo(facts: VersionFacts = {}): VersionInfo {
  const [major = '1', minor = '0', patch = '0'] = kubernetesRelease().split('.');
  const own = facts.llmos === undefined ? 'llmos' : `llmos.${facts.llmos}`;
  return {
    major, minor, emulationMajor: major, emulationMinor: minor, minCompatibilityMajor: major, minCompatibilityMinor: String(Number(minor) - 1), gitVersion: `v${major}.${minor}.${patch}+${own}`, gitCommit: facts.gitCommit ?? '', gitTreeState: 'clean', buildDate: facts.buildDate ?? '1970-01-01T00:00:00Z',
    goVersion: `node${process.version}`, compiler: 'v8', platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
