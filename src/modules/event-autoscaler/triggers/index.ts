/** All types of triggers but cpu and memory, which the HorizontalPodAutoscaler reads itself. */
import { calendar } from './calendar.ts';
import { cron } from './cron.ts';
import { external } from './external.ts';
import { externalPush } from './external-push.ts';
import { http } from './http.ts';
import { kubernetesWorkload } from './kubernetes-workload.ts';
import { metricsApi } from './metrics-api.ts';
import { mqtt } from './mqtt.ts';
import { natsJetstream } from './nats-jetstream.ts';
import { prometheus } from './prometheus.ts';
import { rabbitmq } from './rabbitmq.ts';
import { redisLists, redisStreams } from './redis.ts';
import { mysql, postgresql } from './sql.ts';
import type { TriggerFactory } from './trigger.ts';

export const TRIGGERS: Readonly<Record<string, TriggerFactory>> = {
  calendar, cron, external, 'external-push': externalPush, http, 'kubernetes-workload': kubernetesWorkload, 'metrics-api': metricsApi, mqtt, mysql, 'nats-jetstream': natsJetstream, postgresql, prometheus, rabbitmq, redis: redisLists('single'), 'redis-streams': redisStreams('single'),
  'redis-cluster': redisLists('cluster'), 'redis-cluster-streams': redisStreams('cluster'), 'redis-sentinel': redisLists('sentinel'), 'redis-sentinel-streams': redisStreams('sentinel'),
};
