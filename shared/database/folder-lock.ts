import { randomBytes } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const LOOK_EVERY_MS = 200

/** A folder that is this process's. */
export type TakenFolder = {
  /** Whether it still is: somebody may have removed the folder, and another process begun a new one in its place. */
  isMine(): Promise<boolean>
  /** Resolves when it no longer is, and never while it is. */
  lost: Promise<void>
  /** Gives it back, if it still is this process's: the lock of another is never touched. */
  release(): Promise<void>
}

/** The folder is this process's until it releases it, or the living process `heldBy` has it open. */
export type FolderTaken = TakenFolder | { heldBy: number }

/**
 * Takes the data folder for this process, or answers who holds it. A lock left by a killed process does not count. The
 * embedded database itself would let two processes in and be damaged.
 *
 * The lock is a folder with one file, named after its owner. It is made aside and renamed: that is one act, which fails
 * while the lock has an owner. An owner is removed by its name, so that nobody can remove another than he judged.
 */
export async function takeFolder(folder: string): Promise<FolderTaken> {
  const lock = join(folder, 'lock')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const owner = `${await nameOf(process.pid)}.${randomBytes(8).toString('hex')}`
  const draft = join(folder, `lock.${owner}`)
  await mkdir(draft, { mode: 0o700 })
  await writeFile(join(draft, owner), '', { mode: 0o600 })
  for (;;) {
    if (await isRenamed(draft, lock)) return taken(join(lock, owner))
    const heldBy = await livingOwner(lock)
    if (heldBy === null) continue
    await rm(draft, { recursive: true, force: true })
    return { heldBy }
  }
}

/** A folder replaces another only if that one is empty. */
async function isRenamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) return false
    await rm(from, { recursive: true, force: true })
    throw error
  }
}

function taken(file: string): TakenFolder {
  const watching = new AbortController()
  return {
    isMine: () => isThere(file),
    lost: lossOf(file, watching.signal),
    release: async () => {
      watching.abort()
      await unlink(file).catch((error: unknown) => {
        if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error
      })
    },
  }
}

function lossOf(file: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => void look(), LOOK_EVERY_MS)
    timer.unref()
    signal.addEventListener('abort', () => clearInterval(timer))

    async function look(): Promise<void> {
      if ((await isThere(file)) || signal.aborted) return
      clearInterval(timer)
      resolve()
    }
  })
}

async function isThere(file: string): Promise<boolean> {
  try {
    await access(file)
    return true
  } catch (error) {
    // Whatever else keeps us from looking says nothing about the owner.
    return !hasCode(error, 'ENOENT', 'ENOTDIR')
  }
}

/** Who holds the lock; `null`: nobody (any more), those who are dead were removed. */
async function livingOwner(lock: string): Promise<number | null> {
  const owners = await readdir(lock).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  })
  for (const owner of owners) {
    if (await isRunning(owner)) return parseInt(owner, 10)
    await rm(join(lock, owner), { force: true })
  }
  return null
}

async function isRunning(owner: string): Promise<boolean> {
  const pid = parseInt(owner, 10)
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
  return owner.startsWith(`${await nameOf(pid)}.`)
}

/** A pid and, where the system tells it, when that process started: numbers are used again. */
async function nameOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  return `${pid}-${started}`
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
