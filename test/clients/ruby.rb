# The gem kubeclient: typed calls, watches, patches, apply, logs. Each finding is a line of JSON: [name, value].
require 'kubeclient'
require 'json'
require 'timeout'

def tell(name)
  puts JSON.generate([name, Timeout.timeout(30) { yield }])
rescue StandardError => error
  puts JSON.generate([name, "#{error.class}: #{error.message}"])
end

def refused
  yield
  nil
rescue Kubeclient::HttpError => error
  [error.class.to_s, error.error_code, error.message]
end

def resource(**fields) = Kubeclient::Resource.new(fields)

context = Kubeclient::Config.read(ENV.fetch('KUBECONFIG')).context
options = { ssl_options: context.ssl_options, auth_options: context.auth_options }
core = Kubeclient::Client.new(context.api_endpoint, 'v1', **options)
apps = Kubeclient::Client.new("#{context.api_endpoint}/apis/apps", 'v1', **options)

tell('is an API') { core.api_valid? }
tell('namespace') { core.create_namespace(resource(metadata: { name: 'ruby' })).metadata.name }
tell('create') { core.create_config_map(resource(metadata: { name: 'cm', namespace: 'ruby' }, data: { a: '1' })).data.to_h }
tell('again') { refused { core.create_config_map(resource(metadata: { name: 'cm', namespace: 'ruby' })) } }
tell('missing') { refused { core.get_config_map('none', 'ruby') } }

seen = Queue.new
start = core.get_config_maps(namespace: 'ruby').resourceVersion
watcher = core.watch_config_maps(namespace: 'ruby', resource_version: start)
thread = Thread.new { watcher.each { |notice| seen << [notice.type, notice.object.data.to_h] } }
tell('strategic merge') { core.patch_config_map('cm', { data: { b: '2' } }, 'ruby').data.to_h }
tell('operations') { core.json_patch_config_map('cm', [{ op: 'add', path: '/data/c', value: '3' }], 'ruby').data.to_h }
tell('merge') { core.merge_patch_config_map('cm', { data: { a: nil } }, 'ruby').data.to_h }
tell('update') { core.update_config_map(core.get_config_map('cm', 'ruby').tap { |map| map.data = { n: '1' } }).data.to_h }
tell('delete') { core.delete_config_map('cm', 'ruby').status }
tell('watched') { Array.new(5) { seen.pop } }
watcher.finish
thread.join(5)
tell('from a revision') { types = []; core.watch_config_maps(namespace: 'ruby', resource_version: start).each { |notice| types << notice.type; break if types.size == 5 }; types }

applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', namespace: 'ruby' }, data: { x: 'y' } }
tell('apply') { core.apply_config_map(applied, field_manager: 'one').metadata.managedFields.map(&:manager) }
tell('conflict') { refused { core.apply_config_map(applied.merge(data: { x: 'z' }), field_manager: 'two', force: false) } }

tell('pages') do
  7.times { |i| core.create_secret(resource(metadata: { name: "s#{i}", namespace: 'ruby', labels: { l: 'x' } }, stringData: { k: 'v' })) }
  first = core.get_secrets(namespace: 'ruby', limit: 3, label_selector: 'l=x')
  second = core.get_secrets(namespace: 'ruby', limit: 3, label_selector: 'l=x', continue: first.continue)
  [first.size, second.size, second.last?, first.resourceVersion == second.resourceVersion]
end

container = { name: 'c', image: ARGV.fetch(0), imagePullPolicy: 'Never', command: ['sh', '-c', 'echo one; echo two; sleep 1000'] }
template = { metadata: { labels: { app: 'web' } }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } }
apps.create_deployment(resource(metadata: { name: 'web', namespace: 'ruby' }, spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: template }))
tell('ready') { sleep 0.1 until (ready = apps.get_deployment('web', 'ruby').status.readyReplicas); ready }
pod = core.get_pods(namespace: 'ruby', label_selector: 'app=web').first.metadata.name
tell('log') { core.get_pod_log(pod, 'ruby').to_s }
tell('last of the log') { core.get_pod_log(pod, 'ruby', tail_lines: 1).to_s }
tell('followed') { lines = []; core.watch_pod_log(pod, 'ruby').each { |line| lines << line; break if lines.size == 2 }; lines }
tell('scale') { apps.patch_deployment('web', { spec: { replicas: 0 } }, 'ruby').spec.replicas }
tell('end') { core.delete_namespace('ruby').status.phase }
