/**
 * crun hands on what a command writes to its terminal, but what it still finds there when the command has ended it tells as errors of its own (its `flush_fd_to_err`): a piece at a time, each
 * with an end of line, and in red with the time where its standard error is a terminal. So that is a file here, from which the last output of a quick command is put together again: a terminal
 * ends lines by CR and LF, so an LF alone is crun's. Of a command that ended while its terminal was raw, lines may lose their end in this last output.
 */

/** The bytes that the command wrote, of those in the file. Pure. */
export function leftInTerminal(file: Buffer): Buffer {
  return Buffer.from(file.toString('latin1').replace(/(?<!\r)\n/g, ''), 'latin1');
}
