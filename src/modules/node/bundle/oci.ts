/** The part of the OCI runtime configuration that the node writes (runtime-spec 1.0, config.json). */
export interface OciMount { destination: string; type?: string; source?: string; options?: string[] }
export interface OciUser { uid: number; gid: number; additionalGids: number[] }
export interface OciCapabilities { bounding: string[]; effective: string[]; permitted: string[]; inheritable?: string[]; ambient?: string[] }

export interface OciProcess {
  terminal?: boolean;
  user: OciUser;
  args: string[];
  env: string[];
  cwd: string;
  capabilities: OciCapabilities;
  noNewPrivileges?: boolean;
  apparmorProfile?: string;
  oomScoreAdj?: number;
  rlimits?: { type: string; soft: number; hard: number }[];
}

export interface OciResources {
  devices?: { allow: boolean; access?: string; type?: string; major?: number; minor?: number }[];
  memory?: { limit?: number };
  cpu?: { shares?: number; quota?: number; period?: number; cpus?: string };
  /** -1: none. */
  pids?: { limit: number };
  hugepageLimits?: { pageSize: string; limit: number }[];
  /** cgroup v2: file to text. */
  unified?: Readonly<Record<string, string>>;
}

interface OciHook { path: string; args?: string[]; env?: string[]; timeout?: number }
/** Programs of the machine that the runtime starts at that moment (runtime-spec, POSIX-platform Hooks). */
export interface OciHooks { prestart?: OciHook[]; createRuntime?: OciHook[]; createContainer?: OciHook[]; startContainer?: OciHook[]; poststart?: OciHook[]; poststop?: OciHook[] }

export interface OciSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  syscalls: { names: string[]; action: string; errnoRet?: number; args?: { index: number; value: number; valueTwo?: number; op: string }[] }[];
}

export interface OciConfig {
  ociVersion: string;
  process: OciProcess;
  root: { path: string; readonly: boolean };
  hostname?: string;
  mounts: OciMount[];
  annotations?: Record<string, string>;
  hooks?: OciHooks;
  linux: {
    namespaces: { type: 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'cgroup' | 'user'; path?: string }[];
    /** How mounts spread out of and into the root. Default: not at all. */
    rootfsPropagation?: string;
    cgroupsPath: string;
    resources: OciResources;
    seccomp?: OciSeccomp;
    maskedPaths?: string[];
    readonlyPaths?: string[];
    sysctl?: Record<string, string>;
    devices?: { type: string; path: string; major: number; minor: number; fileMode?: number; uid?: number; gid?: number }[];
  };
}
