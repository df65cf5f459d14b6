/**
 * Definitions of the shape that well-known projects give theirs: small ones, written after their published APIs. Each names what its real one
 * leans on, samples that must be taken, and samples that must be refused with the message that users know.
 */
export interface DefinitionCase {
  project: string;
  definition: string;
  /** `kubectl apply -f -` takes them. */
  samples: string[];
  /** A sample and what kubectl says, all of which must be told. */
  refused: [string, RegExp][];
  /** A sample that changes the first one, after it was taken, and what kubectl says. */
  changed?: [string, RegExp][];
  /** What kubectl is told, besides, while the samples are taken. */
  warned?: RegExp;
  /** What `kubectl get` shows of the first sample, with what it must match. */
  shown: RegExp;
  /** A path for `kubectl explain`, and what it must say. */
  explained: [string, RegExp];
}

export const crd = (name: string, kind: string, spec: string): string => {
  const [plural, ...group] = name.split('.');
  return `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${name}${group.join('.').endsWith('k8s.io') ? ', annotations: { api-approved.kubernetes.io: "https://example.com/approved" }' : ''} }
spec:
  group: ${group.join('.')}
  names: { plural: ${plural}, kind: ${kind}${spec.match(/^#names (.*)$/m)?.[1] ?? ''} }
${spec.replace(/^#names .*\n/m, '')}`;
};
export const of = (apiVersion: string, kind: string, name: string, spec: string): string => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;

export const AGE = '{ name: Age, type: date, jsonPath: .metadata.creationTimestamp }';
/** Of a version: that it is stored, and has a status. */
export const STORED = `    served: true
    storage: true
    subresources: { status: {} }`;
/** The schema of a version, as far as the properties of its objects. */
export const WITH_SPEC = `    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:`;
export const CONDITIONS = `
            conditions:
              type: array
              x-kubernetes-list-type: map
              x-kubernetes-list-map-keys: [type]
              maxItems: 8
              items:
                type: object
                required: [type, status]
                properties:
                  type: { type: string, maxLength: 316, pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$' }
                  status: { type: string, enum: ["True", "False", Unknown] }
                  reason: { type: string, minLength: 1, maxLength: 1024 }
                  message: { type: string, maxLength: 32768 }
                  lastTransitionTime: { type: string, format: date-time }
                  observedGeneration: { type: integer, format: int64, minimum: 0 }`;

export const DEFINITIONS: DefinitionCase[] = [
  {
    project: 'cert-manager: Certificate',
    definition: crd('certificates.cert-manager.io', 'Certificate', `#names , shortNames: [cert, certs], categories: [cert-manager]
  scope: Namespaced
  versions:
  - name: v1
${STORED}
    selectableFields: [{ jsonPath: .spec.issuerRef.name }]
    additionalPrinterColumns:
    - { name: Ready, type: string, jsonPath: '.status.conditions[?(@.type == "Ready")].status' }
    - { name: Secret, type: string, jsonPath: .spec.secretName }
    - { name: Issuer, type: string, jsonPath: .spec.issuerRef.name, priority: 1 }
    - ${AGE}
    schema:
      openAPIV3Schema:
        type: object
        description: A Certificate asks for a signed certificate.
        properties:
          apiVersion: { type: string }
          kind: { type: string }
          metadata: { type: object }
          spec:
            type: object
            required: [issuerRef, secretName]
            properties:
              secretName: { type: string, description: The Secret that holds the certificate. }
              dnsNames: { type: array, x-kubernetes-list-type: atomic, items: { type: string } }
              duration: { type: string }
              isCA: { type: boolean }
              issuerRef: { type: object, required: [name], properties: { name: { type: string }, kind: { type: string }, group: { type: string } } }
              keystores: { type: object, properties: { pkcs12: { type: object, required: [create], properties: { create: { type: boolean }, profile: { type: string, enum: [LegacyRC2, LegacyDES, Modern2023] } } } } }
              privateKey: { type: object, properties: { algorithm: { type: string, enum: [RSA, ECDSA, Ed25519] }, rotationPolicy: { type: string, enum: [Never, Always] }, size: { type: integer } } }
              revisionHistoryLimit: { type: integer, format: int32, minimum: 1 }
              usages: { type: array, items: { type: string, enum: [signing, digital signature, server auth, client auth] } }
          status:
            type: object
            properties:${CONDITIONS.replaceAll('\n', '\n  ')}
              notAfter: { type: string, format: date-time }
`),
    samples: [
      of('cert-manager.io/v1', 'Certificate', 'web', '{ secretName: web-tls, dnsNames: [example.com], issuerRef: { name: letsencrypt, kind: ClusterIssuer }, privateKey: { algorithm: ECDSA, size: 256 }, usages: [server auth] }'),
    ],
    refused: [
      [of('cert-manager.io/v1', 'Certificate', 'bad', '{ dnsNames: [example.com], issuerRef: {} }'), /spec\.issuerRef\.name: Required value[\s\S]*spec\.secretName: Required value|spec\.secretName: Required value[\s\S]*spec\.issuerRef\.name: Required value/],
      [of('cert-manager.io/v1', 'Certificate', 'bad', '{ secretName: s, issuerRef: { name: i }, privateKey: { algorithm: DSA } }'), /spec\.privateKey\.algorithm: Unsupported value: "DSA": supported values: "RSA", "ECDSA", "Ed25519"/],
      [of('cert-manager.io/v1', 'Certificate', 'bad', '{ secretName: s, issuerRef: { name: i }, revisionHistoryLimit: 0 }'), /spec\.revisionHistoryLimit in body should be greater than or equal to 1/],
      [of('cert-manager.io/v1', 'Certificate', 'bad', '{ secretName: s, issuerRef: { name: i }, dnsName: x }'), /strict decoding error: unknown field "spec\.dnsName"/],
    ],
    shown: /^NAME\s+READY\s+SECRET\s+AGE\nweb\s+web-tls\s+\d+s/,
    explained: ['certificate.spec.secretName', /FIELD: secretName <string>[\s\S]*The Secret that holds the certificate\./],
  },
  {
    project: 'Gateway API: HTTPRoute',
    definition: crd('httproutes.gateway.networking.k8s.io', 'HTTPRoute', `#names , categories: [gateway-api]
  scope: Namespaced
  versions:
  - name: v1
${STORED}
    additionalPrinterColumns: [{ name: Hostnames, type: string, jsonPath: .spec.hostnames }, ${AGE}]
    schema: &schema
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            properties:
              parentRefs:
                type: array
                maxItems: 32
                items: { type: object, required: [name], properties: { group: { type: string, default: gateway.networking.k8s.io, maxLength: 253 }, kind: { type: string, default: Gateway, minLength: 1, maxLength: 63 }, name: { type: string, minLength: 1, maxLength: 253 }, sectionName: { type: string, maxLength: 253 }, port: { type: integer, format: int32, minimum: 1, maximum: 65535 } } }
                x-kubernetes-validations:
                - message: sectionName must be unique when parentRefs includes 2 or more references to the same parent
                  rule: "self.all(l, self.exists_one(p, l.group == p.group && l.kind == p.kind && l.name == p.name && ((!has(l.sectionName) && !has(p.sectionName)) || (has(l.sectionName) && has(p.sectionName) && l.sectionName == p.sectionName))))"
              hostnames: { type: array, maxItems: 16, items: { type: string, minLength: 1, maxLength: 253, pattern: '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$' } }
              rules:
                type: array
                minItems: 1
                maxItems: 16
                default: [{ matches: [{ path: { type: PathPrefix, value: / } }] }]
                items:
                  type: object
                  properties:
                    matches:
                      type: array
                      maxItems: 64
                      default: [{ path: { type: PathPrefix, value: / } }]
                      items:
                        type: object
                        properties:
                          path:
                            type: object
                            default: { type: PathPrefix, value: / }
                            properties: { type: { type: string, default: PathPrefix, enum: [Exact, PathPrefix, RegularExpression] }, value: { type: string, default: /, maxLength: 1024 } }
                            x-kubernetes-validations:
                            - { message: "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']", rule: "(self.type in ['Exact','PathPrefix']) ? self.value.startsWith('/') : true" }
                            - { message: "must not contain '//' when type one of ['Exact', 'PathPrefix']", rule: "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('//') : true" }
                          headers:
                            type: array
                            maxItems: 16
                            x-kubernetes-list-type: map
                            x-kubernetes-list-map-keys: [name]
                            items: { type: object, required: [name, value], properties: { name: { type: string, maxLength: 256 }, value: { type: string, maxLength: 4096 }, type: { type: string, default: Exact, enum: [Exact, RegularExpression] } } }
                    filters:
                      type: array
                      maxItems: 16
                      items:
                        type: object
                        required: [type]
                        properties:
                          type: { type: string, enum: [RequestRedirect, URLRewrite] }
                          requestRedirect: { type: object, properties: { statusCode: { type: integer, default: 302, enum: [301, 302] } } }
                          urlRewrite: { type: object, properties: { hostname: { type: string, maxLength: 253 } } }
                        x-kubernetes-validations:
                        - { message: filter.requestRedirect must be specified for RequestRedirect filter.type, rule: "!(!has(self.requestRedirect) && self.type == 'RequestRedirect')" }
                      x-kubernetes-validations:
                      - { message: RequestRedirect filter cannot be repeated, rule: "self.filter(f, f.type == 'RequestRedirect').size() <= 1" }
                    backendRefs:
                      type: array
                      maxItems: 16
                      items: { type: object, required: [name], properties: { name: { type: string }, port: { type: integer, minimum: 1, maximum: 65535 }, weight: { type: integer, default: 1, minimum: 0, maximum: 1000000 } } }
                    timeouts:
                      type: object
                      properties: { request: { type: string, pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' }, backendRequest: { type: string, pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' } }
                      x-kubernetes-validations:
                      - { message: backendRequest timeout cannot be longer than request timeout, rule: "!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && duration(self.backendRequest) > duration(self.request))" }
          status: { type: object, properties: { parents: { type: array, items: { type: object, x-kubernetes-preserve-unknown-fields: true } } } }
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    deprecationWarning: use gateway.networking.k8s.io/v1
    subresources: { status: {} }
    schema: *schema
`),
    samples: [
      of('gateway.networking.k8s.io/v1', 'HTTPRoute', 'web', '{ parentRefs: [{ name: gateway }], hostnames: ["*.example.com"], rules: [{ matches: [{ path: { value: /a }, headers: [{ name: a, value: b }] }], timeouts: { request: 10s, backendRequest: 2s }, backendRefs: [{ name: web, port: 80 }] }] }'),
      of('gateway.networking.k8s.io/v1beta1', 'HTTPRoute', 'old', '{ parentRefs: [{ name: gateway }] }'),
    ],
    refused: [
      [of('gateway.networking.k8s.io/v1', 'HTTPRoute', 'bad', '{ rules: [{ matches: [{ path: { type: Exact, value: a } }] }] }'), /spec\.rules\[0\]\.matches\[0\]\.path: Invalid value: value must be an absolute path and start with '\/' when type one of/],
      [of('gateway.networking.k8s.io/v1', 'HTTPRoute', 'bad', '{ parentRefs: [{ name: a }, { name: a }] }'), /spec\.parentRefs: Invalid value: sectionName must be unique when parentRefs includes 2 or more references to the same parent/],
      [of('gateway.networking.k8s.io/v1', 'HTTPRoute', 'bad', '{ rules: [{ timeouts: { request: 1s, backendRequest: 2s } }] }'), /backendRequest timeout cannot be longer than request timeout/],
      [of('gateway.networking.k8s.io/v1', 'HTTPRoute', 'bad', '{ rules: [{ filters: [{ type: RequestRedirect }] }] }'), /filter\.requestRedirect must be specified for RequestRedirect filter\.type/],
      [of('gateway.networking.k8s.io/v1', 'HTTPRoute', 'bad', '{ hostnames: ["A"] }'), /spec\.hostnames\[0\]: Invalid value: "A": spec\.hostnames\[0\] in body should match/],
      [of('gateway.networking.k8s.io/v1', 'HTTPRoute', 'bad', '{ rules: [{ matches: [{ headers: [{ name: a, value: b }, { name: a, value: c }] }] }] }'), /spec\.rules\[0\]\.matches\[0\]\.headers\[1\]: Duplicate value: \{"name":"a"\}/],
    ],
    shown: /^NAME\s+HOSTNAMES\s+AGE\nold\s+\d+s\nweb\s+\["\*\.example\.com"\]\s+\d+s/,
    explained: ['httproute.spec.rules.backendRefs', /weight\s+<integer>/],
  },
  {
    project: 'KEDA: ScaledObject',
    definition: crd('scaledobjects.keda.sh', 'ScaledObject', `#names , shortNames: [so]
  scope: Namespaced
  versions:
  - name: v1alpha1
${STORED}
    additionalPrinterColumns:
    - { name: ScaleTargetName, type: string, jsonPath: .spec.scaleTargetRef.name }
    - { name: Min, type: integer, jsonPath: .spec.minReplicaCount }
    - { name: Paused, type: string, jsonPath: '.status.conditions[?(@.type=="Paused")].status' }
${WITH_SPEC}
          spec:
            type: object
            required: [scaleTargetRef, triggers]
            properties:
              scaleTargetRef: { type: object, required: [name], properties: { name: { type: string }, kind: { type: string }, apiVersion: { type: string } } }
              minReplicaCount: { type: integer, format: int32 }
              maxReplicaCount: { type: integer, format: int32 }
              pollingInterval: { type: integer, format: int32 }
              advanced: { type: object, properties: { scalingModifiers: { type: object, properties: { target: { type: string } } } } }
              triggers: { type: array, items: { type: object, required: [metadata, type], properties: { type: { type: string }, metadata: { type: object, additionalProperties: { type: string } }, authenticationRef: { type: object, required: [name], properties: { name: { type: string } } } } } }
          status: { type: object, x-kubernetes-preserve-unknown-fields: true }
`),
    samples: [of('keda.sh/v1alpha1', 'ScaledObject', 'worker', '{ scaleTargetRef: { name: worker }, minReplicaCount: 0, triggers: [{ type: cron, metadata: { timezone: UTC, start: "0 8 * * *", desiredReplicas: "5" } }] }')],
    refused: [
      [of('keda.sh/v1alpha1', 'ScaledObject', 'bad', '{ scaleTargetRef: { name: worker } }'), /spec\.triggers: Required value/],
      [of('keda.sh/v1alpha1', 'ScaledObject', 'bad', '{ scaleTargetRef: { name: worker }, triggers: [{ type: cron, metadata: { desiredReplicas: 5 } }] }'), /spec\.triggers\[0\]\.metadata\.desiredReplicas: Invalid value: "integer": spec\.triggers\[0\]\.metadata\.desiredReplicas in body must be of type string: "integer"/],
    ],
    shown: /^NAME\s+SCALETARGETNAME\s+MIN\s+PAUSED\nworker\s+worker\s+0/,
    explained: ['so.spec.triggers', /authenticationRef\s+<Object>|authenticationRef\s+<object>/],
  },
  {
    project: 'Knative Serving: Service',
    definition: crd('services.serving.knative.dev', 'Service', `#names , singular: service, shortNames: [kservice, ksvc], categories: [all, knative, serving]
  scope: Namespaced
  versions:
  - name: v1
${STORED}
    additionalPrinterColumns: [{ name: URL, type: string, jsonPath: .status.url }, { name: Ready, type: string, jsonPath: ".status.conditions[?(@.type=='Ready')].status" }]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              template:
                type: object
                properties:
                  metadata: { type: object, x-kubernetes-preserve-unknown-fields: true, properties: { name: { type: string }, annotations: { type: object, additionalProperties: { type: string } } } }
                  spec:
                    type: object
                    required: [containers]
                    properties:
                      containerConcurrency: { type: integer, format: int64 }
                      containers:
                        type: array
                        items:
                          type: object
                          properties:
                            image: { type: string }
                            ports: { type: array, items: { type: object, required: [containerPort], properties: { containerPort: { type: integer, format: int32 }, protocol: { type: string, default: TCP } } }, x-kubernetes-list-map-keys: [containerPort, protocol], x-kubernetes-list-type: map }
                            resources: { type: object, properties: { limits: { type: object, additionalProperties: { anyOf: [{ type: integer }, { type: string }], pattern: '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$', x-kubernetes-int-or-string: true } } } }
                            livenessProbe: { type: object, properties: { httpGet: { type: object, properties: { port: { anyOf: [{ type: integer }, { type: string }], x-kubernetes-int-or-string: true } } } } }
                    x-kubernetes-preserve-unknown-fields: true
              traffic: { type: array, items: { type: object, properties: { percent: { type: integer, format: int64 }, latestRevision: { type: boolean } } } }
          status: { type: object, properties: { url: { type: string } } }
`),
    samples: [of('serving.knative.dev/v1', 'Service', 'hello', '{ template: { metadata: { labels: { a: b } }, spec: { unknown: kept, containers: [{ image: hello, ports: [{ containerPort: 8080 }], resources: { limits: { cpu: 1, memory: 128Mi } }, livenessProbe: { httpGet: { port: http } } }] } }, traffic: [{ percent: 100, latestRevision: true }] }')],
    refused: [
      [of('serving.knative.dev/v1', 'Service', 'bad', '{ template: { spec: { containers: [{ resources: { limits: { cpu: many } } }] } } }'), /spec\.template\.spec\.containers\[0\]\.resources\.limits\.cpu: Invalid value: "many"/],
      [of('serving.knative.dev/v1', 'Service', 'bad', '{ template: { spec: {} } }'), /spec\.template\.spec\.containers: Required value/],
    ],
    shown: /^NAME\s+URL\s+READY\nhello/,
    explained: ['ksvc.spec.traffic', /percent\s+<integer>/],
  },
  {
    project: 'Prometheus operator: Prometheus',
    definition: crd('prometheuses.monitoring.coreos.com', 'Prometheus', `#names , listKind: PrometheusList, singular: prometheus, shortNames: [prom], categories: [prometheus-operator]
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: { status: {}, scale: { specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector } }
    additionalPrinterColumns: [{ name: Desired, type: integer, jsonPath: .spec.replicas }, { name: Ready, type: integer, jsonPath: .status.availableReplicas }, { name: Paused, type: boolean, priority: 1, jsonPath: .spec.paused }]
${WITH_SPEC}
          spec:
            type: object
            properties:
              replicas: { type: integer, format: int32 }
              paused: { type: boolean }
              retention: { type: string, pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$' }
              scrapeInterval: { type: string, default: 30s }
              serviceMonitorSelector: { type: object, x-kubernetes-map-type: atomic, properties: { matchLabels: { type: object, additionalProperties: { type: string } } } }
              volumeClaimTemplate: { type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true }
              containers: { type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: { type: object, required: [name], properties: { name: { type: string }, image: { type: string }, args: { type: array, items: { type: string } } } } }
              externalUrl: { type: string, nullable: true }
          status: { type: object, properties: { replicas: { type: integer, format: int32 }, availableReplicas: { type: integer, format: int32 }, selector: { type: string } } }
`),
    samples: [of('monitoring.coreos.com/v1', 'Prometheus', 'main', '{ replicas: 2, retention: 10d, externalUrl: null, containers: [{ name: a, image: x }], volumeClaimTemplate: { apiVersion: v1, kind: PersistentVolumeClaim, metadata: { name: data }, spec: { any: thing } } }')],
    refused: [
      [of('monitoring.coreos.com/v1', 'Prometheus', 'bad', '{ retention: long }'), /spec\.retention in body should match/],
      [of('monitoring.coreos.com/v1', 'Prometheus', 'bad', '{ volumeClaimTemplate: { metadata: {} } }'), /spec\.volumeClaimTemplate\.apiVersion: Required value[\s\S]*spec\.volumeClaimTemplate\.kind: Required value/],
      [of('monitoring.coreos.com/v1', 'Prometheus', 'bad', '{ containers: [{ name: a }, { name: a }] }'), /spec\.containers\[1\]: Duplicate value: \{"name":"a"\}/],
    ],
    shown: /^NAME\s+DESIRED\s+READY\nmain\s+2/,
    explained: ['prom.spec.containers', /args\s+<\[\]string>/],
  },
  {
    project: 'Argo CD: Application',
    definition: crd('applications.argoproj.io', 'Application', `#names , shortNames: [app, apps]
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    additionalPrinterColumns: [{ name: Sync Status, type: string, jsonPath: .status.sync.status }, { name: Project, type: string, priority: 10, jsonPath: .spec.project }]
    schema:
      openAPIV3Schema:
        type: object
        required: [metadata, spec]
        properties:
          metadata: { type: object }
          operation: { type: object, properties: { sync: { type: object, properties: { revision: { type: string } } } } }
          spec:
            type: object
            required: [destination, project]
            properties:
              project: { type: string }
              destination: { type: object, properties: { server: { type: string }, namespace: { type: string }, name: { type: string } } }
              source: { type: object, required: [repoURL], properties: { repoURL: { type: string }, path: { type: string }, targetRevision: { type: string }, helm: { type: object, properties: { valuesObject: { type: object, x-kubernetes-preserve-unknown-fields: true }, parameters: { type: array, items: { type: object, properties: { name: { type: string }, value: { type: string } } } } } } } }
              syncPolicy: { type: object, properties: { automated: { type: object, properties: { prune: { type: boolean } } }, retry: { type: object, properties: { limit: { type: integer, format: int64 } } } } }
          status: { type: object, properties: { sync: { type: object, required: [status], properties: { status: { type: string } } } } }
`),
    samples: [
      of('argoproj.io/v1alpha1', 'Application', 'guestbook', '{ project: default, destination: { server: "https://kubernetes.default.svc", namespace: guestbook }, source: { repoURL: "https://example.com/repo", path: guestbook, helm: { valuesObject: { deep: { list: [1, a] } } } }, syncPolicy: { automated: { prune: true } } }').replace('metadata: { name: guestbook }', 'metadata: { name: guestbook, finalizers: [resources-finalizer.argocd.argoproj.io] }'),
    ],
    refused: [[of('argoproj.io/v1alpha1', 'Application', 'bad', '{ destination: {}, source: {} }'), /spec\.source\.repoURL: Required value[\s\S]*spec\.project|spec\.project: Required value[\s\S]*spec\.source\.repoURL: Required value/]],
    shown: /^NAME\s+SYNC STATUS\nguestbook/,
    explained: ['applications.argoproj.io.spec.source.helm', /valuesObject\s+<Object>|valuesObject\s+<object>/],
  },
];
