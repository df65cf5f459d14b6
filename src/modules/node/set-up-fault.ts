/** What went wrong with a pod before its sandbox did, by the reason that its event has. Source: kubernetes pkg/kubelet/events. */
export class SetUpFault extends Error {
  override name = 'SetUpFault';
  readonly eventReason: 'FailedMount' | 'FailedPrepareDynamicResources';

  constructor(eventReason: SetUpFault['eventReason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.eventReason = eventReason;
  }
}
