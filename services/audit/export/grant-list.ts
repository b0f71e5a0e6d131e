import { readSync } from 'node:fs'
import { openTemporaryFile, type TemporaryFile } from '../spill/temporary-file.ts'

const ID = 16
const AT_BYTES = 6
const SIZE = ID + AT_BYTES
const PAGE = 200

/** A grant, and when it was made, in ms. */
export type ListedGrant = { grant_id: string; made_at: number }

/** Any number of grants in the order in which they were added: in a temporary file but for one page of them. */
export type GrantList = { add(grant: ListedGrant): void; pages(): Generator<ListedGrant[]>; close(): void }

/** Begins with none. */
export function createGrantList(): GrantList {
  let file: TemporaryFile | null = null
  let written = 0
  let page: ListedGrant[] = []

  function flush(): void {
    file ??= openTemporaryFile()
    const bytes = Buffer.concat(page.map(packed))
    file.write(bytes, written)
    written += bytes.length
    page = []
  }

  return {
    add: (grant) => {
      page.push(grant)
      if (page.length === PAGE) flush()
    },
    *pages() {
      for (let at = 0; file && at < written; at += PAGE * SIZE) yield readPage(file.fd, at)
      if (page.length > 0) yield page
    },
    close: () => file?.close(),
  }
}

function packed({ grant_id, made_at }: ListedGrant): Buffer {
  const bytes = Buffer.alloc(SIZE)
  bytes.write(grant_id.replaceAll('-', ''), 'hex')
  bytes.writeUIntBE(made_at, ID, AT_BYTES)
  return bytes
}

function readPage(fd: number, at: number): ListedGrant[] {
  const bytes = Buffer.alloc(PAGE * SIZE)
  readSync(fd, bytes, 0, bytes.length, at)
  return Array.from({ length: PAGE }, (_, n) => ({
    grant_id: uuidOf(bytes.subarray(n * SIZE, n * SIZE + ID).toString('hex')),
    made_at: bytes.readUIntBE(n * SIZE + ID, AT_BYTES),
  }))
}

function uuidOf(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
