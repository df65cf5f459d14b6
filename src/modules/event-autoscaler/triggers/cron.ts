/** cron: so many replicas from one time to another, in a time zone (KEDA: Cron). */
import { checkZone, parseSchedule } from '../../../api/batch/cron-schedule.ts';
import { metricName, parametersOf, TriggerError, type TriggerFactory } from './trigger.ts';

export const cron: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const zone = schedule(() => checkZone(parameters.needed('timezone')));
  const start = schedule(() => parseSchedule(parameters.needed('start'), zone));
  const end = schedule(() => parseSchedule(parameters.needed('end'), zone));
  if (parameters.needed('start') === parameters.needed('end')) throw new TriggerError('start and end are the same time');
  const desired = parameters.number('desiredReplicas');
  return {
    name: metricName('cron', zone, nameOf(parameters.needed('start')), nameOf(parameters.needed('end'))), target: 1,
    /** Within, when the end comes before the next start. Without it is one, which a formula may see (KEDA: defaultDesiredReplicas). */
    read() {
      const nowMs = input.context.clock.nowMs();
      const active = (end.next(nowMs) ?? Infinity) < (start.next(nowMs) ?? Infinity);
      return Promise.resolve({ value: active ? desired : 1, active });
    },
  };
};

/** `0 8 * * 1-5` is `08xx1-5`. */
function nameOf(time: string): string {
  return time.replaceAll(' ', '').replaceAll('*', 'x').replaceAll('/', 'Sl').replaceAll('?', 'Qm');
}

function schedule<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof TriggerError ? error : new TriggerError((error as Error).message);
  }
}
