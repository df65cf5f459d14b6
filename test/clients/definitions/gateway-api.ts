/** Definitions of the shape of those of Gateway API. */
import { AGE, CONDITIONS, crd, indented, of, STORED, WAITING, WITH_SPEC, type DefinitionCase } from './shape.ts';

export const GATEWAY_API: DefinitionCase[] = [
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
];
