/** W3C Trace Context: a request that is part of no trace begins one. */
const IN_TRACE = 'req.hdr(traceparent) -m reg -- ^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}';
/**
 * 16 hexadecimal digits each, of 32 random bits, spread so that no product is cut off at 63 bits; those of a trace hold the time too, so that two alike could
 * only be made in one microsecond. A UUID would take longer than all the rest.
 */
const SPAN = '%[rand,mul(2147483647),add(1),hex,lower]';
const TRACE_ID = '%[rand,mul(2147483629),xor(txn.began),hex,lower]%[rand,mul(2147483587),add(1),hex,lower]';
export const TRACE_NEW = [`  http-request set-header traceparent '00-${TRACE_ID}-${SPAN}-01' if !{ ${IN_TRACE} }`];
/** Where spans are sent, a request that is part of a trace goes on as the child of our own. */
export const TRACE_CHILD = [`  http-request set-var(txn.parent) req.hdr(traceparent),bytes(36,16) if { ${IN_TRACE} }`, ...TRACE_NEW, `  http-request set-header traceparent '00-%[req.hdr(traceparent),bytes(3,32)]-${SPAN}-%[req.hdr(traceparent),bytes(53,2)]' if { var(txn.parent) -m found }`];
export const TRACE_KEPT = '  http-request set-var(txn.trace) req.hdr(traceparent),bytes(0,55)';
