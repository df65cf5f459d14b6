/** Definitions of the shape of those of cert-manager. */
import { AGE, CONDITIONS, crd, indented, of, STORED, WITH_SPEC, type DefinitionCase } from './shape.ts';

export const CERT_MANAGER: DefinitionCase[] = [
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
            properties:${indented(CONDITIONS, 2)}
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
];
