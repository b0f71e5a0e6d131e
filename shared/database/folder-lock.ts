import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The folder is this process's until it releases it, or the living process `heldBy` has it open. */
export type FolderTaken = { release: () => Promise<void> } | { heldBy: number }

/**
 * Takes the data folder for this process, or answers who holds it. A lock left by a killed process does not count. The
 * embedded database itself would let two processes in and be damaged.
 */
export async function takeFolder(folder: string): Promise<FolderTaken> {
  const file = join(folder, 'lock')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const mine = await nameOf(process.pid)
  try {
    await writeFile(file, mine, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!isExisting(error)) throw error
    const holder = await readFile(file, 'utf8')
    if (await isRunning(holder)) return { heldBy: parseInt(holder, 10) }
    await rm(file, { force: true })
    return takeFolder(folder)
  }
  return { release: () => rm(file, { force: true }) }
}

async function isRunning(holder: string): Promise<boolean> {
  const pid = parseInt(holder, 10)
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  return (await nameOf(pid)) === holder
}

/** A pid and, where the system tells it, when that process started: numbers are used again. */
async function nameOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  return `${pid} ${started}`.trim()
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}
