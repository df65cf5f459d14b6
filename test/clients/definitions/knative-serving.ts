/** Definitions of the shape of those of Knative Serving. */
import { crd, of, STORED, type DefinitionCase } from './shape.ts';

export const KNATIVE_SERVING: DefinitionCase[] = [
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
];
