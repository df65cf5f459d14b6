/** How the line begins that tells the parent process that boot is done. */
export const READY_LINE = 'llmos is ready';
