import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OperatorError } from '../../../shared/config/operator-error.ts'

/** A file that has no name any more: whatever ends this process, nothing of it stays behind. */
export type TemporaryFile = {
  fd: number
  /** Writes all of these bytes at this place. OperatorError where the disk takes no more. */
  write(bytes: Uint8Array, position: number): void
  close(): void
}

/** Opens a file for what does not fit into memory, in TMPDIR, for this user only. */
export function openTemporaryFile(): TemporaryFile {
  const fd = told(() => {
    const folder = mkdtempSync(join(tmpdir(), 'token-ledger-'))
    try {
      return openSync(join(folder, 'spill'), 'wx+', 0o600)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
  return {
    fd,
    write: (bytes, position) =>
      told(() => {
        for (let done = 0; done < bytes.length;)
          done += writeSync(fd, bytes, done, bytes.length - done, position + done)
      }),
    close: () => closeSync(fd),
  }
}

function told<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new OperatorError(`TMPDIR: ${tmpdir()} cannot take what does not fit into memory: ${reason}`, { cause })
  }
}
