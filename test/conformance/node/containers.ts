/** [sig-node] Container Runtime, InitContainer, Kubelet, Lifecycle Hook, Security Context, Sysctls, Probing: how containers run. */
import assert from 'node:assert/strict';
import { behaviour, call, create, get, gone, kubectl, namespace, patch, podOf, remove, until, type Body } from '../cluster.ts';
import { endOf, isReady, outputOf, pathOf, scriptPod, start } from './pod.ts';

const NODE = ' [NodeConformance]';
const FALLBACK = { terminationMessagePolicy: 'FallbackToLogsOnError' };
/** Serves a folder, and keeps a log of who came. */
const SERVER = 'mkdir -p /tmp/www; echo fine > /tmp/www/healthz; httpd -f -vv -p 8080 -h /tmp/www';

export function containers(): void {
  const message = `Container Runtime blackbox test on terminated container should report termination message`;
  behaviour(`${message} as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set${NODE}`, async () => {
    assert.equal((await endOf(await namespace(), scriptPod('p', 'echo DONE', FALLBACK))).message ?? '', '');
  });
  behaviour(`${message} from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set${NODE}`, async () => {
    assert.equal((await endOf(await namespace(), scriptPod('p', 'echo -n OK > /dev/termination-log', FALLBACK))).message, 'OK');
  });
  behaviour(`${message} from log output if TerminationMessagePolicy FallbackToLogsOnError is set${NODE}`, async () => {
    assert.equal((await endOf(await namespace(), scriptPod('p', 'echo -n DONE; exit 1', FALLBACK))).message.trim(), 'DONE');
  });
  behaviour(`${message} if TerminationMessagePath is set as non-root user and at a non-default path${NODE}`, async () => {
    assert.equal((await endOf(await namespace(), scriptPod('p', 'echo -n DONE > /dev/custom', { terminationMessagePath: '/dev/custom', securityContext: { runAsUser: 1000 } }))).message, 'DONE');
  });
  behaviour(`Container Runtime blackbox test when starting a container that exits should run with the expected status${NODE}`, async () => {
    const space = await namespace();
    const script = 'n=$(cat /counter/n 2>/dev/null || echo 0); echo $((n + 1)) > /counter/n; [ $n -ge 1 ]';
    const wanted: [string, string, number][] = [['Always', 'Running', 1], ['OnFailure', 'Succeeded', 1], ['Never', 'Failed', 0]];
    for (const [restartPolicy, phase, restarts] of wanted) {
      const name = restartPolicy.toLowerCase();
      await create(`/api/v1/namespaces/${space}/pods`, scriptPod(name, restartPolicy === 'Always' ? `${script} && sleep 1` : script, { volumeMounts: [{ name: 'counter', mountPath: '/counter' }] }, { restartPolicy, volumes: [{ name: 'counter', emptyDir: {} }] }));
      await until(pathOf(space, name), ({ status }) => status.phase === phase && status.containerStatuses[0].restartCount >= restarts, 30_000);
      // Always goes on restarting what exits; the others stop at exactly so many
      if (restartPolicy !== 'Always') assert.equal((await until(pathOf(space, name), () => true)).status.containerStatuses[0].restartCount, restarts);
    }
  });

  const init = (name: string, script: string): object => ({ ...podOf('x').spec.containers[0], name, command: ['sh', '-c', script] });
  const invokes = (restartPolicy: string, script: string, phase: string): (() => Promise<void>) => async () => {
    const space = await namespace();
    await create(`/api/v1/namespaces/${space}/pods`, scriptPod('p', script, {}, { restartPolicy, initContainers: [init('first', 'true'), init('second', 'true')] }));
    const { status } = await until(pathOf(space, 'p'), (pod) => pod.status.phase === phase);
    assert.deepEqual(status.initContainerStatuses.map((each: Body) => [each.ready, each.state.terminated.exitCode]), [[true, 0], [true, 0]]);
    assert.equal(status.conditions.find((each: Body) => each.type === 'Initialized').status, 'True');
  };
  behaviour('InitContainer [NodeConformance] should invoke init containers on a RestartNever pod', invokes('Never', 'true', 'Succeeded'));
  behaviour('InitContainer [NodeConformance] should invoke init containers on a RestartAlways pod', invokes('Always', 'sleep 1000', 'Running'));
  behaviour('InitContainer [NodeConformance] should not start app containers and fail the pod if init containers fail on a RestartNever pod', async () => {
    const space = await namespace();
    await create(`/api/v1/namespaces/${space}/pods`, scriptPod('p', 'true', {}, { initContainers: [init('first', 'true'), init('second', 'false')] }));
    const { status } = await until(pathOf(space, 'p'), (pod) => pod.status.phase === 'Failed');
    assert.ok(status.containerStatuses[0].state.waiting !== undefined && status.containerStatuses[0].containerID === undefined);
  });
  behaviour('InitContainer [NodeConformance] should not start app containers if init containers fail on a RestartAlways pod', async () => {
    const space = await namespace();
    await create(`/api/v1/namespaces/${space}/pods`, scriptPod('p', 'true', {}, { restartPolicy: 'Always', initContainers: [init('first', 'false'), init('second', 'true')] }));
    const { status } = await until(pathOf(space, 'p'), (pod) => pod.status.initContainerStatuses?.[0]?.restartCount >= 1);
    assert.deepEqual([status.phase, status.containerStatuses[0].containerID, status.initContainerStatuses[1].containerID], ['Pending', undefined, undefined]);
  });

  behaviour(`Kubelet when scheduling a busybox command in a pod should print the output to logs${NODE}`, async () => {
    assert.equal(await outputOf(await namespace(), scriptPod('p', 'echo Hello; echo World >&2')), 'Hello\nWorld');
  });
  behaviour(`Kubelet when scheduling a busybox command that always fails in a pod should have an terminated reason${NODE}`, async () => {
    assert.equal((await endOf(await namespace(), scriptPod('p', 'false'))).reason, 'Error');
  });
  behaviour(`Kubelet when scheduling a busybox command that always fails in a pod should be possible to delete${NODE}`, async () => {
    const space = await namespace();
    await create(`/api/v1/namespaces/${space}/pods`, scriptPod('p', 'false', {}, { restartPolicy: 'Always' }));
    await remove(pathOf(space, 'p'));
    await gone(pathOf(space, 'p'));
  });
  behaviour(`Kubelet when scheduling a read only busybox container should not write to root filesystem [LinuxOnly]${NODE}`, async () => {
    assert.match(await outputOf(await namespace(), scriptPod('p', 'echo test > /file || echo refused; cat /file', { securityContext: { readOnlyRootFilesystem: true } }), 'Failed'), /Read-only file system/);
  });
  behaviour(`Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts${NODE}`, async () => {
    assert.match(await outputOf(await namespace(), scriptPod('p', 'cat /etc/hosts', {}, { hostAliases: [{ ip: '123.45.67.89', hostnames: ['foo', 'bar'] }] })), /^123\.45\.67\.89\tfoo\tbar$/m);
  });
  behaviour(`KubeletManagedEtcHosts should test kubelet managed /etc/hosts file${NODE}`, async () => {
    const space = await namespace();
    const managed = /^# Kubernetes-managed hosts file/;
    assert.match(await outputOf(space, scriptPod('own', 'cat /etc/hosts')), managed);
    const volumes = { volumes: [{ name: 'hosts', hostPath: { path: '/etc/hosts', type: 'File' } }] };
    assert.doesNotMatch(await outputOf(space, scriptPod('mounted', 'cat /etc/hosts', { volumeMounts: [{ name: 'hosts', mountPath: '/etc/hosts' }] }, volumes)), managed);
    assert.doesNotMatch(await outputOf(space, scriptPod('host', 'cat /etc/hosts', {}, { hostNetwork: true })), managed);
  });

  const cameBy = (space: string, path: string): Promise<Body> => until(`${pathOf(space, 'server')}/log`, (log) => String(log).includes(path));
  for (const [moment, sort] of [['poststart', 'exec'], ['poststart', 'http'], ['prestop', 'exec'], ['prestop', 'http']] as const) {
    behaviour(`Container Lifecycle Hook when create a pod with lifecycle hook should execute ${moment} ${sort} hook properly${NODE}`, async () => {
      const space = await namespace();
      const { status } = await start(space, podOf('server', { container: { command: ['sh', '-c', SERVER] } }));
      const path = `/healthz-${moment}-${sort}`;
      const hook = sort === 'exec' ? { exec: { command: ['sh', '-c', `printf 'GET ${path} HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${status.podIP} 8080`] } } : { httpGet: { host: status.podIP, port: 8080, path } };
      await start(space, podOf('hooked', { spec: { terminationGracePeriodSeconds: 5 }, container: { command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'], lifecycle: { [moment === 'poststart' ? 'postStart' : 'preStop']: hook } } }));
      if (moment === 'prestop') {
        await remove(pathOf(space, 'hooked'));
        await gone(pathOf(space, 'hooked'));
      }
      await cameBy(space, path);
    });
  }

  behaviour(`Security Context When creating a container with runAsUser should run the container with uid 65534 [LinuxOnly]${NODE}`, async () => {
    assert.equal(await outputOf(await namespace(), scriptPod('p', 'id -u', { securityContext: { runAsUser: 65_534 } })), '65534');
  });
  behaviour(`Security Context When creating a pod with privileged should run the container as unprivileged when false [LinuxOnly]${NODE}`, async () => {
    assert.match(await outputOf(await namespace(), scriptPod('p', 'ip link add dummy0 type dummy || true', { securityContext: { privileged: false } })), /not permitted/i);
  });
  behaviour(`Security Context When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false${NODE}`, async () => {
    await outputOf(await namespace(), scriptPod('p', 'touch /written', { securityContext: { readOnlyRootFilesystem: false } }));
  });
  behaviour('Security Context should support container.SecurityContext.RunAsUser And container.SecurityContext.RunAsGroup [LinuxOnly]', async () => {
    assert.equal(await outputOf(await namespace(), scriptPod('p', 'echo $(id -u) $(id -g)', { securityContext: { runAsUser: 1001, runAsGroup: 2002 } })), '1001 2002');
  });
  behaviour('Security Context should support pod.Spec.SecurityContext.RunAsUser And pod.Spec.SecurityContext.RunAsGroup [LinuxOnly]', async () => {
    assert.equal(await outputOf(await namespace(), scriptPod('p', 'echo $(id -u) $(id -g)', {}, { securityContext: { runAsUser: 1001, runAsGroup: 2002 } })), '1001 2002');
  });
  behaviour(`Security Context when creating containers with AllowPrivilegeEscalation should not allow privilege escalation when false [LinuxOnly]${NODE}`, async () => {
    assert.match(await outputOf(await namespace(), scriptPod('p', 'grep NoNewPrivs /proc/self/status; id -u', { securityContext: { allowPrivilegeEscalation: false, runAsUser: 1000 } })), /NoNewPrivs:\s1\n1000/);
  });
  behaviour('Sysctls [LinuxOnly] [NodeConformance] should support sysctls [Environment:NotInUserNS]', async () => {
    assert.equal(await outputOf(await namespace(), scriptPod('p', 'cat /proc/sys/kernel/shm_rmid_forced', {}, { securityContext: { sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] } })), '1');
  });
  behaviour('Sysctls [LinuxOnly] [NodeConformance] should reject invalid sysctls', async () => {
    const sysctls = [{ name: 'foo-', value: 'bar' }, { name: 'kernel.shmmax', value: '100000000' }, { name: 'bar..', value: '42' }];
    const answer = await call('POST', `/api/v1/namespaces/${await namespace()}/pods`, { body: scriptPod('p', 'true', {}, { securityContext: { sysctls } }) });
    assert.equal(answer.code, 422);
    assert.match(answer.body.message, /sysctls\[0\]\.name: Invalid value: "foo-"[\s\S]*sysctls\[2\]\.name: Invalid value: "bar\.\."/);
    assert.doesNotMatch(answer.body.message, /shmmax/);
  });

  const probed = (script: string, probe: object, which = 'livenessProbe'): Body => podOf('p', { container: { command: ['sh', '-c', script], [which]: { periodSeconds: 1, failureThreshold: 1, ...probe } } });
  const exec = { exec: { command: ['cat', '/tmp/health'] } };
  const http = { httpGet: { path: '/healthz', port: 8080 }, initialDelaySeconds: 1 };
  /** One failure is enough, and the machine may be busy with others. */
  const PATIENT = { initialDelaySeconds: 2, timeoutSeconds: 30 };
  const stays = (pod: Body): (() => Promise<void>) => async () => {
    const space = await namespace();
    await start(space, pod);
    await new Promise((settled) => setTimeout(settled, 4_000));
    assert.equal((await get(pathOf(space, 'p'))).status.containerStatuses[0].restartCount, 0);
  };
  const restarts = (pod: Body, times = 1): (() => Promise<void>) => async () => {
    const space = await namespace();
    await create(`/api/v1/namespaces/${space}/pods`, pod);
    let last = 0;
    await until(pathOf(space, 'p'), ({ status }) => {
      const count = status.containerStatuses?.[0]?.restartCount ?? 0;
      assert.ok(count >= last, `${count} after ${last}`);
      last = count;
      return count >= times;
    }, 50_000);
  };
  behaviour(`Probing container should *not* be restarted with a exec "cat /tmp/health" liveness probe${NODE}`, stays(probed('touch /tmp/health; sleep 1000', { ...exec, ...PATIENT })));
  behaviour(`Probing container should *not* be restarted with a /healthz http liveness probe${NODE}`, stays(probed(SERVER, { ...http, ...PATIENT })));
  behaviour(`Probing container should *not* be restarted with a tcp:8080 liveness probe${NODE}`, stays(probed(SERVER, { tcpSocket: { port: 8080 }, ...PATIENT })));
  behaviour(`Probing container should be restarted with a exec "cat /tmp/health" liveness probe${NODE}`, restarts(probed('touch /tmp/health; sleep 3; rm /tmp/health; sleep 1000', { ...exec, initialDelaySeconds: 1 })));
  behaviour(`Probing container should be restarted with a /healthz http liveness probe${NODE}`, restarts(probed(`(sleep 3; rm /tmp/www/healthz) & ${SERVER}`, http)));
  behaviour(`Probing container should be restarted with a GRPC liveness probe${NODE}`, restarts(probed('sleep 1000', { grpc: { port: 2333 }, initialDelaySeconds: 1 })));
  behaviour(`Probing container should have monotonically increasing restart count${NODE}`, restarts(probed('sleep 1000', { ...exec, initialDelaySeconds: 1 }), 2));
  behaviour(`Probing container with readiness probe should not be ready before initial delay and never restart${NODE}`, async () => {
    const space = await namespace();
    await create(`/api/v1/namespaces/${space}/pods`, probed('sleep 1000', { exec: { command: ['true'] }, initialDelaySeconds: 3 }, 'readinessProbe'));
    const { status } = await isReady(space, 'p');
    const readyMs = Date.parse(status.conditions.find((each: Body) => each.type === 'Ready').lastTransitionTime);
    assert.ok(readyMs - Date.parse(status.containerStatuses[0].state.running.startedAt) >= 2_000);
    assert.equal(status.containerStatuses[0].restartCount, 0);
  });
  behaviour(`Probing container with readiness probe that fails should never be ready and never restart${NODE}`, async () => {
    const space = await namespace();
    await create(`/api/v1/namespaces/${space}/pods`, probed('sleep 1000', { exec: { command: ['false'] } }, 'readinessProbe'));
    await until(pathOf(space, 'p'), ({ status }) => status.phase === 'Running');
    await new Promise((settled) => setTimeout(settled, 2_000));
    const { status } = await get(pathOf(space, 'p'));
    assert.deepEqual([status.phase, status.containerStatuses[0].ready, status.containerStatuses[0].restartCount], ['Running', false, 0]);
  });

  const debug = (name: string): object => ({ ...podOf('x').spec.containers[0], name });
  const addEphemeral = (space: string, ...names: string[]): Promise<Body> => patch(`${pathOf(space, 'p')}/ephemeralcontainers`, { spec: { ephemeralContainers: names.map(debug) } }, 'strategic-merge-patch');
  const runs = (space: string, name: string): Promise<Body> => until(pathOf(space, 'p'), ({ status }) => status.ephemeralContainerStatuses?.find((each: Body) => each.name === name)?.state?.running !== undefined);
  behaviour('Ephemeral Containers [NodeConformance] will start an ephemeral container in an existing pod', async () => {
    const space = await namespace();
    await start(space, podOf('p'));
    await addEphemeral(space, 'debugger');
    await runs(space, 'debugger');
    assert.equal((await kubectl('-n', space, 'exec', 'p', '-c', 'debugger', '--', 'echo', 'marco')).trim(), 'marco');
  });
  behaviour('Ephemeral Containers [NodeConformance] should update the ephemeral containers in an existing pod', async () => {
    const space = await namespace();
    await start(space, podOf('p'));
    await addEphemeral(space, 'one');
    await runs(space, 'one');
    await addEphemeral(space, 'one', 'two');
    const { spec } = await runs(space, 'two');
    assert.deepEqual(spec.ephemeralContainers.map((each: Body) => each.name), ['one', 'two']);
  });
}
