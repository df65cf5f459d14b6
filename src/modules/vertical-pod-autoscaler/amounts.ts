/** Amounts of cpu in millis and of memory in bytes. */
import { quantityMillis, quantityOf, quantityOfMilli, quantityValue } from '../../api/quantity.ts';

export const numberOf = (resource: string, quantity: string): number => (resource === 'cpu' ? quantityMillis(quantity) : quantityValue(quantity));
export const textOf = (resource: string, value: number): string => (resource === 'cpu' ? quantityOfMilli(Math.round(value)) : quantityOf(Math.round(value)));
