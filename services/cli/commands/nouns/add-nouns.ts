import type { Command } from 'commander'
import { addDelete, addEnabling, addRevokeAll, addUpdate } from './change.ts'
import { addCreate, addCreateClient, addRenewSecret } from './create.ts'
import { addGrants } from './grants.ts'
import type { Noun } from './noun.ts'
import { ACLS, CLIENTS, GROUPS_NOUN, RESOURCES, SCOPES, USERS } from './nouns.ts'
import { addReadVerbs } from './read.ts'

/** The verbs of what is administered, in its groups, which stand in the program already. */
export function addNouns(program: Command): void {
  for (const group of program.commands) VERBS[group.name()]?.(group)
}

const VERBS: Record<string, (group: Command) => void> = {
  clients: addClients,
  scopes: (group) => addNamed(group, SCOPES),
  groups: (group) => addNamed(group, GROUPS_NOUN),
  acls: (group) => addNamed(group, ACLS),
  resources: (group) => addNamed(group, RESOURCES),
  users: addUsers,
  grants: addGrants,
}

function addNamed(group: Command, noun: Noun): void {
  addCreate(group, noun)
  addUsual(group, noun, STAYS)
}

const STAYS = 'What is still named elsewhere stays, and it is told where. So does what every ledger begins with.'

function addUsual(group: Command, noun: Noun, ending: string): void {
  addReadVerbs(group, noun)
  addUpdate(group, noun)
  addDelete(group, noun, ending)
}

function addClients(group: Command): void {
  addCreateClient(group, CLIENTS)
  addUsual(group, CLIENTS, 'Ends all grants of the client, and its secrets, for ever.')
  addRenewSecret(group, CLIENTS)
  addEnabling(group, CLIENTS)
  addRevokeAll(group, CLIENTS)
}

function addUsers(group: Command): void {
  addCreate(group, USERS)
  addUsual(
    group,
    USERS,
    'Ends all grants of the user. What names the person stays sealed in the log until "users forget".',
  )
  addEnabling(group, USERS)
  addRevokeAll(group, USERS)
}
