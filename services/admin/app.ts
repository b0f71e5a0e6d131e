import { answerWithin } from '../../shared/http/answer-within.ts'
import type { HttpRouter } from '../../shared/http/context.ts'
import { pubOauthPaths } from '../../shared/http/pub-oauth-paths.ts'
import type { Admin } from './admin.ts'
import { patchClient } from './clients/change-client.ts'
import { CLIENT } from './clients/client-kind.ts'
import { registerClient } from './clients/register-client.ts'
import { renewClientSecret } from './clients/renew-secret.ts'
import { deleteEntity } from './deletion/delete-entity.ts'
import { authorizeClient } from './grants/authorize-grant.ts'
import { issueGrant } from './grants/issue-grant.ts'
import { getGrant, listGrants } from './grants/list-grants.ts'
import { revokeGrantById } from './grants/revoke-grant.ts'
import { getKey, retireKey, revokeKey } from './keys/keys.ts'
import { rewrapKeys } from './keys/rewrap-keys.ts'
import { createUser } from './people/create-user.ts'
import { linkExternal, listExternal, unlinkExternal } from './people/external.ts'
import { acceptLogin, getLoginRequest, rejectLogin } from './login/login-requests.ts'
import { putPassword, removePassword } from './people/password.ts'
import { makePasswordLink } from './people/password-link.ts'
import { listForgotten } from './people/list-forgotten.ts'
import { listEntities } from './lists/list-entities.ts'
import { getEntity, patchEntity, putEntity } from './registry/entities.ts'
import { forgetUser } from './registry/forget.ts'
import { KINDS } from './kinds/kinds.ts'
import { revokeAllOfClient, revokeAllOfUser } from './registry/revoke-all.ts'
import { removeExpiredAccessTokens } from './tokens/remove-expired.ts'

/** The routes of the admin API, each answered in time. */
export function adminRoutes(router: HttpRouter, admin: Admin): void {
  const within = answerWithin(admin.timeoutMs)
  router.post('/admin/clients', within, registerClient(admin))
  router.get('/admin/clients', within, listEntities(admin, CLIENT))
  router.get('/admin/clients/:client_id', within, getEntity(admin, CLIENT))
  router.patch('/admin/clients/:client_id', within, patchClient(admin))
  router.delete('/admin/clients/:client_id', within, deleteEntity(admin, CLIENT))
  router.post('/admin/clients/:client_id/secret', within, renewClientSecret(admin))
  router.post('/admin/clients/:client_id/revoke-all', within, revokeAllOfClient(admin))
  for (const kind of KINDS) {
    router.get(`/admin/${kind.path}`, within, listEntities(admin, kind))
    router.put(`/admin/${kind.path}/:${kind.id}`, within, putEntity(admin, kind))
    router.patch(`/admin/${kind.path}/:${kind.id}`, within, patchEntity(admin, kind))
    router.get(`/admin/${kind.path}/:${kind.id}`, within, getEntity(admin, kind))
    router.delete(`/admin/${kind.path}/:${kind.id}`, within, deleteEntity(admin, kind))
  }
  router.post('/admin/users', within, createUser(admin))
  router.get('/admin/forgotten-users', within, listForgotten(admin))
  router.put('/admin/users/:sub/password', within, putPassword(admin))
  router.delete('/admin/users/:sub/password', within, removePassword(admin))
  router.get('/admin/users/:sub/external', within, listExternal(admin))
  router.post('/admin/users/:sub/external/link', within, linkExternal(admin))
  router.post('/admin/users/:sub/external/unlink', within, unlinkExternal(admin))
  router.post('/admin/users/:sub/password-link', within, makePasswordLink(admin))
  router.post('/admin/users/:sub/revoke-all', within, revokeAllOfUser(admin))
  router.post('/admin/users/:sub/forget', within, forgetUser(admin))
  router.get('/admin/login-requests/:challenge', within, getLoginRequest(admin))
  router.post('/admin/login-requests/:challenge/accept', within, acceptLogin(admin))
  router.post('/admin/login-requests/:challenge/reject', within, rejectLogin(admin))
  router.post('/admin/grants', within, issueGrant(admin))
  router.post('/admin/authorizations', within, authorizeClient(admin))
  router.get('/admin/grants', within, listGrants(admin))
  router.get('/admin/grants/:grant_id', within, getGrant(admin))
  router.post('/admin/grants/:grant_id/revoke', within, revokeGrantById(admin))
  router.post('/admin/keys/rewrap', within, rewrapKeys(admin))
  router.get('/admin/keys/:kid', within, getKey(admin))
  router.post('/admin/keys/:kid/revoke', within, revokeKey(admin))
  router.post('/admin/keys/:kid/retire', within, retireKey(admin))
  router.post(pubOauthPaths('removeExpiredAccessTokens'), within, removeExpiredAccessTokens(admin))
}
