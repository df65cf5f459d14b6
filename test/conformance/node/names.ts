/** The behaviours of sig-node that upstream names in conformance.yaml. */
import type { Behaviour } from '../behaviours.ts';

const marked = (prefix: string, names: readonly string[], mark = ' [NodeConformance]'): string[] => names.map((name) => `${prefix} ${name}${mark}`);

export const NODE_BEHAVIOURS: readonly (string | [string, Omit<Behaviour, 'name' | 'area'>])[] = [
  ...marked('ConfigMap', ['should be consumable via environment variable', 'should be consumable via the environment']),
  ...marked('ConfigMap', ['should fail to create ConfigMap with empty key', 'should run through a ConfigMap lifecycle'], ''),
  ...marked('Container Lifecycle Hook when create a pod with lifecycle hook should execute', ['poststart exec hook properly', 'poststart http hook properly', 'prestop exec hook properly', 'prestop http hook properly']),
  ...marked('Container Runtime blackbox test on terminated container should report termination message', [
    'as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set', 'from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set',
    'from log output if TerminationMessagePolicy FallbackToLogsOnError is set', 'if TerminationMessagePath is set as non-root user and at a non-default path',
  ]),
  'Container Runtime blackbox test when starting a container that exits should run with the expected status [NodeConformance]',
  ...marked('Containers should', ["be able to override the image's default arguments (container cmd)", "be able to override the image's default command (container entrypoint)", "be able to override the image's default command and arguments", 'use the image defaults if command and args are blank']),
  ...marked('Downward API should provide', ["container's limits.cpu/memory and requests.cpu/memory as env vars", 'default limits.cpu/memory from node allocatable', 'host IP as an env var', 'pod UID as env vars', 'pod name, namespace and IP address as env vars']),
  'Ephemeral Containers [NodeConformance] should update the ephemeral containers in an existing pod',
  'Ephemeral Containers [NodeConformance] will start an ephemeral container in an existing pod',
  ...marked('InitContainer [NodeConformance] should', ['invoke init containers on a RestartAlways pod', 'invoke init containers on a RestartNever pod', 'not start app containers and fail the pod if init containers fail on a RestartNever pod', 'not start app containers if init containers fail on a RestartAlways pod'], ''),
  ...marked('Kubelet when scheduling a', [
    'busybox command in a pod should print the output to logs', 'busybox command that always fails in a pod should be possible to delete', 'busybox command that always fails in a pod should have an terminated reason',
    'read only busybox container should not write to root filesystem [LinuxOnly]',
  ]),
  'Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts [NodeConformance]',
  'KubeletManagedEtcHosts should test kubelet managed /etc/hosts file [NodeConformance]',
  'Lease lease API should be available',
  'NoExecuteTaintManager Multiple Pods [Serial] evicts pods with minTolerationSeconds [Disruptive]',
  'NoExecuteTaintManager Single Pod [Serial] removing taint cancels eviction [Disruptive]',
  'Node Lifecycle should run through the lifecycle of a node',
  ...marked('Pod InPlace Resize Container', [
    'burstable pods - extended 6 containers - various operations performed (including adding limits and requests)', 'burstable pods - extended resize with equivalents',
    'guaranteed pods with multiple containers 3 containers - increase cpu & mem on c1, c2, decrease cpu & mem on c3 - net increase',
    'guaranteed pods with multiple containers 3 containers - increase cpu & mem on c1, decrease cpu & mem on c2, c3 - net decrease',
    'guaranteed pods with multiple containers 3 containers - increase: CPU (c1,c3), memory (c2, c3) ; decrease: CPU (c2)',
    'resize pod via the replace endpoint',
  ], ' [MinimumKubeletVersion:1.34]'),
  ...marked('PodTemplates should', ['delete a collection of pod templates', 'replace a pod template', 'run the lifecycle of PodTemplates'], ''),
  'Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu',
  ...marked('Pods should', ['allow activeDeadlineSeconds to be updated', 'be submitted and removed', 'be updated', 'contain environment variables for services', 'get a host IP', 'support remote command execution over websockets', 'support retrieving logs from the container over websockets']),
  ...marked('Pods should', ['delete a collection of pods', 'patch a pod status', 'run through the lifecycle of Pods and PodStatus'], ''),
  'PreStop should call prestop when killing a pod',
  ...marked('Probing container', [
    'should *not* be restarted with a /healthz http liveness probe', 'should *not* be restarted with a GRPC liveness probe', 'should *not* be restarted with a exec "cat /tmp/health" liveness probe', 'should *not* be restarted with a tcp:8080 liveness probe',
    'should be restarted with a /healthz http liveness probe', 'should be restarted with a GRPC liveness probe', 'should be restarted with a exec "cat /tmp/health" liveness probe', 'should have monotonically increasing restart count',
    'with readiness probe should not be ready before initial delay and never restart', 'with readiness probe that fails should never be ready and never restart',
  ]),
  ...marked('RuntimeClass should', ['reject a Pod requesting a deleted RuntimeClass', 'reject a Pod requesting a non-existent RuntimeClass', 'schedule a Pod requesting a RuntimeClass and initialize its Overhead', 'schedule a Pod requesting a RuntimeClass without PodOverhead']),
  'RuntimeClass should support RuntimeClasses API operations',
  ...marked('Secrets should be consumable', ['from pods in env vars', 'via the environment']),
  ...marked('Secrets should', ['fail to create secret due to empty secret key', 'patch a secret'], ''),
  'Security Context When creating a container with runAsUser should run the container with uid 65534 [LinuxOnly] [NodeConformance]',
  'Security Context When creating a pod with privileged should run the container as unprivileged when false [LinuxOnly] [NodeConformance]',
  'Security Context When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false [NodeConformance]',
  'Security Context should support container.SecurityContext.RunAsUser And container.SecurityContext.RunAsGroup [LinuxOnly]',
  'Security Context should support pod.Spec.SecurityContext.RunAsUser And pod.Spec.SecurityContext.RunAsGroup [LinuxOnly]',
  'Security Context when creating containers with AllowPrivilegeEscalation should not allow privilege escalation when false [LinuxOnly] [NodeConformance]',
  'Sysctls [LinuxOnly] [NodeConformance] should reject invalid sysctls [MinimumKubeletVersion:1.21]',
  'Sysctls [LinuxOnly] [NodeConformance] should support sysctls [MinimumKubeletVersion:1.21] [Environment:NotInUserNS]',
  ...marked('Variable Expansion should allow', ['composing env vars into new env vars', "substituting values in a container's args", "substituting values in a container's command"]),
  ...marked('Variable Expansion should', [
    'allow substituting values in a volume subpath', 'fail substituting values in a volume subpath with absolute path', 'fail substituting values in a volume subpath with backticks', 'succeed in writing subpaths in container',
    'verify that a failing subpath expansion can be modified during the lifecycle of a container [Slow]',
  ], ''),
];
