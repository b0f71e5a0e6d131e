import type { HttpApp } from '../../../shared/http/create-app.ts'
import type { Runtime } from '../../../shared/process/runtime.ts'
import { mountAdmin } from '../../admin/main.ts'
import { mountAudit } from '../../audit/main.ts'
import { mountTokenCheck } from '../../token-check/main.ts'
import { mountTokenEndpoint } from '../../token-endpoint/main.ts'

export const SERVICES = ['token-endpoint', 'token-check', 'projector', 'admin', 'audit'] as const

export type ServiceName = (typeof SERVICES)[number]

/** Whether a service needs keys: the projector folds what it can read without any. */
export function handlesTokens(name: ServiceName): boolean {
  return name !== 'projector'
}

export function mount(name: ServiceName, runtime: Runtime, { router }: HttpApp): void {
  switch (name) {
    case 'token-endpoint':
      return mountTokenEndpoint(runtime, router)
    case 'token-check':
      return mountTokenCheck(runtime, router)
    case 'admin':
      return mountAdmin(runtime, router)
    case 'audit':
      return mountAudit(runtime, router)
    case 'projector':
      return
  }
}
