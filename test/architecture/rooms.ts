/**
 * The rooms of the house, each with what it stands on: it may import that, whatever that stands on, and itself.
 * Type-only imports count. `/**` means a room with all rooms inside it; a name with an ending is one file.
 */
export const ROOMS = {
  'shared/ledger': [],
  'shared/ledger/registry': ['shared/ledger'],
  'shared/ledger/access': ['shared/ledger/registry'],
  'shared/ledger/grant': ['shared/ledger'],
  'shared/ledger/grant/commands': ['shared/ledger/grant'],
  'shared/database': [],
  'shared/tokens': ['shared/ledger/**', 'shared/database'],
  'shared/appearance': ['shared/config/secret-file.ts', 'shared/config/values.ts'],
  'shared/config/groups': ['shared/config/values.ts', 'shared/config/secret-file.ts'],
  'shared/config': ['shared/tokens', 'shared/appearance', 'shared/config/groups'],
  'shared/accounts': ['shared/config'],
  'shared/accounts/limits': ['shared/accounts'],
  'shared/accounts/passwords': ['shared/accounts'],
  'shared/accounts/sessions': ['shared/accounts'],
  'shared/event-log/schemas': ['shared/config'],
  'shared/event-log': ['shared/event-log/schemas'],
  'shared/event-log/postgres': ['shared/event-log'],
  'shared/event-log/kafka/client': ['shared/event-log'],
  'shared/event-log/kafka': ['shared/event-log/kafka/client'],
  'shared/read-model': ['shared/event-log', 'shared/accounts/passwords', 'shared/accounts/sessions'],
  'shared/read-model/versions': ['shared/read-model'],
  'shared/read-model/projection': ['shared/read-model/versions'],
  'shared/read-model/reads': ['shared/read-model'],
  'shared/read-model/key-uses': ['shared/read-model'],
  'shared/read-model/lists': ['shared/read-model/reads'],
  'shared/read-model/commit': ['shared/read-model/reads'],
  'shared/read-model/passwords': ['shared/read-model/commit'],
  'shared/read-model/sessions': ['shared/read-model/commit'],
  'shared/migrations': ['shared/read-model/**', 'shared/event-log/**'],
  'shared/http': ['shared/ledger/storable-text.ts'],
  'shared/http/app': ['shared/http'],
  'shared/http/input': ['shared/http'],
  'shared/http/openapi': ['shared/http'],
  'shared/pages': ['shared/http/**', 'shared/config'],
  'shared/callers': ['shared/read-model/**', 'shared/http/**', 'shared/accounts/limits'],
  'shared/process': ['shared/callers', 'shared/event-log/**'],
  'shared/process/soundness': ['shared/process'],
  'services/token-endpoint': ['shared/process/**'],
  'services/token-check': ['shared/process/**'],
  'services/projector': ['shared/process/**'],
  'services/admin': ['shared/process/**'],
  'services/audit': ['shared/process/**'],
  'services/authorize/pages': ['shared/pages'],
  'services/authorize': ['services/authorize/pages', 'shared/process/**'],
  'services/cli/compose': ['services/**', 'shared/migrations'],
  'services/cli/oauth-client': [],
  'services/cli/dev/application': ['services/cli/oauth-client', 'shared/pages'],
  'services/cli/dev': ['services/cli/compose', 'services/cli/dev/application'],
  'services/cli/connect': ['services/**'],
  'services/cli/render': ['services/cli/connect'],
  'services/cli/commands': ['services/cli/compose', 'services/cli/dev', 'services/cli/render'],
  'services/cli/commands/perform': ['services/cli/commands'],
  'services/cli/commands/projection': ['services/cli/commands'],
  'services/cli/commands/people': ['services/cli/commands'],
  'services/cli/commands/nouns': ['services/cli/commands'],
  'services/cli': ['services/cli/commands/**'],
} as const satisfies Record<string, readonly string[]>

export type Room = keyof typeof ROOMS

const NAMES = Object.keys(ROOMS) as Room[]

/** Services whose subjects are folders: these share the room of their service. */
const WITH_SUBJECTS = /^services\/(token-endpoint|admin|audit|authorize)\/(?!pages$)[^/]+$/

/** The room that a file stands in; `undefined`: nobody declared it. */
export function roomOf(file: string): Room | undefined {
  const folder = file.slice(0, file.lastIndexOf('/'))
  const house = WITH_SUBJECTS.test(folder) ? folder.slice(0, folder.lastIndexOf('/')) : folder
  return NAMES.find((name) => name === house)
}

/** Whether the order of the rooms lets the one file import the other. */
export function mayImport(from: string, to: string): boolean {
  const [room, other] = [roomOf(from), roomOf(to)]
  if (!room || !other) return false
  if (room === other) return true
  const below = floorsBelow(room)
  return below.has(to) || below.has(other)
}

/** All rooms and files that a room stands on, however deep. */
function floorsBelow(room: Room, found = new Set<string>()): Set<string> {
  for (const floor of ROOMS[room].flatMap(expanded)) {
    if (found.has(floor)) continue
    found.add(floor)
    if (isRoom(floor)) floorsBelow(floor, found)
  }
  return found
}

/** `services/**` is for the composition root, which does not stand on itself. */
function expanded(floor: string): string[] {
  if (!floor.endsWith('/**')) return [floor]
  const room = floor.slice(0, -'/**'.length)
  const inside = NAMES.filter((name) => name === room || name.startsWith(`${room}/`))
  return room === 'services' ? inside.filter((name) => !name.startsWith('services/cli')) : inside
}

function isRoom(name: string): name is Room {
  return Object.hasOwn(ROOMS, name)
}
