/** Definitions of the shape of those of Argo CD. */
import { crd, of, type DefinitionCase } from './shape.ts';

export const ARGO_CD: DefinitionCase[] = [
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
