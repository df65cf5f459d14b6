/**
 * W3C Trace Context (sections 3.2 to 3.4): a request that is part of no trace, or does not say of which in words that can be read, begins one, and what it says of its
 * state in other traces goes with the trace of before. Of one that is part of a trace the state goes on as it came.
 */
const HEADER = 'req.hdr(traceparent)';
const IDS = '-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}';
/** Nothing may follow in version 00, and only behind a dash in a later one; ff is none. */
const READABLE = `^(00${IDS}|(0[1-9a-f]|[1-9a-e][0-9a-f]|f[0-9a-e])${IDS}(-.*)?)$`;
const ZEROS = (digits: number): string => '0'.repeat(digits);
const IN_TRACE = `{ req.hdr_cnt(traceparent) eq 1 } { ${HEADER} -m reg -- ${READABLE} } !{ ${HEADER},bytes(3,32) -m str ${ZEROS(32)} } !{ ${HEADER},bytes(36,16) -m str ${ZEROS(16)} }`;
const TRACED = '{ var(txn.traced) -m found }';
/**
 * 16 hexadecimal digits each, of 32 random bits, spread so that no product is cut off at 63 bits; those of a trace hold the time too, so that two alike could
 * only be made in one microsecond. A UUID would take longer than all the rest.
 */
const SPAN = '%[rand,mul(2147483647),add(1),hex,lower]';
const TRACE_ID = '%[rand,mul(2147483629),xor(txn.began),hex,lower]%[rand,mul(2147483587),add(1),hex,lower]';
export const TRACE_NEW = [
  `  http-request set-var(txn.traced) bool(true) if ${IN_TRACE}`, `  http-request del-header tracestate if !${TRACED}`, `  http-request set-header traceparent '00-${TRACE_ID}-${SPAN}-01' if !${TRACED}`,
];
/** Where spans are sent, a request that is part of a trace goes on as the child of our own, with those flags that are known: sampled, and random (Level 2). */
export const TRACE_CHILD = [
  ...TRACE_NEW, `  http-request set-var(txn.parent) ${HEADER},bytes(36,16) if ${TRACED}`,
  `  http-request set-header traceparent '00-%[${HEADER},bytes(3,32)]-${SPAN}-0%[${HEADER},bytes(53,2),hex2i,and(3)]' if ${TRACED}`,
];
export const TRACE_KEPT = '  http-request set-var(txn.trace) req.hdr(traceparent),bytes(0,55)';
