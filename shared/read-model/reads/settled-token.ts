import type { Logger } from 'pino'
import type { ParsedToken, PresentedToken, UnheldToken } from '../../tokens/token-string.ts'
import { Unsettled } from '../unsettled.ts'
import { type Purpose, readSettled, type Settling, TO_USE_CONSISTENTLY } from './settled.ts'
import type { KnownKids, TokenView } from './tokens.ts'

/** Takes note of a kid that a token or a client's secret that lives has just proved; `known`: as the view has it. */
export type NoteProof = (kid: number, known: KnownKids) => void

/** What it takes to settle a token that somebody presents. */
export type SettlingTokens = Settling & { noteProof: NoteProof }

type Question<View> = { purpose: Purpose; presented: PresentedToken | null; first: View; read: () => Promise<View> }

/**
 * The view once it is settled for this purpose, and the token if it is one of this ledger: not forged, nor of a key
 * that was retired. Unsettled, with an alarm, for one that may be right and whose key this process does not have.
 */
export async function readSettledToken<View extends TokenView>(
  settling: SettlingTokens,
  { purpose, presented, first, read }: Question<View>,
): Promise<{ view: View; token: ParsedToken | null }> {
  if (presented?.held === false) {
    const view = await settleUnheld(settling, presented, { purpose, first, read })
    return { view, token: null }
  }
  const view = await readSettled(settling, { purpose, asked: presented, first, read })
  if (!presented || view.keys.get(presented.kid) === 'retired') return { view, token: null }
  if (isOfGrant(view, presented)) settling.noteProof(presented.kid, view.keys)
  return { view, token: presented }
}

/** The view that shows that nobody was given this token; the key itself may have been introduced just now. */
async function settleUnheld<View extends TokenView>(
  settling: SettlingTokens,
  token: UnheldToken,
  { purpose, first, read }: Omit<Question<View>, 'presented'>,
): Promise<View> {
  requireNotNeeded(settling.logger, first, token)
  const retired = first.keys.get(token.kid) === 'retired'
  const asked = retired ? { purpose, asked: null } : { purpose: TO_USE_CONSISTENTLY, asked: token }
  const view = await readSettled(settling, { ...asked, first, read })
  requireNotNeeded(settling.logger, view, token)
  return view
}

function requireNotNeeded(logger: Logger, view: TokenView, token: UnheldToken): void {
  const known = view.keys.get(token.kid)
  if (known === 'introduced' || (known === undefined && isOfGrant(view, token))) throw keyNotHeld(logger, token.kid)
}

/** Whether the grant has this generation or code, living, and it was made with this key. */
function isOfGrant({ grant, generations }: TokenView, { kind, kid, generation }: PresentedToken): boolean {
  if (kind === 'ac') return grant.status === 'authorized' && grant.terms.kid === kid
  return grant.status === 'live' && generations.get(generation)?.kid === kid
}

/** The alarm, and what to throw, where a key is needed that the log knows and this process does not have. */
export function keyNotHeld(logger: Logger, kid: number): Unsettled {
  logger.error({ alarm: 'key_not_held', kid }, 'a key is in use that this process does not have')
  return new Unsettled(`key ${kid} is in use, and this process does not have it`)
}

/** Unsettled, with an alarm, where new tokens would be made with a key that was retired: nobody could use them. */
export function requireCurrentKey(logger: Logger, kid: number, known: KnownKids): void {
  if (known.get(kid) !== 'retired') return
  logger.error({ alarm: 'key_retired', kid }, 'this process makes tokens with a key that was retired')
  throw new Unsettled(`key ${kid} is current here, and was retired`)
}
