/** Definitions of the shape of those of Prometheus operator. */
import { crd, of, STORED, WITH_SPEC, type DefinitionCase } from './shape.ts';

export const PROMETHEUS_OPERATOR: DefinitionCase[] = [
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
];
