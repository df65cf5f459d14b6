"""The Python client as Debian packages it, driven through what its users do. Prints one line a finding; python.test.ts reads them."""
import datetime
import json
import os
import sys
import threading
import time

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.stream import portforward, stream

NS, IMAGE = 'python-client', sys.argv[1]
config.load_kube_config()
core = client.CoreV1Api()


def found(name, value):
    print(json.dumps([name, value]), flush=True)


def until(check, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        value = check()
        if value:
            return value
        time.sleep(0.1)
    raise TimeoutError(check)


def typed():
    made = core.create_namespaced_config_map(NS, client.V1ConfigMap(metadata=client.V1ObjectMeta(name='typed'), data={'a': '1'}))
    core.patch_namespaced_config_map('typed', NS, {'data': {'b': '2'}})
    core.patch_namespaced_config_map('typed', NS, [{'op': 'add', 'path': '/data/c', 'value': '3'}])
    try:
        core.replace_namespaced_config_map('typed', NS, made)
    except ApiException as error:
        found('stale', [error.status, json.loads(error.body)['reason']])
    found('typed', core.read_namespaced_config_map('typed', NS).data)
    found('pages', sum(1 for _ in pages()))


def pages():
    for number in range(5):
        core.create_namespaced_config_map(NS, {'metadata': {'name': 'page-%d' % number, 'labels': {'page': 'yes'}}})
    token = None
    while token != '':
        page = core.list_namespaced_config_map(NS, label_selector='page', limit=2, _continue=token)
        yield from page.items
        token = page.metadata._continue or ''


def watches():
    seen = []
    start = core.list_namespaced_config_map(NS).metadata.resource_version
    follower = watch.Watch()

    def follow():
        for event in follower.stream(core.list_namespaced_config_map, NS, resource_version=start, timeout_seconds=1):
            seen.append('%s %s' % (event['type'], event['object'].metadata.name))
            if len(seen) == 3:
                follower.stop()

    # The server ends the watch after a second; the client goes on from where it was.
    thread = threading.Thread(target=follow)
    thread.start()
    core.create_namespaced_config_map(NS, {'metadata': {'name': 'watched'}})
    core.patch_namespaced_config_map('watched', NS, {'data': {'a': '1'}})
    core.delete_namespaced_config_map('watched', NS)
    thread.join(20)
    found('watched', seen)
    follower = watch.Watch()
    resumed = []
    for event in follower.stream(core.list_namespaced_config_map, NS, resource_version=start, timeout_seconds=1):
        resumed.append(event['type'])
    found('resumed', resumed)


def streams():
    command = ['sh', '-c', 'echo hello; mkdir -p /www; echo page > /www/index.html; exec httpd -f -p 8080 -h /www']
    core.create_namespaced_pod(NS, {'metadata': {'name': 'web'}, 'spec': {'terminationGracePeriodSeconds': 0, 'containers': [{'name': 'main', 'image': IMAGE, 'command': command}]}})
    until(lambda: core.read_namespaced_pod('web', NS).status.phase == 'Running')
    found('log', core.read_namespaced_pod_log('web', NS))
    run = core.connect_get_namespaced_pod_exec
    found('exec', stream(run, 'web', NS, command=['sh', '-c', 'echo out; echo err >&2'], stdout=True, stderr=True, stdin=False, tty=False))
    shell = stream(run, 'web', NS, command=['sh'], stdout=True, stderr=True, stdin=True, tty=False, _preload_content=False)
    shell.write_stdin('echo one\n')
    found('shell', shell.readline_stdout(timeout=5))
    shell.write_stdin('exit 5\n')
    shell.run_forever(timeout=5)
    found('exit', shell.returncode)
    forward = portforward(core.connect_get_namespaced_pod_portforward, 'web', NS, ports='8080')
    socket = forward.socket(8080)
    socket.setblocking(True)
    socket.sendall(b'GET / HTTP/1.0\r\n\r\n')
    answer = b''
    while True:
        chunk = socket.recv(4096)
        if not chunk:
            break
        answer += chunk
    found('forward', [answer.decode().splitlines()[-1], forward.error(8080)])
    attached = stream(core.connect_get_namespaced_pod_attach, 'web', NS, stdout=True, stderr=True, _preload_content=False)
    found('attach', attached.is_open())
    attached.close()


CRD = {
    'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': 'things.python.example.com'},
    'spec': {'group': 'python.example.com', 'scope': 'Namespaced', 'names': {'plural': 'things', 'singular': 'thing', 'kind': 'Thing'}, 'versions': [{
        'name': 'v1', 'served': True, 'storage': True, 'subresources': {'status': {}},
        'schema': {'openAPIV3Schema': {'type': 'object', 'properties': {
            'spec': {'type': 'object', 'properties': {'size': {'type': 'integer', 'maximum': 9}}},
            'status': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}}}}}]},
}


def dynamics():
    cluster = dynamic.DynamicClient(client.ApiClient())
    maps = cluster.resources.get(api_version='v1', kind='ConfigMap')
    wish = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'applied'}, 'data': {'a': '1'}}
    applied = maps.server_side_apply(wish, name='applied', namespace=NS, field_manager='one')
    found('applied', applied.metadata.managedFields[0].manager)
    try:
        maps.server_side_apply({**wish, 'data': {'a': '2'}}, name='applied', namespace=NS, field_manager='two')
    except dynamic.exceptions.ConflictError as error:
        found('conflict', json.loads(error.body)['details']['causes'])
    maps.server_side_apply({**wish, 'data': {'a': '2'}}, name='applied', namespace=NS, field_manager='two', force_conflicts=True)
    definitions = cluster.resources.get(api_version='apiextensions.k8s.io/v1', kind='CustomResourceDefinition')
    definitions.create(CRD)
    for event in definitions.watch(name='things.python.example.com', timeout=10):
        if any(each.type == 'Established' and each.status == 'True' for each in event['object'].status.conditions or []):
            break
    things = until(lambda: found_kind('python.example.com/v1', 'Thing'))
    things.create({'apiVersion': 'python.example.com/v1', 'kind': 'Thing', 'metadata': {'name': 'one'}, 'spec': {'size': 3}}, namespace=NS)
    things.status.patch(name='one', namespace=NS, body={'status': {'ok': True}}, content_type='application/merge-patch+json')
    found('custom', [things.get(name='one', namespace=NS).to_dict()[key] for key in ('spec', 'status')])
    custom = client.CustomObjectsApi()
    try:
        custom.patch_namespaced_custom_object('python.example.com', 'v1', NS, 'things', 'one', {'spec': {'size': 10}})
    except ApiException as error:
        found('refused', json.loads(error.body)['details']['causes'][0]['message'])
    custom.delete_collection_namespaced_custom_object('python.example.com', 'v1', NS, 'things')
    found('left', len(custom.list_namespaced_custom_object('python.example.com', 'v1', NS, 'things')['items']))
    definitions.delete(name='things.python.example.com')


def found_kind(api_version, kind):
    try:
        return dynamic.DynamicClient(client.ApiClient()).resources.get(api_version=api_version, kind=kind)
    except dynamic.exceptions.ResourceNotFoundError:
        return None


def leases():
    now = datetime.datetime.now(datetime.timezone.utc)
    coordination = client.CoordinationV1Api()
    spec = client.V1LeaseSpec(holder_identity='one', lease_duration_seconds=5, acquire_time=now, renew_time=now)
    lease = coordination.create_namespaced_lease(NS, client.V1Lease(metadata=client.V1ObjectMeta(name='lease'), spec=spec))
    found('micro time', lease.spec.renew_time == now)
    stale = coordination.read_namespaced_lease('lease', NS)
    lease.spec.holder_identity = 'two'
    coordination.replace_namespaced_lease('lease', NS, lease)
    try:
        coordination.replace_namespaced_lease('lease', NS, stale)
    except ApiException as error:
        found('lost', error.status)


def leads():
    from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock

    def started():
        record = core.read_namespaced_config_map('leader', NS).metadata.annotations['control-plane.alpha.kubernetes.io/leader']
        found('leads', json.loads(record)['holderIdentity'])
        os._exit(0)

    leaderelection.LeaderElection(electionconfig.Config(
        ConfigMapLock('leader', NS, 'me'), lease_duration=4, renew_deadline=3, retry_period=1, onstarted_leading=started, onstopped_leading=None)).run()


core.create_namespace({'metadata': {'name': NS}})
for part in (typed, watches, streams, dynamics, leases, leads):
    part()
