/** Definitions of the shape of those of KEDA. */
import { crd, of, STORED, WITH_SPEC, type DefinitionCase } from './shape.ts';

export const KEDA: DefinitionCase[] = [
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
];
