/**
 * More definitions of the shape that well-known projects give theirs: those whose samples are judged by what was there before, told in words made
 * by an expression, completed by defaults in their status, or left alone where no type is said.
 */
import { AGE, CONDITIONS, crd, of, STORED, WITH_SPEC, type DefinitionCase } from './definitions.ts';

const indented = (text: string, spaces: number): string => text.replaceAll('\n', `\n${' '.repeat(spaces)}`);
const WAITING = '{ type: Accepted, status: Unknown, reason: Pending, message: Waiting for controller, lastTransitionTime: "1970-01-01T00:00:00Z" }';

export const FURTHER_DEFINITIONS: DefinitionCase[] = [
  {
    project: 'cert-manager: ClusterIssuer',
    definition: crd('clusterissuers.cert-manager.io', 'ClusterIssuer', `#names , listKind: ClusterIssuerList, singular: clusterissuer, shortNames: [ciss], categories: [cert-manager]
  scope: Cluster
  versions:
  - name: v1
${STORED}
    additionalPrinterColumns:
    - { name: Ready, type: string, jsonPath: '.status.conditions[?(@.type == "Ready")].status' }
    - { name: Status, type: string, priority: 1, jsonPath: '.status.conditions[?(@.type == "Ready")].message' }
    - ${AGE}
${WITH_SPEC}
          spec:
            type: object
            properties:
              selfSigned: { type: object, properties: { crlDistributionPoints: { type: array, items: { type: string }, x-kubernetes-list-type: atomic } } }
              ca: { type: object, required: [secretName], properties: { secretName: { type: string } } }
              acme:
                type: object
                required: [privateKeySecretRef, server]
                properties:
                  server: { type: string }
                  email: { type: string }
                  caBundle: { type: string, format: byte }
                  skipTLSVerify: { type: boolean }
                  privateKeySecretRef: { type: object, required: [name], properties: { key: { type: string }, name: { type: string } } }
                  solvers:
                    type: array
                    x-kubernetes-list-type: atomic
                    items:
                      type: object
                      properties:
                        selector: { type: object, properties: { matchLabels: { type: object, additionalProperties: { type: string } }, dnsZones: { type: array, x-kubernetes-list-type: atomic, items: { type: string } } } }
                        dns01:
                          type: object
                          properties:
                            cnameStrategy: { type: string, enum: [None, Follow] }
                            webhook: { type: object, required: [groupName, solverName], properties: { config: { description: What the solver reads., x-kubernetes-preserve-unknown-fields: true }, groupName: { type: string }, solverName: { type: string } } }
                        http01:
                          type: object
                          properties:
                            ingress:
                              type: object
                              properties:
                                ingressClassName: { type: string }
                                podTemplate: { type: object, properties: { spec: { type: object, properties: { tolerations: { type: array, x-kubernetes-list-type: atomic, items: { type: object, properties: { key: { type: string }, tolerationSeconds: { type: integer, format: int64 } } } } } } } }
          status:
            type: object
            properties:${indented(CONDITIONS, 2)}
              acme: { type: object, properties: { uri: { type: string } } }
`),
    samples: [
      of('cert-manager.io/v1', 'ClusterIssuer', 'letsencrypt', '{ acme: { server: "https://acme.example.com/directory", email: me@example.com, caBundle: aGVsbG8=, privateKeySecretRef: { name: account }, solvers: [{ http01: { ingress: { ingressClassName: web, podTemplate: { spec: { tolerations: [{ key: a, tolerationSeconds: 9007199254740993 }] } } } } }, { selector: { dnsZones: [example.com] }, dns01: { webhook: { groupName: acme.example.com, solverName: mine, config: { any: [1, { deep: true }, null], text: x } } } }] } }'),
      of('cert-manager.io/v1', 'ClusterIssuer', 'self', '{ selfSigned: {} }'),
      of('cert-manager.io/v1', 'ClusterIssuer', 'words', '{ acme: { server: s, privateKeySecretRef: { name: a }, solvers: [{ dns01: { webhook: { groupName: g, solverName: s, config: only words } } }] } }'),
    ],
    refused: [
      [of('cert-manager.io/v1', 'ClusterIssuer', 'bad', '{ acme: { server: s } }'), /ClusterIssuer\.[a-z.0-9-]+ "bad" is invalid: spec\.acme\.privateKeySecretRef: Required value/],
      [of('cert-manager.io/v1', 'ClusterIssuer', 'bad', '{ acme: { server: s, privateKeySecretRef: { name: a }, caBundle: "%%" } }'), /spec\.acme\.caBundle: Invalid value: "%%": spec\.acme\.caBundle in body must be of type byte: "%%"/],
      [of('cert-manager.io/v1', 'ClusterIssuer', 'bad', '{ acme: { server: s, privateKeySecretRef: { name: a }, solvers: [{ dns01: { cnameStrategy: Always } }] } }'), /spec\.acme\.solvers\[0\]\.dns01\.cnameStrategy: Unsupported value: "Always": supported values: "None", "Follow"/],
      [of('cert-manager.io/v1', 'ClusterIssuer', 'bad', '{ selfSigned: { crlDistributionPoints: none } }'), /spec\.selfSigned\.crlDistributionPoints: Invalid value: "string": spec\.selfSigned\.crlDistributionPoints in body must be of type array: "string"/],
    ],
    shown: /^NAME\s+READY\s+AGE\nletsencrypt\s+\d+s/,
    explained: ['clusterissuer.spec.acme.solvers.dns01.webhook', /config\s+<[^>]*>\s+What the solver reads\./],
  },
  {
    project: 'Gateway API: GatewayClass',
    definition: crd('gatewayclasses.gateway.networking.k8s.io', 'GatewayClass', `#names , shortNames: [gc], categories: [gateway-api]
  scope: Cluster
  versions:
  - name: v1
${STORED}
    additionalPrinterColumns:
    - { name: Controller, type: string, jsonPath: .spec.controllerName }
    - { name: Accepted, type: string, jsonPath: '.status.conditions[?(@.type=="Accepted")].status' }
    - { name: Description, type: string, priority: 1, jsonPath: .spec.description }
    - ${AGE}
${WITH_SPEC}
          spec:
            type: object
            required: [controllerName]
            properties:
              controllerName:
                type: string
                minLength: 1
                maxLength: 253
                pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&''()*+,;=:]+$'
                x-kubernetes-validations: [{ rule: self == oldSelf, message: Value is immutable }]
              description: { type: string, maxLength: 64 }
              parametersRef: { type: object, required: [group, kind, name], properties: { group: { type: string, maxLength: 253 }, kind: { type: string, minLength: 1 }, name: { type: string, minLength: 1 } } }
          status:
            type: object
            default: { conditions: [${WAITING}] }
            properties:${indented(CONDITIONS, 2).replace('maxItems: 8', `maxItems: 8\n                default: [${WAITING}]`)}
              supportedFeatures: { type: array, maxItems: 64, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: { type: object, required: [name], properties: { name: { type: string } } } }
`),
    samples: [of('gateway.networking.k8s.io/v1', 'GatewayClass', 'mine', '{ controllerName: example.com/controller }')],
    changed: [[of('gateway.networking.k8s.io/v1', 'GatewayClass', 'mine', '{ controllerName: example.com/other }'), /GatewayClass\.[a-z.0-9-]+ "mine" is invalid: spec\.controllerName: Invalid value: "example\.com\/other": Value is immutable/]],
    refused: [
      [of('gateway.networking.k8s.io/v1', 'GatewayClass', 'bad', '{ controllerName: controller }'), /spec\.controllerName: Invalid value: "controller": spec\.controllerName in body should match '\^\[a-z0-9\]/],
      [of('gateway.networking.k8s.io/v1', 'GatewayClass', 'bad', `{ controllerName: a.b/c, description: ${'long '.repeat(14)}}`), /spec\.description: Too long: may not be more than 64 bytes/],
      [of('gateway.networking.k8s.io/v1', 'GatewayClass', 'bad', '{ controllerName: a.b/c, parametersRef: { group: "", kind: "", name: x } }'), /spec\.parametersRef\.kind: Invalid value: "": spec\.parametersRef\.kind in body should be at least 1 chars long/],
    ],
    shown: /^NAME\s+CONTROLLER\s+ACCEPTED\s+AGE\n(?:llmos .*\n)?mine\s+example\.com\/controller\s+Unknown\s+\d+s/,
    explained: ['gc.status.supportedFeatures', /name\s+<string> -required-/],
  },
  {
    project: 'Gateway API: Gateway',
    definition: crd('gateways.gateway.networking.k8s.io', 'Gateway', `#names , shortNames: [gtw], categories: [gateway-api]
  scope: Namespaced
  versions:
  - name: v1
${STORED}
    additionalPrinterColumns:
    - { name: Class, type: string, jsonPath: .spec.gatewayClassName }
    - { name: Address, type: string, jsonPath: '.status.addresses[*].value' }
    - { name: Programmed, type: string, jsonPath: '.status.conditions[?(@.type=="Programmed")].status' }
${WITH_SPEC}
          spec:
            type: object
            required: [gatewayClassName, listeners]
            properties:
              gatewayClassName: { type: string, minLength: 1, maxLength: 253 }
              addresses:
                type: array
                maxItems: 16
                items:
                  type: object
                  oneOf: [{ properties: { type: { enum: [IPAddress] }, value: { anyOf: [{ format: ipv4 }, { format: ipv6 }] } } }, { properties: { type: { not: { enum: [IPAddress] } } } }]
                  properties: { type: { type: string, default: IPAddress, minLength: 1, maxLength: 253 }, value: { type: string, maxLength: 253 } }
                  x-kubernetes-validations: [{ rule: "self.type == 'Hostname' ? (!has(self.value) || self.value.matches(r\\"\\"\\"^(\\\\*\\\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$\\"\\"\\")): true", message: Hostname value must be empty or contain only valid characters }]
                x-kubernetes-validations: [{ message: IPAddress values must be unique, rule: "self.all(a1, a1.type == 'IPAddress' && has(a1.value) ? self.exists_one(a2, a2.type == a1.type && has(a2.value) && a2.value == a1.value) : true)" }]
              infrastructure:
                type: object
                properties:
                  labels:
                    type: object
                    maxProperties: 8
                    additionalProperties: { type: string, maxLength: 63 }
                    x-kubernetes-validations:
                    - { message: Label keys must be in the form of an optional DNS subdomain prefix followed by a required name segment of up to 63 characters., rule: "self.all(key, key.matches(r\\"\\"\\"^(([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$\\"\\"\\"))" }
                    - { message: "If specified, the label key's prefix must be a DNS subdomain not longer than 253 characters in total.", rule: "self.all(key, key.split(\\"/\\")[0].size() < 253)" }
              listeners:
                type: array
                minItems: 1
                maxItems: 64
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name, port, protocol]
                  properties:
                    name: { type: string, minLength: 1, maxLength: 253 }
                    hostname: { type: string, minLength: 1, maxLength: 253 }
                    port: { type: integer, format: int32, minimum: 1, maximum: 65535 }
                    protocol: { type: string, maxLength: 255 }
                    allowedRoutes: { type: object, default: { namespaces: { from: Same } }, properties: { namespaces: { type: object, default: { from: Same }, properties: { from: { type: string, default: Same, enum: [All, Selector, Same] } } } } }
                    tls:
                      type: object
                      properties:
                        mode: { type: string, default: Terminate, enum: [Terminate, Passthrough] }
                        certificateRefs: { type: array, maxItems: 64, items: { type: object, required: [name], properties: { name: { type: string }, kind: { type: string, default: Secret } } } }
                        options: { type: object, maxProperties: 16, additionalProperties: { type: string, maxLength: 4096 } }
                      x-kubernetes-validations: [{ message: certificateRefs or options must be specified when mode is Terminate, rule: "self.mode == 'Terminate' ? size(self.certificateRefs) > 0 || size(self.options) > 0 : true" }]
                x-kubernetes-validations:
                - { message: "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']", rule: "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)" }
                - { message: "Combination of port, protocol and hostname must be unique for each listener", rule: "self.all(l1, self.exists_one(l2, l1.port == l2.port && l1.protocol == l2.protocol && (has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))))" }
          status: { type: object, x-kubernetes-preserve-unknown-fields: true }
`),
    samples: [of('gateway.networking.k8s.io/v1', 'Gateway', 'web', '{ gatewayClassName: mine, infrastructure: { labels: { example.com/a: b } }, addresses: [{ value: 10.0.0.1 }, { type: Hostname, value: "*.example.com" }], listeners: [{ name: http, port: 80, protocol: HTTP }, { name: https, port: 443, protocol: HTTPS, hostname: a.example.com, tls: { certificateRefs: [{ name: web-tls }], options: { a: b } } }] }')],
    refused: [
      [of('gateway.networking.k8s.io/v1', 'Gateway', 'bad', '{ gatewayClassName: mine, listeners: [] }'), /spec\.listeners: Invalid value: 0: spec\.listeners in body should have at least 1 items/],
      [of('gateway.networking.k8s.io/v1', 'Gateway', 'bad', '{ gatewayClassName: mine, listeners: [{ name: a, port: 80, protocol: HTTP, tls: { mode: Passthrough } }] }'), /spec\.listeners: Invalid value: tls must not be specified for protocols \['HTTP', 'TCP', 'UDP'\]/],
      [of('gateway.networking.k8s.io/v1', 'Gateway', 'bad', '{ gatewayClassName: mine, listeners: [{ name: a, port: 80, protocol: HTTP }, { name: b, port: 80, protocol: HTTP }] }'), /spec\.listeners: Invalid value: Combination of port, protocol and hostname must be unique for each listener/],
      [of('gateway.networking.k8s.io/v1', 'Gateway', 'bad', '{ gatewayClassName: mine, listeners: [{ name: a, port: 80, protocol: HTTP }, { name: a, port: 81, protocol: HTTP }] }'), /spec\.listeners\[1\]: Duplicate value: \{"name":"a"\}/],
      [of('gateway.networking.k8s.io/v1', 'Gateway', 'bad', '{ gatewayClassName: mine, infrastructure: { labels: { "a/b/c": d } }, listeners: [{ name: a, port: 80, protocol: HTTP }] }'), /spec\.infrastructure\.labels: Invalid value: Label keys must be in the form of an optional DNS subdomain prefix/],
      [of('gateway.networking.k8s.io/v1', 'Gateway', 'bad', '{ gatewayClassName: mine, addresses: [{ value: 10.0.0.1 }, { value: 10.0.0.1 }], listeners: [{ name: a, port: 80, protocol: HTTP }] }'), /spec\.addresses: Invalid value: IPAddress values must be unique/],
      [of('gateway.networking.k8s.io/v1', 'Gateway', 'bad', '{ gatewayClassName: mine, addresses: [{ value: nowhere }], listeners: [{ name: a, port: 80, protocol: HTTP }] }'), /<nil>: Invalid value: "": "spec\.addresses\[0\]" must validate one and only one schema \(oneOf\)/],
      [of('gateway.networking.k8s.io/v1', 'Gateway', 'bad', '{ gatewayClassName: mine, addresses: [{ type: Hostname, value: "a b" }], listeners: [{ name: a, port: 80, protocol: HTTP }] }'), /spec\.addresses\[0\]: Invalid value: Hostname value must be empty or contain only valid characters/],
      // A rule that reads what is not there fails, and says so: upstream's own rule is of this kind.
      [of('gateway.networking.k8s.io/v1', 'Gateway', 'bad', '{ gatewayClassName: mine, listeners: [{ name: a, port: 443, protocol: HTTPS, tls: {} }] }'), /spec\.listeners\[0\]\.tls: Invalid value: "?.*no such key: \w+ evaluating rule: certificateRefs or options/],
    ],
    shown: /^NAME\s+CLASS\s+ADDRESS\s+PROGRAMMED\nweb\s+mine\s+/,
    explained: ['gtw.spec.listeners.allowedRoutes.namespaces', /from\s+<string>\s+enum: All, Selector, Same/],
  },
  {
    project: 'KEDA: TriggerAuthentication',
    definition: crd('triggerauthentications.keda.sh', 'TriggerAuthentication', `#names , shortNames: [ta, triggerauth]
  scope: Namespaced
  versions:
  - name: v1alpha1
${STORED}
    additionalPrinterColumns:
    - { name: PodIdentity, type: string, jsonPath: .spec.podIdentity.provider }
    - { name: Secret, type: string, jsonPath: '.spec.secretTargetRef[*].name' }
    - { name: Env, type: string, jsonPath: '.spec.env[*].name' }
${WITH_SPEC}
          spec:
            type: object
            properties:
              env: { type: array, items: { type: object, required: [name, parameter], properties: { containerName: { type: string }, name: { type: string }, parameter: { type: string } } } }
              podIdentity:
                type: object
                required: [provider]
                properties: { identityId: { type: string }, provider: { type: string, enum: [azure-workload, gcp, aws, none] }, roleArn: { type: string }, identityOwner: { type: string, enum: [keda, workload] } }
              secretTargetRef: { type: array, items: { type: object, required: [key, name, parameter], properties: { key: { type: string }, name: { type: string }, parameter: { type: string } } } }
              hashiCorpVault: { type: object, required: [address, authentication, secrets], properties: { address: { type: string }, authentication: { type: string }, mount: { type: string }, secrets: { type: array, items: { type: object, required: [key, parameter, path], properties: { key: { type: string }, parameter: { type: string }, path: { type: string }, pkiData: { type: object, properties: { commonName: { type: string } } } } } } } }
          status: { type: object, properties: { scaledobjects: { type: string } } }
`),
    samples: [of('keda.sh/v1alpha1', 'TriggerAuthentication', 'queue', '{ secretTargetRef: [{ parameter: host, name: rabbit, key: uri }, { parameter: password, name: other, key: word }], podIdentity: { provider: none } }')],
    refused: [
      [of('keda.sh/v1alpha1', 'TriggerAuthentication', 'bad', '{ podIdentity: { provider: azure } }'), /spec\.podIdentity\.provider: Unsupported value: "azure": supported values: "azure-workload", "gcp", "aws", "none"/],
      [of('keda.sh/v1alpha1', 'TriggerAuthentication', 'bad', '{ secretTargetRef: [{ parameter: host }] }'), /\[spec\.secretTargetRef\[0\]\.key: Required value, spec\.secretTargetRef\[0\]\.name: Required value/],
    ],
    shown: /^NAME\s+PODIDENTITY\s+SECRET\s+ENV\nqueue\s+none\s+rabbit/,
    explained: ['ta.spec.hashiCorpVault.secrets.pkiData', /commonName\s+<string>/],
  },
  {
    project: 'Knative Serving: DomainMapping and its versions',
    definition: crd('domainmappings.serving.knative.dev', 'DomainMapping', `#names , singular: domainmapping, shortNames: [dm], categories: [knative, serving]
  scope: Namespaced
  versions:
  - name: v1beta1
${STORED}
    additionalPrinterColumns: [{ name: URL, type: string, jsonPath: .status.url }, { name: Ready, type: string, jsonPath: ".status.conditions[?(@.type=='Ready')].status" }, { name: Reason, type: string, jsonPath: ".status.conditions[?(@.type=='Ready')].reason" }]
    schema: &shape
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [ref]
            properties:
              ref: { type: object, required: [kind, name], properties: { address: { type: string }, apiVersion: { type: string }, group: { type: string }, kind: { type: string }, name: { type: string }, namespace: { type: string } } }
              tls: { type: object, required: [secretName], properties: { secretName: { type: string } } }
          status:
            type: object
            properties:
              annotations: { type: object, additionalProperties: { type: string } }
              address: { type: object, properties: { url: { type: string } } }
              url: { type: string }
              conditions: { type: array, items: { type: object, required: [status, type], properties: { type: { type: string }, status: { type: string }, reason: { type: string }, lastTransitionTime: { type: string } } } }
  - name: v1alpha1
    served: true
    deprecated: true
    storage: false
    subresources: { status: {} }
    additionalPrinterColumns: [{ name: URL, type: string, jsonPath: .status.url }]
    schema: *shape
`),
    samples: [
      of('serving.knative.dev/v1beta1', 'DomainMapping', 'example.com', '{ ref: { kind: Service, name: hello, apiVersion: serving.knative.dev/v1 } }'),
      of('serving.knative.dev/v1alpha1', 'DomainMapping', 'old.example.com', '{ ref: { kind: Service, name: hello } }'),
    ],
    refused: [[of('serving.knative.dev/v1beta1', 'DomainMapping', 'bad', '{ ref: { kind: Service } }'), /spec\.ref\.name: Required value/]],
    shown: /^NAME\s+URL\s+READY\s+REASON\nexample\.com\s+\nold\.example\.com/,
    explained: ['dm.status.conditions', /lastTransitionTime\s+<string>/],
    warned: /serving\.knative\.dev\/v1alpha1 DomainMapping is deprecated/,
  },
  {
    project: 'Prometheus operator: PrometheusRule',
    definition: crd('prometheusrules.monitoring.coreos.com', 'PrometheusRule', `#names , listKind: PrometheusRuleList, singular: prometheusrule, shortNames: [promrule], categories: [prometheus-operator]
  scope: Namespaced
  versions:
  - name: v1
${STORED}
${WITH_SPEC}
          spec:
            type: object
            properties:
              groups:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties:
                    name: { type: string, minLength: 1 }
                    interval: { type: string, pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$' }
                    limit: { type: integer }
                    partial_response_strategy: { type: string, pattern: '^(?i)(abort|warn)?$' }
                    rules:
                      type: array
                      items:
                        type: object
                        required: [expr]
                        properties:
                          alert: { type: string }
                          record: { type: string }
                          expr: { anyOf: [{ type: integer }, { type: string }], x-kubernetes-int-or-string: true }
                          for: { type: string, pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$' }
                          keep_firing_for: { type: string, minLength: 1 }
                          labels: { type: object, additionalProperties: { type: string } }
                          annotations: { type: object, additionalProperties: { type: string } }
`),
    samples: [of('monitoring.coreos.com/v1', 'PrometheusRule', 'rules', '{ groups: [{ name: a, interval: 1m30s, partial_response_strategy: WARN, rules: [{ record: "job:up:sum", expr: "sum(up) by (job)" }, { alert: Down, expr: 1, for: 10m, labels: { severity: page }, annotations: { summary: "{{ $labels.instance }} down" } }] }] }')],
    refused: [
      [of('monitoring.coreos.com/v1', 'PrometheusRule', 'bad', '{ groups: [{ name: a, rules: [{ expr: true }] }] }'), /spec\.groups\[0\]\.rules\[0\]\.expr: Invalid value: "boolean": spec\.groups\[0\]\.rules\[0\]\.expr in body must be of type integer,string: "boolean"/],
      [of('monitoring.coreos.com/v1', 'PrometheusRule', 'bad', '{ groups: [{ name: a, rules: [{ expr: up, for: soon }] }] }'), /spec\.groups\[0\]\.rules\[0\]\.for in body should match/],
      [of('monitoring.coreos.com/v1', 'PrometheusRule', 'bad', '{ groups: [{ name: a, partial_response_strategy: never }] }'), /partial_response_strategy in body should match '\^\(\?i\)\(abort\|warn\)\?\$'/],
      [of('monitoring.coreos.com/v1', 'PrometheusRule', 'bad', '{ groups: [{ name: a, rules: [{ expr: up, labels: { a: 1 } }] }] }'), /labels\.a: Invalid value: "integer": spec\.groups\[0\]\.rules\[0\]\.labels\.a in body must be of type string: "integer"/],
    ],
    shown: /^NAME\s+AGE\nrules\s+\d+s/,
    explained: ['promrule.spec.groups.rules.expr', /FIELD: expr <[^>]*>/],
  },
  {
    project: 'Argo CD: AppProject and its rules',
    definition: crd('appprojects.argoproj.io', 'AppProject', `#names , shortNames: [appproj, appprojs]
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [metadata, spec]
        properties:
          metadata: { type: object }
          spec:
            type: object
            properties:
              description: { type: string, maxLength: 255 }
              clusterResourceWhitelist: { type: array, items: { type: object, required: [group, kind], properties: { group: { type: string }, kind: { type: string } } } }
              destinations: { type: array, items: { type: object, properties: { server: { type: string }, namespace: { type: string }, name: { type: string } } } }
              orphanedResources: { type: object, properties: { warn: { type: boolean } } }
              roles: { type: array, items: { type: object, required: [name], properties: { name: { type: string }, policies: { type: array, items: { type: string } }, jwtTokens: { type: array, items: { type: object, required: [iat], properties: { iat: { type: integer, format: int64 }, exp: { type: integer, format: int64 }, id: { type: string } } } } } } }
              sourceRepos: { type: array, x-kubernetes-list-type: set, maxItems: 100, items: { type: string, maxLength: 200 } }
              tier:
                type: string
                maxLength: 20
                x-kubernetes-validations: [{ rule: "!(oldSelf == 'gold' && self != 'gold')", messageExpression: "'tier cannot go from ' + oldSelf + ' to ' + self", reason: FieldValueForbidden }]
              quota: { type: integer, minimum: 0, x-kubernetes-validations: [{ rule: "!oldSelf.hasValue() || self >= oldSelf.value()", optionalOldSelf: true, message: quota may not shrink }] }
              pinned: { type: string, maxLength: 20 }
            x-kubernetes-validations:
            - { rule: "!has(oldSelf.pinned) || has(self.pinned)", message: pinned may not be taken away once set, fieldPath: .pinned, reason: FieldValueRequired }
          status: { type: object, properties: { jwtTokensByRole: { type: object, additionalProperties: { type: object, properties: { items: { type: array, items: { type: object, required: [iat], properties: { iat: { type: integer, format: int64 } } } } } } } } }
`),
    samples: [of('argoproj.io/v1alpha1', 'AppProject', 'team', '{ description: ours, sourceRepos: ["*"], destinations: [{ namespace: "team-*", server: "*" }], roles: [{ name: ci, policies: ["p, proj:team:ci, applications, sync, team/*, allow"], jwtTokens: [{ iat: 1535390316 }] }], tier: gold, quota: 5, pinned: a }')],
    changed: [
      [of('argoproj.io/v1alpha1', 'AppProject', 'team', '{ tier: silver, quota: 5, pinned: a }'), /AppProject\.[a-z.0-9-]+ "team" is invalid: spec\.tier: Forbidden: tier cannot go from gold to silver/],
      [of('argoproj.io/v1alpha1', 'AppProject', 'team', '{ tier: gold, quota: 4, pinned: a }'), /spec\.quota: Invalid value: 4: quota may not shrink/],
      [of('argoproj.io/v1alpha1', 'AppProject', 'team', '{ tier: gold, quota: 5 }'), /spec\.pinned: Required value: pinned may not be taken away once set/],
    ],
    refused: [
      [of('argoproj.io/v1alpha1', 'AppProject', 'bad', '{ sourceRepos: [a, b, a] }'), /spec\.sourceRepos\[2\]: Duplicate value: "a"/],
      [of('argoproj.io/v1alpha1', 'AppProject', 'bad', '{ roles: [{ name: ci, jwtTokens: [{ iat: soon }] }] }'), /spec\.roles\[0\]\.jwtTokens\[0\]\.iat: Invalid value: "string": spec\.roles\[0\]\.jwtTokens\[0\]\.iat in body must be of type integer: "string"/],
      [of('argoproj.io/v1alpha1', 'AppProject', 'bad', '{ quota: -1 }'), /spec\.quota: Invalid value: -1: spec\.quota in body should be greater than or equal to 0/],
    ],
    shown: /^NAME\s+AGE\nteam\s+\d+s/,
    explained: ['appproj.spec.sourceRepos', /FIELD: sourceRepos <\[\]string>/],
  },
];
