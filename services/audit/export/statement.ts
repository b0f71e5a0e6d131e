import type { UserEntity } from '../../../shared/ledger/registry/state.ts'

/** What is held for good also once a person is forgotten, in words; nothing to say of one who is not. */
export function stillHeld(user: UserEntity | null): string[] {
  if (!user?.forgotten) return []
  return [
    'The person was forgotten: nobody can read any more what the user name, the name and the e-mail address were.',
    'Held for good are the sub, the groups, the grants, who did what and when, and a keyed hash of the user name.',
  ]
}

/** What a copy does not have, in words. `skipped`: records that no release could read. */
export function notContained(skipped: number): string[] {
  return [
    'Access logs of the processes, and of proxies before them: whole addresses, and paths with the sub.',
    'Backups and copies of the database and of the log, which hold what was there when they were made.',
    'Tokens, secrets and keys, and hashes of these: the tokens themselves are stored nowhere.',
    'A keyed hash of the user name, by which it is unique, in each record of the user.',
    ...(skipped > 0 ? [`${skipped} records of the log that cannot be read, whoever they are about.`] : []),
  ]
}
