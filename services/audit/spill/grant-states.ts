import { LRUCache } from 'lru-cache'
import type { GrantState, GrantStates } from '../../../shared/ledger/grant/state.ts'
import { createSlotIndex, type SlotIndex } from './slot-index.ts'
import { createSlots, type Slot, type Slots } from './slots.ts'
import { type KnownGrant, packState, unpackState } from './state-text.ts'

/** How many states are held as objects, some 1.5 KB each. */
const IN_MEMORY = 50_000

type Held = { state: KnownGrant; slot: Slot | null; isWritten: boolean }

/**
 * States of any number of grants: the latest used as objects in memory, all others in a temporary file, with about 12
 * bytes of memory each to find them again. None is ever forgotten. As long as they fit into memory there is no file.
 */
export function createGrantStates(inMemory = IN_MEMORY): GrantStates & { close(): void } {
  let spilled: { index: SlotIndex; slots: Slots } | null = null
  const held = new LRUCache<string, Held>({
    max: inMemory,
    dispose: (one, grant_id, why) => {
      if (why === 'evict') spill(grant_id, one)
    },
  })

  function spill(grant_id: string, { state, slot, isWritten }: Held): void {
    if (isWritten) return
    spilled ??= { index: createSlotIndex(), slots: createSlots() }
    const { index, slots } = spilled
    const taken = slots.put(packState(state), slot)
    if (taken.unit !== slot?.unit) index.set(grant_id, taken.unit, slot?.unit)
  }

  function load(grant_id: string): Held | undefined {
    if (!spilled) return undefined
    for (const unit of spilled.index.candidates(grant_id)) {
      const { text, slot } = spilled.slots.get(unit)
      const state = unpackState(text)
      if (state.grant_id !== grant_id) continue
      const one = { state, slot, isWritten: true }
      held.set(grant_id, one)
      return one
    }
    return undefined
  }

  return {
    get: (grant_id) => (held.get(grant_id) ?? load(grant_id))?.state,
    set: (grant_id, state: GrantState) => {
      if (state.status === 'unknown') return
      const one = held.get(grant_id) ?? load(grant_id)
      if (!one) return void held.set(grant_id, { state, slot: null, isWritten: false })
      one.state = state
      one.isWritten = false
    },
    close: () => {
      held.clear()
      spilled?.slots.close()
      spilled = null
    },
  }
}
