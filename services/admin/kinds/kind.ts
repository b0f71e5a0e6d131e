import { z } from 'zod'
import type { JsonObject } from '../../../shared/http/input/merge-patch.ts'
import type { Revised } from '../../../shared/ledger/events.ts'
import { type NamedKind, REGISTRY_KINDS } from '../../../shared/ledger/registry/kinds.ts'
import type { RegistryEntity, RegistryView } from '../../../shared/ledger/registry/state.ts'
import type { RegistryQuestion } from '../../../shared/read-model/reads/registry.ts'
import { omit, shown } from '../registry/shown.ts'
import type { RevisedFact } from '../registry/write.ts'

/** What a PUT or PATCH asks for, once its body is read. */
export type Wanted = {
  question: Partial<RegistryQuestion>
  /** The revision that the body repeats. */
  revision?: number | undefined
  /** The user name that it gives. */
  username?: string
  fact: (revised: Revised) => RevisedFact
  problems: (view: RegistryView) => string[]
}

/** The kinds that PUT writes: a client is registered by POST, a key introduced by whoever has it. */
export type PutKind = Exclude<NamedKind, 'client' | 'key'>

/** One kind of entity that PUT writes and GET reads. */
export type Kind = {
  kind: PutKind
  /** Under /admin/. */
  path: string
  /** The service of the ledger that a bearer must be allowed to use. */
  right: string
  /** The parameter of the path, which the body may repeat. */
  id: 'name' | 'sub'
  form: z.ZodType<string>
  /** What a GET must read. */
  question: (id: string) => Partial<RegistryQuestion>
  /** The shape of the body, as what it asks for. Unknown members are refused. */
  body: (id: string) => z.ZodType<Wanted>
  /** What a PATCH starts from, and the shape of what it leaves; default: what GET shows, and `body`. */
  patching?: (entity: RegistryEntity, patch: JsonObject) => Patching
  /** The parameters that narrow its list, beside `prefix`. */
  filters: z.ZodRawShape
}

/** The members that a PATCH is merged into, and the shape of the whole. */
export type Patching = { members: JsonObject; body: z.ZodType<Wanted> }

/** The members that GET shows, but for the revision, which a PATCH repeats only where it says so itself. */
export function patchable(entity: RegistryEntity): JsonObject {
  return omit(shown(entity), 'revision')
}

/** What its name says of a kind. */
export function named(kind: PutKind): Pick<Kind, 'kind' | 'path' | 'right' | 'id'> {
  const { plural, id } = REGISTRY_KINDS[kind]
  return { kind, path: plural, right: `ledger.admin:${plural}`, id }
}

/** The name may be repeated in the body, as GET shows it, but it is the path's. */
export const repeated = (id: string) =>
  z
    .literal(id, { error: 'must be the name in the path' })
    .meta({ readOnly: true, description: 'May be repeated: it is the name in the path.' })
    .optional()

/** May be repeated, as GET shows it: then it is the one that is changed. */
export const REVISION = z.int({ error: 'must be the revision of what you read' }).min(1).optional()

/** No problems. */
export const nothing = () => []
