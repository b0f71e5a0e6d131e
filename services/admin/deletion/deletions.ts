import type { NamedKind } from '../../../shared/ledger/registry/kinds.ts'
import type { Revised } from '../../../shared/ledger/events.ts'
import type { RevisedFact } from '../registry/write.ts'

/** Every kind that an administrator can delete. */
export type Deletable = Exclude<NamedKind, 'key'>

/** The fact that ends an entity. */
export function deletionOf(kind: Deletable, name: string, revised: Revised): RevisedFact {
  switch (kind) {
    case 'client':
      return { type: 'ClientDeleted', data: { ...revised, client_id: name } }
    case 'user':
      return { type: 'UserDeleted', data: { ...revised, sub: name } }
    case 'scope':
      return { type: 'ScopeDeleted', data: { ...revised, name } }
    case 'group':
      return { type: 'GroupDeleted', data: { ...revised, name } }
    case 'acl':
      return { type: 'AclDeleted', data: { ...revised, name } }
    case 'resource':
      return { type: 'ResourceDeleted', data: { ...revised, name } }
  }
}
