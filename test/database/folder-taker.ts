import { createInterface } from 'node:readline'
import { type FolderTaken, takeFolder } from '../../shared/database/folder-lock.ts'

// A process that takes and releases folders as its stdin says, and answers each line with one on stdout.
let held: FolderTaken | null = null

async function obey(line: string): Promise<string> {
  const [order, folder = ''] = line.split(' ')
  if (order === 'take') {
    held = await takeFolder(folder)
    if ('heldBy' in held) return `held by ${held.heldBy}`
    void held.lost.then(() => console.log('lost'))
    return 'mine'
  }
  if (held && 'release' in held) await held.release()
  return 'released'
}

console.log('ready')
for await (const line of createInterface({ input: process.stdin })) console.log(await obey(line))
process.exit(0)
