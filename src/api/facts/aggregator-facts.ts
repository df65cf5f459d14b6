/**
 * The types of apiregistration.k8s.io/v1, which no Debian package carries: facts (names, numbers, marks) of the Kubernetes API, taken from
 * kube-aggregator's pkg/apis/apiregistration/v1 (Apache License 2.0), in the lines of the generated file.
 */
export const AGGREGATOR_MODULES = {
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1': {
    group: 'apiregistration.k8s.io',
    version: 'v1',
    types: [
      'APIService\to\tmetadata @io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta 1 o;spec @APIServiceSpec 2 o;status @APIServiceStatus 3 o',
      'APIServiceCondition\t\ttype s 1 r;status s 2 r;lastTransitionTime t 3 o;reason s 4 o;message s 5 o',
      'APIServiceList\tl\tmetadata @io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta 1 o;items [@APIService 2 r',
      'APIServiceSpec\t\tservice @ServiceReference 1 po;group s 2 o;version s 3 o;insecureSkipTLSVerify b 4 o;caBundle y 5 o;groupPriorityMinimum i 7 r;versionPriority i 8 r',
      'APIServiceStatus\t\tconditions [@APIServiceCondition 1 o L=map K=type P=merge Q=type',
      'ServiceReference\t\tnamespace s 1 o;name s 2 o;port i 3 po',
    ].join('\n'),
  },
} as const;
