/** Which CDI devices a device plugin names; apart from what resolves them, which few nodes load. */
import type { DeviceGift } from './api.ts';

/** Where specifications lie. */
export const CDI_FOLDERS = ['/etc/cdi', '/var/run/cdi'];
const ANNOTATION = 'cdi.k8s.io/';

/** By field of the answer, and by annotation, as plugins from before that field do. */
export function cdiNames(gifts: readonly DeviceGift[]): string[] {
  const annotated = gifts.flatMap(({ annotations }) => Object.entries(annotations).filter(([key]) => key.startsWith(ANNOTATION)).flatMap(([, value]) => value.split(',')));
  return [...new Set([...gifts.flatMap(({ cdiDevices }) => cdiDevices.map(({ name }) => name)), ...annotated.map((each) => each.trim())])].filter((each) => each !== '');
}
