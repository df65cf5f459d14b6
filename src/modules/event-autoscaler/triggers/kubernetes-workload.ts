/** kubernetes-workload: how many pods a selector finds that have not ended (KEDA: Kubernetes Workload). */
import { Pod } from '../../../api/core/pod.ts';
import { parseSelector } from '../../../api/selector.ts';
import { metricName, parametersOf, type TriggerFactory } from './trigger.ts';

const ALL_NAMESPACES = '*';

export const kubernetesWorkload: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const { context } = input;
  const said = parameters.text('namespace') ?? input.namespace;
  const namespace = said === ALL_NAMESPACES ? undefined : said;
  const selector = parseSelector(parameters.needed('podSelector'));
  const target = parameters.target('value');
  const activation = parameters.number('activationValue', 0);
  const pods = context.caches.of(Pod);
  return {
    name: metricName('workload', namespace ?? ''), target,
    async read() {
      await pods.ready();
      const value = pods.list(namespace).filter(({ metadata, status }) => selector.matches(metadata.labels) && status?.phase !== 'Succeeded' && status?.phase !== 'Failed').length;
      return { value, active: value > activation };
    },
  };
};
