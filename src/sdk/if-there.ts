/** What may be gone by the time that it is asked for. */
import { isApiError } from '../api/errors.ts';

/** What the work gives; undefined when it finds nothing (NotFound). Other errors are passed on. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}
