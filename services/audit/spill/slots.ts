import { readSync } from 'node:fs'
import { openTemporaryFile } from './temporary-file.ts'

/** Bytes of one unit of a slot: slots are counted in units, so that 32 bits reach 128 GB. */
const UNIT = 32
const HEAD = 8
const GATHERED = 1_048_576
const FIRST_READ = 512

/** Where a text lies: its first unit, and how many it may take. */
export type Slot = { unit: number; units: number }

/**
 * Texts in a temporary file, each in a slot of its own. One that still fits is written where it lay; new ones are
 * gathered, and written together.
 */
export type Slots = {
  put(text: string, slot: Slot | null): Slot
  get(unit: number): { text: string; slot: Slot }
  close(): void
}

/** Makes the file with the first text. */
export function createSlots(): Slots {
  const file = openTemporaryFile()
  const gathered = Buffer.alloc(GATHERED)
  let used = 0
  let written = 0
  let read = Buffer.alloc(FIRST_READ)

  function put(text: string, slot: Slot | null): Slot {
    const length = Buffer.byteLength(text)
    const units = Math.ceil((HEAD + length) / UNIT)
    if (slot && units <= slot.units) {
      write(text, length, slot)
      return slot
    }
    const added = { unit: (written + used) / UNIT, units }
    if (used + units * UNIT > GATHERED) {
      flush()
      added.unit = written / UNIT
    }
    if (units * UNIT > GATHERED) {
      write(text, length, added)
      written += units * UNIT
    } else {
      fill(gathered, used, { text, length, units })
      used += units * UNIT
    }
    return added
  }

  function write(text: string, length: number, { unit, units }: Slot): void {
    const at = unit * UNIT
    if (at >= written && at < written + used) return fill(gathered, at - written, { text, length, units })
    const bytes = Buffer.alloc(HEAD + length)
    fill(bytes, 0, { text, length, units })
    file.write(bytes, at)
  }

  function flush(): void {
    file.write(gathered.subarray(0, used), written)
    written += used
    used = 0
  }

  function get(unit: number): { text: string; slot: Slot } {
    const at = unit * UNIT
    if (at >= written) return told(gathered, at - written, unit)
    if (readSync(file.fd, read, 0, FIRST_READ, at) < HEAD) throw new Error('the temporary file is cut short')
    const length = read.readUInt32BE(0)
    if (length > FIRST_READ - HEAD) {
      if (read.length < HEAD + length) read = Buffer.alloc(2 * (HEAD + length))
      readSync(file.fd, read, 0, HEAD + length, at)
    }
    return told(read, 0, unit)
  }

  return { put, get, close: () => file.close() }
}

function fill(into: Buffer, at: number, { text, length, units }: { text: string; length: number; units: number }) {
  into.writeUInt32BE(length, at)
  into.writeUInt32BE(units, at + 4)
  into.write(text, at + HEAD, 'utf8')
}

function told(bytes: Buffer, at: number, unit: number): { text: string; slot: Slot } {
  const length = bytes.readUInt32BE(at)
  const text = bytes.toString('utf8', at + HEAD, at + HEAD + length)
  return { text, slot: { unit, units: bytes.readUInt32BE(at + 4) } }
}
