/**
 * The behaviours by which upstream calls a cluster conformant (the [Conformance] tests of Kubernetes 1.32, list conformance.yaml), by their
 * code names, for the areas that speak of the API, of identity and of kubectl. Each is tested here, or says why not.
 */
export interface Behaviour {
  /** The upstream code name, without its marks of area and [Conformance]. */
  name: string;
  area: string;
  /** Why no test is here yet: what is missing. */
  notYet?: string;
  /** Why it says nothing about llmos. */
  notApplicable?: string;
}

const WEBHOOKS = 'webhooks of admission are under construction';
const POLICIES = 'ValidatingAdmissionPolicy is under construction';

const LIST: Readonly<Record<string, readonly (string | [string, Omit<Behaviour, 'name' | 'area'>])[]>> = {
  'sig-api-machinery': [
    'API priority and fairness should support FlowSchema API operations',
    'API priority and fairness should support PriorityLevelConfiguration API operations',
    ...[
      'listing mutating webhooks should work', 'listing validating webhooks should work', 'patching/updating a mutating webhook should work', 'patching/updating a validating webhook should work',
      'should be able to create and update mutating webhook configurations with match conditions', 'should be able to create and update validating webhook configurations with match conditions',
      'should be able to deny attaching pod', 'should be able to deny custom resource creation, update and deletion', 'should be able to deny pod and configmap creation', 'should deny crd creation',
      'should honor timeout', 'should include webhook resources in discovery documents', 'should mutate configmap', 'should mutate custom resource', 'should mutate custom resource with different stored version',
      'should mutate custom resource with pruning', "should mutate everything except 'skip-me' configmaps", 'should mutate pod and apply defaults after mutation',
      'should not be able to mutate or prevent deletion of webhook configuration objects', 'should reject mutating webhook configurations with invalid match conditions',
      'should reject validating webhook configurations with invalid match conditions', 'should unconditionally reject operations on fail closed webhook',
    ].map((name): [string, { notYet: string }] => [`AdmissionWebhook ${name}`, { notYet: WEBHOOKS }]),
    'AggregatedDiscovery should support aggregated discovery interface',
    'AggregatedDiscovery should support aggregated discovery interface for CRDs',
    'AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers',
    'AggregatedDiscovery should support raw aggregated discovery request for CRDs',
    ['Aggregator Should be able to support the 1.17 Sample API Server using the current Aggregator', { notYet: 'APIService and its proxy' }],
    ['CustomResourceConversionWebhook should be able to convert a non homogeneous list of CRs', { notYet: 'conversion by webhook' }],
    ['CustomResourceConversionWebhook should be able to convert from CR v1 to CR v2', { notYet: 'conversion by webhook' }],
    'CustomResourceDefinition Watch watch on custom resource definition objects',
    'CustomResourceDefinition resources Simple CustomResourceDefinition creating/deleting custom resource definition objects works',
    'CustomResourceDefinition resources Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works',
    'CustomResourceDefinition resources Simple CustomResourceDefinition listing custom resource definition objects works',
    'CustomResourceDefinition resources custom resource defaulting for requests and from storage works',
    'CustomResourceDefinition resources should include custom resource definition resources in discovery documents',
    ['CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector', { notYet: 'conversion by webhook' }],
    'CustomResourcePublishOpenAPI removes definition from spec when one version gets changed to not be served',
    'CustomResourcePublishOpenAPI updates the published spec when one version gets renamed',
    'CustomResourcePublishOpenAPI works for CRD preserving unknown fields at the schema root',
    'CustomResourcePublishOpenAPI works for CRD preserving unknown fields in an embedded object',
    'CustomResourcePublishOpenAPI works for CRD with validation schema',
    'CustomResourcePublishOpenAPI works for CRD without validation schema',
    'CustomResourcePublishOpenAPI works for multiple CRDs of different groups',
    'CustomResourcePublishOpenAPI works for multiple CRDs of same group and version but different kinds',
    'CustomResourcePublishOpenAPI works for multiple CRDs of same group but different versions',
    'Discovery should locate the groupVersion and a resource within each APIGroup',
    'Discovery should validate PreferredVersion for each APIGroup',
    'FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema',
    'FieldValidation should create/apply a valid CR for CRD with validation schema',
    'FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema',
    'FieldValidation should detect duplicates in a CR when preserving unknown fields',
    'FieldValidation should detect unknown and duplicate fields of a typed object',
    'FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR',
    'FieldValidation should detect unknown metadata fields of a typed object',
    'Garbage collector should delete RS created by deployment when not orphaning',
    'Garbage collector should delete pods created by rc when not orphaning',
    'Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so',
    'Garbage collector should not be blocked by dependency circle',
    "Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted",
    'Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan',
    'Garbage collector should orphan pods created by rc if delete options say so',
    'Namespaces should apply a finalizer to a Namespace',
    'Namespaces should apply an update to a Namespace',
    'Namespaces should apply changes to a namespace status',
    'Namespaces should ensure that all pods are removed when a namespace is deleted',
    'Namespaces should ensure that all services are removed when a namespace is deleted',
    'Namespaces should patch a Namespace',
    'ResourceQuota should apply changes to a resourcequota status',
    'ResourceQuota should be able to update and delete ResourceQuota.',
    'ResourceQuota should create a ResourceQuota and capture the life of a configMap.',
    'ResourceQuota should create a ResourceQuota and capture the life of a pod.',
    'ResourceQuota should create a ResourceQuota and capture the life of a replica set.',
    'ResourceQuota should create a ResourceQuota and capture the life of a replication controller.',
    'ResourceQuota should create a ResourceQuota and capture the life of a secret.',
    'ResourceQuota should create a ResourceQuota and capture the life of a service.',
    'ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated.',
    'ResourceQuota should manage the lifecycle of a ResourceQuota',
    'ResourceQuota should verify ResourceQuota with best effort scope.',
    'ResourceQuota should verify ResourceQuota with terminating scopes.',
    'Servers with support for API chunking should return chunks of results for list calls',
    'Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent',
    'Servers with support for Table transformation should return a 406 for a backend which does not implement metadata',
    ['ValidatingAdmissionPolicy should allow expressions to refer variables.', { notYet: POLICIES }],
    ['ValidatingAdmissionPolicy should support ValidatingAdmissionPolicy API operations', { notYet: POLICIES }],
    ['ValidatingAdmissionPolicy should support ValidatingAdmissionPolicyBinding API operations', { notYet: POLICIES }],
    ['ValidatingAdmissionPolicy should validate against a Deployment', { notYet: POLICIES }],
    'Watchers should be able to restart watching from the last resource version observed by the previous watch',
    'Watchers should be able to start watching from a specific resource version',
    'Watchers should observe add, update, and delete watch notifications on configmaps',
    'Watchers should observe an object deletion if it stops meeting the requirements of the selector',
    'Watchers should receive events on concurrent watches in same order',
    'server version should find the server version',
  ],
  'sig-auth': [
    'Certificates API should support CSR API operations',
    'ServiceAccounts ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer',
    'ServiceAccounts should allow opting out of API token automount',
    'ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview',
    'ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace',
    'ServiceAccounts should mount an API token into pods',
    'ServiceAccounts should mount projected service account token',
    'ServiceAccounts should run through the lifecycle of a ServiceAccount',
    'ServiceAccounts should update a ServiceAccount',
    'SubjectReview should support SubjectReview API operations',
  ],
  'sig-cli': [
    ['Kubectl client Guestbook application should create and stop a working application', { notYet: 'an application of three tiers in an image of our own (upstream uses its test image)' }],
    'Kubectl client Kubectl api-versions should check if v1 is in available api versions',
    'Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info',
    'Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods',
    'Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments',
    'Kubectl client Kubectl expose should create services for rc',
    'Kubectl client Kubectl label should update the label on a resource',
    'Kubectl client Kubectl patch should add annotations for pods in rc',
    "Kubectl client Kubectl replace should update a single-container pod's image",
    'Kubectl client Kubectl run pod should create a pod from an image when restart is Never',
    'Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods',
    'Kubectl client Kubectl version should check is all data is printed',
    'Kubectl client Proxy server should support --unix-socket=/path',
    'Kubectl client Proxy server should support proxy with --port 0',
    'Kubectl client Update Demo should create and stop a replication controller',
    'Kubectl client Update Demo should scale a replication controller',
    'Kubectl logs logs should be able to retrieve and filter logs',
  ],
  'sig-instrumentation': [
    'Events API should delete a collection of events',
    'Events API should ensure that an event can be fetched, patched, deleted, and listed',
    'Events should delete a collection of events',
    'Events should manage the lifecycle of an event',
  ],
};

export const BEHAVIOURS: readonly Behaviour[] = Object.entries(LIST).flatMap(([area, names]) =>
  names.map((each): Behaviour => (typeof each === 'string' ? { area, name: each } : { area, name: each[0], ...each[1] })));

export const AREAS: readonly string[] = Object.keys(LIST);
