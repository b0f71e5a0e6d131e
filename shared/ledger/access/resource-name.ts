const MAX_LENGTH = 500
const FORM = /^[^\s.:\p{C}]+(\.[^\s.:\p{C}]+)*(:[^\s.:\p{C}]+)?$/u

/** What `isResourceName` takes, in words. */
export const RESOURCE_NAME_RULE =
  'must be a folder (orders.internal) or a service (orders.internal:approve), in Unicode normal form C'

/**
 * Whether this names a folder (`orders.internal`) or a service (`orders.internal:approve`). In normal form C only: two
 * spellings of one name would be two resources, and the one without an ACL of its own would fall to that of a folder
 * above.
 */
export function isResourceName(text: string): boolean {
  return text.length <= MAX_LENGTH && FORM.test(text) && text.normalize('NFC') === text
}
