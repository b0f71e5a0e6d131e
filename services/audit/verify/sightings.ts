import { readSync } from 'node:fs'
import { openTemporaryFile, type TemporaryFile } from '../spill/temporary-file.ts'
import { DIGEST_BYTES } from './row-digest.ts'

const ID = 16
const AT = ID
const AT_BYTES = 6
const DIGEST = AT + AT_BYTES
const FOUND = DIGEST + DIGEST_BYTES
/** Bytes of a sighting: grant_id, `at`, digest, and whether the log has it. */
const SIZE = FOUND + 1
const GATHERED = 65_536

/**
 * A row that was seen: `at` is what tells it from others of its grant and from itself at other times: the last offset
 * of a grant, the generation of a token.
 */
export type Sighting = { grant_id: string; at: number; digest: Uint8Array }

/** Rows that were seen of one partition, written down in a temporary file, in the order of grant_id and `at`. */
export type Sightings = { add(sighting: Sighting): void; load(): Sighted; close(): void }

/** The same in memory, to be found by what they are of. */
export type Sighted = {
  /** The place of the row of this grant, or of this grant with this `at`; -1 = none. */
  find(grant_id: string, at?: number): number
  at(place: number): number
  /** Marks that the log has this row; tells whether it is the row that the log makes. */
  compare(place: number, digest: Uint8Array): boolean
  /** The first row that the log does not have. */
  unmarked(): { grant_id: string; at: number } | null
}

/** Begins with none. */
export function createSightings(): Sightings {
  let file: TemporaryFile | null = null
  let gathered = Buffer.alloc(0)
  let used = 0
  let written = 0

  function flush(): void {
    file ??= openTemporaryFile()
    file.write(gathered.subarray(0, used), written)
    written += used
    used = 0
  }

  return {
    add: ({ grant_id, at, digest }) => {
      if (gathered.length === 0) gathered = Buffer.alloc(GATHERED)
      if (used + SIZE > GATHERED) flush()
      gathered.write(grant_id.replaceAll('-', ''), used, 'hex')
      gathered.writeUIntBE(at, used + AT, AT_BYTES)
      gathered.set(digest, used + DIGEST)
      gathered[used + FOUND] = 0
      used += SIZE
    },
    load: () => {
      const rows = Buffer.alloc(written + used)
      for (let done = 0; file && done < written;) done += readSync(file.fd, rows, done, written - done, done)
      gathered.copy(rows, written, 0, used)
      return sightedIn(rows)
    },
    close: () => {
      file?.close()
      file = null
    },
  }
}

function sightedIn(rows: Buffer): Sighted {
  const count = rows.length / SIZE
  const wanted = Buffer.alloc(DIGEST)

  function find(grant_id: string, at?: number): number {
    wanted.write(grant_id.replaceAll('-', ''), 0, 'hex')
    wanted.writeUIntBE(at ?? 0, AT, AT_BYTES)
    let [low, high] = [0, count]
    while (low < high) {
      const middle = (low + high) >> 1
      if (compare(rows, middle * SIZE, wanted, DIGEST) < 0) low = middle + 1
      else high = middle
    }
    return low < count && compare(rows, low * SIZE, wanted, at === undefined ? ID : DIGEST) === 0 ? low : -1
  }

  const atOf = (place: number) => rows.readUIntBE(place * SIZE + AT, AT_BYTES)

  return {
    find,
    at: atOf,
    compare: (place, digest) => {
      const start = place * SIZE
      rows[start + FOUND] = 1
      return compare(rows, start + DIGEST, digest, DIGEST_BYTES) === 0
    },
    unmarked: () => {
      for (let place = 0; place < count; place++) {
        if (rows[place * SIZE + FOUND] === 0) return { grant_id: idAt(rows, place * SIZE), at: atOf(place) }
      }
      return null
    },
  }
}

/** As bytes compare, without a call out of JavaScript for each. */
function compare(rows: Uint8Array, start: number, other: Uint8Array, length: number): number {
  for (let i = 0; i < length; i++) {
    const difference = (rows[start + i] ?? 0) - (other[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function idAt(rows: Buffer, start: number): string {
  const hex = rows.toString('hex', start, start + ID)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
