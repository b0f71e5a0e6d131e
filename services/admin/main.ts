import { claimRequest } from '../../shared/accounts/idempotent-requests.ts'
import { readPepperedKids } from '../../shared/accounts/passwords/passwords.ts'
import { readWrappingKids } from '../../shared/accounts/person-keys.ts'
import { rewrapPage } from '../../shared/accounts/rewrap.ts'
import { createNotify } from '../../shared/accounts/sessions/notify.ts'
import { registryPlace } from '../../shared/event-log/places.ts'
import { readEventId } from '../../shared/event-log/registry-log.ts'
import type { HttpRouter } from '../../shared/http/context.ts'
import { ledgerIdOf } from '../../shared/process/ledger-id.ts'
import {
  guardOf,
  passwordSettingOf,
  requireKeys,
  requirePasswords,
  type Runtime,
} from '../../shared/process/runtime.ts'
import { sweepNow } from '../../shared/read-model/projection/sweep-now.ts'
import { createKeyUseReader } from '../../shared/read-model/key-uses/key-uses.ts'
import { readKeys } from '../../shared/read-model/reads/keys.ts'
import { createForgottenPageReader } from '../../shared/read-model/lists/forgotten-page.ts'
import { createGrantPageReader } from '../../shared/read-model/lists/grant-page.ts'
import { createPlacesReader } from '../../shared/read-model/lists/places.ts'
import { createRegistryPageReader } from '../../shared/read-model/lists/registry-page.ts'
import { createRegistryReader } from '../../shared/read-model/reads/registry.ts'
import { createTokenReader } from '../../shared/read-model/reads/tokens.ts'
import type { Admin } from './admin.ts'
import { adminRoutes } from './app.ts'
import { createReadModels } from './projection/read-models.ts'
import { projectionRoutes } from './projection/routes.ts'
import { createSerially } from './serially.ts'

/** Wires the admin API to a runtime and mounts its routes. */
export function mountAdmin(runtime: Runtime, router: HttpRouter): void {
  const { settings, knex, schema, commit, log, topics, people } = runtime
  const keys = requireKeys(runtime)
  const admin: Admin = {
    ...guardOf(runtime),
    registry: createRegistryReader(runtime),
    registryPage: createRegistryPageReader(runtime),
    forgottenPage: createForgottenPageReader(runtime),
    grantPage: createGrantPageReader(runtime),
    places: createPlacesReader(runtime),
    people,
    passwords: passwordSettingOf(runtime),
    hashing: requirePasswords(runtime),
    issuer: settings.ISSUER,
    notify: createNotify(settings),
    claimRequest: (request, made) => claimRequest({ knex, keys }, request, made),
    subMayBeAddress: settings.SUB_MAY_BE_ADDRESS,
    logins: loginsOf(runtime),
    tokens: createTokenReader(runtime, { patienceMs: settings.APPEND_TIMEOUT * 1000 }),
    keyUses: createKeyUseReader(runtime),
    knownKeys: () => readKeys(runtime),
    wrappingKids: () => readWrappingKids(knex),
    pepperedKids: () => readPepperedKids(knex, schema),
    rewrapPage: async (after) => rewrapPage(knex, { keys, ledger_id: await ledgerIdOf(knex) }, after),
    commit,
    sweep: (maxTokens, alive) => sweepNow(runtime, maxTokens, alive),
    eventIdAt: (offset) => readEventId(log, registryPlace(topics), offset),
    appendTimeout: settings.APPEND_TIMEOUT,
    defaults: defaultsOf(settings),
    authorizations: authorizationsOf(settings),
    maxLagMs: settings.MAX_LAG * 1000,
    serially: createSerially(),
  }
  adminRoutes(router, admin)
  if (settings.dev) projectionRoutes(router, admin, createReadModels(runtime, settings))
}

function defaultsOf(settings: Runtime['settings']): Admin['defaults'] {
  const { REFRESH_GRACE_CONFIDENTIAL, REFRESH_GRACE_PUBLIC } = settings
  return {
    access_token_lifetime: settings.ACCESS_TOKEN_LIFETIME,
    refresh_token_lifetime: settings.REFRESH_TOKEN_LIFETIME,
    refresh_token_absolute_lifetime: settings.REFRESH_TOKEN_ABSOLUTE_LIFETIME,
    refresh_grace_seconds: { confidential: REFRESH_GRACE_CONFIDENTIAL, public: REFRESH_GRACE_PUBLIC },
  }
}

function loginsOf({ settings, knex }: Runtime): Admin['logins'] {
  const { ISSUER: issuer, LOGIN_GROUPS: groups, LOGIN_CREATES_PEOPLE: createsPeople } = settings
  return { knex, issuer, groups, createsPeople }
}

function authorizationsOf(settings: Runtime['settings']): Admin['authorizations'] {
  const { AUTHORIZATION_CODE_LIFETIME, REQUIRE_PKCE, ALLOW_PLAIN_PKCE } = settings
  return {
    code_lifetime: AUTHORIZATION_CODE_LIFETIME,
    pkce: { isRequired: REQUIRE_PKCE, isPlainAllowed: ALLOW_PLAIN_PKCE },
  }
}
