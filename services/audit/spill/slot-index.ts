const FIRST_SIZE = 65_536
const FULL = 0.75

/**
 * In which slot the text of a grant lies, in 8 to 22 bytes a grant. It knows a grant by 32 bits of a hash: whoever
 * asks compares the whole id with what lies there.
 */
export type SlotIndex = {
  /** Where a grant's text lies now; `before`: where it lay until now, if anywhere. */
  set(grant_id: string, unit: number, before: number | undefined): void
  /** Where it may lie: nearly always one place, or none. */
  candidates(grant_id: string): number[]
}

/** An empty one: a table of open addressing, which doubles when it is three quarters full. */
export function createSlotIndex(size = FIRST_SIZE): SlotIndex {
  let table = tableOf(size)
  let used = 0

  function set(grant_id: string, unit: number, before: number | undefined): void {
    const hash = hashOf(grant_id)
    if (before === undefined) {
      if (++used > table.units.length * FULL) table = doubled(table)
      return add(table, hash, unit)
    }
    const place = placesOf(table, hash).find((at) => table.units[at] === before + 1)
    if (place !== undefined) table.units[place] = unit + 1
  }

  return {
    set,
    candidates: (grant_id) => placesOf(table, hashOf(grant_id)).map((at) => (table.units[at] ?? 0) - 1),
  }
}

/** `units`: 0 = free, else the unit and 1. */
type Table = { hashes: Uint32Array; units: Uint32Array }

function tableOf(size: number): Table {
  return { hashes: new Uint32Array(size), units: new Uint32Array(size) }
}

function add({ hashes, units }: Table, hash: number, unit: number): void {
  const mask = units.length - 1
  let at = hash & mask
  while (units[at] !== 0) at = (at + 1) & mask
  hashes[at] = hash
  units[at] = unit + 1
}

function placesOf({ hashes, units }: Table, hash: number): number[] {
  const mask = units.length - 1
  const found: number[] = []
  for (let at = hash & mask; units[at] !== 0; at = (at + 1) & mask) if (hashes[at] === hash) found.push(at)
  return found
}

function doubled({ hashes, units }: Table): Table {
  const table = tableOf(units.length * 2)
  units.forEach((unit, at) => {
    if (unit !== 0) add(table, hashes[at] ?? 0, unit - 1)
  })
  return table
}

/** FNV-1a, mixed once more so that its low bits are as good as the others. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
